"""What is measured of music while it is learned: silence, empty bars, notes everywhere, fragments, one phrase again and again."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from sparring.data.music.music_dataset import MusicDataset
from sparring.data.music.music_spec import MusicSpec
from sparring.games.game import Game
from sparring.metrics.music.copies import are_copies, largest_share
from sparring.modalities.music_rolls import generated_rolls, measures_of

PROBED, COMPARED = 128, 1024
"""Number of phrases that are generated for a measurement, and of real ones at most that they are compared with."""


def music_probe(data: MusicDataset, holdout: MusicDataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of phrases once, and of games on them."""
    spec, training = data.spec, data.rolls(spread(len(data), COMPARED))
    facts = {f"{name}/data": value for name, value in roll_facts(training, spec).items()}
    if holdout is not None and len(holdout):
        facts["copied_phrases/holdout"] = float(are_copies(holdout.rolls(spread(len(holdout), PROBED)), training).mean())

    def measure(game: Game) -> dict[str, Any]:
        rolls = generated_rolls(game, PROBED, seed)
        return {**roll_facts(rolls, spec), "copied_phrases": float(are_copies(rolls, training).mean())}

    return facts, measure


def roll_facts(rolls: Bool[np.ndarray, "n planes steps pitches"], spec: MusicSpec) -> dict[str, float]:
    """Shares and means over phrases."""
    measures = measures_of(rolls, spec)
    tracks = len(spec.tracks)
    return {
        "silent_phrases": float((~rolls[:, :tracks].any(axis=(1, 2, 3))).mean()),
        "empty_bars": mean(measures, "empty bars"),
        "sounding": float(rolls[:, :tracks].mean()),
        "qualified_notes": mean(measures, "qualified notes"),
        "consonance": mean(measures, "consonance"),
        "scale_consistency": mean(measures, "scale consistency"),
        "same_phrase": largest_share(rolls),
    }


def mean(measures: Mapping[str, Float64[np.ndarray, " n"]], name: str) -> float:
    """Mean over phrases that have the measure; 0 if none has."""
    values = measures[name][~np.isnan(measures[name])]
    return float(values.mean()) if len(values) else 0.0


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
