"""Songs cut into phrases."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from sparring.core.errors import DataError, listed
from sparring.core.formatting import plural
from sparring.data.music.choose_tracks import with_tracks
from sparring.data.music.keys_and_chords import CHORD_OCTAVE, HIGHEST_OF_CHORDS, best_chords, chord_table, transposition_to_c
from sparring.data.music.midi_files import meter_of
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec, TrackSpec
from sparring.data.music.songs import Song, Track

STEPS_PER_QUARTER = 4
LONGEST_NAME = 40
SAME = 1e-3
"""Quarter notes by which bars may differ in length, and be apart."""


@dataclass(frozen=True, eq=False)
class Phrases:
    """Phrases as bits, and where they come from."""

    spec: MusicSpec
    bits: UInt8[np.ndarray, "n bytes"]
    song_of: Int64[np.ndarray, " n"]
    """The number of each phrase's song."""
    bar_of: Int64[np.ndarray, " n"]
    """The number of its first bar."""
    songs: tuple[str, ...]
    notes: tuple[str, ...]
    """What was left out, in sentences."""


def cut_phrases(songs: Sequence[Song], reading: MusicReading, source: str) -> Phrases:
    """All phrases of the songs. A DataError if there are none."""
    kept, names, without = with_tracks(songs, reading.tracks)
    notes = [] if not without else [listed(f"Left out, without the tracks {', '.join(names)}:", without, most=10)]
    if reading.key == "C":
        kept = [transposed(song, transposition_to_c(song)) for song in kept]
    quarters = reading.meter_quarters or most_frequent_meter(kept)
    kept = [replace(song, bars=joined_bars(song.bars, quarters)) for song in kept]
    names = tuple(name[:LONGEST_NAME] for name in names)
    lowest, highest = pitch_range(kept, reading)
    bar_steps = reading.bar_steps or max(1, round(STEPS_PER_QUARTER * quarters))
    tracks = tuple(TrackSpec(name, track.program, track.drums) for name, track in zip(names, kept[0].tracks, strict=True))
    tempo = round(float(np.median([song.tempo for song in kept])), 2)
    spec = MusicSpec(tracks, reading.bars, bar_steps, quarters, lowest, highest - lowest + 1, tempo, reading.key)
    bits, song_of, bar_of, too_short, silent = [], [], [], [], 0
    single = [True] * len(tracks)
    for number, song in enumerate(kept):
        begins = list(phrase_begins(song, reading, quarters))
        if not begins:
            too_short.append(song.name)
        for bar in begins:
            roll = roll_at(song, spec, song.bars[bar, 0])
            if not roll.any():
                silent += 1
                continue
            single = [before and int(plane.sum(axis=1).max()) <= 1 for before, plane in zip(single, roll, strict=False)]
            bits.append(roll)
            song_of.append(number)
            bar_of.append(bar)
    meter = "/".join(map(str, meter_of(Fraction(quarters).limit_denominator(64))))
    if too_short:
        notes.append(listed(f"Left out, without {plural(reading.bars, 'bar', 'bars')} of {meter} in a row:", too_short, most=10))
    others = sum(int((abs(song.bars[:, 1] - quarters) > SAME).sum()) for song in kept)
    if others:
        notes.append(f"{plural(others, 'bar', 'bars')} of other lengths than {meter} (upbeats, other meters) are in no phrase.")
    if silent:
        notes.append(f"{plural(silent, 'silent phrase was', 'silent phrases were')} left out.")
    outside = sum(int(((track.notes[:, 2] < lowest) | (track.notes[:, 2] > highest)).sum()) for song in kept for track in song.tracks)
    if outside:
        notes.append(f"{plural(outside, 'note', 'notes')} below {lowest} or above {highest} were left out.")
    if not bits:
        raise DataError("\n".join([f"{source}: no phrase of {plural(reading.bars, 'bar', 'bars')} of {meter} is left.", *notes]))
    spec = replace(spec, tracks=tuple(replace(track, single=one) for track, one in zip(tracks, single, strict=True)))
    rolls = np.stack(bits)
    if reading.melody is not None:
        spec, rolls = over_chords(spec, rolls, reading.melody)
    packed = np.packbits(rolls.reshape(len(rolls), -1), axis=1)
    return Phrases(spec, packed, np.array(song_of), np.array(bar_of), tuple(song.name for song in kept), tuple(notes))


def joined_bars(bars: Float64[np.ndarray, "bars 2"], quarters: float) -> Float64[np.ndarray, "joined 2"]:
    """Bars, with two that a repeat or an upbeat in the middle of a song divides joined to one."""
    found: list[tuple[float, float]] = []
    for begin, length in bars.tolist():
        if found and found[-1][1] < quarters - SAME and abs(found[-1][1] + length - quarters) <= SAME:
            found[-1] = (found[-1][0], quarters)
        else:
            found.append((begin, length))
    return np.array(found)


def transposed(song: Song, semitones: int) -> Song:
    """The song higher by so many semitones; drums stay."""
    tracks = tuple(track if track.drums else replace(track, notes=track.notes + np.array([0, 0, semitones])) for track in song.tracks)
    return replace(song, tracks=tracks)


