"""From the bytes of a file to a checked square of pixels. Files are not trusted: what goes wrong is an `UnusableError`."""

import io
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Shaped, UInt8, UInt16
from PIL import Image

from sparring.core.errors import DataError, listed
from sparring.media.value_range import Range, described, extremes, range_of, to_8_bits

Color = tuple[int, int, int]
Crop = Literal["center", "squash", "pad"]

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
"""Images without doubt, so they count as unusable rather than as something else."""
IMAGE_ENDINGS = frozenset(ending for endings in ENDINGS.values() for ending in endings) | frozenset(UNREAD_ENDINGS)
LARGEST_FILE = 512 * 2**20
SEVERAL_FRAMES = "several frames: the first is used"
ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image upright, by that tag."""
PNG_START = b"\x89PNG\r\n\x1a\n"
LONGEST_XMP = 2**20
"""Bytes of a PNG's XMP block, which may hold the orientation, that Pillow reads."""
DIM = 63
"""Colors of 16 bits that Pillow reduces to no more than this have lost what made them differ."""


class UnusableError(Exception):
    """One image cannot be used; the text is the reason. It never leaves this package: the image is quarantined."""


@dataclass(frozen=True)
class Header:
    """What a file says about its image before a pixel is decoded."""

    height: int
    width: int
    mode: str
    format: str


