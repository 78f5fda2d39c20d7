"""What is read of a file of music, whatever its format: tracks of notes, and bars."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

LARGEST_FILE = 2**26
"""Bytes of a file of music, unpacked: a symphony has a tenth of that."""
MOST_NOTES, MOST_BARS = 1_000_000, 100_000
DRUM_CHANNEL = 9
"""The tenth channel of MIDI, which is for drums (General MIDI)."""


class UnusableMusicError(ValueError):
    """A file holds no music that can be used. Its text says why, for a list of files."""


@dataclass(frozen=True, eq=False)
class Track:
    """The notes of one instrument or voice."""

    notes: Float64[np.ndarray, "n 3"]
    """Begin and end of each note in quarter notes from the begin of the song, and its pitch (MIDI: 60 is middle C), by begin."""
    name: str = ""
    program: int = 0
    """General MIDI program, from 0."""
    drums: bool = False
    channel: int = 0
    """MIDI channel, from 0."""


@dataclass(frozen=True, eq=False)
class Song:
    """A file of music."""

    name: str
    """How messages call it: mostly a file's name."""
    tracks: tuple[Track, ...]
    bars: Float64[np.ndarray, "bars 2"]
    """Begin and length of each bar, in quarter notes."""
    tempo: float = 120.0
    """Quarter notes in a minute, at the begin."""


def track_of(notes: list[tuple[float, float, int]], name: str = "", program: int = 0, *, drums: bool = False, channel: int = 0) -> Track:
    """A track of notes in any order."""
    array = np.array(sorted(notes), np.float64).reshape(-1, 3)
    return Track(array, name.strip(), program, drums, channel)


def regular_bars(until: float, length: float = 4.0) -> Float64[np.ndarray, "bars 2"]:
    """Bars of one length until a moment."""
    count = max(1, int(np.ceil(until / length - 1e-6)))
    begins = np.arange(count) * length
    return np.stack([begins, np.full(count, length)], axis=1)


def refuse_too_many(notes: int) -> None:
    """Raise an UnusableMusicError for more notes than any music has."""
    if notes > MOST_NOTES:
        raise UnusableMusicError(f"has over {MOST_NOTES:,} notes, which no music has")
