"""Decodes the bytes of an image file into checked pixels. Files are not trusted: whatever fails becomes an `UnusableImageError`."""

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
from sparring.media.value_range import ValueRange, choose_range, describe_range, extremes, to_8_bits

Color = tuple[int, int, int]
Crop = Literal["center", "squash", "pad", "random"]
MOST_PIECES = 64
"""Largest number of pieces that are cut out of one image at random places."""

# Only formats that Pillow decodes by itself. EPS, for example, would start another program.
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
UNSUPPORTED_ENDINGS = (".heic", ".heif", ".jxl", ".psd", ".tga")
"""Endings of image formats that are not supported: such files count as unusable images rather than as other files."""
IMAGE_ENDINGS = frozenset(ending for endings in ENDINGS.values() for ending in endings) | frozenset(UNSUPPORTED_ENDINGS)
MAX_FILE_BYTES = 512 * 2**20
SEVERAL_FRAMES = "several frames: the first is used"
ORIENTATION_TAG = 0x0112
"""EXIF tag of an image's orientation, from 1 to 8."""
ORIENTATION_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Operation that turns an image upright, by its EXIF orientation."""
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_XMP_BYTES = 2**20
"""Largest XMP block of a PNG that is kept, in bytes, because it may hold the orientation."""
DARK_LEVEL = 63
"""If Pillow reduces 16-bit colors to 8-bit values of at most this level, too much of their differences is lost."""


class UnusableImageError(Exception):
    """An image cannot be used; the message is the reason. Callers catch it and list the image as unusable."""


@dataclass(frozen=True)
class ImageHeader:
    """An image file's header, read before any pixel is decoded."""

    height: int
    """Height in pixels as stored."""
    width: int
    """Width in pixels as stored."""
    mode: str
    """Pillow's mode, such as "L" or "RGB"."""
    format: str
    """Pillow's format, such as "PNG"; "array" for pixels from an array."""


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image in mode L, LA, RGB or RGBA, turned upright."""

    image: Image.Image
    header: ImageHeader
    notes: tuple[str, ...]
    """What was done to the image, as short phrases."""
    orientation: int = 1
    """EXIF orientation, from 1 to 8, that the image was turned by."""
    black_white: ValueRange | None = None
    """The values used as black and white if the image has more than 8 bits a value, else None."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width in pixels of the whole upright image."""
        height, width = self.header.height, self.header.width
        return (width, height) if self.orientation > 4 else (height, width)


def has_image_signature(head: bytes) -> bool:
    """Whether a file's first 16 bytes are the signature of an image format, for files whose ending does not say."""
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif")
    riff = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    bitmap = head[:2] == b"BM" and head[6:10] == b"\0\0\0\0"
    return head.startswith(starts) or riff or bitmap or head[4:12] == b"ftypavif"


def read_header(content: bytes | UInt8[np.ndarray, "h w c"], max_pixels: int | None = None) -> tuple[Image.Image, ImageHeader]:
    """Open an image without decoding it, and return it with its header.

    `max_pixels` limits height times width; None means Pillow's limit against decompression bombs. Raises an UnusableImageError if the file
    is empty, not an image, or larger than the limit.
    """
    if isinstance(content, np.ndarray):
        image = Image.fromarray(content[:, :, 0] if content.shape[2] == 1 else content)
        return image, ImageHeader(image.height, image.width, image.mode, "array")
    if not content:
        raise UnusableImageError("the file is empty")
    image = _open_with_pillow(content)
    header = ImageHeader(image.height, image.width, image.mode, image.format or "?")
    limit = Image.MAX_IMAGE_PIXELS if max_pixels is None else max_pixels
    pixels = header.height * header.width
    if limit is not None and pixels > limit:
        raise UnusableImageError(
            f"{header.width} x {header.height} pixels exceed the limit against decompression bombs ({limit:,} pixels); "
            f"if you trust the file: --max-pixels {pixels}"
        )
    return image, header


def read_upright_size(content: bytes | UInt8[np.ndarray, "h w c"]) -> tuple[int, int]:
    """Height and width in pixels of an upright image, without decoding it. Raises an UnusableImageError as `read_header` does."""
    image, header = read_header(content)
    return DecodedImage(image, header, (), 1 if header.format == "array" else _read_orientation(image, [])).upright_size


