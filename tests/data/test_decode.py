"""Bytes become pixels: checked against numbers that were worked out by hand."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from sparring.media.image_decoding import (
    IMAGE_ENDINGS,
    Color,
    Crop,
    UnusableImageError,
    decode_image,
    fit_to_size,
    has_image_signature,
    value_extremes,
)
from support.image_files import encoded, noise

WHITE, BLUE = (255, 255, 255), (0, 0, 255)


def square(
    image: Image.Image,
    size: int,
    *,
    kind: str = "PNG",
    crop: Crop = "center",
    background: Color = WHITE,
    channels: int | None = None,
    **settings: object,
) -> np.ndarray:
    return fit_to_size(decode_image(encoded(image, kind, **settings)).image, (size, size), crop, background, channels)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    # where the stored top left corner is meant to be seen, from the EXIF standard: (row, column) of a 4x4 image
    [(1, (0, 0)), (2, (0, 3)), (3, (3, 3)), (4, (3, 0)), (5, (0, 0)), (6, (0, 3)), (7, (3, 3)), (8, (3, 0))],
)
def test_exif_orientation_turns_the_red_corner(orientation: int, corner: tuple[int, int]) -> None:
    stored = np.zeros((4, 4, 3), np.uint8)
    stored[0, 0] = (255, 0, 0)
    stored[0, 1] = (0, 255, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = square(Image.fromarray(stored), 4, exif=exif)
    assert tuple(pixels[corner]) == (255, 0, 0)
    # the neighbor in the stored row tells a turn from a flip
    green = {1: (0, 1), 2: (0, 2), 3: (3, 2), 4: (3, 1), 5: (1, 0), 6: (1, 3), 7: (2, 3), 8: (2, 0)}[orientation]
    assert tuple(pixels[green]) == (0, 255, 0)


def test_alpha_is_laid_on_the_background() -> None:
    # half red on blue: 255 * 128 / 255 = 128 red, 255 * 127 / 255 = 127 blue
    half = Image.new("RGBA", (2, 2), (255, 0, 0, 128))
    assert square(half, 2, background=BLUE)[0, 0].tolist() == [128, 0, 127]
    clear = Image.new("RGBA", (2, 2), (9, 9, 9, 0))
    assert square(clear, 2, background=BLUE)[0, 0].tolist() == [0, 0, 255]
    gray = Image.new("LA", (2, 2), (100, 51))  # 100 * 51/255 + 255 * 204/255 = 20 + 204
    assert square(gray, 2).tolist() == [[[224]] * 2] * 2
    assert square(gray, 2, background=BLUE)[0, 0].tolist() == [20, 20, 224]


def test_four_channels_keep_alpha_and_show_the_background_where_nothing_is() -> None:
    pixels = np.full((2, 2, 4), 77, np.uint8)
    pixels[0, 0] = (1, 2, 3, 0)
    out = square(Image.fromarray(pixels), 2, channels=4, background=BLUE)
    assert out[0, 0].tolist() == [0, 0, 255, 0]
    assert out[1, 1].tolist() == [77] * 4
    assert square(Image.new("RGB", (2, 2), (5, 6, 7)), 2, channels=4)[0, 0].tolist() == [5, 6, 7, 255]


def test_resizing_with_alpha_lets_no_hidden_color_through() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (255, 0, 0, 255)
    pixels[:, 4:] = (0, 255, 0, 0)  # green, but invisible
    out = square(Image.fromarray(pixels), 3, channels=4, background=(0, 0, 0))
    assert 0 < out[1, 1, 3] < 255
    assert out[:, :, 1].max() == 0
    assert out[1, 1, 0] == 255


def test_cmyk() -> None:
    # (1 - c) * (1 - k): cyan 255 leaves no red; black 51 leaves 204
    assert square(Image.new("CMYK", (8, 8), (255, 0, 0, 51)), 8, kind="TIFF")[3, 3].tolist() == [0, 204, 204]


def test_palette_with_and_without_transparency() -> None:
    wide = Image.new("P", (2, 2))
    wide.putpalette([200, 100, 50, 0, 255, 0])
    wide.putdata([0, 1, 1, 0])
    assert square(wide, 2)[0].tolist() == [[200, 100, 50], [0, 255, 0]]
    assert square(wide, 2, transparency=1)[0].tolist() == [[200, 100, 50], [255, 255, 255]]
    half = bytes([255, 51])  # 0.2 green on white: red and blue 204
    assert square(wide, 2, transparency=half)[0].tolist() == [[200, 100, 50], [204, 255, 204]]


def test_gray_palette_is_grey() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 90, 90, 90])
    assert square(image, 2).shape == (2, 2, 1)
    assert square(image, 2)[0, 0, 0] == 90


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 257], [32896, 65535]], np.uint16)  # 257 is one 8-bit step; 32896 = 128 * 257
    assert square(Image.fromarray(values), 2, kind=kind)[:, :, 0].tolist() == [[0, 1], [128, 255]]


def test_sixteen_bit_pgm() -> None:
    content = b"P5 2 1 65535\n" + struct.pack(">2H", 65535, 25700)
    assert np.asarray(decode_image(content).image).tolist() == [[255, 100]]


def test_the_range_of_floats_is_the_usual_one_or_that_of_the_values() -> None:
    assert square(Image.fromarray(np.full((2, 2), 0.5, np.float32)), 2, kind="TIFF")[0, 0, 0] == 128
    for values, wanted in (([0.5, 3.0], [0, 255]), ([-1.0, 0.5], [0, 191]), ([0.0, 0.04, 0.08, 0.2], [0, 51, 102, 255])):
        image = Image.fromarray(np.array([values], np.float32))
        loaded = decode_image(encoded(image, "TIFF"))
        assert np.asarray(loaded.image)[0].tolist() == wanted
        assert any("black to white" in note for note in loaded.notes)
    for bad in (np.nan, np.inf):
        with pytest.raises(UnusableImageError, match="infinite"):
            decode_image(encoded(Image.fromarray(np.array([[0.5, bad]], np.float32)), "TIFF"))
    given = decode_image(encoded(Image.fromarray(np.array([[-1000, 400, 0]], np.int32)), "TIFF"), black_white=lambda: (-1000.0, 1000.0))
    assert np.asarray(given.image)[0].tolist() == [0, 179, 128]  # 1400 / 2000 and 1000 / 2000 of 255


def test_one_bit() -> None:
    image = Image.new("1", (2, 2), 0)
    image.putpixel((1, 0), 1)
    assert square(image, 2)[:, :, 0].tolist() == [[0, 255], [0, 0]]


def test_transparent_color_of_a_image_without_alpha() -> None:
    image = Image.new("RGB", (2, 2), (10, 20, 30))
    image.putpixel((0, 0), (1, 2, 3))
    assert square(image, 2, transparency=(1, 2, 3))[0].tolist() == [[255, 255, 255], [10, 20, 30]]


def test_a_fine_checkerboard_becomes_gray() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = square(Image.fromarray(board), 16)
    assert np.abs(pixels.astype(int) - 127.5).max() <= 2


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    gradient = np.linspace(0, 255, 1024).astype(np.uint8)
    image = Image.merge(
        "RGB", [Image.fromarray(np.tile(gradient, (1024, 1))), *[Image.fromarray(np.tile(gradient[:, None], (1, 1024)))] * 2]
    )
    content = encoded(image, "JPEG", quality=95)
    small = decode_image(content, 32)
    assert small.image.size == (128, 128)
    assert small.header.width == 1024
    fast, full = (fit_to_size(decode_image(content, wanted).image, (32, 32), "center", WHITE, None) for wanted in (32, None))
    assert np.abs(fast.astype(int) - full).max() <= 3


def thirds() -> Image.Image:
    """12 wide, 4 high: red, green and blue blocks of 4x4."""
    return Image.fromarray(np.repeat(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8), 4, axis=1).repeat(4, axis=0))


def test_crop_center_takes_the_middle() -> None:
    assert np.array_equal(square(thirds(), 4), np.broadcast_to(np.array([0, 255, 0], np.uint8), (4, 4, 3)))
    assert np.array_equal(square(thirds().transpose(Image.Transpose.ROTATE_90), 4)[2, 2], [0, 255, 0])


def test_crop_squash_keeps_all() -> None:
    pixels = square(thirds(), 3, crop="squash")
    assert pixels[1].argmax(axis=1).tolist() == [0, 1, 2]


def test_crop_pad_adds_background() -> None:
    pixels = square(thirds(), 12, crop="pad", background=(1, 2, 3))
    assert np.array_equal(pixels[4:8], np.asarray(thirds()))
    assert np.array_equal(pixels[:4], np.broadcast_to(np.array([1, 2, 3], np.uint8), (4, 12, 3)))
    assert np.array_equal(pixels[8:], pixels[:4])
    clear = square(thirds(), 12, crop="pad", background=(1, 2, 3), channels=4)
    assert clear[0, 0].tolist() == [1, 2, 3, 0]
    assert clear[5, 0].tolist() == [255, 0, 0, 255]


def test_gray_on_colored_padding_is_color() -> None:
    gray = Image.new("L", (4, 2), 9)
    assert square(gray, 4, crop="pad").shape == (4, 4, 1)
    assert square(gray, 4, crop="pad", background=BLUE)[0, 0].tolist() == [0, 0, 255]
    assert square(gray, 4, crop="pad", background=BLUE, channels=1).shape == (4, 4, 1)


def test_channels_asked_for() -> None:
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    assert square(red, 2, channels=1)[0, 0].tolist() == [76]  # 0.299 * 255
    assert square(Image.new("L", (2, 2), 9), 2, channels=3)[0, 0].tolist() == [9, 9, 9]


def test_animated_uses_the_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "lime", "blue")]
    loaded = decode_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert loaded.image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    assert loaded.notes == ("several frames: the first is used",)


def bomb() -> bytes:
    """A PNG heading that declares 100,000 x 100,000 pixels."""
    chunks = (b"IHDR" + struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is no image", "not an image"),
        (encoded(noise(32, 32))[:-400], "truncated"),
        (encoded(noise(64, 64), "JPEG")[:2000], "truncated"),
        (encoded(noise(64, 64), "BMP")[:2000], "truncated"),
        (bomb(), "bomb"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),  # would start Ghostscript
    ],
)
def test_unusable(content: bytes, reason: str) -> None:
    with pytest.raises(UnusableImageError, match=reason):
        decode_image(content)


def test_damage_at_any_place_is_a_image_or_a_reason() -> None:
    random = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP"):
        whole = encoded(noise(16, 16), kind)
        for _ in range(40):
            broken = bytearray(whole)
            for place in random.integers(0, len(whole), 3):
                broken[place] = int(random.integers(256))
            try:
                mode = decode_image(bytes(broken)).image.mode
            except UnusableImageError:  # nothing else may come out
                continue
            assert mode in ("L", "LA", "RGB", "RGBA")


def test_large_images_warn_nobody_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(UnusableImageError, match="11 x 10 pixels"):
            decode_image(encoded(noise(10, 11)))
        assert decode_image(encoded(noise(10, 10))).image.size == (10, 10)
    assert not caught
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_first_bytes_tell_a_image(kind: str) -> None:
    assert has_image_signature(encoded(noise(4, 4), kind)[:16])


@pytest.mark.parametrize("text", [b"P5 is a project", b"BM is short for", b"# Read me", b"{}", b"", b"RIFF....WAVE"])
def test_first_bytes_tell_what_is_none(text: bytes) -> None:
    assert not has_image_signature(text[:16])


def test_every_ending_is_lower_case_with_a_dot() -> None:
    assert all(ending.startswith(".") and ending == ending.lower() for ending in IMAGE_ENDINGS)
    assert {".png", ".jpg", ".heic"} <= IMAGE_ENDINGS


def test_arrays_pass_through_unchanged() -> None:
    for channels in (1, 3, 4):
        pixels = np.random.default_rng(channels).integers(0, 256, (6, 6, channels), np.uint8)
        pixels[..., 3:] |= 1
        assert np.array_equal(fit_to_size(decode_image(pixels).image, (6, 6), "center", WHITE, channels), pixels)


def test_broken_exif_keeps_the_image() -> None:
    content = encoded(noise(8, 8), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert np.asarray(decode_image(content).image).shape == (8, 8, 3)


def sixteen_bit_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a value with 3 or 4 channels, written by hand from the standard."""
    height, width, channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bit_colors_keep_what_the_lower_bits_hold() -> None:
    values = np.array([[[0, 1023, 4095], [2048, 4095, 0]]], np.uint16)  # of a scanner of 12 bits
    content = sixteen_bit_png(values)
    assert value_extremes(content) == ((0.0, 4095.0), True)
    assert np.asarray(decode_image(content).image).tolist() == [[[0, 64, 255], [128, 255, 0]]]
    clear = np.array([[[4095, 0, 0, 65535], [0, 4095, 0, 0]]], np.uint16)
    assert np.asarray(decode_image(sixteen_bit_png(clear)).image).tolist() == [[[255, 0, 0, 255], [0, 255, 0, 0]]], (
        "alpha has a range of its own"
    )


