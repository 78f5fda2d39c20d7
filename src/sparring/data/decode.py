"""From the bytes of a file to a checked square of pixels. Files are not trusted: what goes wrong is an `UnusableError`."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from sparring.core.errors import DataError, listed
from sparring.core.specs import ImageSpec

Colour = tuple[int, int, int]
Crop = Literal["centre", "squash", "pad"]

# Only formats that Pillow decodes itself: EPS, for one, would start another program.
ENDINGS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".jpx"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "QOI": (".qoi",),
}
UNREAD_ENDINGS = (".heic", ".heif", ".jxl", ".psd", ".tga")
"""Pictures without doubt, so they count as unusable rather than as something else."""
PICTURE_ENDINGS = frozenset(ending for endings in ENDINGS.values() for ending in endings) | frozenset(UNREAD_ENDINGS)
LARGEST_FILE = 512 * 2**20
SEVERAL_FRAMES = "several frames: the first is used"


class UnusableError(Exception):
    """One picture cannot be used; the text is the reason. It never leaves this package: the picture is quarantined."""


@dataclass(frozen=True)
class Header:
    """What a file says about its picture before a pixel is decoded."""

    height: int
    width: int
    mode: str
    format: str


@dataclass(frozen=True)
class Loaded:
    """A decoded picture, upright, in mode L, LA, RGB or RGBA, with notes on what was done to it."""

    image: Image.Image
    header: Header
    notes: tuple[str, ...]


def looks_like_picture(head: bytes) -> bool:
    """Whether the first 16 bytes are those of a picture: for files whose ending says nothing."""
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif")
    riff = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    bitmap = head[:2] == b"BM" and head[6:10] == b"\0\0\0\0"
    return head.startswith(starts) or riff or bitmap or head[4:12] == b"ftypavif"


def open_header(content: bytes | UInt8[np.ndarray, "h w c"]) -> tuple[Image.Image, Header]:
    """The picture, not yet decoded, and what it says about itself."""
    if isinstance(content, np.ndarray):
        image = Image.fromarray(content[:, :, 0] if content.shape[2] == 1 else content)
        return image, Header(image.height, image.width, image.mode, "array")
    if not content:
        raise UnusableError("the file is empty")
    image = _opened(content)
    header = Header(image.height, image.width, image.mode, image.format or "?")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and header.height * header.width > limit:
        raise UnusableError(
            f"{header.width} x {header.height} pixels are more than Pillow's limit against decompression bombs ({limit:,} pixels)"
        )
    return image, header


def _opened(content: bytes) -> Image.Image:
    # Not Image.open: that warns of large pictures, and warnings can only be silenced for all threads of a process at once.
    _load_plugins()
    reasons = []
    for kind in ENDINGS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        if factory is None or (accept is not None and accept(content[:16]) is not True):
            continue
        try:
            return factory(io.BytesIO(content), "")
        except Exception as problem:  # a plugin fed with junk raises anything
            reasons.append(f"{kind}: {problem}")
    raise UnusableError("; ".join(["not a picture of a kind that is read here", *reasons]))


def _load_plugins() -> None:
    if "QOI" not in Image.OPEN:  # the least common: registered by init() alone
        Image.init()


def load(content: bytes | UInt8[np.ndarray, "h w c"], wanted: int | None = None) -> Loaded:
    """Decode a whole picture. `wanted`: the side in pixels that it will be reduced to; a JPEG far larger than that is decoded at
    a fraction of its size (never below four times the side), which is several times as fast.
    """
    try:
        image, header = open_header(content)
        notes = []
        if getattr(image, "is_animated", False):
            notes.append(SEVERAL_FRAMES)
        if wanted is not None and header.format in ("JPEG", "MPO"):
            image.draft(None, (4 * wanted, 4 * wanted))  # type: ignore[arg-type]  (None is documented: keep the mode)
        image.load()
        if header.format != "array":
            image = _upright(image, notes)
        return Loaded(_plain(image, notes), header, tuple(notes))
    except UnusableError:
        raise
    except Exception as problem:  # decoders raise anything on damaged files
        raise UnusableError(str(problem) or type(problem).__name__) from None


def _upright(image: Image.Image, notes: list[str]) -> Image.Image:
    try:
        orientation = image.getexif().get(0x0112, 1)
        turned = ImageOps.exif_transpose(image) if orientation in range(2, 9) else None
    except Exception:  # the pixels are good even where the EXIF block is not
        notes.append("EXIF block cannot be read: taken as upright")
        return image
    if turned is None:
        return image
    notes.append("turned as the EXIF orientation says")
    return turned


def _plain(image: Image.Image, notes: list[str]) -> Image.Image:
    """The picture in mode L, LA, RGB or RGBA."""
    if image.mode[0] in "IF":
        notes.append(f"{'16-bit' if image.mode[0] == 'I' else 'floating-point'} grey scaled to 8 bits")
        return _from_deep_grey(np.asarray(image))
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode == "P":
        return image.convert("L" if _is_grey_palette(image) else "RGB")
    if image.mode == "CMYK":
        notes.append("CMYK converted without a colour profile")
    return image.convert("RGB")


def _is_grey_palette(image: Image.Image) -> bool:
    colours = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def _from_deep_grey(values: np.ndarray) -> Image.Image:
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if not 0 <= low <= high <= 1:
            raise UnusableError(f"floating-point pixels from {low:g} to {high:g}: only [0, 1] has a known meaning")
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    if not 0 <= low <= high <= 65535:
        raise UnusableError(f"integer pixels from {low:g} to {high:g}: only 0 to 65535 has a known meaning")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def fit(image: Image.Image, size: int, crop: Crop, background: Colour, channels: int | None) -> UInt8[np.ndarray, "size size c"]:
    """A picture in mode L, LA, RGB or RGBA as a square. `channels` None: 1 if it is grey (and stays so on the background), else 3.

    With 4 channels, fully transparent pixels and padding have the background's colour and alpha 0; otherwise all is laid on it.
    """
    if channels == 4:
        image = image.convert("RGBA")
    else:
        image = _laid_on(image, background)
        if channels is None and crop == "pad" and image.width != image.height and not _is_grey(background):
            image = image.convert("RGB")
        elif channels is not None:
            image = image.convert("L" if channels == 1 else "RGB")
    pixels = np.array(_square(image, size, crop, background))
    if channels == 4:
        pixels[pixels[:, :, 3] == 0, :3] = background
    return pixels.reshape(size, size, -1)


def read_pictures(paths: Sequence[Path], spec: ImageSpec) -> UInt8[np.ndarray, "n h w c"]:
    """Picture files as squares of that size and so many channels, on white, the middle cut out. A DataError lists all that cannot be
    read.
    """
    pixels, problems = [], []
    for path in paths:
        try:
            loaded = load(path.read_bytes(), spec.height)
            pixels.append(fit(loaded.image, spec.height, "centre", (255, 255, 255), spec.channels))
        except OSError as problem:
            problems.append(f"{path}: {problem.strerror or problem}")
        except UnusableError as problem:
            problems.append(f"{path}: {problem}")
    if problems:
        raise DataError(listed("These pictures cannot be read:", problems))
    if not pixels:
        raise DataError("No picture is named.")
    return np.stack(pixels)


def _is_grey(colour: Colour) -> bool:
    return colour[0] == colour[1] == colour[2]


def _fill(mode: str, background: Colour) -> Image.Image:
    """One pixel of the background in that mode."""
    return Image.new("RGB", (1, 1), background).convert(mode)


def _laid_on(image: Image.Image, background: Colour) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image
    mode = "L" if image.mode == "LA" and _is_grey(background) else "RGB"
    base = _fill(mode, background).resize(image.size, Image.Resampling.NEAREST)
    base.paste(image.convert(mode), mask=image.getchannel("A"))
    return base


def _square(image: Image.Image, size: int, crop: Crop, background: Colour) -> Image.Image:
    width, height = image.size
    if crop == "pad":
        scale = size / max(width, height)
        inner = (max(1, math.floor(width * scale + 0.5)), max(1, math.floor(height * scale + 0.5)))
        picture = image if inner == image.size else image.resize(inner, Image.Resampling.LANCZOS)
        if inner == (size, size):
            return picture
        clear = image.mode == "RGBA"
        square = Image.new("RGBA", (size, size), (*background, 0)) if clear else _fill(image.mode, background).resize((size, size))
        square.paste(picture, ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return square
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (0, 0, width, height) if crop == "squash" else (left, top, left + side, top + side)
    if (box[2] - box[0], box[3] - box[1]) == (size, size):
        return image.crop(box)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)
