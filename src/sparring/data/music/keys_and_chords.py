"""Keys of songs and chords of bars, found from their notes."""

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from sparring.data.music.songs import Song

MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
"""How well each pitch class fits a key, from its tonic on (Krumhansl and Kessler 1982; Krumhansl 1990, table 2.1)."""
A_MINOR = 9
CHORDS = 25
"""Nothing, 12 major triads from C on, 12 minor ones."""
CHORD_OCTAVE = 48
"""Roots of written chords lie in the octave from here on."""
HIGHEST_OF_CHORDS = CHORD_OCTAVE + 11 + 7
ROOT_COUNTS = 0.5
"""How much the root of a chord counts beside its three notes."""


def transposition_to_c(song: Song) -> int:
    """Number of semitones, -6 to 5, that bring a song to C major or A minor, whichever key its notes correlate with most. Drums do not
    count.
    """
    weights = np.zeros(12)
    for track in song.tracks:
        if not track.drums:
            np.add.at(weights, track.notes[:, 2].astype(int) % 12, track.notes[:, 1] - track.notes[:, 0])
    if weights.std() == 0:
        return 0
    fits = [[np.corrcoef(np.roll(profile, tonic), weights)[0, 1] for tonic in range(12)] for profile in (MAJOR, MINOR)]
    mode, tonic = divmod(int(np.argmax(fits)), 12)
    return ((A_MINOR if mode else 0) - tonic + 6) % 12 - 6


def triads() -> Bool[np.ndarray, "24 12"]:
    """Pitch classes of the 12 major and the 12 minor triads."""
    found = np.zeros((24, 12), bool)
    for number in range(24):
        third = 3 if number >= 12 else 4
        found[number, [(number % 12 + interval) % 12 for interval in (0, third, 7)]] = True
    return found


def best_chords(weights: Float64[np.ndarray, "*bars 12"]) -> Int64[np.ndarray, "*bars"]:
    """The triad that fits each bar best by how long each pitch class sounds: that with most of it, the root counted half as much again. 0
    where nothing sounds.
    """
    roots = np.concatenate([np.eye(12), np.eye(12)])
    fits = weights @ (triads() + ROOT_COUNTS * roots).T
    return np.where(weights.sum(axis=-1) > 0, fits.argmax(axis=-1) + 1, 0)


def chord_pitches(chord: int) -> list[int]:
    """Pitches with which a chord is written, from the root on."""
    if not chord:
        return []
    root, third = (chord - 1) % 12, 3 if chord > 12 else 4
    return [CHORD_OCTAVE + root + interval for interval in (0, third, 7)]


def chord_table(lowest: int, pitches: int) -> Bool[np.ndarray, "25 pitches"]:
    """Which pitches each written chord has."""
    found = np.zeros((CHORDS, pitches), bool)
    for chord in range(CHORDS):
        found[chord, [pitch - lowest for pitch in chord_pitches(chord) if 0 <= pitch - lowest < pitches]] = True
    return found


def follow_counts(chords: Int64[np.ndarray, "n bars"]) -> Shaped[np.ndarray, "26 25"]:
    """How often each chord follows each other, and in the last row how often phrases begin with it."""
    counts = np.zeros((CHORDS + 1, CHORDS), np.int64)
    np.add.at(counts, (chords[:, :-1].reshape(-1), chords[:, 1:].reshape(-1)), 1)
    np.add.at(counts, (np.full(len(chords), CHORDS), chords[:, 0]), 1)
    return counts
