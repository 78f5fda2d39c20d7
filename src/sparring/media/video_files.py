"""Films and animations: their frames, one after the other."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sparring.core.errors import DataError, missing_extra

FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif"}
SHORTEST, USUAL = 20, 100
"""Milliseconds that browsers show a GIF's frame at least, and one that does not say how long."""


@contextlib.contextmanager
def _opened(film: Path) -> Iterator[None]:
    """What a damaged film raises is up to its format: here a DataError."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, IndexError, StopIteration, Image.DecompressionBombError) as problem:
        raise DataError(f"{film} cannot be read as a film: {str(problem).partition(chr(10))[0] or 'it is damaged'}.") from None


def frames_of(film: Path) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    """The frames of a film, in order; with alpha where a GIF is transparent. A DataError if it is none, or is damaged."""
    with _opened(film):
        if film.suffix.lower() == ".gif":
            with Image.open(film, formats=["GIF"]) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    yield np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
            return
        frames, about = _film(film)
        width, height = about["size"]
        for frame in frames:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


def durations_of(gif: Path) -> list[int]:
    """How long each frame of a GIF is shown, in milliseconds."""
    found = []
    with _opened(gif), Image.open(gif, formats=["GIF"]) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(max(SHORTEST, round(image.info.get("duration", USUAL))))
    return found


def rate_of(film: Path) -> float:
    """Frames a second, in the mean. A DataError if it is no film."""
    if film.suffix.lower() == ".gif":
        durations = durations_of(film)
        return 1000 * len(durations) / sum(durations)
    with _opened(film):
        return float(_film(film)[1]["fps"])


def has_sound(film: Path) -> bool:
    """Whether there is something to hear. A DataError if it is no film."""
    if film.suffix.lower() == ".gif":
        return False
    with _opened(film):
        return bool(_film(film)[1].get("audio_codec"))


def count_of(film: Path) -> int:
    """How many frames a film should have, by what it says itself. A DataError if it is none."""
    if film.suffix.lower() == ".gif":
        return len(durations_of(film))
    with _opened(film):
        about = _film(film)[1]
        return max(1, round(float(about["fps"]) * float(about["duration"])))


def _film(film: Path) -> tuple[Iterator[bytes], dict[str, Any]]:
    """Its frames, and what is known of it."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("imageio-ffmpeg", "video", "Reading a film") from None
    frames = imageio_ffmpeg.read_frames(str(film))
    return frames, next(frames)  # pyright: ignore[reportReturnType] (first what is known of it, then its frames)
