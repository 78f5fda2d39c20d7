"""What phrases are like: a number for each. The definitions are MusPy's where it has them (Dong et al. 2020, arXiv:2008.01951), MuseGAN's
for qualified notes and tonal distance (Dong et al. 2018, section 5.2). NaN where a phrase has nothing to measure, as silence has no pitch.
"""

import itertools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float64

OCTAVE = 12
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
"""Pitch classes of the major and the natural minor scale on C."""
CONSONANT = (0, 3, 4, 5, 7, 8, 9)
"""Intervals that count as consonant, in semitones without octaves: unison, thirds, fourth, fifth, sixths."""
FIFTH = 7
RADII = (1.0, 1.0, 0.5)
"""Radii of the circles of fifths, minor thirds and major thirds (Harte, Sandler, Gasser 2006)."""
Rolls = Bool[np.ndarray, "n tracks steps pitches"]
PerPhrase = Float64[np.ndarray, " n"]
MEASURES: Mapping[str, str] = {
    "pitch range": "semitones between the lowest and the highest note",
    "pitches used": "number of different pitches",
    "classes used": "number of different pitch classes, whatever the octave",
    "pitch entropy": "entropy of the pitches of notes, in bits",
    "class entropy": "entropy of their pitch classes, in bits",
    "polyphony": "mean number of pitches that sound at once, where any does",
    "scale consistency": "share of the notes in the major or minor scale that has most of them",
    "empty bars": "share of the bars of each track in which nothing sounds",
    "groove consistency": "how alike neighboring bars are in where notes begin",
    "note length": "mean length of notes, in quarter notes",
    "qualified notes": "share of the notes that are longer than one step",
    "consonance": "share of the intervals between tracks that are consonant",
    "tonal distance": "mean distance of the tracks' harmonies, bar by bar",
    "leaps": "share of the moves within a track by more than a fifth",
}
"""By name of a measure, what it is."""


def measure_phrases(
    sounding: Rolls, begins: Rolls, *, lowest: int, bar_steps: int, steps_per_quarter: float, drums: tuple[int, ...] = ()
) -> dict[str, PerPhrase]:
    """All measures of phrases. Drum tracks count for empty bars and grooves alone."""
    pitched = [track for track in range(sounding.shape[1]) if track not in drums]
    tones, onsets = sounding[:, pitched], begins[:, pitched]
    found = pitch_measures(onsets, lowest)
    found["polyphony"] = polyphony(tones)
    found["scale consistency"] = scale_consistency(onsets, lowest)
    found["empty bars"] = empty_bars(sounding, bar_steps)
    found["groove consistency"] = groove_consistency(begins, bar_steps)
    found["note length"], found["qualified notes"] = note_lengths(tones, onsets, steps_per_quarter)
    found["consonance"] = consonance(tones)
    found["tonal distance"] = tonal_distance(tones, lowest, bar_steps)
    found["leaps"] = leaps(onsets)
    return {name: found[name] for name in MEASURES}


def pitch_measures(begins: Rolls, lowest: int) -> dict[str, PerPhrase]:
    """Range, number and entropy of pitches and of pitch classes, of the notes of all tracks."""
    counts = begins.sum(axis=(1, 2)).astype(np.float64)
    classes = class_counts(counts, lowest)
    used, silent = counts > 0, counts.sum(axis=1) == 0
    last = counts.shape[1] - 1 - used[:, ::-1].argmax(axis=1)
    found = {
        "pitch range": (last - used.argmax(axis=1)).astype(np.float64),
        "pitches used": used.sum(axis=1).astype(np.float64),
        "classes used": (classes > 0).sum(axis=1).astype(np.float64),
        "pitch entropy": entropy(counts),
        "class entropy": entropy(classes),
    }
    return {name: np.where(silent, np.nan, values) for name, values in found.items()}


def class_counts(counts: Float64[np.ndarray, "*any pitches"], lowest: int) -> Float64[np.ndarray, "*any 12"]:
    """Counts of pitches as counts of pitch classes."""
    found = np.zeros((*counts.shape[:-1], OCTAVE))
    for column in range(counts.shape[-1]):
        found[..., (lowest + column) % OCTAVE] += counts[..., column]
    return found


