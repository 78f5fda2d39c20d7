"""Translators in use: files, folders, zips, films, tiles, interruption, and scores beside doing nothing."""

import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

import sparring
from sparring import translating
from sparring.core.errors import DataError, SettingsError
from sparring.core.pictures import save_film, save_gif
from sparring.models import Model
from sparring.translating import MARK, colour_shifted, judge_translations, pairs_for, translated
from test_cli import call
from test_translation import SMALL, places  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def run(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("runs") / "cyclegan"
    quiet = Console(quiet=True)
    sparring.train("cyclegan", places[0], folder, target=places[1], size=32, steps=2, threads=1, console=quiet, **SMALL["cyclegan"])
    return folder


@pytest.fixture
def model(run: Path) -> Model:
    return sparring.load(run)


class Negative(nn.Module):
    """A translator whose answer is known."""

    divisor = 4

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(-1.0))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        assert pictures.shape[2] % 4 == pictures.shape[3] % 4 == 0
        return pictures * self.factor


@pytest.fixture
def negative(model: Model) -> Model:
    game = model.game
    game.a2b = Negative()
    return replace(model, game=game)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(32, 32), (33, 50), (1, 7), (300, 700), (1100, 530)])
def test_pictures_of_any_size_keep_it_and_every_pixel_its_place(negative: Model, size: tuple[int, int]) -> None:
    picture = noise(*size)
    assert np.array_equal(translated(negative, picture), 255 - picture)


class Centred(nn.Module):
    """A translator that depends on all that it sees, as norms do."""

    divisor = 4

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return (pictures - pictures.mean(dim=(1, 2, 3), keepdim=True)) / 2


def test_tiles_fade_into_each_other(negative: Model) -> None:
    """A slope of 900 pixels in tiles of 300: where each is centred by itself, neighbouring tiles are 13 to 20 brightnesses apart."""
    negative.game.a2b = Centred()
    negative.game.a2b.register_parameter("weight", nn.Parameter(torch.zeros(1)))
    slope = np.linspace(0, 255, 900)[None, :, None].repeat(40, axis=0).repeat(3, axis=2).astype(np.uint8)
    drawn = translated(negative, slope, tile=300).astype(int)
    assert np.ptp(drawn) < 60, "each tile is centred by itself"
    assert np.abs(np.diff(drawn, axis=1)).max() <= 1


def test_a_folder_keeps_names_reports_what_is_bad_and_is_gone_on_with(negative: Model, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.jpg", "deep/c.gif", "deep/d.png"]):
        Image.fromarray(noise(20 + number, 30, number)).save(source / name)
    (source / "e.png").write_bytes((source / "a.png").read_bytes()[:60])
    (source / "notes.txt").write_text("not a picture")
    found = sparring.translate(negative, source, out)
    assert (found.written, found.there) == (4, 0)
    assert [problem.partition(":")[0] for problem in found.problems] == ["e.png"]
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file() and path.name != MARK)
    assert written == ["a.png", "b.jpg", "deep/c.png", "deep/d.png"]
    assert np.array_equal(np.asarray(Image.open(out / "a.png")), 255 - noise(20, 30, 0))
    (out / "deep/d.png").unlink()
    before = (out / "a.png").stat().st_mtime_ns
    again = sparring.translate(negative, source, out)
    assert (again.written, again.there) == (1, 3)
    assert (out / "a.png").stat().st_mtime_ns == before
    with pytest.raises(SettingsError, match="Choose another folder"):
        sparring.translate(negative, source, out, direction="b2a")


