"""Songs at a place: a file, a folder of files, or those that come with the package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from sparring.core.errors import DataError, SparringError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.content_digest import file_digests
from sparring.data.music.abc_files import read_abc
from sparring.data.music.midi_files import mido_module, read_midi
from sparring.data.music.musicxml_files import read_musicxml
from sparring.data.music.songs import LARGEST_FILE, Song, Track, UnusableMusicError

BUNDLED_MUSIC = {"chorales": "chorales.npz"}
"""The file of each set of songs that comes with the package."""
READERS: Mapping[str, Callable[[bytes, str], Song | list[Song]]] = {
    ".mid": read_midi, ".midi": read_midi, ".mxl": read_musicxml, ".musicxml": read_musicxml, ".xml": read_musicxml, ".abc": read_abc,
}  # fmt: skip
"""What reads files, by ending."""
SURE = (".mid", ".midi", ".mxl", ".musicxml", ".abc")
"""Endings of files that are music and nothing else."""
MOST_LISTED = 20


@dataclass(frozen=True, eq=False)
class SongFiles:
    """Where songs are, and a digest of what is there."""

    called: str
    folder: Path
    names: tuple[str, ...]
    """Names of files in the folder."""
    digests: tuple[str, ...]


def is_music(place: str | Path) -> bool:
    """Whether a name or place is of music: a set that comes with the package, a file with an ending of music, or a folder in which such
    files are the most frequent of those that Sparring knows by their ending.
    """
    path = Path(place).expanduser()
    try:
        if path.is_dir():
            endings = [each.suffix.lower() for each in path.rglob("*") if each.suffix]
            music = sum(each in SURE for each in endings)
            return 2 * music > len(endings)
        return path.suffix.lower() in SURE or (str(place) in BUNDLED_MUSIC and not path.exists())
    except OSError:
        return False


def find_songs(place: str | Path) -> SongFiles:
    """The files at a place, read as far as their digests need. A DataError if there are none."""
    path = Path(place).expanduser()
    if str(place) in BUNDLED_MUSIC and not path.exists():
        path = Path(str(files("sparring.data.music") / "bundled_files" / BUNDLED_MUSIC[str(place)]))
        return SongFiles(str(place), path.parent, (path.name,), tuple(file_digests(path.parent, [path.name])))
    try:
        found = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix.lower() in READERS and each.is_file())
    except OSError as problem:
        raise DataError(f"{str(place)!r} cannot be opened: {problem.strerror}.") from None
    if not path.exists():
        raise DataError(f"There is no file or folder {place}. {did_you_mean(str(place), BUNDLED_MUSIC)}")
    if path.is_file() and path.suffix.lower() not in READERS:
        raise DataError(f"{place} is no file of music that can be read: those end in {', '.join(READERS)}.")
    if not found:
        raise DataError(f"{place} holds no files of music, which end in {', '.join(READERS)}.")
    folder = path if path.is_dir() else path.parent
    names = tuple(str(each.relative_to(folder)) for each in found)
    return SongFiles(str(place), folder, names, tuple(file_digests(folder, list(names))))


def read_songs(place: SongFiles) -> tuple[list[Song], list[str]]:
    """All songs, and what is to be said of files that cannot be used. A DataError if none can."""
    songs: list[Song] = []
    problems: list[str] = []
    for name in place.names:
        path = place.folder / name
        try:
            found = bundled_songs(path) if path.suffix == ".npz" else read_song_file(path, name)
            songs += found
        except UnusableMusicError as problem:
            problems.append(f"{name} {problem}")
    count = plural(len(place.names), "file", "files")
    if not songs:
        raise DataError(listed(f"{place.called}: none of {count} can be used:", problems, MOST_LISTED))
    return songs, [listed(f"{len(problems)} of {count} cannot be used:", problems, MOST_LISTED)] if problems else []


def read_song_file(path: Path, name: str) -> list[Song]:
    """The songs in one file. UnusableMusicError says why there are none."""
    if path.suffix.lower() in {".mid", ".midi"}:
        mido_module()  # a missing library is no broken file
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UnusableMusicError(f"is larger than {LARGEST_FILE // 2**20} MB")
        content = path.read_bytes()
    except OSError as problem:
        raise UnusableMusicError(f"cannot be read: {problem.strerror}") from None
    if not content:
        raise UnusableMusicError("is empty")
    try:
        found = READERS[path.suffix.lower()](content, name)
    except (UnusableMusicError, SparringError):
        raise
    except (ArithmeticError, LookupError, ValueError, RecursionError) as problem:
        raise UnusableMusicError(f"is damaged ({str(problem) or type(problem).__name__})") from None
    return found if isinstance(found, list) else [found]


def read_one_song(path: str | Path) -> Song:
    """The song in a file; of several, the first. A DataError if there is none."""
    songs, _ = read_songs(find_songs(path))
    return songs[0]


def bundled_songs(path: Path) -> list[Song]:
    """Songs that come with the package, as `tools/build_chorales.py` writes them: times in sixteenth notes."""
    with np.load(path, allow_pickle=False) as file:
        names, voices = file["names"].tolist(), file["voices"].tolist()
        notes, song_of, voice_of = file["notes"].astype(np.float64), file["song_of"], file["voice_of"]
        bars, bar_song = file["bars"].astype(np.float64) / 4, file["bar_song"]
        tempo = float(file["tempo"])
    notes = np.stack([notes[:, 0] / 4, (notes[:, 0] + notes[:, 1]) / 4, notes[:, 2]], axis=1)
    songs = []
    for number, name in enumerate(names):
        tracks = tuple(Track(notes[(song_of == number) & (voice_of == place)], voice) for place, voice in enumerate(voices))
        songs.append(Song(name, tracks, bars[bar_song == number], tempo))
    return songs
