"""Writes pixels to a raw file, and publishes folders atomically, so that they are complete or absent."""

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8

from sparring.core.atomic_files import sync_folder

try:
    import fcntl
except ImportError:  # on Windows, folders of killed processes are not removed
    fcntl = None

CHUNK = 2**20
LOCK = "lock"


class PixelWriter:
    """Appends images of one size to a file without gaps.

    If `channels` is None, gray images are written with one channel until the first color image, when all before it are rewritten with
    three channels.
    """

    def __init__(self, path: Path, channels: int | None) -> None:
        self.channels = channels or 1
        self.count = 0
        self.sha256 = hashlib.sha256()
        self._widens = channels is None
        self._path = path
        self._file: IO[bytes] = path.open("wb")

    def add(self, pixels: UInt8[np.ndarray, "h w c"]) -> None:
        """Append one image, with the requested number of channels, or 1 or 3 if that was None."""
        if self._widens and pixels.shape[2] > self.channels:
            self._widen_to_color(pixels.shape[2])
        content = np.broadcast_to(pixels, (*pixels.shape[:2], self.channels)).tobytes()
        self._file.write(content)
        self.sha256.update(content)
        self.count += 1

    def _widen_to_color(self, channels: int) -> None:
        self._file.close()
        narrow = self._path.with_suffix(".narrow")
        self._path.rename(narrow)
        self._file = self._path.open("wb")
        self.sha256 = hashlib.sha256()
        with narrow.open("rb") as file:
            while piece := file.read(CHUNK):
                content = np.frombuffer(piece, np.uint8).repeat(channels).tobytes()
                self._file.write(content)
                self.sha256.update(content)
        narrow.unlink()
        self.channels = channels

    def close(self) -> None:
        """Close the file once everything is on disk. Raises an OSError if that fails."""
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """Close the file without waiting for its content to be on disk."""
        with contextlib.suppress(OSError):
            self._file.close()


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Context manager with an empty folder beside `folder`, which is removed at the end unless `publish` has moved it.

    Folders that killed processes left behind are removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder.parent)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.tmp")
    temporary.mkdir()  # not mkdtemp, because the umask may allow others to use a shared cache
    try:
        with _locked(temporary):
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _locked(temporary: Path) -> Iterator[None]:
    """Hold a lock in the folder. The system releases it even if the process is killed."""
    if fcntl is None:
        yield
        return
    # Created under another name until it is locked, so that no process removes the folder in between.
    unlocked = temporary / "lock.new"
    with unlocked.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        unlocked.rename(temporary / LOCK)
        yield


def _remove_abandoned(parent: Path) -> None:
    if fcntl is None:
        return
    for temporary in parent.glob(".*.tmp"):
        with contextlib.suppress(OSError), (temporary / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError while its owner is running
            shutil.rmtree(temporary, ignore_errors=True)


def publish(temporary: Path, folder: Path) -> bool:
    """Rename a finished folder atomically. Returns False if another process was first, whose folder stays."""
    sync_folder(temporary)
    try:
        temporary.rename(folder)
    except OSError:
        if folder.is_dir():
            return False
        raise
    (folder / LOCK).unlink(missing_ok=True)
    sync_folder(folder.parent)
    return True


def discard(folder: Path) -> None:
    """Remove a folder: rename it atomically, then delete its files. Processes that have mapped them can keep using them."""
    with contextlib.suppress(FileNotFoundError):
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
        with contextlib.suppress(OSError):
            folder.rename(aside)  # POSIX: takes the place of the empty folder
        shutil.rmtree(aside, ignore_errors=True)
