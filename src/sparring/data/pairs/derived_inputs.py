"""Derives inputs from images (edges, scribbles, gray, low resolution, masks), so that any folder of images becomes a set of pairs."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageFilter

from sparring.core.errors import SettingsError, did_you_mean
from sparring.core.random_streams import stream_seed

DerivedInput = Literal["edges", "scribble", "gray", "low-resolution", "masked"]
Pixels = UInt8[np.ndarray, "h w _"]
EDGE_CONTRAST, STROKE_CONTRAST = 40.0, 60.0
"""Change of brightness, out of 255, across a line that is drawn."""
DOWNSCALING, MASK_SHARE = 4, 0.5
"""Factor by which low-resolution inputs are reduced, and share of the side that a mask covers."""
WOBBLE = 1.5
"""Largest displacement of a scribble's lines, in 64ths of the side."""


def _to_pillow(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _brightness(pixels: Pixels, smoothing: float) -> Float[np.ndarray, "h w"]:
    gray = _to_pillow(pixels).convert("RGB").convert("L")
    return np.asarray(gray.filter(ImageFilter.GaussianBlur(smoothing)), np.float32)


def _detect_lines(pixels: Pixels, smoothing: float, least: float) -> np.ndarray:
    """Whether each pixel is on a line: brightness changes there by more than `least` across the pixel, and more than beside it."""
    gray = np.pad(_brightness(pixels, smoothing), 1, mode="edge")
    across, down = gray[1:-1, 2:] - gray[1:-1, :-2], gray[2:, 1:-1] - gray[:-2, 1:-1]
    size = np.hypot(across, down)
    around = np.pad(size, 1)
    sideways = np.abs(across) >= np.abs(down)
    before = np.where(sideways, around[1:-1, :-2], around[:-2, 1:-1])
    after = np.where(sideways, around[1:-1, 2:], around[2:, 1:-1])
    return (size > least) & (size >= before) & (size > after)


def edges(pixels: Pixels, index: int) -> Pixels:
    """An edge map: thin black lines on white."""
    return np.where(_detect_lines(pixels, 0.7, EDGE_CONTRAST), 0, 255).astype(np.uint8)[:, :, None]


def scribble(pixels: Pixels, index: int) -> Pixels:
    """A scribble: the coarse lines only, thick and unsteady as if drawn by hand, and always the same for the same `index`.

    The coarseness depends on the shorter side, so a wide image is drawn like its central square.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    drawn = np.where(_detect_lines(pixels, side / 48, STROKE_CONTRAST / 2), 0, 255).astype(np.uint8)
    generator = np.random.Generator(np.random.Philox(stream_seed(0, "scribble", index)))
    coarse = generator.uniform(-1, 1, (2, 5, 5)).astype(np.float32) * WOBBLE * side / 64
    down, across = (np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC)) for one in coarse)
    rows, columns = np.mgrid[:height, :width]
    rows = np.clip(np.round(rows + down), 0, height - 1).astype(int)
    columns = np.clip(np.round(columns + across), 0, width - 1).astype(int)
    return np.asarray(Image.fromarray(drawn[rows, columns]).filter(ImageFilter.MinFilter(3)))[:, :, None]


def gray(pixels: Pixels, index: int) -> Pixels:
    """The image without color."""
    return np.asarray(_to_pillow(pixels).convert("RGB").convert("L"))[:, :, None]


def low_resolution(pixels: Pixels, index: int) -> Pixels:
    """The image reduced to a quarter of its side and enlarged again."""
    image = _to_pillow(pixels)
    small = image.resize((max(1, image.width // DOWNSCALING), max(1, image.height // DOWNSCALING)), Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)).reshape(pixels.shape)


def masked(pixels: Pixels, index: int) -> Pixels:
    """The image with a gray rectangle of half its sides, at a position that depends on `index`."""
    height, width = pixels.shape[:2]
    tall, wide = round(height * MASK_SHARE), round(width * MASK_SHARE)
    generator = np.random.Generator(np.random.Philox(stream_seed(0, "mask", index)))
    top, left = int(generator.integers(height - tall + 1)), int(generator.integers(width - wide + 1))
    holed = pixels.copy()
    holed[top : top + tall, left : left + wide] = 127
    return holed


BRITISH_SPELLINGS: dict[str, DerivedInput] = {"grey": "gray"}
"""British spellings, which are also accepted."""
SIZE_DEPENDENT: frozenset[DerivedInput] = frozenset({"edges", "scribble", "masked"})
"""Kinds that look different on larger images: lines are equally thin and sparser, and masks are wider. (Gray and low-resolution inputs look
the same at any size.)"""


def parse_derived_input(name: str) -> DerivedInput:
    """The kind of derived input with this name, in American or British spelling. Raises a SettingsError for unknown kinds."""
    kind = BRITISH_SPELLINGS.get(name, name)
    if kind not in DERIVATIONS:
        raise SettingsError(f"There is no kind of derived input {name!r}. {did_you_mean(name, DERIVATIONS)}")
    return kind


DERIVATIONS: dict[DerivedInput, Callable[[Pixels, int], Pixels]] = {
    "edges": edges,
    "scribble": scribble,
    "gray": gray,
    "low-resolution": low_resolution,
    "masked": masked,
}
