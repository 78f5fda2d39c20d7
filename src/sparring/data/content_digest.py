"""Digests of file contents. They are cached, and a file is read again only if it may have changed since."""

import contextlib
import hashlib
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparring.core.atomic_files import cache_folder, read_json, write_json
from sparring.core.errors import SparringError
from sparring.core.parallel_map import in_order
from sparring.data.listed_images import hash_key

SETTLE_NANOSECONDS = 2_000_000_000
"""Nanoseconds after which a change of a file is certain to show in its times, because file systems count them in coarse ticks."""
CTIME_IS_RELIABLE = os.name != "nt"
"""Whether a file's ctime is the time of its last change and cannot be set back. On Windows it is the time of creation."""
CHUNK = 2**20


def file_digests(folder: Path, names: Sequence[str]) -> list[str]:
    """A digest of the content of each of these files in `folder`, or the reason if a file cannot be read.

    A file with the same size, inode, mtime and ctime as before is not read again. Every write changes the ctime, even if a program sets the
    mtime back.
    """
    began = time.time_ns()
    memory = cache_folder() / "digests" / f"{hash_key(str(folder.resolve()))}.json"
    remembered = _read_cache(memory)

    def digest(chunk: range) -> list[tuple[list[int] | None, str]]:
        return [_digest_if_changed(folder / names[index], remembered.get(names[index])) for index in chunk]

    found = list(itertools.chain.from_iterable(in_order(digest, len(names))))
    kept = {
        name: [*status, digest]
        for name, (status, digest) in zip(names, found, strict=True)
        if status is not None and max(status[2:]) < began - SETTLE_NANOSECONDS
    }
    if CTIME_IS_RELIABLE and any(remembered.get(name) != entry for name, entry in kept.items()):
        with contextlib.suppress(OSError):  # if the disk is full, files are read again next time
            write_json(memory, remembered | kept)
    return [digest for _, digest in found]


def file_digest(path: Path) -> str:
    """The digest of one file's content: see `file_digests`."""
    return file_digests(path.parent, [path.name])[0]


def _read_cache(memory: Path) -> dict[str, list[Any]]:
    try:
        found = read_json(memory)
    except SparringError:  # missing or damaged
        return {}
    return found if CTIME_IS_RELIABLE and isinstance(found, dict) else {}


def _digest_if_changed(path: Path, before: list[Any] | None) -> tuple[list[int] | None, str]:
    """Size, inode and times of a file, and its digest, which is taken from `before` if they did not change."""
    try:
        status = path.stat()
        seen = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        if before is not None and before[:-1] == seen:
            return seen, str(before[-1])
        whole = hashlib.blake2b(digest_size=16)
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                whole.update(piece)
        return seen, whole.hexdigest()
    except OSError as problem:
        return None, f"cannot be read: {problem.strerror}"