def entropy(counts: Float64[np.ndarray, "n k"]) -> PerPhrase:
    """Entropy of shares, in bits; NaN without any count."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / counts.sum(axis=1, keepdims=True)
        terms = np.where(shares > 0, -shares * np.log2(shares), 0.0)
    return np.where(counts.sum(axis=1) > 0, terms.sum(axis=1), np.nan)


def polyphony(sounding: Rolls) -> PerPhrase:
    """Mean number of pitches that sound at once, where any does. A pitch in two tracks is one."""
    at_once = sounding.any(axis=1).sum(axis=2)
    return ratio(at_once.sum(axis=1), (at_once > 0).sum(axis=1))


def scale_consistency(begins: Rolls, lowest: int) -> PerPhrase:
    """Largest share of the notes that are in one of the 24 major and natural minor scales."""
    classes = class_counts(begins.sum(axis=(1, 2)).astype(np.float64), lowest)
    scales = np.zeros((2 * OCTAVE, OCTAVE))
    for root, (mode, scale) in itertools.product(range(OCTAVE), enumerate((MAJOR, MINOR))):
        scales[2 * root + mode, [(root + step) % OCTAVE for step in scale]] = 1
    return ratio((classes @ scales.T).max(axis=1), classes.sum(axis=1))


def by_bars(rolls: Rolls, bar_steps: int) -> Bool[np.ndarray, "n tracks bars bar_steps pitches"]:
    """Rolls with bars and the steps within them apart."""
    n, tracks, _, pitches = rolls.shape
    return rolls.reshape(n, tracks, -1, bar_steps, pitches)


def empty_bars(sounding: Rolls, bar_steps: int) -> PerPhrase:
    """Share of the bars of each track in which nothing sounds (MuseGAN's empty bars). Silence: 1."""
    return 1 - by_bars(sounding, bar_steps).any(axis=(3, 4)).mean(axis=(1, 2))


def groove_consistency(begins: Rolls, bar_steps: int) -> PerPhrase:
    """1 minus the mean share of steps on which notes begin in one of two neighboring bars alone. NaN for phrases of one bar."""
    grooves: np.ndarray = np.any(by_bars(begins, bar_steps), axis=(1, 4))
    if grooves.shape[1] < 2:
        return np.full(len(begins), np.nan)
    return 1 - (grooves[:, 1:] != grooves[:, :-1]).mean(axis=(1, 2))


def note_lengths(sounding: Rolls, begins: Rolls, steps_per_quarter: float) -> tuple[PerPhrase, PerPhrase]:
    """Mean length of the notes in quarter notes, and the share of them that are longer than one step."""
    notes = begins.sum(axis=(1, 2, 3))
    longer = begins[:, :, :-1] & sounding[:, :, 1:] & ~begins[:, :, 1:]
    # a step that sounds belongs to exactly one note
    return ratio(sounding.sum(axis=(1, 2, 3)) / steps_per_quarter, notes), ratio(longer.sum(axis=(1, 2, 3)), notes)


def consonance(sounding: Rolls) -> PerPhrase:
    """Share of the intervals between any two tracks that are consonant, step by step. NaN where no two tracks sound together."""
    n, tracks, _, pitches = sounding.shape
    good, total = np.zeros(n), np.zeros(n)
    apart = np.abs(np.arange(pitches)[:, None] - np.arange(pitches))
    fits = np.isin(apart % OCTAVE, CONSONANT).astype(np.float32)
    rows = sounding.astype(np.float32)
    for a, b in itertools.combinations(range(tracks), 2):
        good += np.einsum("nsp,nsp->n", rows[:, a] @ fits, rows[:, b])
        total += (sounding[:, a].sum(axis=2) * sounding[:, b].sum(axis=2)).sum(axis=1)
    return ratio(good, total)


def tonal_centroids(classes: Float64[np.ndarray, "*any 12"]) -> Float64[np.ndarray, "*any 6"]:
    """Points on the circles of fifths, minor thirds and major thirds of how much there is of each pitch class (Harte et al. 2006)."""
    angles = np.outer([7 * np.pi / 6, 3 * np.pi / 2, 2 * np.pi / 3], np.arange(OCTAVE))
    radii = np.array(RADII)[:, None]
    basis = np.concatenate([radii * np.sin(angles), radii * np.cos(angles)])
    total = np.maximum(classes.sum(axis=-1, keepdims=True), 1e-12)
    return classes / total @ basis.T


def tonal_distance(sounding: Rolls, lowest: int, bar_steps: int) -> PerPhrase:
    """Mean distance of the tonal centroids of any two tracks, over bars in which both sound. NaN where there are none."""
    weights = class_counts(by_bars(sounding, bar_steps).sum(axis=3).astype(np.float64), lowest)
    points, heard = tonal_centroids(weights), weights.sum(axis=-1) > 0
    total, count = np.zeros(len(sounding)), np.zeros(len(sounding))
    for a, b in itertools.combinations(range(sounding.shape[1]), 2):
        both = heard[:, a] & heard[:, b]
        total += (np.linalg.norm(points[:, a] - points[:, b], axis=-1) * both).sum(axis=1)
        count += both.sum(axis=1)
    return ratio(total, count)


def leaps(begins: Rolls) -> PerPhrase:
    """Share of the moves from one note of a track to its next one that are larger than a fifth. Of notes that begin together, the highest
    counts.
    """
    n, tracks, steps, pitches = begins.shape
    starts = begins.any(axis=3)
    highest = np.where(starts, pitches - 1 - begins[..., ::-1].argmax(axis=3), -1).reshape(n * tracks, steps)
    order = np.maximum.accumulate(np.where(highest >= 0, np.arange(steps), -1), axis=1)
    before = np.concatenate([np.full((n * tracks, 1), -1), order[:, :-1]], axis=1)
    moved = (highest >= 0) & (before >= 0)
    previous = np.take_along_axis(highest, np.maximum(before, 0), axis=1)
    large = moved & (np.abs(highest - previous) > FIFTH)
    return ratio(large.reshape(n, -1).sum(axis=1), moved.reshape(n, -1).sum(axis=1))


def ratio(above: np.ndarray, below: np.ndarray) -> PerPhrase:
    """Quotients; NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / np.maximum(below, 1e-300), np.nan)
