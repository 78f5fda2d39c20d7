"""Lists the files of a folder, a zip or a tar, with one interface for all. Archives are not unpacked."""

import hashlib
import os
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sparring.core.errors import DataError, listed
from sparring.data.content_digest import file_digests
from sparring.data.listed_images import Problem, name_examples
from sparring.media.image_decoding import MAX_FILE_BYTES

SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class FileListing:
    """The files of a folder, a zip or a tar, by their path within it, with forward slashes."""

    path: Path
    names: tuple[str, ...]
    """Names of visible files, sorted."""
    read: Callable[[str], bytes]
    """Reads the content of one file; can be called from many threads."""
    head: Callable[[str], bytes]
    """Reads the first 16 bytes of one file."""
    digests: Callable[[Sequence[str]], list[str]]
    """Computes a digest of the content of each of these files."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def is_hidden(name: str) -> bool:
    """Whether a file belongs to the system rather than to the user, such as .DS_Store and __MACOSX/."""
    return any(part.startswith(".") or part in SYSTEM_FILES for part in PurePosixPath(name).parts)


def _hidden_note(hidden: list[str]) -> tuple[str, ...]:
    return (f"{len(hidden)} hidden files passed over ({name_examples(sorted(hidden))}).",) if hidden else ()


def list_folder(path: Path) -> FileListing:
    """List the files of a folder and of all folders in it, including linked ones."""
    path = path.resolve()
    problems: list[Problem] = []
    found: list[str] = []
    hidden = []
    seen: set[str] = set()

    def unreadable(problem: OSError) -> None:
        problems.append(Problem(_relative_name(path, str(problem.filename)), f"the folder cannot be read: {problem.strerror}"))

    for folder, folders, files in os.walk(path, followlinks=True, onerror=unreadable):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder that is listed already, possibly a parent folder
            problems.append(Problem(_relative_name(path, folder), "a link to a folder that is listed already"))
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for file in files:
            name = _relative_name(path, str(Path(folder) / file))
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
            found.append(name)
    found.sort()
    return FileListing(
        path,
        tuple(found),
        lambda name: _read(path / name),
        lambda name: _head(path / name),
        lambda names: file_digests(path, names),
        tuple(problems),
        _hidden_note(hidden),
    )


def _relative_name(path: Path, file: str) -> str:
    return Path(file).relative_to(path).as_posix()


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise OSError(f"larger than {MAX_FILE_BYTES // 2**20} MB")
    return path.read_bytes()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def list_zip(path: Path) -> FileListing:
    """List the files of a zip. Raises a DataError if it is damaged, or if an entry's path leads out of it, because then nothing in it is
    trusted.
    """
    path = path.resolve()
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as problem:
        raise DataError(f"{path} cannot be read as a zip: {problem}.") from None
    climbing = [repr(info.orig_filename) for info in archive.infolist() if _escapes_archive(info.orig_filename)]
    if climbing:
        raise DataError(listed(f"{path} is refused because paths of entries lead out of it. Create it again without:", climbing))
    entries: dict[str, zipfile.ZipInfo] = {}
    problems, hidden = [], []
    for info in archive.infolist():
        # Some Windows programs write paths with backslashes, although the format requires slashes.
        name = info.filename.replace("\\", "/")
        if name.endswith("/"):
            continue
        if is_hidden(name):
            hidden.append(name)
        elif info.flag_bits & 1:
            problems.append(Problem(name, "encrypted in the zip"))
        elif info.file_size > MAX_FILE_BYTES:
            problems.append(Problem(name, f"said to be {info.file_size:,} bytes; at most {MAX_FILE_BYTES:,} are read"))
        else:
            if name in entries:
                problems.append(Problem(name, "twice in the zip: only the later one is used"))
            entries[name] = info
    # One lock for the file handle, because zipfile is not thread-safe. Decoding, the larger part of the work, runs in parallel.
    lock = threading.Lock()

    def read(name: str, most: int = -1) -> bytes:
        with lock, archive.open(entries[name]) as file:
            return file.read(most)

    def digests(names: Sequence[str]) -> list[str]:
        return [f"{entries[name].file_size}:{entries[name].CRC:08x}" for name in names]  # which reading checks

    return FileListing(path, tuple(sorted(entries)), read, lambda name: read(name, 16), digests, tuple(problems), _hidden_note(hidden))


def list_tar(path: Path) -> FileListing:
    """List the files of a tar that is not compressed: only such a one can be read at any place. Raises a DataError if it is damaged or
    compressed, or if an entry's path leads out of it.
    """
    path = path.resolve()
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise DataError(f"{path} cannot be read as a tar: {problem}. A compressed one has to be unpacked first.") from None
    if climbing := [repr(member.name) for member in members if _escapes_archive(member.name)]:
        raise DataError(listed(f"{path} is refused because paths of entries lead out of it. Create it again without:", climbing))
    places: dict[str, tuple[int, int]] = {}
    problems, hidden = [], []
    for member in members:
        name = member.name.removeprefix("./")
        if member.isdir():
            continue
        if is_hidden(name):
            hidden.append(name)
        elif not member.isreg() or member.sparse is not None:
            problems.append(Problem(name, "a link, a device or a file with holes, which is not read"))
        elif member.size > MAX_FILE_BYTES:
            problems.append(Problem(name, f"{member.size:,} bytes; at most {MAX_FILE_BYTES:,} are read"))
        else:
            if name in places:
                problems.append(Problem(name, "twice in the tar: only the later one is used"))
            places[name] = member.offset_data, member.size

    def read(name: str, most: int | None = None) -> bytes:
        place, size = places[name]
        with path.open("rb") as file:
            file.seek(place)
            return file.read(size if most is None else min(most, size))

    def digests(names: Sequence[str]) -> list[str]:
        return [hashlib.sha256(read(name)).hexdigest() for name in names]

    return FileListing(path, tuple(sorted(places)), read, lambda name: read(name, 16), digests, tuple(problems), _hidden_note(hidden))


def _escapes_archive(name: str) -> bool:
    name = name.replace("\\", "/")
    return ".." in name.split("/") or name.startswith("/") or "\0" in name or (len(name) > 1 and name[1] == ":")
