"""How far runs are, by hand: runs are files that say so."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sparring.health.diagnosis.diagnose import diagnose
from sparring.recipes import names
from sparring.runs.config import read_config, write_config
from sparring.runs.run_directory import RunDirectory
from sparring.runs.run_progress import FIRST, FIRST_LOOK, FIRST_LOOKS, GOOD, GOOD_AT_32, LAST, SCALED_GOOD, Milestone, next_milestone
from sparring.training import checkpoints

SPEC = {"kind": "images", "height": 32, "width": 32, "channels": 1, "classes": []}


def run_at(
    folder: Path, shown: int, *, recipe: str = "dcgan", pace: tuple[float, ...] = (100.0,), spec: dict[str, Any] = SPEC, **limits: float
) -> RunDirectory:
    """A run of batches of 64 that has shown so many images at a hundred a second, and lost none."""
    run, step = RunDirectory(folder), shown // 64
    budget = {"real_samples": None, "steps": None, "minutes": None} | limits
    write_config(run, {"recipe": recipe, "recipe_settings": {}, "train_settings": budget, "data": {"spec": spec, "fingerprint": "f"}})
    progress = {"step": step, "real_samples": shown, "batches": step, "seconds": shown / 100}
    run.checkpoints.mkdir()
    checkpoints.write(run.checkpoints, step, {"game/w": torch.zeros(1)}, {"progress": progress})
    run.timing.write_text("".join(json.dumps({"step": place, "samples_per_second": each}) + "\n" for place, each in enumerate(pace)))
    return run


def where(run: RunDirectory) -> Milestone:
    found = next_milestone(run, read_config(run))
    assert found is not None
    return found


def nothing(run: RunDirectory) -> bool:
    return next_milestone(run, read_config(run)) is None


def test_a_young_run_by_hand(tmp_path: Path) -> None:
    """19,968 images took 200 s; 180,032 more at a hundred a second are 1,800 s: 30 minutes, and 34 (35) in all."""
    found = where(run_at(tmp_path / "a run", 19_968, minutes=3.0))
    assert (found.real_samples, found.goal, found.aim, found.young) == (19_968, 200_000, FIRST, True)
    assert found.minutes == pytest.approx(30.0, abs=0.01)
    assert found.command == f"sparring resume '{tmp_path}/a run' --minutes 35"
    assert found.sentence.startswith("10% of the way to a first look (19,968 of 200,000 real samples; about 30 minutes more")
    assert "total" in found.sentence


@pytest.mark.parametrize(
    ("limits", "flags"),
    [
        ({"steps": 312}, " --minutes 35"),  # used up, and dropped where minutes are named
        ({"minutes": 500}, ""),  # it would get there as it was begun
        ({"steps": 400}, " --steps 3125"),  # 312 + 180,032 / 64
        ({"real_samples": 20_000, "minutes": 5}, " --real-samples 200000 --minutes 35"),
        ({"steps": 312, "minutes": 500}, " --minutes 500"),  # something must be named, and nothing may be less than it was
    ],
)
def test_the_command_reaches_the_goal_whatever_the_budget_was(tmp_path: Path, limits: dict[str, float], flags: str) -> None:
    assert where(run_at(tmp_path / "run", 19_968, **limits)).command == f"sparring resume {tmp_path}/run{flags}"


def test_beyond_a_first_look_and_beyond_all(tmp_path: Path) -> None:
    found = where(run_at(tmp_path / "b", 256_000, minutes=1))
    assert (found.aim, found.goal, found.young) == (LAST, GOOD_AT_32, False)
    larger = where(run_at(tmp_path / "c", 256_000, spec={**SPEC, "height": 128, "width": 128}))
    assert larger.goal == 4 * GOOD_AT_32
    assert nothing(run_at(tmp_path / "d", 1_000_000))


def test_the_pace_is_the_median_of_the_newest_lines(tmp_path: Path) -> None:
    found = where(run_at(tmp_path / "run", 20_032, pace=(1.0, 1.0, 50.0, 40.0, 60.0, 5000.0, 2.0)))
    assert found.minutes == pytest.approx((200_000 - 20_032) / 50 / 60)


def test_a_run_without_timing_goes_by_its_own_seconds_or_by_images(tmp_path: Path) -> None:
    assert where(run_at(tmp_path / "a", 6_400, pace=())).minutes == pytest.approx((200_000 - 6_400) / 100 / 60)
    untrained = where(run_at(tmp_path / "b", 0, pace=(), real_samples=100))
    assert untrained.minutes is None
    assert untrained.command.endswith(" --real-samples 200000")


def test_growing_networks_must_have_grown(tmp_path: Path) -> None:
    """From 4 to 32 are three sides to fade in, each after 800,000 images of the side before alone, over as many."""
    assert where(run_at(tmp_path / "run", 64, recipe="progan")).goal == 3 * 1_600_000


def test_nothing_is_said_where_nothing_is_known(tmp_path: Path) -> None:
    assert nothing(run_at(tmp_path / "a", 64, recipe="wgan-gp"))
    run = run_at(tmp_path / "b", 64)
    write_config(run, {**read_config(run), "data": {"source": "ring8", "spec": SPEC}})
    assert nothing(run)
    write_config(run, {**read_config(run), "recipe": "of another version", "data": {"spec": SPEC, "fingerprint": "f"}})
    assert nothing(run)


def test_while_it_is_trained_no_second_trainer_is_advised(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run", 64)
    with run.locked():
        assert where(run).command == ""
        assert "sparring resume" not in where(run).sentence
    assert where(run).command


def test_a_run_of_a_few_steps_is_diagnosed_as_too_early(tmp_path: Path) -> None:
    run = run_at(tmp_path / "run", 38 * 64)
    write_config(run, {**read_config(run), "data": {"spec": SPEC, "fingerprint": "f", "source": "x"}})
    verdict = diagnose(run.path)
    assert verdict.too_early
    assert verdict.record.last_step == 38
    assert verdict.milestone == where(run).sentence
    assert verdict.to_json()["milestone"] == verdict.milestone


def test_milestones_are_of_recipes_that_there_are() -> None:
    assert {*FIRST_LOOKS, *GOOD, *SCALED_GOOD} <= set(names())
    assert all(FIRST_LOOKS[name] < good for name, good in GOOD.items())
    assert FIRST_LOOKS["dcgan"] == FIRST_LOOK
