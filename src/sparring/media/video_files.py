"""Films and animations: their frames, one after the other."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sparring.core.errors import DataError, missing_extra

VIDEO_ENDINGS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif"}
MIN_FRAME_MS, DEFAULT_FRAME_MS = 20, 100
"""Milliseconds that browsers show a GIF's frame at least, and one that does not say how long."""


@contextlib.contextmanager
def _read_errors(film: Path) -> Iterator[None]:
    """What a damaged film raises is up to its format: here a DataError."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, IndexError, StopIteration, Image.DecompressionBombError) as problem:
        raise DataError(f"{film} cannot be read as a film: {str(problem).partition(chr(10))[0] or 'it is damaged'}.") from None


def read_frames(film: Path) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    """The frames of a film, in order; with alpha where a GIF is transparent. A DataError if it is none, or is damaged."""
    with _read_errors(film):
        if film.suffix.lower() == ".gif":
            with Image.open(film, formats=["GIF"]) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    yield np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
            return
        frames, about = _open_video(film)
        width, height = about["size"]
        for frame in frames:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


def gif_frame_durations(gif: Path) -> list[int]:
    """How long each frame of a GIF is shown, in milliseconds."""
    found = []
    with _read_errors(gif), Image.open(gif, formats=["GIF"]) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(max(MIN_FRAME_MS, round(image.info.get("duration", DEFAULT_FRAME_MS))))
    return found


def frame_rate(film: Path) -> float:
    """Frames a second, in the mean. A DataError if it is no film."""
    if film.suffix.lower() == ".gif":
        durations = gif_frame_durations(film)
        return 1000 * len(durations) / sum(durations)
    with _read_errors(film):
        return float(_open_video(film)[1]["fps"])


def has_audio(film: Path) -> bool:
    """Whether there is something to hear. A DataError if it is no film."""
    if film.suffix.lower() == ".gif":
        return False
    with _read_errors(film):
        return bool(_open_video(film)[1].get("audio_codec"))


def frame_count(film: Path) -> int:
    """How many frames a film should have, by what it says itself. A DataError if it is none."""
    if film.suffix.lower() == ".gif":
        return len(gif_frame_durations(film))
    with _read_errors(film):
        about = _open_video(film)[1]
        return max(1, round(float(about["fps"]) * float(about["duration"])))


def _open_video(film: Path) -> tuple[Iterator[bytes], dict[str, Any]]:
    """Its frames, and what is known of it."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("imageio-ffmpeg", "video", "Reading a film") from None
    frames = imageio_ffmpeg.read_frames(str(film))
    return frames, next(frames)  # pyright: ignore[reportReturnType] (first what is known of it, then its frames)
