"""Files that are written: their endings say what they are, and what cannot be written is refused before any work."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import sparring
from sparring.core.errors import SettingsError
from sparring.media.image_files import OUTPUT_ENDINGS, output_kind
from support.cli import call


def ramp(n: int, channels: int, side: int = 50) -> torch.Tensor:
    """(n, c, side, side): image i has the 8-bit value 10 i + channel everywhere. Large enough that grids do not enlarge it."""
    values = 10.0 * torch.arange(n)[:, None] + torch.arange(channels)
    return (values / 127.5 - 1)[:, :, None, None].expand(-1, -1, side, side)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_images_are_written_as_the_ending_says(tmp_path: Path, channels: int, mode: str) -> None:
    images = ramp(5, channels)
    array = np.load(sparring.save_images(images, tmp_path / "a.NPZ"))["images"]
    assert (array.shape, array.dtype) == ((5, 50, 50, channels), np.uint8)
    assert array[3, 0, 0].tolist() == [30 + channel for channel in range(channels)]
    sparring.save_images(iter(images.split(2)), tmp_path / "folder")  # piece by piece
    assert [path.name for path in sorted((tmp_path / "folder").iterdir())] == [f"{i:05d}.png" for i in range(5)]
    for number in range(5):
        single = Image.open(tmp_path / "folder" / f"{number:05d}.png")
        assert single.mode == mode
        assert (np.asarray(single).reshape(50, 50, channels) == array[number]).all()
    grid = np.asarray(Image.open(sparring.save_images(images, str(tmp_path / "grid.png"), columns=2))).reshape(158, 106, channels)
    assert grid[:2].min() == 255  # a gap of two pixels around each
    for number in range(5):
        top, left = 2 + 52 * (number // 2), 2 + 52 * (number % 2)
        assert (grid[top : top + 50, left : left + 50] == array[number]).all()


@pytest.mark.parametrize("ending", ["png", "webp", "jpg", "JPEG", "bmp", "tiff", "gif"])
def test_every_image_ending_is_what_it_says(tmp_path: Path, ending: str) -> None:
    with Image.open(sparring.save_images(ramp(1, 3), tmp_path / f"a.{ending}")) as image:
        assert image.format == {"jpg": "JPEG"}.get(ending, ending.upper())


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 2, 8, 8),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        torch.full((1, 3, 8, 8), torch.nan),
        [],
    ],
)
def test_what_are_no_images_is_refused_and_nothing_is_written(tmp_path: Path, images: torch.Tensor) -> None:
    with pytest.raises(SettingsError):
        sparring.save_images(images, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_refusals_name_every_ending_that_works(tmp_path: Path) -> None:
    for wanted in (("image", "array", "folder"), ("video", "image"), ("image",), ("video",)):
        with pytest.raises(SettingsError) as refused:
            output_kind(tmp_path / "a.jpeg2", *wanted)
        said = str(refused.value)
        assert "'.jpeg2'" in said
        for kind in wanted:
            assert all(f"{ending}" in said for ending in OUTPUT_ENDINGS[kind])
    assert output_kind(Path("a.GIF"), "video", "image") == "video"
    assert output_kind(Path("a.gif"), "image") == "image"
    assert output_kind(tmp_path, "image", "folder") == "folder"
    with pytest.raises(SettingsError, match="folder"):
        output_kind(tmp_path, "image")


@pytest.mark.parametrize(
    ("arguments", "works"),
    [
        (("sample", "RUN", "--out", "x.jpeg2"), [".png", ".npz", "folder"]),
        (("interpolate", "RUN", "--out", "x.avi"), [".gif", ".mp4", ".png"]),
        (("latent", "move", "RUN", "--out", "x.avi"), [".gif", ".mp4", ".png"]),
        (("latent", "mix", "RUN", "--out", "x.mp4"), [".png", ".webp"]),
        (("latent", "truncation", "RUN", "--out", "x.npz"), [".png", ".webp"]),
        (("latent", "project", "RUN", "a.png", "--out", "x.png"), ["folder"]),
        (("eye", "filters", "RUN", "--out", "x.pdf"), [".png"]),
        (("data", "inspect", "fashion10k", "--out", "x.pdf"), [".png"]),
        (("pack", "RUN", "x.onnx"), ["x.safetensors"]),
        (("pack", "RUN", "x.pt"), ["x.safetensors"]),
        (("pack", "RUN", "x"), ["x.safetensors"]),
    ],
)
def test_endings_are_refused_before_a_model_is_looked_for(
    arguments: tuple[str, ...], works: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 1
    said = capsys.readouterr().err
    assert all(ending in said for ending in (*works, arguments[-1]))
    assert "does not exist" not in said
    assert not list(tmp_path.iterdir())