def _open_with_pillow(content: bytes) -> Image.Image:
    # Not Image.open, which warns of large images: warnings can only be silenced for all threads of a process at once.
    _load_plugins()
    reasons = []
    for kind in ENDINGS:
        factory, accept = Image.OPEN.get(kind, (None, None))
        if factory is None or (accept is not None and accept(content[:16]) is not True):
            continue
        try:
            return factory(io.BytesIO(content), "")
        except Exception as problem:  # plugins raise arbitrary errors on damaged files
            reasons.append(f"{kind}: {problem}")
    raise UnusableImageError("; ".join(["not an image in a supported format", *reasons]))


def _load_plugins() -> None:
    if "QOI" not in Image.OPEN:  # registered by init() only
        Image.init()


def decode_image(
    content: bytes | UInt8[np.ndarray, "h w c"],
    target_side: int | None = None,
    *,
    black_white: Callable[[], ValueRange] | None = None,
    max_pixels: int | None = None,
) -> DecodedImage:
    """Decode a whole image.

    `target_side` is the side in pixels that the image will be reduced to: a much larger JPEG is decoded at a fraction of its size (never
    below four times this side), which is several times as fast. `black_white` returns the values of black and white for images of more
    than 8 bits a value; None chooses them from the image's own values. `max_pixels` is as in `read_header`. Raises an UnusableImageError.
    """
    try:
        image, header = read_header(_strip_png_text(content), max_pixels)
        notes = []
        if getattr(image, "is_animated", False):
            notes.append(SEVERAL_FRAMES)
        if target_side is not None and header.format in ("JPEG", "MPO"):
            image.draft(None, (4 * target_side, 4 * target_side))  # type: ignore[arg-type]  (None is documented: keep the mode)
        image.load()
        orientation = 1 if header.format == "array" else _read_orientation(image, notes)
        deep, taken = high_bit_values(content, image), None
        if deep is None:
            image = _to_plain_mode(image, notes)
        else:
            taken = _own_range(deep) if black_white is None else black_white()
            image = _reduce_to_8_bits(deep, taken)
            if black_white is None:
                notes.append(f"more than 8 bits a value: {describe_range(taken)} used as black to white")
        if orientation in ORIENTATION_TRANSPOSES:
            image = image.transpose(ORIENTATION_TRANSPOSES[orientation])
            notes.append("turned upright by the EXIF orientation")
        return DecodedImage(image, header, tuple(notes), orientation, taken)
    except UnusableImageError:
        raise
    except Exception as problem:  # decoders raise arbitrary errors on damaged files
        raise UnusableImageError(str(problem) or type(problem).__name__) from None


def _strip_png_text(content: bytes | UInt8[np.ndarray, "h w c"]) -> bytes | UInt8[np.ndarray, "h w c"]:
    """A PNG without its text chunks and color profile. They are not needed, and Pillow refuses images with very large ones."""
    if not isinstance(content, bytes) or not content.startswith(PNG_SIGNATURE):
        return content
    kept, start, dropped = [PNG_SIGNATURE], len(PNG_SIGNATURE), False
    while start + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        piece = content[start : start + length + 12]
        may_turn = kind == b"iTXt" and length <= MAX_XMP_BYTES and piece[8:].startswith(b"XML:com.adobe.xmp\0\0")
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP") and not may_turn:
            dropped = True
        else:
            kept.append(piece)
        start += length + 12
    return b"".join([*kept, content[start:]]) if dropped else content


def _read_orientation(image: Image.Image, notes: list[str]) -> int:
    try:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # the pixels may be good even if the EXIF block is damaged
        notes.append("EXIF block cannot be read: assumed to be upright")
        return 1
    return orientation if orientation in ORIENTATION_TRANSPOSES else 1


