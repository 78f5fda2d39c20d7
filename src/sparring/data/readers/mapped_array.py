"""Maps arrays in files into memory, also from compressed files."""

import math
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sparring.core.atomic_files import cache_folder
from sparring.core.errors import DataError

CHUNK = 2**20


@dataclass(frozen=True)
class ArrayInFile:
    """The position of an array in a file. It is not read before `LazyArray` is called."""

    path: Path
    """The file, which is mapped directly unless it is compressed."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    """Number of bytes before the first number."""
    unpack: Callable[[], BufferedIOBase] | None = None
    """Opens the decompressed content as a stream; None if the file is not compressed."""


class LazyArray:
    """An array that is mapped on the first call, from any thread. Raises a DataError if the file's length does not match its header."""

    def __init__(self, raw: ArrayInFile) -> None:
        self._raw = raw
        self._lock = threading.Lock()
        self._array: np.ndarray | None = None

    def __call__(self) -> Shaped[np.ndarray, "n ..."]:
        """The array, read-only."""
        with self._lock:
            if self._array is None:
                self._array = _map_array(self._raw)
            return self._array


def _map_array(raw: ArrayInFile) -> np.ndarray:
    expected = raw.offset + math.prod(raw.shape) * raw.dtype.itemsize
    if raw.unpack is None:
        _check_length(raw, raw.path.stat().st_size, expected)
        return np.memmap(raw.path, raw.dtype, "r", raw.offset, raw.shape)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # A file without a name, which the system deletes with the mapping, even if this process is killed.
    with tempfile.TemporaryFile(dir=folder) as file:
        length = 0
        try:
            with raw.unpack() as stream:
                while length <= expected and (piece := stream.read(CHUNK)):
                    length += len(piece)
                    file.write(piece)
        except Exception as problem:  # gzip, zlib and zip each raise errors of their own
            raise DataError(f"{raw.path} is damaged, or cannot be unpacked into {folder}: {problem}.") from None
        file.flush()
        _check_length(raw, length, expected)
        return np.memmap(file, raw.dtype, "r", raw.offset, raw.shape)


def _check_length(raw: ArrayInFile, length: int, expected: int) -> None:
    if length != expected:
        seen = f"{length:,} bytes" if length < expected else "longer"
        raise DataError(f"{raw.path} says that it holds {raw.shape} {raw.dtype}, {expected:,} bytes with its heading, but is {seen}.")
