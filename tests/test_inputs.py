"""Inputs of translators: which are unlike those that were learned from, and which are made of images first."""

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from sklearn.datasets import load_sample_images

import sparring
from sparring.core.errors import CheckpointError, SettingsError
from sparring.data.pairs.derived_inputs import DERIVATIONS, parse_derived_input
from sparring.data.pairs.input_statistics import InputStatistics, input_statistics, measure_image, pair_statistics
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.inference.model import Model
from sparring.media.image_files import save_gif
from sparring.media.video_files import read_frames
from support.cli import call

KINDS = tuple(DERIVATIONS)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    """Two photographs in color, of 427x640."""
    return list(load_sample_images().images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photos: list[np.ndarray]) -> Path:
    place = tmp_path_factory.mktemp("photographs")
    for number, photo in enumerate(photos):
        Image.fromarray(photo).save(place / f"{number}.png")
    return place


@pytest.fixture(scope="module")
def emoji(faces: str) -> Callable[[str], Pairs]:
    found: dict[str, Pairs] = {}

    def pairs(kind: str) -> Pairs:
        if kind not in found:
            found[kind] = open_pairs(faces, Pairing(inputs=kind, held_out=0.5), Preprocessing(size=32), "paired")  # pyright: ignore[reportArgumentType]
        return found[kind]

    return pairs


def in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    return np.asarray(image.convert({1: "L", 3: "RGB"}[channels])).reshape(*pixels.shape[:2], channels)


# ---------------------------------------------------------------------------------------- what is measured


def test_measures_of_an_image_that_are_known_by_hand() -> None:
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:, 4:] = 255
    found = measure_image(halves)
    known = {
        "midtones": 0,
        "white": 0.5,
        "black": 0.5,
        "saturation": 0,
        "contrast": 1,
        "brightness": 0.5,
        "commonest": 0.5,
        "hole": 0,
        "gray": 1,
    }
    assert {name: found[name] for name in known} == pytest.approx(known)
    assert found["detail"] == pytest.approx((0 + 255 / 7) / 2 / 127.5), "one step of 255 in seven across, none down"
    halves[:, 4:] = (255, 0, 0)
    red = measure_image(halves)
    assert (red["saturation"], red["gray"], red["midtones"]) == (0.5, 0, 0.5), "red has a brightness of 76"


def test_measures_do_not_depend_on_the_size_nor_on_what_lies_under_alpha() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    large = pixels.repeat(64, axis=0).repeat(64, axis=1)
    small, big = measure_image(pixels), measure_image(large)
    assert {name: value for name, value in big.items() if name != "detail"} == pytest.approx(
        {n: v for n, v in small.items() if n != "detail"}
    )
    clear = np.dstack([pixels, np.zeros((16, 16, 1), np.uint8)])
    assert measure_image(clear) == measure_image(np.full((16, 16, 3), 255, np.uint8))


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_the_same_kind_raise_no_alarm(kind: str, emoji: Callable[[str], Pairs]) -> None:
    pairs = emoji(kind)
    known = input_statistics(pairs.inputs, pairs.training_indices[0], kind)
    held = [np.asarray(pairs.inputs.pixels[place]) for place in pairs.holdout_indices[0].tolist()]
    assert len(held) == 80
    assert sum(known.difference(one) is not None for one in held) <= 0.02 * len(held)


@pytest.mark.parametrize("kind", ["scribble", "edges", "masked"])
def test_photographs_are_told_from_lines_and_holes_at_any_size(kind: str, emoji: Callable[[str], Pairs], photos: list[np.ndarray]) -> None:
    pairs = emoji(kind)
    known, channels = input_statistics(pairs.inputs, pairs.training_indices[0], kind), pairs.inputs.spec.channels
    for photo in photos:
        for side in (32, 100, 640):
            small = np.asarray(Image.fromarray(photo).resize((side, side)))
            assert known.difference(in_channels(small, channels)) is not None
        if kind == "masked":  # around the hole a photograph is still no emoji
            continue
        own = DERIVATIONS[kind](np.asarray(Image.fromarray(photo).resize((32, 32))), 0)  # pyright: ignore[reportArgumentType]
        assert known.difference(in_channels(own, channels)) is None


def test_gray_images_are_told_from_color_and_color_from_gray(photos: list[np.ndarray]) -> None:
    random = np.random.default_rng(0)

    def crops(photo: np.ndarray) -> np.ndarray:
        return np.stack([photo[top : top + 64, left : left + 64] for top, left in random.integers(0, 360, (100, 2))])

    color = np.concatenate([crops(photo) for photo in photos])
    gray = np.stack([in_channels(one, 1).repeat(3, axis=2) for one in color])
    for pixels, others, word in ((color, gray, "gray"), (gray, color, "color")):
        known = InputStatistics(_ranges(pixels[::2]), 64)
        assert all(known.difference(one) is None for one in pixels[1::20])
        assert all(word in (known.difference(one) or "") for one in others[::20])


def _ranges(images: np.ndarray) -> dict[str, tuple[float, float]]:
    rows = [measure_image(image) for image in images]
    return {name: (min(row[name] for row in rows), max(row[name] for row in rows)) for name in rows[0]}


def test_the_sentence_has_the_numbers() -> None:
    known = InputStatistics({"midtones": (0.02, 0.09), "white": (0.5, 0.9)}, 64, "scribble")
    said = known.difference(np.full((10, 10, 1), 128, np.uint8))
    assert said is not None
    assert all(number in said for number in ("100%", "2%", "9%"))
    assert known.difference(np.full((10, 10, 1), 255, np.uint8)) is None


