"""Reads the frames of a video or GIF as images: evenly spaced ones, for neighbors hardly differ."""

import math
import tempfile
import threading
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from sparring.core.atomic_files import cache_folder
from sparring.core.errors import DataError
from sparring.data.content_digest import file_digest
from sparring.data.listed_images import Item, Source, hash_key
from sparring.media.video_files import frame_count, frame_rate, read_frames

FRAMES_PER_SECOND = 2.0
"""Frames that are taken of each second."""
MOST_FRAMES, MOST_BYTES = 2_000, 2 * 2**30
"""Largest number of frames of a film, and of bytes that they may take while they are prepared."""
FEW_FRAMES = 100
"""Of so few frames all are taken: they are drawn ones, as in most GIFs."""


def open_film(name: str, path: Path) -> Source:
    """Open the frames of a film. Raises a DataError if it cannot be read."""
    first = next(iter(read_frames(path)), None)
    if first is None:
        raise DataError(f"{path} has no frames.")
    total, wanted = frame_count(path), FEW_FRAMES
    if total > FEW_FRAMES:
        wanted = max(1, min(MOST_FRAMES, int(MOST_BYTES // first.nbytes), math.ceil(total / frame_rate(path) * FRAMES_PER_SECOND)))
    stride = -(-total // wanted) if total > FEW_FRAMES else 1
    lock, kept = threading.Lock(), list[list[UInt8[np.ndarray, "h w c"]]]()

    def frames() -> list[UInt8[np.ndarray, "h w c"]]:
        with lock:  # `read` is called from many threads
            if not kept:
                kept.append(_frames_on_disk(path, stride))
            return kept[0]

    count = len(range(0, total, stride))
    found = [Item(f"frame {number * stride:06d}") for number in range(count)]

    def read(index: int) -> UInt8[np.ndarray, "h w c"]:
        every = frames()
        if index >= len(every):
            raise ValueError("the film ends before it")
        return every[index]

    note = "all frames" if stride == 1 else f"every {stride}th frame"
    return Source(
        name,
        found,
        read,
        lambda: hash_key("film", stride, file_digest(path)),
        native_size=(first.shape[0], first.shape[1]),
        notes=(f"{note} of {total:,} taken.",),
    )


def _frames_on_disk(path: Path, stride: int) -> list[UInt8[np.ndarray, "h w c"]]:
    """Every `stride`-th frame, in a file without a name, which the system deletes with the last of them."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    shapes: list[tuple[int, ...]] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for number, frame in enumerate(read_frames(path)):
            if number % stride == 0:
                file.write(np.ascontiguousarray(frame).tobytes())
                shapes.append(frame.shape)
        file.flush()
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        whole = np.memmap(file, np.uint8, "r", 0, (int(ends[-1]),))
    return [whole[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends.tolist(), shapes, strict=True)]
