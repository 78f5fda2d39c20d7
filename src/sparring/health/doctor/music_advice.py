"""Before training on music: what is hard about it, and how fast training is on this machine."""

import numpy as np

from sparring import recipes
from sparring.core.formatting import plural
from sparring.data.music.keys_and_chords import transposition_to_c
from sparring.data.music.music_dataset import MusicDataset
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_store import prepare_music
from sparring.data.music.open_songs import find_songs, read_songs
from sparring.data.music.songs import Song
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.series_command import train_command
from sparring.health.doctor.time_estimate import measure_pace, pace_in_words
from sparring.modalities.music_rolls import measures_of
from sparring.training.settings import TrainSettings

RECIPE, MINUTES = "musegan", 10
FEW_PHRASES, FEW_SONGS, MANY_KEYS, SPARSE = 500, 10, 4, 0.3
LOOKED_AT = 512
"""Number of phrases that are measured."""


def advise_music(data: str, training: TrainSettings) -> KindAdvice:
    """What is hard about some songs, and how fast their training is here. A few steps are trained to find out. `training`: with resolved
    settings. A DataError if they cannot be used.
    """
    dataset, notes = prepare_music(data, MusicReading())
    songs, _ = read_songs(find_songs(data))
    keys = {transposition_to_c(song) for song in songs}
    pace = measure_pace(recipes.get(RECIPE)(), dataset, training)
    found = music_difficulties(dataset, songs, len(keys), busy_machine(pace.share))
    settings = {**({"key": "C"} if len(keys) >= MANY_KEYS else {}), "minutes": training.minutes or MINUTES}
    pitched = [track.name for track in dataset.spec.tracks if not track.drums]
    after = [f"{pace_in_words(pace, 'phrases')}."]
    if len(pitched) > 1:
        given = train_command(RECIPE, data, {**settings, "given": pitched[0]})
        melody = train_command("midinet", data, {**settings, "melody": pitched[0]})
        after = [
            f"To have voices made for a melody (sparring harmonize): {given}",
            f"To learn the melody alone, over chords: {melody}",
            *after,
        ]
    return KindAdvice(data, len(dataset), notes[0], tuple(notes[1:]), tuple(found), RECIPE, settings, tuple(after), pace)


def music_difficulties(dataset: MusicDataset, songs: list[Song], keys: int, busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about some phrases, the most severe first."""
    found = [] if busy is None else [busy]
    used = len(np.unique(dataset.song_of))
    if len(dataset) < FEW_PHRASES:
        description = f"{plural(len(dataset), 'phrase', 'phrases')}: they are soon memorized."
        found.append(Difficulty("few phrases", description, "warning", "Take more songs, or shorter phrases: --bars 2."))
    if used < FEW_SONGS:
        description = f"{plural(used, 'song', 'songs')}: whole songs are held out, and what is alike in one is all there is to learn."
        found.append(Difficulty("few songs", description, "warning", "Take more songs of the same kind."))
    if used < len(songs) / 2:
        description = f"{used} of {plural(len(songs), 'song', 'songs')} are used: others lack the tracks, or the meter."
        found.append(Difficulty("songs unlike", description, "warning", "Name tracks that more songs have (--tracks), or another --meter."))
    if keys >= MANY_KEYS:
        description = f"Songs are in {keys} keys and more, so that every harmony has to be learned in each."
        found.append(Difficulty("many keys", description, "note", "Bring all to C major or A minor: --key C."))
    rolls = dataset.rolls(np.unique(np.linspace(0, len(dataset) - 1, min(LOOKED_AT, len(dataset))).astype(np.int64)))
    empty = float(np.mean(measures_of(rolls, dataset.spec)["empty bars"]))
    if empty > SPARSE:
        description = f"Nothing sounds in {empty:.0%} of the tracks' bars: silence is the easiest thing to learn."
        found.append(Difficulty("sparse tracks", description, "note", "Leave tracks out that seldom play (--tracks)."))
    return sorted(found, key=lambda one: -WEIGHTS[one.severity])