@dataclass(frozen=True)
class Loaded:
    """A decoded image, upright, in mode L, LA, RGB or RGBA, with notes on what was done to it."""

    image: Image.Image
    header: Header
    notes: tuple[str, ...]
    orientation: int = 1
    """The EXIF orientation, 1 to 8, that it was turned by."""
    black_white: Range | None = None
    """Of an image of more than 8 bits a value: what was taken as black and white."""

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width in pixels of the whole image, as it is to be seen."""
        height, width = self.header.height, self.header.width
        return (width, height) if self.orientation > 4 else (height, width)


def looks_like_image(head: bytes) -> bool:
    """Whether the first 16 bytes are those of a image: for files whose ending says nothing."""
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif")
    riff = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    bitmap = head[:2] == b"BM" and head[6:10] == b"\0\0\0\0"
    return head.startswith(starts) or riff or bitmap or head[4:12] == b"ftypavif"


def open_header(content: bytes | UInt8[np.ndarray, "h w c"], max_pixels: int | None = None) -> tuple[Image.Image, Header]:
    """The image, not yet decoded, and what it says about itself. `max_pixels`: of its height times its width (None: Pillow's limit).
    An UnusableError if it is larger.
    """
    if isinstance(content, np.ndarray):
        image = Image.fromarray(content[:, :, 0] if content.shape[2] == 1 else content)
        return image, Header(image.height, image.width, image.mode, "array")
    if not content:
        raise UnusableError("the file is empty")
    image = _opened(content)
    header = Header(image.height, image.width, image.mode, image.format or "?")
    limit = Image.MAX_IMAGE_PIXELS if max_pixels is None else max_pixels
    pixels = header.height * header.width
    if limit is not None and pixels > limit:
        raise UnusableError(
            f"{header.width} x {header.height} pixels are more than the limit against decompression bombs ({limit:,} pixels); "
            f"if you trust it: --max-pixels {pixels}"
        )
    return image, header


def _opened(content: bytes) -> Image.Image:
    # Not Image.open: that warns of large images, and warnings can only be silenced for all threads of a process at once.
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
    raise UnusableError("; ".join(["not a image of a kind that is read here", *reasons]))


def _load_plugins() -> None:
    if "QOI" not in Image.OPEN:  # the least common: registered by init() alone
        Image.init()


def load(
    content: bytes | UInt8[np.ndarray, "h w c"],
    wanted: int | None = None,
    *,
    black_white: Callable[[], Range] | None = None,
    max_pixels: int | None = None,
) -> Loaded:
    """Decode a whole image. `wanted`: the side in pixels that it will be reduced to; a JPEG far larger than that is decoded at
    a fraction of its size (never below four times the side), which is several times as fast. `black_white`: gives the values that are
    black and white in images of more than 8 bits a value (None: by the image's own values). `max_pixels`: see `open_header`.
    """
    try:
        image, header = open_header(_without_texts(content), max_pixels)
        notes = []
        if getattr(image, "is_animated", False):
            notes.append(SEVERAL_FRAMES)
        if wanted is not None and header.format in ("JPEG", "MPO"):
            image.draft(None, (4 * wanted, 4 * wanted))  # type: ignore[arg-type]  (None is documented: keep the mode)
        image.load()
        orientation = 1 if header.format == "array" else _orientation(image, notes)
        deep, taken = deep_values(content, image), None
        if deep is None:
            image = _plain(image, notes)
        else:
            taken = _range_of_one(deep) if black_white is None else black_white()
            image = _in_8_bits(deep, taken)
            if black_white is None:
                notes.append(f"more than 8 bits a value: {described(taken)} taken as black to white")
        if orientation in TURNS:
            image = image.transpose(TURNS[orientation])
            notes.append("turned as the EXIF orientation says")
        return Loaded(image, header, tuple(notes), orientation, taken)
    except UnusableError:
        raise
    except Exception as problem:  # decoders raise anything on damaged files
        raise UnusableError(str(problem) or type(problem).__name__) from None


def _without_texts(content: bytes | UInt8[np.ndarray, "h w c"]) -> bytes | UInt8[np.ndarray, "h w c"]:
    """A PNG without its texts and color profile, for which Pillow refuses images that have much of them: they are not needed here."""
    if not isinstance(content, bytes) or not content.startswith(PNG_START):
        return content
    kept, start, dropped = [PNG_START], len(PNG_START), False
    while start + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        piece = content[start : start + length + 12]
        may_turn = kind == b"iTXt" and length <= LONGEST_XMP and piece[8:].startswith(b"XML:com.adobe.xmp\0\0")
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP") and not may_turn:
            dropped = True
        else:
            kept.append(piece)
        start += length + 12
    return b"".join([*kept, content[start:]]) if dropped else content


def _orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # the pixels are good even where the EXIF block is not
        notes.append("EXIF block cannot be read: taken as upright")
        return 1
    return orientation if orientation in TURNS else 1


def deep_values(content: bytes | UInt8[np.ndarray, "h w c"], image: Image.Image) -> Shaped[np.ndarray, "h w _"] | None:
    """The values of a loaded image of more than 8 bits each, with 1 to 4 channels, as whole numbers or floats; None if 8 bits hold them.
    An UnusableError if some are not finite, or are lost.
    """
    values: np.ndarray | None = None
    if image.mode[0] in "IF":
        values = np.asarray(image)[:, :, None]
    elif isinstance(content, bytes) and content.startswith(PNG_START) and content[24:26] in (b"\x10\x02", b"\x10\x04", b"\x10\x06"):
        values = _png_of_16_bits(content)  # 16 bits a value, with color or alpha: Pillow would keep the upper 8 alone
    elif image.format == "TIFF" and max(image.tag_v2.get(258, (8,))) > 8 and max(high for _, high in _color_extremes(image)) <= DIM:  # pyright: ignore[reportAttributeAccessIssue] (of TIFFs)
        raise UnusableError("its 16-bit colors are so small that 8 bits would lose them: save it as a PNG of 16 bits, or of 8")
    if values is not None and not np.isfinite(values).all():
        raise UnusableError("some of its pixels are infinite or no numbers")
    return values


def _color_extremes(image: Image.Image) -> list[tuple[int, int]]:
    found = image.getextrema()
    return [found] if isinstance(found[0], int | float) else list(found)  # pyright: ignore[reportReturnType] (one pair, or one for each)


def _png_of_16_bits(content: bytes) -> UInt16[np.ndarray, "h w _"]:
    import torch  # noqa: PLC0415 (slow to import, and seldom needed)
    from torchvision.io import ImageReadMode, decode_png  # noqa: PLC0415

    data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return decode_png(data, ImageReadMode.UNCHANGED).permute(1, 2, 0).contiguous().numpy()


def _range_of_one(values: Shaped[np.ndarray, "h w _"]) -> Range:
    return range_of(*extremes(_colors(values)), whole=values.dtype.kind in "iu")


def _colors(values: Shaped[np.ndarray, "h w _"]) -> Shaped[np.ndarray, "h w _"]:
    """Values without those of alpha."""
    return values[:, :, : {2: 1, 4: 3}.get(values.shape[2])]


def _in_8_bits(values: Shaped[np.ndarray, "h w _"], black_white: Range) -> Image.Image:
    pixels = to_8_bits(values, black_white)
    if values.shape[2] in (2, 4):
        pixels[:, :, -1] = to_8_bits(values[:, :, -1], (0, 65535))
    return Image.fromarray(pixels[:, :, 0] if values.shape[2] == 1 else pixels)


def extremes_of(content: bytes | UInt8[np.ndarray, "h w c"], max_pixels: int | None = None) -> tuple[Range, bool] | None:
    """The least and the greatest value of an image of more than 8 bits a value, and whether they are whole numbers. None for others, and
    for what cannot be used.
    """
    try:
        image, _ = open_header(_without_texts(content), max_pixels)
        if image.mode[0] not in "IF" and not (isinstance(content, bytes) and content.startswith(PNG_START) and content[24:25] == b"\x10"):
            return None
        image.load()
        values = deep_values(content, image)
    except Exception:  # what is wrong with it is found and told when it is decoded
        return None
    return None if values is None else (extremes(_colors(values)), values.dtype.kind in "iu")


def _plain(image: Image.Image, notes: list[str]) -> Image.Image:
    """The image in mode L, LA, RGB or RGBA."""
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
    if image.mode in ("1", "L"):
        return image.convert("L")
    if image.mode == "P":
        return image.convert("L" if _is_gray_palette(image) else "RGB")
    if image.mode == "CMYK":
        notes.append("CMYK converted without a color profile")
    return image.convert("RGB")


def _is_gray_palette(image: Image.Image) -> bool:
    colors = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((colors == colors[:, :1]).all())


def fit(image: Image.Image, size: int, crop: Crop, background: Color, channels: int | None) -> UInt8[np.ndarray, "size size c"]:
    """A image in mode L, LA, RGB or RGBA as a square. `channels` None: 1 if it is gray (and stays so on the background), else 3.

    With 4 channels, fully transparent pixels and padding have the background's color and alpha 0; otherwise all is laid on it.
    """
    if channels == 4:
        image = image.convert("RGBA")
    else:
        image = _laid_on(image, background)
        if channels is None and crop == "pad" and image.width != image.height and not _is_gray(background):
            image = image.convert("RGB")
        elif channels is not None:
            image = image.convert("L" if channels == 1 else "RGB")
    pixels = np.array(_square(image, size, crop, background))
    if channels == 4:
        pixels[pixels[:, :, 3] == 0, :3] = background
    return pixels.reshape(size, size, -1)


def whole(image: Image.Image, background: Color) -> UInt8[np.ndarray, "h w c"]:
    """All of a image in mode L, LA, RGB or RGBA as it is, laid on the background: gray with one channel, color with three."""
    pixels = np.array(_laid_on(image, background))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def read_images(paths: Sequence[Path], size: int, channels: int) -> UInt8[np.ndarray, "n h w c"]:
    """Image files as squares of that size and so many channels, on white, the middle cut out. A DataError lists all that cannot be
    read.
    """
    pixels, problems = [], []
    for path in paths:
        try:
            loaded = load(path.read_bytes(), size)
            pixels.append(fit(loaded.image, size, "center", (255, 255, 255), channels))
        except OSError as problem:
            problems.append(f"{path}: {problem.strerror or problem}")
        except UnusableError as problem:
            problems.append(f"{path}: {problem}")
    if problems:
        raise DataError(listed("These images cannot be read:", problems))
    if not pixels:
        raise DataError("No image is named.")
    return np.stack(pixels)


def _is_gray(color: Color) -> bool:
    return color[0] == color[1] == color[2]


def _fill(mode: str, background: Color) -> Image.Image:
    """One pixel of the background in that mode."""
    return Image.new("RGB", (1, 1), background).convert(mode)


def _laid_on(image: Image.Image, background: Color) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image
    mode = "L" if image.mode == "LA" and _is_gray(background) else "RGB"
    base = _fill(mode, background).resize(image.size, Image.Resampling.NEAREST)
    base.paste(image.convert(mode), mask=image.getchannel("A"))
    return base


def _square(image: Image.Image, size: int, crop: Crop, background: Color) -> Image.Image:
    width, height = image.size
    if crop == "pad":
        scale = size / max(width, height)
        inner = (max(1, math.floor(width * scale + 0.5)), max(1, math.floor(height * scale + 0.5)))
        resized = image if inner == image.size else image.resize(inner, Image.Resampling.LANCZOS)
        if inner == (size, size):
            return resized
        clear = image.mode == "RGBA"
        square = Image.new("RGBA", (size, size), (*background, 0)) if clear else _fill(image.mode, background).resize((size, size))
        square.paste(resized, ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return square
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (0, 0, width, height) if crop == "squash" else (left, top, left + side, top + side)
    if (box[2] - box[0], box[3] - box[1]) == (size, size):
        return image.crop(box)
    return image.resize((size, size), Image.Resampling.LANCZOS, box=box)
