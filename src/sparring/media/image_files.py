"""Writes images, grids, GIFs and videos to files, in the format that the file's ending names."""

import io
import itertools
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sparring.core.atomic_files import replacing, write_bytes
from sparring.core.errors import SettingsError, SparringError, missing_extra

MAX_GIF_RATE = 50
"""Largest frame rate of a GIF: browsers show shorter frames for a tenth of a second each."""
OutputKind = Literal["image", "video", "array", "folder"]
IMAGE_ENDINGS = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")
OUTPUT_ENDINGS: dict[OutputKind, tuple[str, ...]] = {"image": IMAGE_ENDINGS, "video": (".gif", ".mp4"), "array": (".npz",), "folder": ()}
"""Endings of each kind of output. A folder of images has none."""
WRITABLE_ENDINGS = set(IMAGE_ENDINGS)
HIGH_QUALITY: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
"""Settings of lossy formats at which losses are invisible."""


def to_pillow_image(pixels: UInt8[np.ndarray, "h w c"]) -> Image.Image:
    """Pixels with 1 (gray), 3 (RGB) or 4 (RGBA) channels as a Pillow image."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def save_image(pixels: UInt8[np.ndarray, "h w c"], path: Path) -> None:
    """Write one image atomically, in the format that the file's ending names (PNG, WebP, ...)."""
    write_bytes(path, encode_image(pixels, path))


def output_kind(path: Path, *wanted: OutputKind) -> OutputKind:
    """The kind of output to write at a path: the first of `wanted` with its ending, in lower or upper case; "folder" for existing folders
    and paths without an ending. Raises a SettingsError that names every possible ending.
    """
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        if "folder" in wanted:
            return "folder"
        problem = "is a folder, but a file is to be written" if path.is_dir() else "has no ending to say what to write"
    else:
        for kind in wanted:
            if ending in OUTPUT_ENDINGS[kind]:
                return kind
        problem = f"cannot be written as {path.suffix!r}"
    raise SettingsError(f"{path} {problem}. {_valid_endings(wanted)}")


def _valid_endings(wanted: Sequence[OutputKind]) -> str:
    """A sentence that names every possible ending once."""
    kind_of, choices = dict[str, str](), []
    for kind in wanted:
        endings = [ending for ending in OUTPUT_ENDINGS[kind] if kind_of.setdefault(ending, kind) == kind]
        if endings:
            choices.append(f"{', '.join(endings)} ({'an' if kind in {'image', 'array'} else 'a'} {kind})")
    if "folder" in wanted:
        choices.append("a name without a dot (a folder of single images)")
    return f"Use {'; or '.join(choices)}."


def encode_image(pixels: UInt8[np.ndarray, "h w c"], path: Path) -> bytes:
    """The content of an image file in the format that the ending of `path` names."""
    output_kind(path, "image")
    Image.init()
    kind = Image.EXTENSION[path.suffix.lower()]
    if kind == "PNG":
        return png(pixels)
    image, file = to_pillow_image(pixels), io.BytesIO()
    if kind == "JPEG" and image.mode == "RGBA":  # JPEG has no alpha
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image.save(file, format=kind, **HIGH_QUALITY.get(kind, {}))
    return file.getvalue()


def png(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    """The content of a PNG file, compressed at a level twice as fast as Pillow's default and 1 % larger."""
    file = io.BytesIO()
    to_pillow_image(pixels).save(file, format="PNG", compress_level=4)
    return file.getvalue()


def grid(
    images: UInt8[np.ndarray, "n h w c"], columns: int | None = None, gap: int = 2, scale: int | None = None
) -> UInt8[np.ndarray, "rows columns c"]:
    """Images in a grid on white, in reading order.

    By default, `columns` makes the grid as close to a square as possible. Images are enlarged by the whole factor `scale`; None enlarges
    small images so that their longer side has at least 48 pixels.
    """
    n, height, width, channels = images.shape
    if scale is None:
        scale = max(1, -(-48 // max(height, width)))
    if scale > 1:
        images = images.repeat(scale, axis=1).repeat(scale, axis=2)
        height, width = height * scale, width * scale
    columns = columns or max(1, math.ceil(math.sqrt(n)))
    rows = max(1, math.ceil(n / columns))
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = gap + (i // columns) * (height + gap), gap + (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def save_gif(
    frames: Sequence[UInt8[np.ndarray, "h w c"]],
    path: Path,
    frames_per_second: float = 12,
    hold_last: float = 0.0,
    durations: Sequence[int] = (),
) -> None:
    """Write a GIF that repeats endlessly.

    The last frame stays `hold_last` seconds longer. `durations` of the frames in milliseconds replace `frames_per_second`. Raises a
    SparringError without frames.
    """
    if not frames:
        raise SparringError(f"{path} cannot be written: there are no frames.")
    images = [to_pillow_image(frame) for frame in frames]
    images = [image.convert("RGB") if image.mode == "RGBA" else image for image in images]
    if not durations:
        every = math.ceil(frames_per_second / MAX_GIF_RATE)
        images = images[::every]
        hundredths = [round(100 * number * every / frames_per_second) for number in range(len(images) + 1)]
        durations = [10 * (end - begin) for begin, end in pairwise(hundredths)]
    durations = list(durations)
    durations[-1] += round(1000 * hold_last)
    with replacing(path) as temporary:
        images[0].save(temporary, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False)


def save_video(
    frames: Iterable[UInt8[np.ndarray, "h w c"]], path: Path, frames_per_second: float = 24, *, audio: Path | None = None
) -> None:
    """Write an MP4 (H.264) through imageio-ffmpeg, frame by frame.

    Odd sides get a copy of their last row or column, because H.264 needs even ones. `audio` is a video whose audio track is copied. Raises
    a SparringError without frames, or if the file cannot be written completely.
    """
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("imageio-ffmpeg", "video", "Writing an MP4") from None
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise SparringError(f"{path} cannot be written: there are no frames.")
    height, width, channels = first.shape
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    with replacing(path) as temporary:
        writer = imageio_ffmpeg.write_frames(
            str(temporary),
            (width + width % 2, height + height % 2),
            fps=frames_per_second,  # pyright: ignore[reportArgumentType] (fractions work)
            codec="libx264",
            quality=8,
            macro_block_size=2,
            ffmpeg_log_level="error",
            output_params=["-f", "mp4", "-movflags", "+faststart"],
            audio_path=None if audio is None else str(audio),
            audio_codec=None if audio is None else "aac",
        )
        writer.send(None)
        sent = 0
        try:
            for frame in itertools.chain([first], frames):
                color = frame[:, :, :3] if channels >= 3 else frame.repeat(3, axis=2)
                writer.send(np.ascontiguousarray(np.pad(color, padding, mode="edge")))
                sent += 1
            writer.close()
            written = imageio_ffmpeg.count_frames_and_secs(str(temporary))[0]  # ffmpeg does not report otherwise how it ended
        except (OSError, RuntimeError) as problem:
            raise SparringError(f"{path} cannot be written: {str(problem).strip().splitlines()[-1]}. Is the disk full?") from None
        if written != sent:
            raise SparringError(f"{path} is incomplete: only {written:,} of {sent:,} frames were written. Is the disk full?")


def save_gif_or_video(frames: Sequence[UInt8[np.ndarray, "h w c"]], path: Path, *, hold_last: float = 0.0) -> None:
    """Write a GIF (`.gif`) or else an MP4 video, by the file's ending. `hold_last` applies to GIFs only."""
    if path.suffix.lower() == ".gif":
        save_gif(frames, path, hold_last=hold_last)
    else:
        save_video(frames, path)