# ---------------------------------------------------------------------------------------- where it is kept


def test_statistics_stay_with_the_model(scribbler: Path, tmp_path: Path, emoji: Callable[[str], Pairs]) -> None:
    model = sparring.load(scribbler)
    assert model.input_statistics["a2b"].made == "scribble"
    assert model.input_statistics["a2b"].side == 32
    assert dict(model.input_statistics) == pair_statistics(emoji("scribble"), "scribble")
    packed = sparring.load(sparring.pack(model, tmp_path / "p.safetensors"))
    assert dict(packed.input_statistics) == dict(model.input_statistics)
    more = sparring.resume(scribbler, steps=2, console=Console(quiet=True))
    assert dict(more.input_statistics) == dict(model.input_statistics)


def test_runs_without_statistics_raise_no_alarm_and_damaged_ones_are_said(scribbler: Path, folder: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(scribbler, older)
    config = json.loads((older / "config.json").read_text())
    del config["data"]["inputs"]
    (older / "config.json").write_text(json.dumps(config))
    assert sparring.load(older).input_statistics == {}
    assert sparring.translate(older, folder, tmp_path / "out").notes == ()
    for wrong in ([1], {"a2b": {}}, {"a2b": {"ranges": {"white": [1]}, "side": 3}}, {"a2b": {"ranges": {}, "side": None}}):
        config["data"]["inputs"] = wrong
        (older / "config.json").write_text(json.dumps(config))
        with pytest.raises(CheckpointError, match="training inputs"):
            sparring.load(older)


# ---------------------------------------------------------------------------------------- what is said of it


def test_photographs_given_to_a_scribbler_are_said_with_what_to_do(
    scribbler: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("translate", scribbler, folder / "0.png", tmp_path / "0.png") == 0
    said = capsys.readouterr().out
    for words in ("0.png is unlike", "--as scribble", "427x640", "--size 32"):
        assert words in " ".join(said.split())
    notes = sparring.translate(scribbler, folder, tmp_path / "out").notes
    assert len(notes) == 2, "one of what they look like, one of their size; not one for each"
    assert all(note.startswith("2 of 2 images (0.png, 1.png) are") for note in notes)


def test_inputs_made_of_photographs_are_not_alarming(scribbler: Path, folder: Path, tmp_path: Path) -> None:
    assert sparring.translate(scribbler, folder, tmp_path / "out", made="scribble").notes == ()
    with Image.open(tmp_path / "out/0.png") as image:
        assert image.size == (48, 32), "as wide as it is for its height, at the size that was learned"
    with pytest.raises(SettingsError, match="made"):
        sparring.translate(scribbler, folder, tmp_path / "out")
    other = sparring.translate(scribbler, folder, tmp_path / "edges", made="edges").notes
    assert "'scribble'" in other[0]
    assert "'edges'" in other[0]
    with pytest.raises(SettingsError, match="Did you mean"):
        parse_derived_input("scrible")


def test_what_is_made_is_what_training_makes(
    scribbler: Path, tmp_path: Path, photos: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, shown = sparring.load(scribbler), []
    monkeypatch.setattr(Model, "translate", lambda self, images, **_: shown.append(images) or images.expand(-1, 3, -1, -1))
    Image.fromarray(photos[0]).crop((0, 0, 427, 427)).save(tmp_path / "square.png")
    small = np.asarray(Image.open(tmp_path / "square.png").resize((32, 32), Image.Resampling.LANCZOS))
    for kind in ("scribble", "edges", "masked"):
        sparring.translate(model, tmp_path / "square.png", tmp_path / "x.png", made=kind)  # pyright: ignore[reportArgumentType]
        expected = in_channels(DERIVATIONS[parse_derived_input(kind)](small, zlib.crc32(b"square.png")), 1)
        assert np.array_equal(np.round((shown[-1][0, 0].numpy() + 1) * 127.5), expected[:, :, 0])
    for kind in ("gray", "low-resolution"):
        sparring.translate(model, tmp_path / "square.png", tmp_path / "x.png", made=kind)  # pyright: ignore[reportArgumentType]
        assert shown[-1].shape == (1, 1, 427, 427), "it looks alike at every size"
    sparring.translate(model, tmp_path / "square.png", tmp_path / "x.png", made="scribble", size=100)
    assert shown[-1].shape == (1, 1, 100, 100)
    save_gif([photo[:64, :64] for photo in photos], tmp_path / "film.gif")
    shown.clear()
    sparring.translate(model, tmp_path / "film.gif", tmp_path / "y.gif", made="scribble")
    frames = [np.asarray(Image.fromarray(frame).resize((32, 32), Image.Resampling.LANCZOS)) for frame in read_frames(tmp_path / "film.gif")]
    drawn = np.round((torch.cat(shown)[:, 0].numpy() + 1) * 127.5)
    expected = [
        DERIVATIONS["scribble"](frame, zlib.crc32(b"film.gif"))[:, :, 0] for frame in frames
    ]  # chance is the film's, not the frame's
    assert np.array_equal(drawn, np.stack(expected))


def test_wide_images_are_drawn_as_their_middle_would_be() -> None:
    square = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    wide = np.concatenate([square] * 6, axis=1)
    share = [float((DERIVATIONS["scribble"](image, 3) == 0).mean()) for image in (square, wide)]
    assert share[1] == pytest.approx(share[0], abs=0.1)


def test_only_inputs_are_made(tmp_path: Path, photos: list[np.ndarray], scribbler: Path) -> None:
    with pytest.raises(SettingsError):
        sparring.translate(scribbler, tmp_path, tmp_path / "out", made="scribble", direction="b2a")
