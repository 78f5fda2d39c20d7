"""Two places where files lie: a folder and a zip. Both are listed the same way; neither is unpacked."""

import os
import stat
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sparring.core.errors import DataError, listed
from sparring.data.decode import LARGEST_FILE
from sparring.data.records import Problem, examples, key_of

SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Place:
    """The files of a folder or a zip, by their path in it with forward slashes."""

    path: Path
    names: tuple[str, ...]
    """Visible files, sorted."""
    read: Callable[[str], bytes]
    """The content of one file; safe to call from many threads."""
    head: Callable[[str], bytes]
    """The first 16 bytes of one file."""
    key: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def is_hidden(name: str) -> bool:
    """Whether a file belongs to the system rather than to the person: .DS_Store, __MACOSX/ and the like."""
    return any(part.startswith(".") or part in SYSTEM_FILES for part in PurePosixPath(name).parts)


def _hidden_note(hidden: list[str]) -> tuple[str, ...]:
    return (f"{len(hidden)} hidden files passed over ({examples(sorted(hidden))}).",) if hidden else ()


def folder_place(path: Path) -> Place:
    """List a folder and all folders in it, links included."""
    path = path.resolve()
    problems: list[Problem] = []
    found: list[tuple[str, int, int]] = []
    hidden = []
    seen: set[str] = set()

    def unreadable(problem: OSError) -> None:
        problems.append(Problem(_below(path, str(problem.filename)), f"the folder cannot be read: {problem.strerror}"))

    for folder, folders, files in os.walk(path, followlinks=True, onerror=unreadable):
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder already listed, perhaps to one above it
            problems.append(Problem(_below(path, folder), "a link to a folder that is listed already"))
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for file in files:
            name = _below(path, str(Path(folder) / file))
            if is_hidden(name):
                hidden.append(name)
                continue
            try:
                status = (path / name).stat()
            except OSError as problem:
                problems.append(Problem(name, f"cannot be read: {problem.strerror}"))
                continue
            if not stat.S_ISREG(status.st_mode):
                problems.append(Problem(name, "not a plain file"))
                continue
            found.append((name, status.st_size, status.st_mtime_ns))
    found.sort()
    key = key_of("folder", str(path), found, problems)
    place = Place(path, tuple(name for name, _, _ in found), lambda name: _read(path / name), lambda name: _head(path / name), key)
    return replace(place, problems=tuple(problems), notes=_hidden_note(hidden))


def _below(path: Path, file: str) -> str:
    return Path(file).relative_to(path).as_posix()


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_FILE:
        raise OSError(f"larger than {LARGEST_FILE // 2**20} MB")
    return path.read_bytes()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def zip_place(path: Path) -> Place:
    """List a zip. DataError if it is damaged, or if an entry would climb out of it (then nothing in it is trusted)."""
    path = path.resolve()
    status = path.stat()
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as problem:
        raise DataError(f"{path} cannot be read as a zip: {problem}.") from None
    climbing = [repr(info.orig_filename) for info in archive.infolist() if _climbs(info.orig_filename)]
    if climbing:
        raise DataError(listed(f"{path} is refused: names of entries that lead out of it (pack it again without them):", climbing))
    entries: dict[str, zipfile.ZipInfo] = {}
    problems, hidden = [], []
    for info in archive.infolist():
        if info.is_dir():
            continue
        if is_hidden(info.filename):
            hidden.append(info.filename)
        elif info.flag_bits & 1:
            problems.append(Problem(info.filename, "encrypted in the zip"))
        elif info.file_size > LARGEST_FILE:
            problems.append(Problem(info.filename, f"said to be {info.file_size:,} bytes; at most {LARGEST_FILE:,} are read"))
        else:
            if info.filename in entries:
                problems.append(Problem(info.filename, "twice in the zip: only the later one is used"))
            entries[info.filename] = info
    # One lock for the file handle: zipfile promises nothing to threads. Decoding, the greater part, goes on beside it.
    lock = threading.Lock()

    def read(name: str, most: int = -1) -> bytes:
        with lock, archive.open(entries[name]) as file:
            return file.read(most)

    key = key_of("zip", str(path), status.st_size, status.st_mtime_ns)
    place = Place(path, tuple(sorted(entries)), read, lambda name: read(name, 16), key)
    return replace(place, problems=tuple(problems), notes=_hidden_note(hidden))


def _climbs(name: str) -> bool:
    parts = name.split("/")
    return ".." in parts or name.startswith("/") or "\\" in name or "\0" in name or (len(name) > 1 and name[1] == ":")
