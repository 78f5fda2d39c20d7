"""What is measured of a game that rewords texts while it learns: rewordings as they are drawn, before any rule leaves some out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sparring.data.sequences.scored_texts import THIRDS
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.games.capabilities import Rewords
from sparring.games.game import Game
from sparring.metrics.sequences.drawn_rewordings import drawn_signs
from sparring.modalities.tables import spread

PROBED, DRAWS = 64, 4
"""Number of texts that are reworded for a measurement, and of rewordings of each."""


def rewording_probe(data: SequenceDataset, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]] | None:
    """What is measured of games on texts with scores; None of others."""
    labels = data.labels
    if data.spec.classes != THIRDS or labels is None or not (labels == 0).any():
        return None
    low = np.flatnonzero(labels == 0)
    codes, kept = data.codes(low[spread(len(low), PROBED)]), np.array([False, *data.spec.kept_tokens])

    def measure(game: Game) -> dict[str, Any]:
        if not isinstance(game, Rewords):
            return {}
        drawn = game.reword(torch.from_numpy(codes).to(game.device), DRAWS, seed).cpu().numpy()
        return {f"rewordings/{name.replace(' ', '_')}": value for name, value in drawn_signs(codes, drawn, kept).items()}

    return {}, measure
