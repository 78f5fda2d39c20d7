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
from sparring.rating import colour_shifted, judge_translations, pairs_for
from sparring.seeing import probe
from sparring.translating import MARK, translated
from test_cli import call
from test_translation import SMALL, places  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def run(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    folder = tmp_path_factory.mktemp("runs") / "cyclegan"
    quiet = Console(quiet=True)
    sparring.train(
        "cyclegan", places[0], folder, target=places[1], twins=True, size=32, steps=2, threads=1, console=quiet, **SMALL["cyclegan"]
    )
    return folder


@pytest.fixture
def model(run: Path) -> Model:
    return sparring.load(run)


class Negative(nn.Module):
    """A translator whose answer is known."""

    divisor, smallest = 4, 4

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


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 40), (9, 8)])
def test_tiny_pictures_go_through_real_networks(model: Model, size: tuple[int, int]) -> None:
    assert translated(model, noise(*size)).shape == (*size, 3)


class Centred(nn.Module):
    """A translator that depends on all that it sees, as norms do."""

    divisor, smallest = 4, 4

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
    for different in ({"direction": "b2a"}, {"size": 16}, {"tile": 300}):
        with pytest.raises(SettingsError, match="Choose another folder"):
            sparring.translate(negative, source, out, **different)
    (tmp_path / "in2").mkdir()
    with pytest.raises(SettingsError, match=r"of: .*in' there, .*in2' now"):
        sparring.translate(negative, tmp_path / "in2", out)


def test_a_wrong_direction_leaves_nothing_behind(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:  # noqa: F811
    one_way = sparring.train("cut", places[0], tmp_path / "r", target=places[1], size=32, steps=1, console=quiet, **SMALL["cut"])
    with pytest.raises(SettingsError, match="a2b, not b2a"):
        sparring.translate(one_way, places[0], tmp_path / "out", direction="b2a")
    assert not (tmp_path / "out").exists()


def test_where_many_translations_do_not_go(negative: Model, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    Image.fromarray(noise(8, 8)).save(source / "a.png")
    for out, words in ((source, "translated again"), (source / "deep", "translated again"), (tmp_path / "x.mp4", "ending of a file")):
        with pytest.raises(SettingsError, match=words):
            sparring.translate(negative, source, out)
    with pytest.raises(SettingsError, match="what is to be translated"):
        sparring.translate(negative, source / "a.png", source)
    with pytest.raises(DataError, match="does not exist"):
        sparring.translate(negative, tmp_path / "nothing", tmp_path / "out")
    assert [path.name for path in source.iterdir()] == ["a.png"]


def test_folders_mean_no_classes_here(negative: Model, tmp_path: Path) -> None:
    for name in ("train/a.png", "test/b.png", "c.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(8, 8)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "labels.csv").write_text("file,label\nc.png,x\n")
    found = sparring.translate(negative, tmp_path / "in", tmp_path / "out")
    assert (found.written, found.problems) == (3, ())


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
    (tmp_path / "bad.gif").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")  # which Pillow would hand to another program
    for name in ("bad.mp4", "bad.gif"):
        with pytest.raises(DataError, match="cannot be read as a film"):
            sparring.translate(negative, tmp_path / name, tmp_path / "x.mp4")
    with pytest.raises(SettingsError, match="give OUT the ending"):
        sparring.translate(negative, tmp_path / "bad.mp4", tmp_path / "x.png")


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
    ratings = judge_translations(negative, pairs)
    scores = ratings.scores
    assert ratings.protocol["held_out_pairs"] == len(pairs.held_out[0])
    assert scores.keys() == {"translations", "inputs", "colours shifted"}
    assert scores["inputs"].keys() == {"L1", "PSNR", "SSIM", "distance-lite0", "FD-lite0"}
    held = pairs.shown(100)
    assert held.inputs is not None
    assert scores["inputs"]["L1"] == pytest.approx((held.inputs - held.images).abs().mean().item() / 2, rel=1e-5)
    assert scores["translations"]["L1"] == pytest.approx((-held.inputs - held.images).abs().mean().item() / 2, rel=1e-4)


def test_what_cannot_be_judged_is_said(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:  # noqa: F811
    style = str(next(Path(places[1]).iterdir()))
    painter = sparring.train(
        "style-transfer", places[0], tmp_path / "s", target=style, size=32, steps=1, console=quiet, **SMALL["style-transfer"]
    )
    with pytest.raises(SettingsError, match="cannot be judged"):
        judge_translations(painter)
    small = sparring.train("pix2pix", places[0], tmp_path / "p", target=places[1], size=8, steps=1, console=quiet, **SMALL["pix2pix"])
    ratings = judge_translations(small)
    assert "SSIM" not in ratings.scores["translations"]
    assert "L1" in ratings.scores["translations"]
    with pytest.raises(SettingsError, match="sparring judge RUN"):
        sparring.judge(small)
    with pytest.raises(SettingsError, match="makes pictures of pictures"):
        probe(small)


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
    assert call("judge", run, "--extractor", "inception") == 1
    assert "Leave B" in capsys.readouterr().err
    assert call("pack", run, tmp_path / "p.safetensors") == 0
    assert "sparring translate" in capsys.readouterr().out
    assert call("sample", run) == 1
    assert "sparring translate" in capsys.readouterr().err
