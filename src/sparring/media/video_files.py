"""Reads the frames, frame rate and audio of video files and GIFs."""

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
"""Milliseconds for which browsers show a GIF's frame at least, and for which they show a frame without a duration."""


@contextlib.contextmanager
def _read_errors(video: Path) -> Iterator[None]:
    """Context manager that turns every error that damaged videos raise into a DataError."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, IndexError, StopIteration, Image.DecompressionBombError) as problem:
        raise DataError(f"{video} cannot be read as a video: {str(problem).partition(chr(10))[0] or 'it is damaged'}.") from None


def read_frames(video: Path) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    """The frames of a video or GIF in order, with alpha where a GIF is transparent. Raises a DataError for other and damaged files."""
    with _read_errors(video):
        if video.suffix.lower() == ".gif":
            with Image.open(video, formats=["GIF"]) as image:
                for number in range(getattr(image, "n_frames", 1)):
                    image.seek(number)
                    yield np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
            return
        frames, about = _open_video(video)
        width, height = about["size"]
        for frame in frames:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


def gif_frame_durations(gif: Path) -> list[int]:
    """Duration of each frame of a GIF in milliseconds, as browsers show it."""
    found = []
    with _read_errors(gif), Image.open(gif, formats=["GIF"]) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(max(MIN_FRAME_MS, round(image.info.get("duration", DEFAULT_FRAME_MS))))
    return found


def frame_rate(video: Path) -> float:
    """Mean number of frames per second. Raises a DataError for files that are not videos."""
    if video.suffix.lower() == ".gif":
        durations = gif_frame_durations(video)
        return 1000 * len(durations) / sum(durations)
    with _read_errors(video):
        return float(_open_video(video)[1]["fps"])


def has_audio(video: Path) -> bool:
    """Whether a video has an audio track. Raises a DataError for files that are not videos."""
    if video.suffix.lower() == ".gif":
        return False
    with _read_errors(video):
        return bool(_open_video(video)[1].get("audio_codec"))


def frame_count(video: Path) -> int:
    """Number of frames that a video should have according to its header. Raises a DataError for files that are not videos."""
    if video.suffix.lower() == ".gif":
        return len(gif_frame_durations(video))
    with _read_errors(video):
        about = _open_video(video)[1]
        return max(1, round(float(about["fps"]) * float(about["duration"])))


def _open_video(video: Path) -> tuple[Iterator[bytes], dict[str, Any]]:
    """A video's frames as raw bytes, and its metadata."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("imageio-ffmpeg", "video", "Reading a video") from None
    frames = imageio_ffmpeg.read_frames(str(video))
    return frames, next(frames)  # pyright: ignore[reportReturnType] (the metadata comes first, then the frames)
