"""Translators in use: files, folders, zips, films, tiles, interruption, and scores beside doing nothing."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
import wave
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

import sparring
from sparring.core.atomic_files import put_bytes
from sparring.core.errors import CheckpointError, DataError, SettingsError, SparringError
from sparring.core.parallel_map import progress_bar
from sparring.data.pairs.pair_spec import PairSpec
from sparring.evaluation import judge_translations as translations
from sparring.evaluation.judge_translations import channel_moments, color_matching, judge_translations, match_channel_count
from sparring.evaluation.translation_pairs import pairs_of_run
from sparring.inference.data_of_model import preprocessing_of
from sparring.inference.image_translator import ImageTranslator
from sparring.inference.model import Model
from sparring.inference.tiling import reduced
from sparring.inference.translate_folder import MARK, written_names
from sparring.interpret.linear_probe import probe_discriminator
from sparring.media import video_files
from sparring.media.image_files import grid, png, save_gif, save_video
from sparring.media.pixel_range import float_to_pixels, pixels_to_float
from sparring.modalities.pairs import translation_grid
from sparring.nets.blocks.layers import shared_statistics
from sparring.nets.forward_hooks import fixed_dropout
from sparring.nets.image_translation import ResidualGenerator
from sparring.recipes.pix2pix import Pix2Pix
from support.cli import call
from support.tiny import SMALL


@pytest.fixture(scope="module")
def run(places: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
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

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[2] % 4 == images.shape[3] % 4 == 0
        return images * self.factor


@pytest.fixture
def negative(model: Model) -> Model:
    game = model.game
    game.a2b = Negative()
    return replace(model, game=game, input_statistics={})  # it learned from nothing


def translated(model: Model, image: np.ndarray, **how: Any) -> np.ndarray:  # noqa: ANN401
    return float_to_pixels(model.translate(pixels_to_float(torch.from_numpy(image[None])), **how)).numpy()[0]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(32, 32), (33, 50), (1, 7), (300, 1700), (1100, 530)])
def test_images_of_any_size_keep_it_and_every_pixel_its_place(negative: Model, size: tuple[int, int]) -> None:
    image = noise(*size)
    assert np.array_equal(translated(negative, image), 255 - image)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 40), (9, 8)])
def test_tiny_images_go_through_real_networks(model: Model, size: tuple[int, int]) -> None:
    assert translated(model, noise(*size)).shape == (*size, 3)


def test_tensors_of_any_precision_are_translated_and_others_refused(negative: Model) -> None:
    images = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(negative.translate(images), -images.float())
    assert negative.translate(images.half()).dtype == torch.float32
    with pytest.raises(SettingsError, match=r"wanted are some, with 3 channels"):
        negative.translate(torch.rand(1, 1, 8, 8))


class Centered(nn.Module):
    """A translator that depends on all that it sees, as norms do."""

    divisor, smallest = 4, 4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images - images.mean(dim=(1, 2, 3), keepdim=True)) / 2


def test_tiles_fade_into_each_other(negative: Model) -> None:
    """A slope of 900 pixels in tiles of 300: where each is centered by itself, neighboring tiles are 13 to 20 brightnesses apart."""
    negative.game.a2b = Centered()
    negative.game.a2b.register_parameter("weight", nn.Parameter(torch.zeros(1)))
    slope = np.linspace(0, 255, 900)[None, :, None].repeat(40, axis=0).repeat(3, axis=2).astype(np.uint8)
    drawn = translated(negative, slope, tile=300).astype(int)
    assert np.ptp(drawn) < 60, "each tile is centered by itself"
    assert np.abs(np.diff(drawn, axis=1)).max() <= 1


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_tiles_are_drawn_as_the_whole_is(negative: Model, norm: str) -> None:
    """By the same statistics. Tiles that begin off the network's grid differ from it by a quarter of its spread and more, and so do those
    whose instance norms have statistics of their own.
    """
    torch.manual_seed(0)
    network = ResidualGenerator(3, 3, 8, 1, norm=norm)  # pyright: ignore[reportArgumentType]
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
    negative.game.a2b = network
    slope = np.linspace(0, 200, 603)[None, :, None] + np.random.default_rng(0).integers(0, 55, (418, 603, 3))
    image = slope.astype(np.uint8)
    drawn = translated(negative, image, tile=300).astype(int)
    whole = pixels_to_float(torch.from_numpy(image[None]))
    with shared_statistics(network, lambda: negative.translate(reduced(whole, 300))):
        wanted = float_to_pixels(negative.translate(whole)).numpy()[0]
    assert np.abs(drawn - wanted).mean() < 0.01 * wanted.std()


def test_a_folder_keeps_names_reports_what_is_bad_and_is_gone_on_with(negative: Model, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.jpg", "deep/c.gif", "deep/d.png"]):
        Image.fromarray(noise(20 + number, 30, number)).save(source / name)
    (source / "e.png").write_bytes((source / "a.png").read_bytes()[:60])
    (source / "notes.txt").write_text("not an image")
    found = sparring.translate(negative, source, out)
    assert (found.written, found.there) == (4, 0)
    assert [problem.partition(":")[0] for problem in found.problems] == ["e.png"]
    assert found.notes == ("passed over: notes.txt: not an image by its ending or its first bytes",)
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
    (tmp_path / "in2/a.png").write_bytes((source / "a.png").read_bytes())
    with pytest.raises(SettingsError, match=r"of: .*in' there, .*in2' now"):
        sparring.translate(negative, tmp_path / "in2", out)


@pytest.mark.parametrize("packed", [False, True])
def test_images_that_changed_since_are_translated_again(negative: Model, tmp_path: Path, packed: bool) -> None:
    def given(values: tuple[int, int]) -> Path:
        files = {f"{name}.png": png(np.full((8, 8, 3), value, np.uint8)) for name, value in zip("ab", values, strict=True)}
        place = tmp_path / "in.zip" if packed else tmp_path / "in"
        if packed:
            with zipfile.ZipFile(place, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        else:
            place.mkdir(exist_ok=True)
            for name, content in files.items():
                (place / name).write_bytes(content)
                os.utime(place / name, ns=(1, 1))  # as a program that keeps times leaves them
        return place

    def found() -> list[int]:
        return [int(np.asarray(Image.open(tmp_path / "out" / f"{name}.png"))[0, 0, 0]) for name in "ab"]

    first = sparring.translate(negative, given((10, 20)), tmp_path / "out")
    assert (first.written, found()) == (2, [245, 235])
    second = sparring.translate(negative, given((10, 99)), tmp_path / "out")
    assert (second.written, second.there, found()) == (1, 1, [245, 156])


def test_deep_images_are_read_as_the_training_images_were(tmp_path: Path, quiet: Console) -> None:
    data = tmp_path / "scans"
    data.mkdir()
    for i in range(4):
        Image.fromarray((np.add.outer(np.arange(16), np.arange(16)) * 130 + 40 * i).astype(np.uint16)).save(data / f"{i}.png")
    model = sparring.train("pix2pix", data, tmp_path / "run", inputs="masked", size=16, steps=1, console=quiet, **SMALL["pix2pix"])
    assert model.preprocessing.value_range == (0, 4095)
    assert sparring.load(sparring.pack(model, tmp_path / "m.safetensors")).preprocessing.value_range == (0, 4095)
    assert sparring.resume(tmp_path / "run", steps=2, console=quiet).step == 2
    dim = Image.fromarray(np.full((16, 16), 500, np.uint16))  # by itself it would be taken for one of 10 bits
    dim.save(tmp_path / "dim.png")
    opened, _ = ImageTranslator(model, "a2b", None, 64, None, "white").opened((tmp_path / "dim.png").read_bytes(), "dim.png")
    assert (opened == round(500 / 4095 * 255)).all()


def test_a_wrong_direction_leaves_nothing_behind(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
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


def test_no_two_translations_have_one_name(negative: Model, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number, name in enumerate(("a.png", "a.gif", "b.gif")):
        Image.fromarray(noise(8, 8, number)).save(source / name)
    assert sparring.translate(negative, source, tmp_path / "out").written == 3
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["a.gif.png", "a.png", "b.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/a.png")), 255 - noise(8, 8, 0))
    assert written_names(["a.gif", "a.png", "a.gif.png"]) == ["a.gif.png.png", "a.png", "a.gif.png"]
    assert written_names(["a.avif", "a.gif", "b.ppm", "c.jpg"]) == ["a.avif.png", "a.gif.png", "b.png", "c.jpg"]


def test_files_that_are_no_translations_do_not_count_as_such(negative: Model, tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        Image.fromarray(noise(8, 8)).save(tmp_path / folder / "a.png")
    with pytest.raises(SettingsError, match="no translations"):
        sparring.translate(negative, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_what_folders_hold_beside_good_images(negative: Model, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        Image.fromarray(noise(8, 8)).save(tmp_path / "a.png")
        archive.write(tmp_path / "a.png", "a.png")
        archive.write(tmp_path / "a.png", f"{'long' * 80}.png")
        frames = [Image.fromarray(noise(8, 8, seed)) for seed in range(2)]
        frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:])
        archive.write(tmp_path / "b.gif", "b.gif")
    found = sparring.translate(negative, tmp_path / "in.zip", tmp_path / "out")
    assert found.written == 2
    assert "cannot be written" in found.problems[0]
    assert found.notes == ("b.gif: several frames: the first is used.",)
    (tmp_path / "none").mkdir()
    (tmp_path / "none/x.txt").write_text("x")
    with pytest.raises(DataError, match=r"holds no images(.|\n)*x\.txt"):
        sparring.translate(negative, tmp_path / "none", tmp_path / "out2")
    assert not (tmp_path / "out2").exists()


def test_what_takes_too_much_memory_is_reported_and_the_others_are_translated(
    negative: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for name, (height, width) in {"good": (8, 8), "narrow": (1, 1024)}.items():
        Image.fromarray(noise(height, width)).save(tmp_path / f"in/{name}.png")
    for name, brightness in {"heavy": 255, "light": 0}.items():  # of one size: they are drawn together
        Image.fromarray(np.full((12, 8, 3), brightness, np.uint8)).save(tmp_path / f"in/{name}.png")
    whole = Negative.forward

    def forward(self: Negative, images: torch.Tensor) -> torch.Tensor:
        if images.shape[2] == 96 and images.max() > 0.9:
            raise RuntimeError("can't allocate memory: you tried to allocate 999 bytes\nand more lines")
        return whole(self, images)

    monkeypatch.setattr(Negative, "forward", forward)
    found = sparring.translate(negative, tmp_path / "in", tmp_path / "out", size=64)
    assert found.written == 2
    assert [path.name for path in sorted((tmp_path / "out").glob("*.png"))] == ["good.png", "light.png"]
    assert sorted(found.problems) == [
        "heavy.png: it cannot be translated: can't allocate memory: you tried to allocate 999 bytes",
        "narrow.png: it is 1024x1, and with a shorter side of 64 it would be 65536x64",
    ]
    with pytest.raises(DataError, match="it would be 65536x64"):
        sparring.translate(negative, tmp_path / "in/narrow.png", tmp_path / "x.png", size=64)
    with pytest.raises(DataError, match=r"999 bytes\.$"):
        sparring.translate(negative, tmp_path / "in/heavy.png", tmp_path / "x.png", size=64)
    Image.fromarray(noise(70, 40_000)).save(tmp_path / "long.png")
    sparring.translate(negative, tmp_path / "long.png", tmp_path / "shorter.png", size=7)
    assert Image.open(tmp_path / "shorter.png").size == (4000, 7)


def test_the_exit_status_tells_of_images_that_failed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(noise(32, 32)).save(tmp_path / "in/good.png")
    assert call("translate", run, tmp_path / "in", tmp_path / "out") == 0
    (tmp_path / "in/bad.png").write_bytes(b"junk")
    Image.fromarray(noise(32, 32)).save(tmp_path / "in/other.png")
    capsys.readouterr()
    assert call("translate", run, tmp_path / "in", tmp_path / "out") == 1
    said = capsys.readouterr().out
    assert "not translated: bad.png" in said
    assert "1 written, 1 skipped because they exist, 1 not translated" in said
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"good.png", "other.png"}, "what was written stays"


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
    with pytest.raises(DataError, match=r"bad\.png is a text file"):
        sparring.translate(negative, tmp_path / "bad.png", tmp_path / "x.png")


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_films(negative: Model, tmp_path: Path, ending: str) -> None:
    frames = [np.full((32, 48, 3), level, np.uint8) for level in (0, 120, 240)]
    (save_gif if ending == ".gif" else save_video)(frames, tmp_path / f"in{ending}", 5)
    assert sparring.translate(negative, tmp_path / f"in{ending}", tmp_path / f"out{ending}").written == 3
    drawn = [frame.mean() for frame in video_files.read_frames(tmp_path / f"out{ending}")]
    assert drawn == pytest.approx([255, 135, 15], abs=6)
    assert video_files.frame_rate(tmp_path / f"out{ending}") == pytest.approx(5)
    assert video_files.frame_count(tmp_path / f"in{ending}") == 3
    (tmp_path / "films").mkdir()
    sparring.translate(negative, tmp_path / f"in{ending}", tmp_path / "films")
    assert (tmp_path / f"films/in{ending}").exists()
    (tmp_path / "bad.mp4").write_bytes(b"junk")
    (tmp_path / "bad.gif").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")  # which Pillow would hand to another program
    for name in ("bad.mp4", "bad.gif"):
        with pytest.raises(DataError, match="cannot be read as a video"):
            sparring.translate(negative, tmp_path / name, tmp_path / "x.mp4")
    with pytest.raises(SettingsError, match="give OUT the ending"):
        sparring.translate(negative, tmp_path / "bad.mp4", tmp_path / "x.png")


def test_animations_keep_their_pace_and_lie_on_the_background(negative: Model, tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (8, 8), (level, 0, 0, 0)) for level in (1, 2, 3)]
    for place, frame in enumerate(frames):
        frame.putpixel((place, 0), (200, 0, 0, 255))
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=[100, 50, 200], disposal=2)
    assert sparring.translate(negative, tmp_path / "in.gif", tmp_path / "out.gif").written == 3
    assert video_files.gif_frame_durations(tmp_path / "out.gif") == [100, 50, 200]
    first = next(video_files.read_frames(tmp_path / "out.gif"))
    assert (first[7, 7, :3].max(), first[0, 0, 1]) == (0, 255), "white becomes black, red turquoise"


def test_a_format_that_is_only_read_becomes_png_in_a_folder(negative: Model, tmp_path: Path) -> None:
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.ppm")
    (tmp_path / "out").mkdir()
    assert sparring.translate(negative, tmp_path / "a.ppm", tmp_path / "out").written == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_packed_models_know_how_their_images_were_prepared(model: Model, tmp_path: Path) -> None:
    dark = replace(model, preprocessing=replace(model.preprocessing, background="#102030", crop="pad"))
    packed = sparring.load(sparring.pack(dark, tmp_path / "model.safetensors"))
    assert preprocessing_of(packed) == preprocessing_of(dark)
    Image.new("RGBA", (32, 32), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGB", (32, 32), (0x10, 0x20, 0x30)).save(tmp_path / "dark.png")
    for name in ("clear", "dark"):
        sparring.translate(packed, tmp_path / f"{name}.png", tmp_path / f"{name}-out.png")
    assert np.array_equal(*(np.asarray(Image.open(tmp_path / f"{name}-out.png")) for name in ("clear", "dark")))
    odd = replace(model, preprocessing=replace(model.preprocessing, background="whiet"))
    with pytest.raises(CheckpointError, match="background is 'whiet'"):
        sparring.load(sparring.pack(odd, tmp_path / "odd.safetensors"))


def test_a_film_that_breaks_off_is_said_to(negative: Model, tmp_path: Path) -> None:
    save_video([noise(64, 64, seed) for seed in range(60)], tmp_path / "in.mp4", 10)
    content = (tmp_path / "in.mp4").read_bytes()
    (tmp_path / "torn.mp4").write_bytes(content[: len(content) // 2])
    found = sparring.translate(negative, tmp_path / "torn.mp4", tmp_path / "out.mp4")
    assert 0 < found.written < 50
    assert "breaks off" in found.problems[0]
    assert not sparring.translate(negative, tmp_path / "in.mp4", tmp_path / "out.mp4").problems


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs kill -9")
def test_killed_in_the_middle_nothing_is_half_written(run: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(300):
        Image.fromarray(noise(64, 64, number)).save(source / f"{number:03d}.png")
    process = subprocess.Popen([sys.executable, "-m", "sparring", "translate", run, source, out], stdout=subprocess.DEVNULL)
    while process.poll() is None and len(list(out.glob("*.png"))) < 40:
        time.sleep(0.01)
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
    pairs = pairs_of_run(negative)
    ratings = judge_translations(negative, pairs)
    scores = ratings.scores
    assert ratings.protocol["pairs"] == len(pairs.holdout_indices[0])
    assert scores.keys() == {"translations", "inputs", "colors shifted"}
    assert scores["inputs"].keys() == {"L1", "PSNR", "SSIM", "distance-lite0", "FD-lite0"}
    held = pairs.holdout_batch(100)
    assert held.inputs is not None
    assert scores["inputs"]["L1"] == pytest.approx((held.inputs - held.samples).abs().mean().item() / 2, rel=1e-5)
    assert scores["translations"]["L1"] == pytest.approx((-held.inputs - held.samples).abs().mean().item() / 2, rel=1e-4)


def test_the_other_direction_is_judged_with_sides_exchanged(negative: Model) -> None:
    negative.game.b2a = Negative()
    pairs = pairs_of_run(negative)
    there, back = judge_translations(negative, pairs).scores, judge_translations(negative, pairs, direction="b2a")
    assert back.protocol["direction"] == "b2a"
    assert back.scores["inputs"]["L1"] == pytest.approx(there["inputs"]["L1"])
    assert back.scores["translations"]["L1"] == pytest.approx(there["translations"]["L1"], rel=1e-4)  # |-b - a| = |-a - b|
    assert back.scores["inputs"]["FD-lite0"] != there["inputs"]["FD-lite0"]


def test_a_sheet_shows_input_output_target_and_the_way_back(negative: Model) -> None:
    negative.game.b2a = Negative()
    pairs = pairs_of_run(negative)
    held = pairs.holdout_batch(2)
    assert held.inputs is not None
    assert len(held) == 1
    columns = (held.inputs, -held.inputs, held.samples, -held.samples)
    images = torch.stack(columns, dim=1).flatten(0, 1)
    assert np.array_equal(translation_grid(pairs, 2)(negative.game), grid(float_to_pixels(images).numpy(), columns=4))


def saved(folder: Path, images: Iterable[tuple[str, np.ndarray]]) -> str:
    folder.mkdir()
    for name, image in images:
        Image.fromarray(image).save(folder / name)
    return str(folder)


def test_data_that_is_named_is_judged_all_of_it(negative: Model, tmp_path: Path) -> None:
    """By a translator that inverts: targets are the inputs' negatives, but for one that is darker by 51, a fifth of all brightness."""
    images = [np.full((32, 32, 3), 20 * number, np.uint8) + noise(32, 32, number) // 8 for number in range(5)]
    targets = [255 - image for image in images]
    targets[0] = targets[0] - 51
    names = [f"{number}.png" for number in range(5)]
    a, b = saved(tmp_path / "a", zip(names, images, strict=True)), saved(tmp_path / "b", zip(names, targets, strict=True))
    negative.source = tmp_path / "packed.safetensors"  # no run says what it was trained on

    sets = judge_translations(negative, a, target=b)
    assert sets.scores["translations"].keys() == {"FD-lite0"}, "names that are alike say nothing of two sets"
    assert sets.scores["translations"]["FD-lite0"] < sets.scores["inputs"]["FD-lite0"]
    assert any("5 images are few" in note for note in sets.notes)
    twins = judge_translations(negative, a, target=Path(b), twins=True)
    assert twins.protocol["pairs"] == twins.protocol["inputs"] == twins.protocol["targets"] == 5
    assert twins.scores["translations"]["L1"] == pytest.approx(0.2 / 5, abs=1e-6)
    assert twins.scores["translations"]["FD-lite0"] == pytest.approx(sets.scores["translations"]["FD-lite0"])

    negative.game.spec = replace(negative.spec, paired=True)  # as if it had learned from pairs
    pairs = judge_translations(negative, a, target=b)
    assert pairs.scores["translations"].keys() == {"L1", "PSNR", "SSIM", "distance-lite0"}
    assert pairs.scores["translations"]["L1"] == pytest.approx(0.2 / 5, abs=1e-6)
    both = [np.concatenate([target, image], axis=1) for image, target in zip(images, targets, strict=True)]
    side_by_side = judge_translations(negative, saved(tmp_path / "both", zip(names, both, strict=True)), side_by_side="right")
    assert side_by_side.scores["translations"]["L1"] == pytest.approx(0.2 / 5, abs=1e-6)
    assert judge_translations(negative, a, target=b, twins=False).scores["translations"].keys() == {"FD-lite0"}

    (tmp_path / "b" / "4.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"4\.png"):
        judge_translations(negative, a, target=b)
    (tmp_path / "b" / "4.png").rename(tmp_path / "b" / "4.txt")
    fewer = judge_translations(negative, a, target=b)
    assert fewer.protocol["pairs"] == 4
    assert any("4.png: no target of that name" in note for note in fewer.notes)
    for number in range(3):
        (tmp_path / "b" / f"{number}.png").rename(tmp_path / "b" / f"other{number}.png")
    with pytest.raises(DataError, match=r"1 have a partner(.|\n)*--no-twins"):
        judge_translations(negative, a, target=b)


def test_scores_do_not_depend_on_how_many_are_looked_at_at_a_time(negative: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = pairs_of_run(negative)
    whole = judge_translations(negative, pairs).scores
    monkeypatch.setattr(translations, "MAX_BATCH_PIXELS", 2 * 32 * 32)
    for way, scores in judge_translations(negative, pairs).scores.items():
        assert scores == pytest.approx(whole[way], rel=1e-5)


def test_made_pairs_are_judged_in_a_models_own_channels_and_at_a_size(negative: Model, tmp_path: Path) -> None:
    gray = np.stack([noise(48, 48)[:, :, 0]] * 3, axis=2)
    place = saved(tmp_path / "gray", [("one.png", gray), ("other.png", 255 - gray)])
    negative.source = tmp_path / "packed.safetensors"
    ratings = judge_translations(negative, place, inputs="gray", size=48)
    assert ratings.protocol["size"] == 48
    assert ratings.scores["inputs"]["L1"] == pytest.approx(0, abs=1e-6), "of gray images, gray is the image"
    expected = np.abs(255.0 - 2 * gray.astype(float)).mean() / 255
    assert ratings.scores["translations"]["L1"] == pytest.approx(expected, rel=1e-5)


def test_judging_translators_says_what_is_missing_or_in_the_way(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = sparring.pack(sparring.load(run), tmp_path / "packed.safetensors")
    for arguments, said in (
        ((run, "--size", "64"), "name data, or leave them out"),
        ((packed,), "--target"),
        ((packed, "emoji:google"), "Give --target"),
        (("emoji:google", "emoji:twitter", "--target", "emoji:twitter", "--no-twins"), "--target, --twins"),
        ((packed, "emoji:google", "--target", "emoji:twitter", "--checkpoint", "best"), "leave --checkpoint out"),
        (("emoji:google", "emoji:twitter", "--checkpoint", "best"), "leave --checkpoint out"),
    ):
        assert call("judge", *arguments) == 1
        assert said in "".join(capsys.readouterr())
    with pytest.raises(CheckpointError, match="leave --checkpoint out"):
        sparring.load(packed, checkpoint="best")


def test_what_cannot_be_judged_is_said(places: tuple[str, str], tmp_path: Path, quiet: Console) -> None:
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
    with pytest.raises(SettingsError, match="judged by pairs or by two sets"):
        sparring.judge(small)
    with pytest.raises(SettingsError, match="makes images of images"):
        probe_discriminator(small)


def test_shifted_colors_have_the_targets_mean_and_spread() -> None:
    torch.manual_seed(0)
    inputs, targets = 0.1 * torch.randn(50, 3, 8, 8) + 0.3, 0.05 * torch.randn(40, 3, 8, 8) - 0.4
    shifted = color_matching(channel_moments([inputs[:20], inputs[20:]]), channel_moments([targets]))(inputs)
    torch.testing.assert_close(shifted.mean((0, 2, 3)), targets.mean((0, 2, 3)), rtol=0, atol=1e-4)
    torch.testing.assert_close(shifted.std((0, 2, 3)), targets.std((0, 2, 3)), rtol=1e-3, atol=0)
    gray = channel_moments([match_channel_count(inputs, 1)]), channel_moments([targets[:, :1]])
    assert color_matching(*gray)(inputs).shape == (50, 1, 8, 8)


def test_dropout_plays_in_use_as_a_seed_says() -> None:
    network = nn.Sequential(nn.Dropout(0.25), nn.Identity(), nn.Dropout(0.5)).eval()
    images = torch.rand(3, 4, 40, 40) + 1
    with fixed_dropout(network, 7):
        dropped = network(images)
        assert torch.equal(network(images[1:2]), dropped[1:2]), "whatever is beside it"
    kept = dropped != 0
    assert kept.float().mean().item() == pytest.approx(0.75 * 0.5, abs=0.02)
    assert (kept == kept[:1]).all()
    torch.testing.assert_close(dropped[kept], (images / (0.75 * 0.5))[kept])
    with fixed_dropout(network, 8):
        assert not torch.equal(network(images), dropped)
    assert torch.equal(network(images), images)


def test_translations_have_as_many_faces_as_there_is_noise(tmp_path: Path, model: Model) -> None:
    torch.manual_seed(0)
    recipe = Pix2Pix(width=4, discriminator_width=4, patch_layers=2)
    game = recipe.build(PairSpec(64, 64, 3, (), 3)).eval()
    for weight in game.generator.parameters():  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
        nn.init.normal_(weight, 0.0, 0.2)
    noisy = Model(game, recipe, tmp_path / "run")
    shown = pixels_to_float(torch.from_numpy(np.stack([noise(64, 64, seed) for seed in range(3)])))
    plain, one, other = (noisy.translate(shown, noise=seed) for seed in (None, 1, 2))
    assert torch.equal(noisy.translate(shown[2:], noise=1), one[2:])
    assert min((a - b).abs().mean() for a, b in ((plain, one), (plain, other), (one, other))) > 1e-3
    for number in range(3):
        Image.fromarray(noise(64, 64, number)).save(tmp_path / f"{number}.png")
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / f"{number}.png").rename(tmp_path / "in" / f"{number}.png")
    sparring.translate(noisy, tmp_path / "in", tmp_path / "out", noise=1)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "2.png")), float_to_pixels(one)[2].numpy())
    with pytest.raises(SettingsError, match="noise: 1 there, None now"):
        sparring.translate(noisy, tmp_path / "in", tmp_path / "out")
    with pytest.raises(SettingsError, match="without dropout"):
        sparring.translate(model, tmp_path / "in", tmp_path / "other", noise=1)
    assert not (tmp_path / "other").exists()


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_threads_that_translate_a_folder_do_not_meet(tmp_path: Path) -> None:
    """Dropout that plays, statistics of tiled images and modes are each thread's own: a file is as if it were alone."""
    recipe = Pix2Pix(width=4, discriminator_width=4, patch_layers=2, norm="instance")
    game = recipe.build(PairSpec(64, 64, 3, (), 3))
    for weight in game.generator.parameters():  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
        nn.init.normal_(weight, 0.0, 0.2)
    model = Model(game.train(), recipe, tmp_path / "run")
    sides = [(64, 64)] * 40 + [(64, 700), (64, 64), (320, 300), (96, 64)] * 4
    (tmp_path / "in").mkdir()
    for number, size in enumerate(sides):
        Image.fromarray(noise(*size, number)).save(tmp_path / "in" / f"{number:02d}.png")
    found = sparring.translate(model, tmp_path / "in", tmp_path / "out", noise=1, tile=512)
    assert (found.written, found.problems, torch.get_num_threads()) == (len(sides), (), 2)
    assert all(module.training for module in game.modules())
    for number, size in enumerate(sides):
        alone = translated(model, noise(*size, number), tile=512, noise=1)
        drawn = np.asarray(Image.open(tmp_path / "out" / f"{number:02d}.png"))
        assert np.abs(drawn.astype(int) - alone).max() <= 1, (number, size)


