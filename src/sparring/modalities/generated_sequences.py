"""Sequences that a game generates."""

from typing import cast

import numpy as np
import torch
from jaxtyping import Int64

from sparring.games.capabilities import Samples
from sparring.games.game import Game


def generated_codes(
    game: Game,
    n: int,
    seed: int,
    first: int = 0,
    labels: Int64[np.ndarray, " n"] | None = None,
    temperature: float | None = None,
) -> Int64[np.ndarray, "n length"]:
    """Codes of sequences `first` to `first + n - 1` of `seed`: the same however they are split into calls."""
    classes = None if labels is None else torch.from_numpy(labels)
    return cast(Samples, game).sample(n, seed, classes, first, temperature).cpu().numpy().astype(np.int64)
