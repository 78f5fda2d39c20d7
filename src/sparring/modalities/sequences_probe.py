"""What is measured of sequences while they are learned: repeats, runs of one token, ends, and how alike they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Int64

from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_spec import END, SequenceSpec
from sparring.games.game import Game
from sparring.metrics.sequences.bleu import self_bleu
from sparring.metrics.sequences.ngrams import NOTHING, Coded
from sparring.metrics.sequences.variety import longest_runs, most_frequent_share
from sparring.modalities.generated_sequences import generated_codes
from sparring.modalities.tables import spread

PROBED = 256
"""Number of sequences that are generated for a measurement, and of real ones that they are compared with: how alike they are depends on
their number."""
ALIKE_ORDER = 3
"""Self-BLEU is of n-grams of up to so many tokens."""


def sequences_probe(data: SequenceDataset, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of sequences once, and of games on them."""
    spec = data.spec
    real = measured(spec, data.codes(spread(len(data), PROBED)))
    facts = {f"{name}/data": value for name, value in real.items()}

    def measure(game: Game) -> dict[str, Any]:
        return measured(spec, generated_codes(game, PROBED, seed))

    return facts, measure


def measured(spec: SequenceSpec, codes: Int64[np.ndarray, "n length"]) -> dict[str, float]:
    """The numbers of some sequences, by the names of their signals."""
    tokens = [spec.tokens_of_codes(row) for row in codes]
    coded = Coded(np.where((codes == END).cumsum(axis=1) > 0, NOTHING, codes), spec.vocabulary)
    return {
        "most_frequent": most_frequent_share(tokens),
        "longest_run": float(longest_runs(coded).mean()),
        "ended": float((coded.lengths < spec.length).mean()),
        "self_bleu": float(self_bleu(tokens, (ALIKE_ORDER,))[ALIKE_ORDER].mean()),
    }