def high_bit_values(content: bytes | UInt8[np.ndarray, "h w c"], image: Image.Image) -> Shaped[np.ndarray, "h w _"] | None:
    """Values of a loaded image of more than 8 bits a value, with 1 to 4 channels, as integers or floats; None for 8-bit images.

    Raises an UnusableImageError if values are not finite, or if Pillow has lost them.
    """
    values: np.ndarray | None = None
    if image.mode[0] in "IF":
        values = np.asarray(image)[:, :, None]
    elif isinstance(content, bytes) and content.startswith(PNG_SIGNATURE) and content[24:26] in (b"\x10\x02", b"\x10\x04", b"\x10\x06"):
        values = _png_of_16_bits(content)  # 16 bits a value, with color or alpha: Pillow would keep the upper 8 alone
    elif image.format == "TIFF" and max(image.tag_v2.get(258, (8,))) > 8 and max(high for _, high in _color_extremes(image)) <= DARK_LEVEL:  # pyright: ignore[reportAttributeAccessIssue] (of TIFFs)
        raise UnusableImageError("its 16-bit colors are so dark that 8 bits would lose them: save it as a PNG of 16 or of 8 bits")
    if values is not None and not np.isfinite(values).all():
        raise UnusableImageError("some of its pixels are infinite or NaN")
    return values


def _color_extremes(image: Image.Image) -> list[tuple[int, int]]:
    found = image.getextrema()
    return [found] if isinstance(found[0], int | float) else list(found)  # pyright: ignore[reportReturnType] (one pair, or one for each)


def _png_of_16_bits(content: bytes) -> UInt16[np.ndarray, "h w _"]:
    import torch  # noqa: PLC0415 (slow to import, and rarely needed)
    from torchvision.io import ImageReadMode, decode_png  # noqa: PLC0415

    data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return decode_png(data, ImageReadMode.UNCHANGED).permute(1, 2, 0).contiguous().numpy()


def _own_range(values: Shaped[np.ndarray, "h w _"]) -> ValueRange:
    return choose_range(*extremes(_without_alpha(values)), whole=values.dtype.kind in "iu")


def _without_alpha(values: Shaped[np.ndarray, "h w _"]) -> Shaped[np.ndarray, "h w _"]:
    """Values without the alpha channel."""
    return values[:, :, : {2: 1, 4: 3}.get(values.shape[2])]


def _reduce_to_8_bits(values: Shaped[np.ndarray, "h w _"], black_white: ValueRange) -> Image.Image:
    pixels = to_8_bits(values, black_white)
    if values.shape[2] in (2, 4):
        pixels[:, :, -1] = to_8_bits(values[:, :, -1], (0, 65535))
    return Image.fromarray(pixels[:, :, 0] if values.shape[2] == 1 else pixels)


def value_extremes(content: bytes | UInt8[np.ndarray, "h w c"], max_pixels: int | None = None) -> tuple[ValueRange, bool] | None:
    """Smallest and largest value of an image of more than 8 bits a value, and whether its values are integers. None for other images and
    for unusable ones.
    """
    try:
        image, _ = read_header(_strip_png_text(content), max_pixels)
        if image.mode[0] not in "IF" and not (
            isinstance(content, bytes) and content.startswith(PNG_SIGNATURE) and content[24:25] == b"\x10"
        ):
            return None
        image.load()
        values = high_bit_values(content, image)
    except Exception:  # reported when the image is decoded
        return None
    return None if values is None else (extremes(_without_alpha(values)), values.dtype.kind in "iu")


def _to_plain_mode(image: Image.Image, notes: list[str]) -> Image.Image:
    """The image converted to mode L, LA, RGB or RGBA."""
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


def fit_to_size(
    image: Image.Image, sides: tuple[int, int], crop: Crop, background: Color, channels: int | None
) -> UInt8[np.ndarray, "h w c"]:
    """An image in mode L, LA, RGB or RGBA at the (height, width) of `sides`.

    `channels` None means 1 if the image and the background it needs are gray, else 3. With 4 channels, fully transparent pixels and padding
    have the background's color and alpha 0; with fewer, the image is laid on the background.
    """
    if channels == 4:
        image = image.convert("RGBA")
    else:
        image = _lay_on_background(image, background)
        if channels is None and crop == "pad" and image.width * sides[0] != image.height * sides[1] and not _is_gray(background):
            image = image.convert("RGB")
        elif channels is not None:
            image = image.convert("L" if channels == 1 else "RGB")
    pixels = np.array(_resize(image, sides, crop, background))
    if channels == 4:
        pixels[pixels[:, :, 3] == 0, :3] = background
    return pixels.reshape(*sides, -1)


