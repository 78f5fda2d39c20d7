"""Rolls that games generate, and measures of them."""

from typing import cast

import numpy as np
from jaxtyping import Bool, Float64

from sparring.data.music.music_spec import MusicSpec, rolls_of
from sparring.games.capabilities import Samples
from sparring.games.game import Game
from sparring.metrics.music.measures import measure_phrases

PIECE = 128
"""Number of phrases that are generated at a time."""


def generated_rolls(game: Game, n: int, seed: int) -> Bool[np.ndarray, "n planes steps pitches"]:
    """Phrases that a game generates, as rolls."""
    pieces = [cast(Samples, game).sample(min(PIECE, n - first), seed, None, first) for first in range(0, n, PIECE)]
    return np.concatenate([rolls_of(each) for each in pieces])


def measures_of(rolls: Bool[np.ndarray, "n planes steps pitches"], spec: MusicSpec) -> dict[str, Float64[np.ndarray, " n"]]:
    """All measures of each phrase (see `metrics.music.measures`)."""
    sounding, begins = np.split(rolls, 2, axis=1)
    drums = tuple(number for number, track in enumerate(spec.tracks) if track.drums)
    return measure_phrases(
        sounding, begins, lowest=spec.lowest, bar_steps=spec.bar_steps, steps_per_quarter=spec.steps_per_quarter, drums=drums
    )
