"""The adapter of music: phrases as piano rolls."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from sparring.core.settings_checks import type_problems
from sparring.data.dataset import Dataset
from sparring.data.music.music_dataset import MusicDataset, holdout_phrases, split_holdout, with_chord_counts
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec
from sparring.data.music.music_store import prepare_music
from sparring.data.music.open_songs import BUNDLED_MUSIC
from sparring.data.music.piano_roll import draw_rolls
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.metrics.music.distribution_distances import wasserstein
from sparring.modalities.modality import DataSettings, JudgedBy, Place
from sparring.modalities.music_probe import music_probe, spread
from sparring.modalities.music_rolls import generated_rolls, measures_of

if TYPE_CHECKING:
    from rich.console import Console

SHOWN, SCORED = 12, 256
"""Number of phrases in a sample grid at most, and in the score of a checkpoint."""
WITHOUT_USE = {
    "evaluate_every": "evaluate_every is for images; music is judged with: sparring judge RUN. Leave it out.",
}
"""Settings of training that music has no use for, and what to do instead."""


class Music:
    """Phrases of songs: MIDI, MusicXML and ABC files, or chorales that come with the package."""

    name: ClassVar[str] = "music"
    items: ClassVar[str] = "phrases"
    judged_by: ClassVar[JudgedBy] = "phrases"
    exported: ClassVar[Output] = Output(
        "rolls", "piano rolls of -1 and 1, (n, 2 * tracks, steps, pitches): what sounds, then what begins", 1e-3, 2e-2, exceptions=2e-3
    )
    settings: ClassVar[Mapping[str, type]] = {"music": MusicReading}

    def spec_from_json(self, value: Mapping[str, Any]) -> MusicSpec:
        """See Modality."""
        return MusicSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, MusicDataset)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        reading: MusicReading = settings["music"]
        without_use = [problem for name, problem in WITHOUT_USE.items() if training.get(name) not in {None, False}]
        return (type_problems(reading) or reading.problems()) + without_use

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        return settings

    def location(self, data: MusicDataset | Place) -> str:
        """See Modality."""
        if isinstance(data, MusicDataset):
            return "(phrases in memory)"
        path = Path(data).expanduser()
        return str(path.resolve()) if path.exists() or str(data) not in BUNDLED_MUSIC else str(data)

    def open(self, data: Place, recipe: Recipe, settings: DataSettings, console: "Console") -> MusicDataset:
        """See Modality."""
        dataset, notes = prepare_music(data, settings["music"])
        for note in notes:
            console.print(note, highlight=False, markup=False, soft_wrap=True)
        return dataset

    def fit(self, dataset: MusicDataset, recipe: Recipe, holdout: int | None, seed: int) -> MusicDataset:
        """See Modality. How chords follow each other is that of the phrases that are trained on."""
        return with_chord_counts(dataset, holdout_phrases(dataset, holdout, seed)[0])

    def record(self, dataset: MusicDataset, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "music": asdict(settings["music"]),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: MusicSpec) -> dict[str, object]:
        """See Modality. Other songs become phrases of the same bars, steps and pitches."""
        highest = spec.lowest + spec.pitches - 1
        found: dict[str, object] = {"bars": spec.bars, "bar_steps": spec.bar_steps, "lowest": spec.lowest, "highest": highest}
        return found | ({"melody": spec.tracks[0].name} if spec.chords else {})

    def split_holdout(self, dataset: MusicDataset, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality."""
        return split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: MusicDataset, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality. Piano rolls, with a color for each track."""
        return lambda game: draw_rolls(generated_rolls(game, min(count, SHOWN), seed), dataset.spec, step=3, row=3)

    def probe(self, data: MusicDataset, holdout: MusicDataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
        """See Modality. Silence, empty bars, fragments, harmony."""
        return music_probe(data, holdout, seed)

    def checkpoint_score(self, dataset: MusicDataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. The mean distance of the distributions of all measures to those of the phrases."""
        real = measures_of(dataset.rolls(spread(len(dataset), SCORED)), dataset.spec)
        count = min(SCORED, len(dataset))

        def score(game: Game) -> dict[str, Any]:
            made = measures_of(generated_rolls(game, count, seed), dataset.spec)
            value = float(np.mean([wasserstein(real[name], made[name]) for name in real]))
            return {"name": "mean Wasserstein distance of measures", "value": value, "real": count, "generated": count, "seed": seed}

        return score
