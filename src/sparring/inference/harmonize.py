"""Other tracks for a melody, by models that were trained to be given one."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Bool

from sparring.core.errors import SettingsError
from sparring.data.music.choose_tracks import found_track, names_of
from sparring.data.music.keys_and_chords import transposition_to_c
from sparring.data.music.midi_files import meter_of
from sparring.data.music.music_spec import MusicSpec, rolls_of, samples_of
from sparring.data.music.open_songs import read_one_song
from sparring.data.music.phrases import SAME, joined_bars, roll_at, transposed
from sparring.data.music.roll_songs import song_of_rolls
from sparring.data.music.songs import Song, Track
from sparring.games.capabilities import Harmonizes
from sparring.inference.music_of_model import music_spec_of

if TYPE_CHECKING:
    from sparring.inference.model import Model

OCTAVE = 12


@dataclass(frozen=True, eq=False)
class PlacedMelody:
    """A melody where a model can read it."""

    track: Track
    """Its own notes, unchanged."""
    begin: float
    """Where the first whole bar begins, in quarter notes of the song: before it where it begins with an upbeat."""
    phrases: int
    """Number of phrases that it takes."""
    semitones: int
    """By how much the model reads it higher."""


def harmonize(model: "Model", melody: str | Path | Song, *, track: str | None = None, seed: int = 0) -> Song:
    """A song of a model's tracks, of which one is the melody, with all of its notes as they are. The others depend on the seed; phrases are
    made one by one, so tracks may jump between them.

    `melody`: a file, or a song. `track`: the melody's track in it (None: the one that is called like the model's, or else the first with
    notes). The melody is read in the key that the model knows, and by octaves in its range; what is made goes back. A SettingsError for
    models that were not trained to be given a track, and for melodies of another meter.
    """
    spec, game = music_spec_of(model), cast(Harmonizes, model.game)
    number = game.given_track if isinstance(model.game, Harmonizes) else None
    if number is None:
        raise SettingsError(
            f"{model.source} was not trained to be given a track. Train one that is: sparring train musegan --data DATA --given "
            f"{spec.tracks[0].name}"
        )
    model.refuse_without_generator()
    song = melody if isinstance(melody, Song) else read_one_song(melody)
    placed = place_melody(song, chosen_track(song, track, spec.tracks[number].name), spec, number)
    rolls = [melody_roll(placed, spec, number, phrase) for phrase in range(placed.phrases)]
    given = samples_of(np.stack(rolls)[:, [number, len(spec.tracks) + number]])
    made = song_of_rolls([*rolls_of(game.accompany(given, seed))], spec)
    return put_together(song, placed, made, number)


def chosen_track(song: Song, wanted: str | None, called: str) -> Track:
    """The track of a song that holds the melody."""
    if wanted is not None:
        found = found_track(song, wanted)
        if found is None:
            raise SettingsError(f"{song.name} has no track {wanted!r}. There are: {', '.join(names_of(song))}.")
        return found
    named = found_track(song, called)
    return named if named is not None else next((each for each in song.tracks if not each.drums), song.tracks[0])


def place_melody(song: Song, track: Track, spec: MusicSpec, number: int) -> PlacedMelody:
    """Where a model reads a melody. A SettingsError if its meter or its range is another one."""
    bars = joined_bars(song.bars, spec.bar_quarters)
    upbeat = bool(len(bars) > 1 and bars[0, 1] < spec.bar_quarters - SAME)
    begin = float(bars[1, 0] - spec.bar_quarters) if upbeat else float(bars[0, 0])
    inner = bars[int(upbeat) : -1, 1] if len(bars) > 1 else bars[:0, 1]
    odd = int((abs(inner - spec.bar_quarters) > SAME).sum())
    if odd or not len(track.notes):
        meter = "/".join(map(str, meter_of(Fraction(spec.bar_quarters).limit_denominator(64))))
        why = f"{odd} of its bars are not of {meter}, in which this model was trained" if odd else "its track has no notes"
        raise SettingsError(f"{song.name} cannot be harmonized: {why}.")
    end = max(float(track.notes[:, 1].max()), float(bars[-1].sum()))
    count = max(1, int(np.ceil((end - begin) / spec.bar_quarters - SAME)))
    semitones = transposition_to_c(replace(song, tracks=(track,))) if spec.key == "C" else 0
    return PlacedMelody(track, begin, -(-count // spec.bars), in_range(track, spec, semitones, song.name))


def in_range(track: Track, spec: MusicSpec, semitones: int, name: str) -> int:
    """The transposition, with as many octaves as bring all notes into the range of the model. A SettingsError if there are none."""
    low, high = int(track.notes[:, 2].min()) + semitones, int(track.notes[:, 2].max()) + semitones
    first, last = spec.lowest, spec.lowest + spec.pitches - 1
    for octaves in sorted(range(-10, 11), key=abs):
        if first <= low + OCTAVE * octaves and high + OCTAVE * octaves <= last:
            return semitones + OCTAVE * octaves
    raise SettingsError(f"{name} cannot be harmonized: its pitches span {high - low} semitones, and this model knows {last - first}.")


def melody_roll(placed: PlacedMelody, spec: MusicSpec, number: int, phrase: int) -> Bool[np.ndarray, "planes steps pitches"]:
    """One phrase of a melody as a roll, with other tracks silent."""
    empty = Track(np.zeros((0, 3)))
    tracks = tuple(placed.track if each == number else empty for each in range(len(spec.tracks)))
    song = transposed(Song("", tracks, np.zeros((1, 2))), placed.semitones)
    return roll_at(song, spec, placed.begin + phrase * spec.bars * spec.bar_quarters)


def put_together(song: Song, placed: PlacedMelody, made: Song, number: int) -> Song:
    """What was made, in the key of the melody, which replaces its own track. A song that begins with an upbeat begins with a whole bar
    then.
    """
    own = placed.track.notes - np.array([placed.begin, placed.begin, 0])
    bars = made.bars[: max(1, int(np.ceil(float(own[:, 1].max()) / made.bars[0, 1] - SAME)))]
    end = float(bars[-1].sum())
    tracks = []
    for place, track in enumerate(made.tracks):
        notes = np.minimum(track.notes - np.array([0, 0, placed.semitones]), np.array([np.inf, end, np.inf]))
        fits = (notes[:, 0] < end) & (notes[:, 2] >= 0) & (notes[:, 2] < 128)
        tracks.append(replace(track, notes=own if place == number else notes[fits]))
    return Song(song.name, tuple(tracks), bars, song.tempo)
