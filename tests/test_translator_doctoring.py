"""What the doctor says to those who want to make images of images."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparring
from sparring import recipes
from sparring.cli import command_table
from sparring.cli.arguments.correct_flags import correct_flags
from sparring.core.atomic_files import read_json
from sparring.core.errors import SettingsError
from sparring.health.doctor import recommend_translation_recipe as translators
from sparring.health.doctor.data_checks import check_pair_count
from sparring.health.doctor.recommend_translation_recipe import TRANSLATORS, TranslatorAdvice
from sparring.health.doctor.time_estimate import Pace, duration
from sparring.runs.run_progress import FIRST_LOOKS
from support.cli import call

FAST = Pace(100.0, 512, "2 threads, float32")
Places = tuple[str, str]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "measure_pace", lambda *_: FAST)


@pytest.fixture
def strangers(places: Places, tmp_path: Path) -> str:
    """The targets under names of their own."""
    for number, path in enumerate(sorted(Path(places[1]).iterdir())):
        (tmp_path / f"other-{number}.png").write_bytes(path.read_bytes())
    return str(tmp_path)


def advised(*arguments: object, **settings: object) -> TranslatorAdvice:
    advice = sparring.doctor(*arguments, device="cpu", **settings)  # pyright: ignore[reportArgumentType]
    assert isinstance(advice, TranslatorAdvice)
    return advice


@pytest.mark.usefixtures("fast")
def test_which_translators_the_arguments_allow(places: Places, strangers: str) -> None:
    first, second = places
    style = f"{second}/0.png"
    for settings, possible in (
        ({"inputs": "scribble"}, ["pix2pix"]),
        ({"inputs": "gray"}, ["pix2pix"]),
        ({"side_by_side": "left"}, ["pix2pix"]),
        ({"target": second}, ["pix2pix", "cut", "cyclegan"]),
        ({"target": strangers}, ["cut", "cyclegan"]),
        ({"target": style}, ["style-transfer"]),
    ):
        advice = advised(first, size=32, **settings)
        assert [one.name for one in advice.possible] == possible, settings
        assert advice.possible[0].count > 0
        assert set(advice.impossible) == {one.name for one in TRANSLATORS} - set(possible)
        assert f"sparring train {possible[0]} --data" in advice.command
        for name, why in advice.impossible.items():
            assert any(name in line and why in line for line in advice.lines())


@pytest.mark.usefixtures("fast")
def test_two_sets_in_one_folder_are_two_sets(places: Places, tmp_path: Path) -> None:
    for part, place in (("trainA", 0), ("trainB", 1), ("testA", 0), ("testB", 1)):
        (tmp_path / "both" / part).mkdir(parents=True)
        for path in Path(places[place]).iterdir():
            (tmp_path / "both" / part / f"{part}{path.name}").write_bytes(path.read_bytes())
    advice = advised(str(tmp_path / "both"), size=32)
    assert [one.name for one in advice.possible] == ["cut", "cyclegan"]
    assert "--target" not in advice.command


@pytest.mark.usefixtures("fast")
def test_the_command_is_valid(places: Places, strangers: str) -> None:
    advice = advised(places[0], target=strangers, size=32)
    words = shlex.split(advice.command)
    arguments = correct_flags(words[3:], command_table.command_function("train", words[2], words[3:]), " ".join(words[:3]))
    given = dict(one.split("=", 1) for one in arguments)
    assert given["--target"] == strangers
    assert given["--size"] == "32"
    recipe = recipes.get(advice.recipe)(**advice.possible[0].settings)
    assert not recipe.problems(advice.possible[0].spec)


@pytest.mark.usefixtures("fast")
def test_times_are_images_over_the_measured_pace(places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("doctor", "--data", places[0], "--target", places[1], "--size", 32, "--device", "cpu", "--json", tmp_path / "a.json")
    assert call(*arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    for one in read_json(tmp_path / "a.json")["possible"]:
        translator = next(each for each in TRANSLATORS if each.name == one["recipe"])
        assert translator.first_look_images is not None
        assert one["minutes"]["first look"] == pytest.approx(translator.first_look_images / 100 / 60)
        assert one["minutes"]["good"] == pytest.approx(translator.good_images / 100 / 60)
        assert f"first look after about {duration(translator.first_look_images / 6000)}" in said
    assert "--minutes 10" in said, "six minutes, and ten at least"


@pytest.mark.parametrize(("count", "severity"), [(1, "severe"), (90, "severe"), (91, "warning"), (399, "warning"), (400, None)])
def test_few_pairs_are_a_difficulty(count: int, severity: str | None) -> None:
    found = check_pair_count(count, paired=True)
    assert [(one.name, one.severity) for one in found] == ([] if severity is None else [("few pairs", severity)])
    assert all(one.description.startswith(f"{count} pair") for one in found)


@pytest.mark.usefixtures("fast")
def test_few_pairs_are_a_difficulty_of_translators_but_not_of_styles(places: Places) -> None:
    for settings, expected in (({"target": places[1]}, True), ({"target": f"{places[1]}/0.png"}, False)):
        names = [one.name for one in advised(places[0], size=32, **settings).difficulties]
        assert ("few pairs" in names) == expected, settings


def test_each_possible_recipe_is_played(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.health.doctor.time_estimate.TIMED_SECONDS", 0.0)
    small = {"width": 4, "discriminator_width": 4, "patch_layers": 1, "batch_size": 2}
    own = {"pix2pix": small, "cut": {**small, "blocks": 1}, "cyclegan": {**small, "blocks": 1}, "style-transfer": {"width": 4, "blocks": 1}}
    monkeypatch.setattr(translators, "TRANSLATORS", tuple(replace(each, cpu_settings=own[each.name]) for each in TRANSLATORS))
    advice = advised(places[0], target=places[1], size=32, threads=1)
    assert [one.name for one in advice.possible] == ["pix2pix", "cut", "cyclegan"]
    assert all(one.pace.samples_per_second > 0 for one in advice.possible)


def test_on_a_busy_machine_the_budget_is_a_number_of_images(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "measure_pace", lambda *_: Pace(0.1, None, "2 threads", 0.3))
    advice = advised(places[0], target=places[1], size=32)
    assert "busy machine" in [one.name for one in advice.difficulties]
    assert advice.settings["real_samples"] == FIRST_LOOKS["pix2pix"], "the budget is a first look, however long that takes"
    assert "minutes" not in advice.settings


@pytest.mark.usefixtures("fast")
def test_contradicting_arguments_are_refused(places: Places) -> None:
    with pytest.raises(SettingsError, match="give one of them"):
        advised(places[0], target=places[1], inputs="edges")


def test_advice_on_generators_mentions_translators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sparring.health.doctor.doctor.measure_pace", lambda *_: FAST)
    for number in range(20):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / f"{number}.png")
    lines = sparring.doctor(tmp_path, device="cpu").lines()
    assert sum("--target" in line and "--side-by-side" in line for line in lines) == 1