@pytest.mark.usefixtures("two_threads")
def test_a_folder_that_is_broken_off_waits_for_no_other_images(negative: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(200):
        Image.fromarray(noise(8, 8, number)).save(tmp_path / "in" / f"{number:03d}.png")
    shown = []

    def advance(count: int) -> None:
        shown.append(count)
        if sum(shown):
            raise KeyboardInterrupt

    game = negative.game

    class Slow(Negative):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            time.sleep(0.05)
            return super().forward(images)

    game.a2b = Slow()
    with pytest.raises(KeyboardInterrupt):
        sparring.translate(negative, tmp_path / "in", tmp_path / "out", advance=advance)
    assert 16 <= len(list((tmp_path / "out").glob("*.png"))) < 120
    assert torch.get_num_threads() == 2
    game.a2b = Negative()
    found = sparring.translate(negative, tmp_path / "in", tmp_path / "out")
    assert found.there >= 16
    assert found.there + found.written == 200


@pytest.mark.usefixtures("two_threads")
def test_large_images_stop_where_they_are(negative: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(64):
        Image.fromarray(noise(4, 300, number)).save(tmp_path / "in" / f"{number:03d}.png")

    def advance(count: int) -> None:
        if count:
            raise KeyboardInterrupt

    class Slow(Negative):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            time.sleep(0.02)
            return super().forward(images)

    negative.game.a2b = Slow()
    with pytest.raises(KeyboardInterrupt):
        sparring.translate(negative, tmp_path / "in", tmp_path / "out", advance=advance)
    assert 16 <= len(list((tmp_path / "out").glob("*.png"))) < 40, "without the rest of the parts that were begun"


@pytest.mark.usefixtures("two_threads")
def test_images_of_mixed_sizes_share_passes(negative: Model, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(64):
        Image.fromarray(noise(8, 8 + 4 * (number % 2), number)).save(tmp_path / "in" / f"{number:03d}.png")
    passes = []

    class Counted(Negative):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            passes.append(len(images))
            return super().forward(images)

    negative.game.a2b = Counted()
    assert sparring.translate(negative, tmp_path / "in", tmp_path / "out").written == 64
    assert len(passes) == 2 * 4, "two sizes in each of four parts"
    for number in range(64):
        drawn = np.asarray(Image.open(tmp_path / "out" / f"{number:03d}.png"))
        assert np.array_equal(drawn, 255 - noise(8, 8 + 4 * (number % 2), number))


def test_a_full_disk_ends_it_and_an_empty_file_is_not_done(negative: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        Image.fromarray(noise(8, 8, number)).save(tmp_path / "in" / f"{number:03d}.png")

    def put(path: Path, content: bytes) -> None:
        if path.name >= "020.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr("sparring.inference.translate_folder.put_bytes", put)
        with pytest.raises(DataError, match="No space left on device"):
            sparring.translate(negative, tmp_path / "in", tmp_path / "out")
    (tmp_path / "out" / "003.png").write_bytes(b"")  # as a power cut may leave it
    before = len(list((tmp_path / "out").glob("*.png")))
    assert before >= 16
    found = sparring.translate(negative, tmp_path / "in", tmp_path / "out")
    assert (found.there, found.written) == (before - 1, 40 - before + 1)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "003.png")), 255 - noise(8, 8, 3))


def test_folders_and_files_of_any_name(negative: Model, tmp_path: Path) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/s\xffr"))
    source.mkdir()
    long = "n" * 246 + ".png"
    Image.fromarray(noise(8, 8)).save(source / long)
    assert sparring.translate(negative, source, tmp_path / "out").written == 1
    assert (tmp_path / "out" / long).stat().st_size
    assert sparring.translate(negative, source, tmp_path / "out").there == 1
    with progress_bar("Translating br[/x]", 3, shown=True) as advance:
        advance(1)


def test_a_half_done_folder_is_gone_on_with_by_any_number_of_threads(tmp_path: Path) -> None:
    game = Pix2Pix(width=32).build(PairSpec(64, 64, 3, (), 3))
    large = Model(game, Pix2Pix(width=32), tmp_path / "run")
    translator = ImageTranslator(large, "a2b", None, 1024, None, "white")
    marks, before = [], torch.get_num_threads()
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        marks.append(translator.mark(tmp_path))
    torch.set_num_threads(before)
    large.game.to(memory_format=torch.channels_last)
    marks.append(translator.mark(tmp_path))
    assert all(mark == marks[0] for mark in marks)
    with torch.no_grad():
        next(large.game.generator.parameters()).flatten()[0] += 1e-3  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    assert translator.mark(tmp_path) != marks[0]


def test_films_keep_their_sound(negative: Model, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "none"))
        file.writeframes((8000 * np.sin(np.arange(8000) / 3)).astype("<i2").tobytes())
    frames = [noise(32, 32, number) for number in range(10)]
    save_video(frames, tmp_path / "in.mp4", 10, audio=tmp_path / "tone.wav")
    assert video_files.has_audio(tmp_path / "in.mp4")
    sparring.translate(negative, tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert video_files.has_audio(tmp_path / "out.mp4")
    assert len(list(video_files.read_frames(tmp_path / "out.mp4"))) == 10
    save_video(frames, tmp_path / "mute.mp4", 10)
    sparring.translate(negative, tmp_path / "mute.mp4", tmp_path / "still.mp4")
    assert not video_files.has_audio(tmp_path / "still.mp4")


def test_a_film_that_does_not_fit_on_the_disk_is_not_left_in_half(tmp_path: Path) -> None:
    frames = [noise(128, 128, number) for number in range(48)]
    save_video(frames[:2], tmp_path / "film.mp4")
    good = (tmp_path / "film.mp4").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SparringError, match="Is the disk full"):
            save_video(frames, tmp_path / "film.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "film.mp4").read_bytes() == good
    assert len(list(tmp_path.iterdir())) == 1


def test_a_image_that_is_one_tile_is_no_tile(tmp_path: Path) -> None:
    recipe = Pix2Pix(width=4, discriminator_width=4, patch_layers=2, norm="instance")
    model = Model(recipe.build(PairSpec(64, 64, 3, (), 3)).eval(), recipe, tmp_path / "run")
    image = noise(400, 390)
    assert np.array_equal(translated(model, image, tile=399), translated(model, image, tile=1024))


def test_the_commands(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(noise(20, 20)).save(tmp_path / "a.png")
    assert call("translate", run, tmp_path / "a.png", tmp_path / "b.png", "--direction", "b2a") == 0
    assert "1 written" in capsys.readouterr().out
    assert Image.open(tmp_path / "b.png").size == (20, 20)
    assert call("judge", run) == 0
    out = capsys.readouterr().out
    assert "FD-lite0" in out
    assert "colors shifted" in out
    assert (run / "translations.json").exists()
    assert call("judge", run, "--direction", "b2a") == 0
    assert (run / "translations-b2a.json").exists()
    assert "FD-lite0" in capsys.readouterr().out
    assert call("judge", "emoji", "fashion10k", "--direction", "b2a") == 1
    assert "is not a translation model" in capsys.readouterr().err
    assert call("judge", run, "--extractor", "inception") == 1
    assert "Leave out --extractor" in capsys.readouterr().err
    assert call("pack", run, tmp_path / "p.safetensors") == 0
    assert "sparring translate" in capsys.readouterr().out
    assert call("sample", run) == 1
    assert "sparring translate" in capsys.readouterr().err
