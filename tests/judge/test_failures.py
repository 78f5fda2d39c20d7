"""What the judge says of failures made on purpose, and of folders of images of any sizes and shapes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import sparring
from sparring.core.errors import DataError
from sparring.data.images.sizes_and_range import shared_range
from sparring.data.open_by_name import open_source
from sparring.data.preprocessing import Preprocessing
from sparring.evaluation.feature_cache import load_or_extract_features
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet, image_set_from_source
from sparring.evaluation.judgment import judge_images
from sparring.metrics.contrast_and_roughness import image_contrast, image_roughness
from sparring.nets.feature_extractors import efficientnet_lite0

QUIET = Console(quiet=True)
COUNT = 60


@pytest.fixture(scope="module")
def garments() -> np.ndarray:
    """Twice sixty garments, six of each class."""
    source = open_source("fashion10k")
    by_class = [[i for i, item in enumerate(source.items) if item.label == label] for label in range(10)]
    return np.stack([np.asarray(source.read(numbers[k])) for k in range(12) for numbers in by_class])


def images(name: str, pixels: np.ndarray) -> ImageSet:
    return ImageSet(
        name,
        len(pixels),
        (),
        lambda: iter([pixels]),
        lambda some: pixels[list(some)],
        fingerprint="real garments" if name == "real" else None,
    )


def noise(pixels: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)


FAILURES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "black": (np.zeros_like, "Blank: 100%"),
    "each of a gray of its own": (lambda pixels: np.broadcast_to(pixels[:, 14:15, 14:15], pixels.shape).copy(), "Blank: 100%"),
    "one color": (lambda pixels: np.full((*pixels.shape[:3], 3), (20, 120, 130), np.uint8), "Blank: 100%"),
    "noise": (noise, "Noise:"),
    "noise in color": (lambda pixels: noise(pixels.repeat(3, axis=3)), "Noise:"),
    "one image": (lambda pixels: np.repeat(pixels[:1], len(pixels), axis=0), "One image:"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_samples_that_failed_as_a_whole_are_called_what_they_are(garments: np.ndarray, lite0: Extractor, failure: str) -> None:
    change, said = FAILURES[failure]
    real = images("real", garments[:COUNT])
    sentences = judge_images(real, images(failure, change(garments[COUNT:])), lite0).sentences
    assert sentences[0].startswith(said)
    assert not any("quality" in sentence.lower() or "Do not trust" in sentence for sentence in sentences), "no other sentence contradicts"
    assert len(sentences) == 1


def test_copies_of_one_and_of_all_are_told(garments: np.ndarray, lite0: Extractor) -> None:
    real = images("real", garments[:COUNT])
    one = judge_images(real, images("one", np.repeat(garments[:1], COUNT, axis=0)), lite0).sentences
    assert [sentence.split(":")[0] for sentence in one] == ["One image", "Copies"]
    half = np.concatenate([garments[: COUNT // 2], garments[COUNT : COUNT + COUNT // 2]])
    assert any(sentence.startswith("Copies: 50% of the samples") for sentence in judge_images(real, images("half", half), lite0).sentences)
    whole = judge_images(real, images("all", garments[:COUNT][::-1].copy()), lite0)
    assert len(whole.sentences) == 1
    assert whole.sentences[0].startswith("Copies: the two sides are the same images")
    assert whole["FD-lite0"].value == pytest.approx(0, abs=1e-3)


def test_good_samples_and_few_ones(garments: np.ndarray, lite0: Extractor) -> None:
    real = images("real", garments[:COUNT])
    assert judge_images(real, images("good", garments[COUNT:]), lite0).sentences == ()
    (few,) = judge_images(real, images("few", garments[COUNT : COUNT + 20]), lite0).sentences
    assert few.startswith("20 images are too few")


def test_pixel_statistics_by_hand() -> None:
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 200).astype(np.uint8)[None, :, :, None]  # every neighbor differs by 200, deviation 100
    assert image_contrast(board) == pytest.approx(100 / 255)
    assert image_roughness(board) == pytest.approx(200**2 / (2 * 100**2))
    halves = np.zeros((1, 8, 8, 3), np.uint8)
    halves[:, :, 4:, 1] = 240  # only the green of one half
    assert image_contrast(halves) == pytest.approx(120 / 255)
    assert image_roughness(halves) == pytest.approx((80**2 / 7 / 2) / (2 * 40**2)), "of gray: one step of 80 in seven, in rows alone"
    white = np.random.default_rng(0).integers(0, 256, (1, 400, 400, 1), np.uint8)
    assert image_roughness(white) == pytest.approx(1, abs=0.02)
    for flat in (np.full((2, 5, 5, 3), 77, np.uint8), np.full((2, 1, 1, 1), 3, np.uint8)):
        assert image_contrast(flat).tolist() == image_roughness(flat).tolist() == [0, 0]


# --------------------------------------------------------------------------- folders of any sizes and shapes


def scene(seed: int, width: int, height: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    rough = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    smooth = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((smooth + rough).clip(0, 255).astype(np.uint8))


def folder(path: Path, images: list[Image.Image]) -> Path:
    path.mkdir(parents=True)
    for number, image in enumerate(images):
        image.save(path / f"{number:02d}.png")
    return path


def test_images_go_from_their_own_pixels_to_the_extractor(tmp_path: Path, lite0: Extractor) -> None:
    clear = scene(2, 50, 90)
    clear.putalpha(128)
    images = [scene(0, 300, 200), scene(1, 48, 80).convert("L"), clear, scene(3, 224, 224), scene(4, 1000, 31), scene(5, 2, 3)]
    source = open_source(folder(tmp_path / "any", images))
    seen = load_or_extract_features(image_set_from_source(source, Preprocessing(), shared_range([source], Preprocessing())), lite0)
    assert seen.sizes.tolist() == [[200, 300], [80, 48], [90, 50], [224, 224], [31, 1000], [3, 2]]
    shown = []
    for image in images:  # by Pillow alone
        laid = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        planes = [Image.fromarray(np.asarray(laid)[:, :, c].astype(np.float32)) for c in range(3)]
        shown.append(
            np.stack(
                [np.asarray(plane.resize((efficientnet_lite0.SIDE, efficientnet_lite0.SIDE), Image.Resampling.BICUBIC)) for plane in planes]
            )
        )
    with torch.no_grad():
        rows, _ = lite0.network((torch.from_numpy(np.stack(shown)) - efficientnet_lite0.CENTER) / efficientnet_lite0.SCALE)
    assert torch.allclose(seen.rows, rows, atol=2e-3 * rows.abs().max().item())


def test_a_border_of_one_pixel_costs_next_to_nothing_and_blur_costs_the_same_in_any_shape(tmp_path: Path) -> None:
    from PIL import ImageFilter

    wide = [scene(seed, 300, 240) for seed in range(12)]
    blurred = [image.filter(ImageFilter.GaussianBlur(1.5)) for image in wide]
    cut = [image.crop((0, 0, 300, 239)) for image in wide]
    middle = (30, 0, 270, 240)
    sides = {
        "wide": wide, "blurred": blurred, "cut": cut,
        "square": [image.crop(middle) for image in wide], "square-blurred": [image.crop(middle) for image in blurred],
    }  # fmt: skip
    places = {name: folder(tmp_path / name, images) for name, images in sides.items()}
    distance = lambda fake, real: sparring.judge(places[fake], places[real], console=QUIET)["FD-lite0"].value  # noqa: E731
    blur = distance("blurred", "wide")
    assert distance("wide", "wide") == pytest.approx(0, abs=1e-3)
    assert distance("cut", "wide") < blur / 50
    assert 0.6 < blur / distance("square-blurred", "square") < 1.7


def test_the_report_says_how_each_side_was_brought_to_the_extractor(tmp_path: Path) -> None:
    wide = folder(tmp_path / "wide", [scene(seed, 80, 40) for seed in range(6)])
    mixed = folder(tmp_path / "mixed", [scene(seed, 40 + seed, 40) for seed in range(6)])
    (mixed / "torn.txt").write_text("no image")
    judged = sparring.judge(wide, mixed, out=tmp_path / "out", console=QUIET)
    protocol = judged["FD-lite0"].protocol
    assert "80x40; the whole of each image, from its own pixels; 100% of them are not square" in protocol.fake_images
    assert "6 sizes, 40 to 45 wide and 40 high" in protocol.real_images
    assert any("different shapes" in note and "2.00" in note for note in judged.notes)
    page = (tmp_path / "out" / "report.html").read_text()
    assert protocol.fake_images in page
    assert json.loads((tmp_path / "out" / "report.json").read_text())["scores"][0]["real_images"] == protocol.real_images


def test_other_pixels_are_looked_at_again_whatever_the_times_say(tmp_path: Path) -> None:
    real = folder(tmp_path / "real", [scene(seed, 16, 16) for seed in range(8)])
    fake = folder(tmp_path / "fake", [scene(seed + 20, 16, 16) for seed in range(8)])
    first = sparring.judge(fake, real, console=QUIET)
    for file in sorted(fake.iterdir()):
        status, size = file.stat(), file.stat().st_size
        Image.fromarray(255 - np.asarray(Image.open(file))).save(file)
        file.write_bytes(file.read_bytes().ljust(size, b"\0"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert sparring.judge(fake, real, console=QUIET)["FD-lite0"].value != first["FD-lite0"].value


def test_deep_images_share_one_range_with_the_other_side(tmp_path: Path) -> None:
    ramps = [np.add.outer(np.arange(32), np.arange(32)) * 60 + 20 * seed for seed in range(6)]
    whole = folder(tmp_path / "whole", [Image.fromarray(ramp.astype(np.uint16)) for ramp in ramps])
    dim = folder(tmp_path / "dim", [Image.fromarray((ramp // 8).astype(np.uint16)) for ramp in ramps])
    both = sparring.judge(dim, whole, console=QUIET)
    assert both["FD-lite0"].value > 1, "an eighth of the brightness is not the same images"
    assert all("0 to 4,095 used" in text for text in (both["FD-lite0"].protocol.real_images, both["FD-lite0"].protocol.fake_images))
    given = sparring.judge(whole, whole, value_range=(0.0, 8000.0), console=QUIET)
    assert "0 to 8,000" in given["FD-lite0"].protocol.real_images


def test_what_cannot_be_used_is_left_out_and_said_or_too_much(tmp_path: Path) -> None:
    real = folder(tmp_path / "real", [scene(seed, 16, 16) for seed in range(11)])
    (real / "00.png").write_bytes(b"no image")
    for _ in range(2):  # the second time it is remembered
        judged = sparring.judge(real, real, console=QUIET)
        assert (judged.real.count, judged.real.name_of(0)) == (10, "01.png")
        assert any("1 of 11" in note and "00.png" in note for note in judged.notes)
    (real / "01.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2 of its 11(.|\n)*01\.png: not an image"):
        sparring.judge(real, real, console=QUIET)
