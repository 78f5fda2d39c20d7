import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import sparring
from sparring.cli.main import main
from sparring.core.errors import SettingsError
from sparring.data.points.mixtures import mixture
from sparring.games.adversarial import AdversarialRecipe
from sparring.metrics.mode_coverage import count_modes
from sparring.playground_2d.play import started
from test_game import OF_NOISE

SHORT = {"steps": 12, "hidden": (16, 16), "batch_size": 16}


def test_a_game_on_points_is_learned(quiet: Console) -> None:
    before = sparring.playground("gan", "moons", steps=1, console=quiet)
    after = sparring.playground("gan", "moons", steps=400, hidden=(64, 64), objective="relativistic", r1=0.1, r2=0.1, console=quiet)
    assert before.count.high_quality < 0.3
    assert after.count.high_quality > 0.5
    assert after.count.modes >= 12
    assert after.count == count_modes(after.samples, mixture("moons")), "the numbers are those of the samples"


def test_the_same_seed_plays_the_same_game(quiet: Console) -> None:
    first, again = (sparring.playground("gan", "ring8", seed=3, console=quiet, **SHORT) for _ in range(2))
    other = sparring.playground("gan", "ring8", seed=4, console=quiet, **SHORT)
    assert torch.equal(first.samples, again.samples)
    assert not torch.equal(first.samples, other.samples)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("gan", {"packing": 4, "objective": "relativistic"}),
        ("dcgan", {"r1": 1.0, "spectral_norm": True}),
        ("unrolled", {"unroll": 2}),
        ("wgan", {}),
        ("acgan", {}),
        ("dcgan", {"condition": "projection", "minibatch_deviation": True, "packing": 2}),
    ],
)
def test_every_game_can_be_drawn(recipe: str, settings: dict[str, object], quiet: Console, tmp_path: Path) -> None:
    image, movie = tmp_path / "end.png", tmp_path / "game.gif"
    outcome = sparring.playground(recipe, "grid25", image=image, movie=movie, console=quiet, **{**SHORT, "steps": 6, **settings})
    assert outcome.samples.shape == (2500, 2)
    assert outcome.samples.isfinite().all()
    with Image.open(image) as end:
        assert end.size == (1500, 520)
        assert np.array_equal(np.array(end), outcome.image)
    with Image.open(movie) as film:
        assert film.n_frames == len(outcome.frames) + 1 > 5


def test_filming_changes_nothing(quiet: Console, tmp_path: Path) -> None:
    shorter = {**SHORT, "steps": 6}
    plain = sparring.playground("dcgan", "ring8", spectral_norm=True, console=quiet, **shorter)
    filmed = sparring.playground("dcgan", "ring8", spectral_norm=True, movie=tmp_path / "m.gif", console=quiet, **shorter)
    assert torch.equal(plain.samples, filmed.samples)


def test_linear_decay_ends_at_a_rate_of_zero(quiet: Console) -> None:
    rules = sparring.playground("wgan-gp", "ring8", linear_decay=True, console=quiet, **SHORT).game.settings
    whole = 12 * 16 * 5  # five critic steps, each on a batch of its own
    assert [rules.rate_factor(images) for images in (0, whole // 2, 3 * whole // 4, whole)] == pytest.approx([1, 1, 0.5, 0])


def test_all_that_is_wrong_is_named_at_once(quiet: Console) -> None:
    with pytest.raises(SettingsError) as error:
        sparring.playground("gan", "ring8", steps=0, hidden=(0,), packing=3, batch_size=100, console=quiet)
    for words in ("steps must be at least 1", "hidden must each be at least 1", "packing must divide the batch of 100"):
        assert words in str(error.value)
    with pytest.raises(SettingsError, match=r"a\.txt: .*\.gif, \.mp4"):
        sparring.playground("gan", "ring8", movie="a.txt", console=quiet)
    with pytest.raises(SettingsError, match=r"a\.xyz: .*\.png"):
        sparring.playground("gan", "ring8", image="a.xyz", console=quiet)
    with pytest.raises(SettingsError, match=r"step: Did you mean 'steps'"):
        sparring.playground("gan", "ring8", step=5, console=quiet)
    with pytest.raises(SettingsError, match=r"path_length .*stylegan2"):
        sparring.playground("stylegan2", "ring8", path_length=1.0, console=quiet)
    with pytest.raises(SettingsError, match="Did you mean 'ring8'"):
        sparring.playground("gan", "ring", console=quiet)


def test_every_adversarial_recipe_starts_with_settings_for_points() -> None:
    for name in ("cyclegan", "vaegan", "fastgan", "flowgan", "r3gan"):
        with pytest.raises(SettingsError, match=name):
            started(name)
    for name in sorted({*OF_NOISE} - {"vaegan", "fastgan", "flowgan", "r3gan"}):
        rules = started(name)
        assert isinstance(rules, AdversarialRecipe)
        assert {key: getattr(rules, key) for key in rules.settings_for["points"]} == rules.settings_for["points"]


def test_the_command_writes_image_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["playground", "gan", "--data", "ring8", "--steps", "5", "--hidden", "8", "--batch-size", "8", "--json", "n.json"])
    assert exit_.value.code == 0
    numbers = json.loads((tmp_path / "n.json").read_text())
    assert {"modes", "high_quality", "kl"} <= numbers.keys()
    assert numbers["of"] == 8
    assert numbers["recipe_settings"]["batch_size"] == 8
    said = capsys.readouterr().out
    assert f"modes {numbers['modes']} of 8" in said
    assert (tmp_path / "playground-gan-ring8.png").exists()