def test_colors_that_8_bits_would_lose_are_refused() -> None:
    values = np.full((2, 2, 3), 4095, np.uint16)
    tags = [
        (256, 4, 2),
        (257, 4, 2),
        (258, 3, 16),
        (259, 3, 1),
        (262, 3, 2),
        (273, 4, 134),
        (277, 3, 3),
        (278, 4, 2),
        (279, 4, 24),
        (284, 3, 1),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    content = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", 0)
    content = content.replace(struct.pack("<HHII", 258, 3, 1, 16), struct.pack("<HHII", 258, 3, 3, len(content) + 24))
    content = content.replace(struct.pack("<HHII", 273, 4, 1, 134), struct.pack("<HHII", 273, 4, 1, len(content)))
    file = content + values.astype("<u2").tobytes() + struct.pack("<3H", 16, 16, 16)
    with pytest.raises(UnusableImageError, match="16 or of 8 bits"):
        decode_image(file)
    bright = content + (values * 16).astype("<u2").tobytes() + struct.pack("<3H", 16, 16, 16)
    assert np.asarray(decode_image(bright).image)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("zipped", [True, False])
def test_png_of_much_text_or_a_large_profile_is_read(zipped: bool) -> None:
    text = PngInfo()
    text.add_text("workflow", "x" * 3_000_000, zip=zipped)
    text.add_itxt("parameters", "y" * 3_000_000, zip=zipped)
    image = noise(5, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    loaded = decode_image(encoded(image, "PNG", pnginfo=text, icc_profile=bytes(3_000_000), exif=exif))
    assert np.array_equal(np.asarray(loaded.image), np.asarray(image.transpose(Image.Transpose.ROTATE_270)))
    assert loaded.upright_size == loaded.image.size[::-1]


def test_more_pixels_are_read_if_they_are_allowed() -> None:
    content = encoded(noise(10, 20), "PNG")
    with pytest.raises(UnusableImageError, match="--max-pixels 200"):
        decode_image(content, max_pixels=199)
    assert decode_image(content, max_pixels=200).image.size == (20, 10)
