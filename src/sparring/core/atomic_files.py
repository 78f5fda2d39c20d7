"""Files that are either whole or not there: written beside their place, synced, then renamed."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sparring.core.errors import SparringError

LONGEST_STEM = 200
"""Bytes; file systems mostly allow 255 for all of a name."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path in the folder of `path`; when the block ends well, the file there takes
    the place of `path` in one step and survives a power cut. When it ends badly, `path` is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{_stem(path)}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as problem:
        if problem.filename in (None, name):  # people know the file by its own name
            problem.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def put_bytes(path: Path, content: bytes) -> None:
    """Write one of many files that can be made again: whole or not there if the process is killed, but not synced, so after a power cut
    it may be missing or empty.
    """
    temporary = path.with_name(f".{_stem(path)}.{os.getpid()}.tmp")
    try:
        try:
            temporary.write_bytes(content)
        except FileNotFoundError:  # rare, so a folder is made only when it is missed
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(files: Iterable[Path]) -> None:
    """Remove what those who wrote these files have left when they were killed."""
    ours = {(path.parent, _stem(path)) for path in files}
    for folder in {folder for folder, _ in ours}:
        for leftover in folder.glob(".*.tmp"):
            if (folder, leftover.name[1:].rsplit(".", 2)[0]) in ours:
                leftover.unlink(missing_ok=True)


def _stem(path: Path) -> str:
    """Of the names of its temporary files: short enough to have more added."""
    name = os.fsencode(path.name)
    return path.name if len(name) <= LONGEST_STEM else hashlib.sha256(name).hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut (a no-op where the system cannot do it)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as readable JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, error: Callable[[str], SparringError] = SparringError) -> Any:  # noqa: ANN401 (JSON is any)
    """The value in the JSON file at `path`; what is unreadable is raised as `error`, naming the file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path} is missing.") from None
    except (OSError, ValueError) as problem:
        raise error(f"{path} cannot be read as JSON: {problem}") from None


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where prepared data is kept: `$SPARRING_CACHE`, or `sparring` in the user's cache folder."""
    if given := os.environ.get("SPARRING_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparring"
