"""What lies in the cache, how large it is, and removing it. All of it is made again when it is needed; downloads are fetched again. What
Sparring did not write is neither listed nor removed.
"""

import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparring.core.atomic_files import cache_folder, read_json
from sparring.core.errors import DataError, SparringError

HEX = "[0-9a-f]{16,64}"
OURS = {
    "data": re.compile(HEX),
    "tables": re.compile(HEX),
    "records": re.compile(HEX),
    "orders": re.compile(HEX),
    "sequences": re.compile(HEX),
    "music": re.compile(HEX),
    "judge": re.compile(rf"(features|classifier)-{HEX}\.safetensors"),
    "digests": re.compile(rf"{HEX}\.json"),
    "torchvision": re.compile(r"\w+"),
}
"""By kind, how what Sparring writes there is called."""
KINDS = {
    "data": "prepared images",
    "tables": "prepared tables",
    "records": "health records",
    "orders": "prepared orders",
    "sequences": "prepared texts",
    "music": "prepared music",
    "judge": "features and classifiers",
    "digests": "digests of folders",
    "torchvision": "downloads of torchvision",
}
"""By the name of a folder in the cache, what it holds."""


@dataclass(frozen=True)
class CacheEntry:
    """A file or folder in the cache that stands for itself."""

    path: Path
    kind: str
    """One of `KINDS`."""
    size: int
    """Bytes."""
    used: float
    """When it was last read or written, in seconds since 1970."""
    about: str
    """What it is, as far as it says so: "emoji, 3,786 images of 32x32"; or ""."""


def cache_entries(kind: str | None = None) -> list[CacheEntry]:
    """Everything in the cache, or of one kind, the longest unused first."""
    folder = cache_folder()
    found = [_entry(path, each) for each in KINDS if kind in {None, each} for path in _children(folder / each, OURS[each])]
    return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.used)


def remove(entry: CacheEntry) -> None:
    """Remove an entry. A process that is reading its pixels goes on. A DataError if it may not be removed."""
    try:
        _remove(entry)
    except OSError as problem:
        raise DataError(f"{entry.path} cannot be removed: {problem.strerror or problem}.") from None


def _remove(entry: CacheEntry) -> None:
    if entry.path.is_dir():
        # gone for others at once; what a kill leaves is removed like any temporary folder
        aside = entry.path.with_name(f".{entry.path.name}.{secrets.token_hex(8)}.tmp")
        entry.path.replace(aside)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        entry.path.unlink(missing_ok=True)


def _children(folder: Path, ours: re.Pattern[str]) -> Iterator[Path]:
    """What has a name as Sparring gives, but for what is being written."""
    with contextlib.suppress(OSError):
        yield from sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))


def _entry(path: Path, kind: str) -> CacheEntry | None:
    """None if it is gone by now."""
    try:
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        stats = [each.stat() for each in files]
    except OSError:
        return None
    if not stats:
        return None
    used = max(max(each.st_atime, each.st_mtime) for each in stats)
    return CacheEntry(path, kind, sum(each.st_size for each in stats), used, _description(path, kind))


def _description(path: Path, kind: str) -> str:
    if kind != "data":
        return path.name if kind == "torchvision" else ""
    try:
        about = read_json(path / "store.json")
        spec = about["spec"]
        return f"{about['source']}, {about['count']:,} images of {spec['height']}x{spec['width']}x{spec['channels']}"
    except (SparringError, KeyError, TypeError, ValueError):
        return "damaged"