def most_frequent_meter(songs: Sequence[Song]) -> float:
    """The length in quarter notes that most bars have."""
    counts = Counter(round(float(length) * 48) / 48 for song in songs for length in song.bars[:, 1])
    return max(counts.most_common(1)[0][0], 1 / 48)


def pitch_range(songs: Sequence[Song], reading: MusicReading) -> tuple[int, int]:
    """Lowest and highest pitch: as asked for, or of the songs. A DataError if no note is within."""
    pitches = np.concatenate([track.notes[:, 2] for song in songs for track in song.tracks] or [np.zeros(0)])
    low, high = (int(pitches.min()), int(pitches.max())) if len(pitches) else (0, 127)
    lowest = reading.lowest if reading.lowest is not None else max(0, low)
    highest = reading.highest if reading.highest is not None else min(127, high)
    if not ((pitches >= lowest) & (pitches <= highest)).any():
        raise DataError(f"No note lies between the pitches {lowest} and {highest}: those of the songs go from {low} to {high}.")
    return lowest, highest


def phrase_begins(song: Song, reading: MusicReading, quarters: float) -> Iterator[int]:
    """Numbers of the bars with which phrases begin: those of the meter, with as many of it after them."""
    begins, lengths = song.bars[:, 0], song.bars[:, 1]
    fits = abs(lengths - quarters) <= SAME
    joined = np.append(abs(begins[:-1] + lengths[:-1] - begins[1:]) <= SAME, False)
    run = 0
    for bar in range(len(begins)):
        run = run + 1 if fits[bar] and (run == 0 or joined[bar - 1]) else int(fits[bar])
        first = bar - reading.bars + 1
        if run >= reading.bars and (run - reading.bars) % reading.phrase_every == 0:
            yield first


def roll_at(song: Song, spec: MusicSpec, begin: float) -> Bool[np.ndarray, "planes steps pitches"]:
    """The roll of the phrase that begins at a moment, in quarter notes. A note that is held over from before begins anew."""
    roll = np.zeros(spec.shape, bool)
    for number, track in enumerate(song.tracks):
        for first, last, pitch in steps_of(track, spec, begin).tolist():
            column = pitch - spec.lowest
            if 0 <= column < spec.pitches and first < spec.steps and last > 0:
                roll[number, max(first, 0) : last, column] = True
                roll[len(song.tracks) + number, max(first, 0), column] = True
    return roll


def steps_of(track: Track, spec: MusicSpec, begin: float) -> Int64[np.ndarray, "n 3"]:
    """First step, step after the last, and pitch of each note, on the grid that starts at `begin`. Notes last a step at least."""
    first = np.round((track.notes[:, 0] - begin) * spec.steps_per_quarter)
    last = np.maximum(np.round((track.notes[:, 1] - begin) * spec.steps_per_quarter), first + 1)
    return np.stack([first, last, track.notes[:, 2]], axis=1).astype(np.int64)


def over_chords(
    spec: MusicSpec, rolls: Bool[np.ndarray, "n planes steps pitches"], melody: str
) -> tuple[MusicSpec, Bool[np.ndarray, "n four steps more_pitches"]]:
    """One track over chords, which are found from the others. A DataError if there is no such track, or nothing beside it."""
    number = spec.track_number(melody)
    if number is None or len(spec.tracks) < 2:
        found = ", ".join(each.name for each in spec.tracks)
        raise DataError(f"A melody over chords needs its track and another: there is no {melody!r} with others among {found}.")
    count = len(spec.tracks)
    others = [other for other in range(count) if other != number and not spec.tracks[other].drums]
    weights = class_weights(rolls[:, others], spec)
    chords = best_chords(weights)
    lowest = min(spec.lowest, CHORD_OCTAVE)
    highest = max(spec.lowest + spec.pitches - 1, HIGHEST_OF_CHORDS)
    tracks = (spec.tracks[number], TrackSpec("chords", 0, single=False))
    made = replace(spec, tracks=tracks, lowest=lowest, pitches=highest - lowest + 1, chords=True)
    out = np.zeros((len(rolls), *made.shape), bool)
    columns = slice(spec.lowest - lowest, spec.lowest - lowest + spec.pitches)
    out[:, [0, 2], :, columns] = rolls[:, [number, count + number]]
    planes = chord_table(lowest, made.pitches)[chords]
    out[:, 1] = np.repeat(planes, spec.bar_steps, axis=1)
    out[:, 3, :: spec.bar_steps] = planes
    return made, out


def class_weights(rolls: Bool[np.ndarray, "n planes steps pitches"], spec: MusicSpec) -> Float64[np.ndarray, "n bars 12"]:
    """How many steps each pitch class sounds in each bar, in all planes together."""
    per_pitch = rolls.reshape(len(rolls), -1, spec.bars, spec.bar_steps, spec.pitches).sum(axis=(1, 3)).astype(np.float64)
    found = np.zeros((len(rolls), spec.bars, 12))
    for column in range(spec.pitches):
        found[:, :, (spec.lowest + column) % 12] += per_pitch[:, :, column]
    return found
