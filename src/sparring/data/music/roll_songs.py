"""Rolls back to songs."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from sparring.data.music.music_spec import MusicSpec
from sparring.data.music.songs import Song, track_of


def song_of_roll(roll: Bool[np.ndarray, "planes steps pitches"], spec: MusicSpec, name: str = "") -> Song:
    """The song that a roll in its one form holds, with the tempo, names and programs of the spec. Its bars are whole."""
    return song_of_rolls([roll], spec, name)


def song_of_rolls(rolls: Sequence[Bool[np.ndarray, "planes steps pitches"]], spec: MusicSpec, name: str = "") -> Song:
    """Phrases one after the other as one song."""
    length = spec.bars * spec.bar_quarters
    tracks = []
    for number, about in enumerate(spec.tracks):
        notes = [
            (place * length + begin, place * length + end, pitch)
            for place, roll in enumerate(rolls)
            for begin, end, pitch in notes_of(roll, number, spec)
        ]
        tracks.append(track_of(notes, about.name, about.program, drums=about.drums))
    begins = np.arange(spec.bars * len(rolls)) * spec.bar_quarters
    return Song(name, tuple(tracks), np.stack([begins, np.full(len(begins), spec.bar_quarters)], axis=1), spec.tempo)


def notes_of(roll: Bool[np.ndarray, "planes steps pitches"], track: int, spec: MusicSpec) -> list[tuple[float, float, int]]:
    """Notes of a track of a roll in its one form: begin and end in quarter notes, and pitch."""
    sounding, begins = roll[track], roll[len(spec.tracks) + track]
    found = []
    for step, column in np.argwhere(begins).tolist():
        stops = ~sounding[step + 1 :, column] | begins[step + 1 :, column]
        length = int(stops.argmax()) + 1 if stops.any() else spec.steps - step
        found.append((step / spec.steps_per_quarter, (step + length) / spec.steps_per_quarter, spec.lowest + column))
    return found