def random_pieces(image: Image.Image, sides: tuple[int, int], seed: int) -> list[Image.Image]:
    """Pieces of the (height, width) of `sides`, cut out at random places without resizing: as many as would cover the image, at most
    `MOST_PIECES`. An image that is smaller on a side is enlarged first.
    """
    tall, wide = sides
    scale = max(1.0, tall / image.height, wide / image.width)
    if scale > 1:
        image = image.resize((max(wide, round(image.width * scale)), max(tall, round(image.height * scale))), Image.Resampling.LANCZOS)
    width, height = image.size
    count = min(MOST_PIECES, -(-width * height // (wide * tall)))
    random = np.random.Generator(np.random.Philox(seed))
    corners = zip(random.integers(0, width - wide + 1, count).tolist(), random.integers(0, height - tall + 1, count).tolist(), strict=True)
    return [image.crop((left, top, left + wide, top + tall)) for left, top in corners]


def image_pixels(image: Image.Image, background: Color) -> UInt8[np.ndarray, "h w c"]:
    """All pixels of an image in mode L, LA, RGB or RGBA, laid on the background: one channel for gray images, three for color."""
    pixels = np.array(_lay_on_background(image, background))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def read_images(paths: Sequence[Path], sides: tuple[int, int], channels: int) -> UInt8[np.ndarray, "n h w c"]:
    """Image files as pixels of this (height, width) and these channels: cropped to its proportion, and laid on white.

    Raises a DataError that lists every file that cannot be read, or if no file is named.
    """
    pixels, problems = [], []
    for path in paths:
        try:
            loaded = decode_image(path.read_bytes(), max(sides))
            pixels.append(fit_to_size(loaded.image, sides, "center", (255, 255, 255), channels))
        except OSError as problem:
            problems.append(f"{path}: {problem.strerror or problem}")
        except UnusableImageError as problem:
            problems.append(f"{path}: {problem}")
    if problems:
        raise DataError(listed("These images cannot be read:", problems))
    if not pixels:
        raise DataError("No image files were named.")
    return np.stack(pixels)


def _is_gray(color: Color) -> bool:
    return color[0] == color[1] == color[2]


def _background_pixel(mode: str, background: Color) -> Image.Image:
    """One pixel of the background color, as an image in this mode."""
    return Image.new("RGB", (1, 1), background).convert(mode)


def _lay_on_background(image: Image.Image, background: Color) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image
    mode = "L" if image.mode == "LA" and _is_gray(background) else "RGB"
    base = _background_pixel(mode, background).resize(image.size, Image.Resampling.NEAREST)
    base.paste(image.convert(mode), mask=image.getchannel("A"))
    return base


def _inner_size(image: Image.Image, sides: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the whole image within a (height, width)."""
    scale = min(sides[0] / image.height, sides[1] / image.width)
    return max(1, math.floor(image.width * scale + 0.5)), max(1, math.floor(image.height * scale + 0.5))


def _resize(image: Image.Image, sides: tuple[int, int], crop: Crop, background: Color) -> Image.Image:
    size = sides[1], sides[0]
    if crop == "pad":
        inner = _inner_size(image, sides)
        resized = image if inner == image.size else image.resize(inner, Image.Resampling.LANCZOS)
        if inner == size:
            return resized
        clear = image.mode == "RGBA"
        whole = Image.new("RGBA", size, (*background, 0)) if clear else _background_pixel(image.mode, background).resize(size)
        whole.paste(resized, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
        return whole
    box = (0, 0, *image.size) if crop == "squash" else central_box(*image.size, *size)
    if (box[2] - box[0], box[3] - box[1]) == size:
        return image.crop(box)
    return image.resize(size, Image.Resampling.LANCZOS, box=box)


def central_box(width: int, height: int, wide: int, tall: int) -> tuple[int, int, int, int]:
    """The largest box of the proportion of `wide` to `tall` in the middle of an image: left, top, right and bottom, in whole pixels."""
    inner = (width, max(1, round(width * tall / wide))) if width * tall <= height * wide else (max(1, round(height * wide / tall)), height)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    return left, top, left + inner[0], top + inner[1]
