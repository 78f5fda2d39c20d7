"""Before training on music: what is hard about it, and how fast training is on this machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
from sparring.health.doctor.series_command import train_command
from sparring.health.doctor.time_estimate import Pace, measure_pace, two_figures
from sparring.modalities.music_rolls import measures_of
from sparring.training.settings import TrainSettings

RECIPE, MINUTES = "musegan", 10
FEW_PHRASES, FEW_SONGS, MANY_KEYS, SPARSE = 500, 10, 4, 0.3
LOOKED_AT = 512
"""Number of phrases that are measured."""


@dataclass(frozen=True, eq=False)
class MusicAdvice:
    """What to know before training on music."""

    data: str
    count: int
    """Number of phrases."""
    notes: tuple[str, ...]
    """What was found, and what was left out, in sentences."""
    difficulties: tuple[Difficulty, ...]
    """What is hard, the most severe first."""
    settings: Mapping[str, Any]
    """Settings of training: keywords for `sparring.train`."""
    melody: str | None
    """The track that would be a melody, where there are several."""
    pace: Pace

    @property
    def command(self) -> str:
        """The command to start with."""
        return train_command(RECIPE, self.data, self.settings)

    def lines(self) -> list[str]:
        """The advice in lines for the terminal."""
        hard = [one.name for one in self.difficulties if one.severity != "note"]
        lines = [f"{self.data}: {self.notes[0]}", *self.notes[1:], f"Hard here: {', '.join(hard)}." if hard else "Nothing is hard here."]
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.description}", f"  To do: {each.remedy}"]
        lines += ["", "Start with:", "", f"  {self.command}", ""]
        if self.melody is not None:
            given = train_command(RECIPE, self.data, {**self.settings, "given": self.melody})
            melody = train_command("midinet", self.data, {**self.settings, "melody": self.melody})
            lines += [
                f"To have voices made for a melody (sparring harmonize): {given}",
                f"To learn the melody alone, over chords: {melody}",
            ]
        return [*lines, f"Here ({self.pace.machine}): {two_figures(self.pace.samples_per_second)} phrases a second."]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            **{name: getattr(self, name) for name in ("data", "count", "command", "notes")},
            "recipe": RECIPE,
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "pace": asdict(self.pace),
        }


def advise_music(data: str, training: TrainSettings) -> MusicAdvice:
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
    melody = pitched[0] if len(pitched) > 1 else None
    return MusicAdvice(data, len(dataset), notes, tuple(found), settings, melody, pace)


def music_difficulties(dataset: MusicDataset, songs: list[Song], keys: int, busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about some phrases, the most severe first."""
    found = [] if busy is None else [busy]
    used = len(np.unique(dataset.song_of))
    if len(dataset) < FEW_PHRASES:
        description = f"{plural(len(dataset), 'phrase', 'phrases')}: they are soon known by heart."
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
