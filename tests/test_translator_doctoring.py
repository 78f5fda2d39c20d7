"""What the doctor says to those who want to make images of images."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sparring
from sparring import recipes
from sparring.cli import verbs
from sparring.cli.arguments.correct_flags import correct_flags
from sparring.core.errors import SettingsError
from sparring.core.files import read_json
from sparring.health.doctor import translators
from sparring.health.doctor.time_estimate import Pace, duration
from sparring.health.doctor.translators import WISHES, TranslatorAdvice
from test_cli import call
from test_translation import places  # noqa: F401 (a fixture)

FAST = Pace(100.0, 512, "2 threads, float32")
Places = tuple[str, str]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "pace_of", lambda *_: FAST)


@pytest.fixture
def strangers(places: Places, tmp_path: Path) -> str:  # noqa: F811
    """The targets under names of their own."""
    for number, path in enumerate(sorted(Path(places[1]).iterdir())):
        (tmp_path / f"other-{number}.png").write_bytes(path.read_bytes())
    return str(tmp_path)


def advised(*arguments: object, **settings: object) -> TranslatorAdvice:
    advice = sparring.doctor(*arguments, device="cpu", **settings)  # pyright: ignore[reportArgumentType]
    assert isinstance(advice, TranslatorAdvice)
    return advice


@pytest.mark.usefixtures("fast")
def test_what_the_arguments_allow(places: Places, strangers: str) -> None:  # noqa: F811
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
        assert set(advice.impossible) == set(WISHES) - set(possible)
        assert f"sparring train {possible[0]} --data" in advice.command
        for name, why in advice.impossible.items():
            assert any(name in line and why in line for line in advice.lines())


@pytest.mark.usefixtures("fast")
def test_two_sets_in_one_folder_are_two_sets(places: Places, tmp_path: Path) -> None:  # noqa: F811
    for part, place in (("trainA", 0), ("trainB", 1), ("testA", 0), ("testB", 1)):
        (tmp_path / "both" / part).mkdir(parents=True)
        for path in Path(places[place]).iterdir():
            (tmp_path / "both" / part / f"{part}{path.name}").write_bytes(path.read_bytes())
    advice = advised(str(tmp_path / "both"), size=32)
    assert [one.name for one in advice.possible] == ["cut", "cyclegan"]
    assert "--target" not in advice.command


@pytest.mark.usefixtures("fast")
def test_the_command_is_one_that_can_be_given(places: Places, strangers: str) -> None:  # noqa: F811
    advice = advised(places[0], target=strangers, size=32)
    words = shlex.split(advice.command)
    arguments = correct_flags(words[3:], verbs.command_function("train", words[2], words[3:]), " ".join(words[:3]))
    given = dict(one.split("=", 1) for one in arguments)
    assert given["--target"] == strangers
    assert given["--size"] == "32"
    recipe = recipes.get(advice.recipe)(**advice.possible[0].settings)
    assert not recipe.problems(advice.possible[0].spec)


@pytest.mark.usefixtures("fast")
def test_times_are_images_over_the_measured_pace(places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    arguments = ("doctor", "--data", places[0], "--target", places[1], "--size", 32, "--device", "cpu", "--json", tmp_path / "a.json")
    assert call(*arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    for one in read_json(tmp_path / "a.json")["possible"]:
        wish = WISHES[one["recipe"]]
        assert wish.first_look is not None
        assert one["minutes"]["first look"] == pytest.approx(wish.first_look / 100 / 60)
        assert one["minutes"]["good"] == pytest.approx(wish.good / 100 / 60)
        assert f"first look after about {duration(wish.first_look / 6000)}" in said
    assert "--minutes 10" in said, "six minutes, and ten at least"


def test_each_possible_recipe_is_played(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("sparring.health.doctor.time_estimate.TIMED_SECONDS", 0.0)
    small = {"width": 4, "discriminator_width": 4, "patch_layers": 1, "batch_size": 2}
    own = {"pix2pix": small, "cut": {**small, "blocks": 1}, "cyclegan": {**small, "blocks": 1}, "style-transfer": {"width": 4, "blocks": 1}}
    monkeypatch.setattr(translators, "ON_A_PROCESSOR", own)
    advice = advised(places[0], target=places[1], size=32, threads=1)
    assert [one.name for one in advice.possible] == ["pix2pix", "cut", "cyclegan"]
    assert all(one.pace.samples_per_second > 0 for one in advice.possible)


def test_a_busy_machine_is_said_and_no_long_budget_made_of_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(translators, "pace_of", lambda *_: Pace(0.1, None, "2 threads", 0.3))
    advice = advised(places[0], target=places[1], size=32)
    assert "busy machine" in [one.name for one in advice.difficulties]
    assert advice.settings["minutes"] == 10


@pytest.mark.usefixtures("fast")
def test_what_cannot_be_is_refused(places: Places) -> None:  # noqa: F811
    with pytest.raises(SettingsError, match="give one of them"):
        advised(places[0], target=places[1], inputs="edges")


def test_generators_are_told_of_translators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sparring.health.doctor.doctor.pace_of", lambda *_: FAST)
    for number in range(20):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / f"{number}.png")
    lines = sparring.doctor(tmp_path, device="cpu").lines()
    assert sum("--target" in line and "--side-by-side" in line for line in lines) == 1