def test_names_that_would_become_one_are_refused(negative: Model, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in ("a.png", "a.gif"):
        Image.fromarray(noise(8, 8)).save(source / name)
    with pytest.raises(DataError, match=r"a\.png"):
        sparring.translate(negative, source, tmp_path / "out")


def test_zips_files_and_sizes(negative: Model, tmp_path: Path) -> None:
    Image.fromarray(noise(40, 20)).save(tmp_path / "one.png")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "one.png", "x/one.png")
    assert sparring.translate(negative, tmp_path / "all.zip", tmp_path / "out").written == 1
    assert (tmp_path / "out/x/one.png").exists()
    sparring.translate(negative, tmp_path / "one.png", tmp_path / "small.png", size=10)
    assert Image.open(tmp_path / "small.png").size == (10, 20)
    clear = np.dstack([noise(8, 8), np.zeros((8, 8), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    sparring.translate(negative, tmp_path / "clear.png", tmp_path / "black.png")
    assert np.asarray(Image.open(tmp_path / "black.png")).max() == 0, "what is transparent is white, and its negative black"
    (tmp_path / "bad.png").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"bad\.png cannot be read"):
        sparring.translate(negative, tmp_path / "bad.png", tmp_path / "x.png")


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_films(negative: Model, tmp_path: Path, ending: str) -> None:
    frames = [np.full((32, 48, 3), level, np.uint8) for level in (0, 120, 240)]
    (save_gif if ending == ".gif" else save_film)(frames, tmp_path / f"in{ending}", 5)
    assert sparring.translate(negative, tmp_path / f"in{ending}", tmp_path / f"out{ending}").written == 3
    drawn = [frame.mean() for frame in translating.frames_of(tmp_path / f"out{ending}")]
    assert drawn == pytest.approx([255, 135, 15], abs=6)
    assert translating.rate_of(tmp_path / f"out{ending}") == pytest.approx(5)
    (tmp_path / "bad.mp4").write_bytes(b"junk")
    with pytest.raises(DataError, match="cannot be read as a film"):
        sparring.translate(negative, tmp_path / "bad.mp4", tmp_path / "x.mp4")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs kill -9")
def test_killed_in_the_middle_nothing_is_half_written(run: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(300):
        Image.fromarray(noise(64, 64, number)).save(source / f"{number:03d}.png")
    process = subprocess.Popen([sys.executable, "-m", "sparring", "translate", run, source, out], stdout=subprocess.DEVNULL)
    while process.poll() is None and len(list(out.glob("*.png"))) < 40:
        pass
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    there = sorted(out.glob("*.png"))
    assert 40 <= len(there) < 300
    for path in there:
        assert Image.open(path).convert("RGB").size == (64, 64)
    found = sparring.translate(sparring.load(run), source, out)
    assert (found.there, found.written) == (len(there), 300 - len(there))
    assert not list(out.rglob(".*.tmp")), "what the kill left behind is swept"
    whole = tmp_path / "whole"
    sparring.translate(sparring.load(run), source, whole)
    assert all(path.read_bytes() == (whole / path.name).read_bytes() for path in out.glob("*.png"))


# ------------------------------------------------------------------------------------------------------- judging


def test_scores_stand_beside_those_of_doing_nothing(negative: Model, run: Path) -> None:
    pairs = pairs_for(negative)
    scores = judge_translations(negative, pairs)
    assert scores.keys() == {"translations", "inputs", "colours shifted"}
    assert scores["inputs"].keys() == {"L1", "PSNR", "SSIM", "distance-lite0", "FD-lite0"}
    held = pairs.shown(100)
    assert held.inputs is not None
    assert scores["inputs"]["L1"] == pytest.approx((held.inputs - held.images).abs().mean().item() / 2, rel=1e-5)
    assert scores["translations"]["L1"] == pytest.approx((-held.inputs - held.images).abs().mean().item() / 2, rel=1e-4)


def test_shifted_colours_have_the_targets_mean_and_spread() -> None:
    torch.manual_seed(0)
    inputs, targets = 0.1 * torch.randn(50, 3, 8, 8) + 0.3, 0.05 * torch.randn(40, 3, 8, 8) - 0.4
    shifted = colour_shifted(inputs, inputs, targets)
    torch.testing.assert_close(shifted.mean((0, 2, 3)), targets.mean((0, 2, 3)), rtol=0, atol=1e-4)
    torch.testing.assert_close(shifted.std((0, 2, 3)), targets.std((0, 2, 3)), rtol=1e-3, atol=0)
    assert colour_shifted(inputs, inputs, targets[:, :1]).shape == (50, 1, 8, 8)


def test_the_commands(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(noise(20, 20)).save(tmp_path / "a.png")
    assert call("translate", run, tmp_path / "a.png", tmp_path / "b.png", "--direction", "b2a") == 0
    assert "1 written" in capsys.readouterr().out
    assert Image.open(tmp_path / "b.png").size == (20, 20)
    assert call("judge", run) == 0
    out = capsys.readouterr().out
    assert "FD-lite0" in out
    assert "colours shifted" in out
    assert (run / "translations.json").exists()
    assert call("sample", run) == 1
    assert "sparring translate" in capsys.readouterr().err
