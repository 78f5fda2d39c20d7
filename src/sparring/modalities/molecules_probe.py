"""What is measured of molecules while they are learned: how many are valid, how many of these differ, and how many are in pieces."""

from collections.abc import Callable, Sequence
from typing import Any

from sparring.core.rdkit_molecules import canonical, has_rdkit
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.games.game import Game
from sparring.modalities.generated_sequences import generated_codes
from sparring.modalities.tables import spread

PROBED = 256
"""Number of molecules that are looked at."""


def molecules_probe(data: SequenceDataset, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]] | None:
    """What is measured of molecules once, and of games on them; None of texts that are none, and without RDKit."""
    if data.spec.cut.items != "molecules" or not has_rdkit():
        return None

    def measure(game: Game) -> dict[str, Any]:
        return of_molecules(data.spec.texts_of(generated_codes(game, PROBED, seed)))

    real = of_molecules(data.texts(spread(len(data), PROBED)))
    return {f"{name}/data": real[name] for name in ("molecules/different", "molecules/in_pieces")}, measure


def of_molecules(texts: Sequence[str | None]) -> dict[str, float]:
    """Shares of valid ones among texts, and among these of different ones, and of those that are several molecules; without a valid one,
    all are alike.
    """
    valid = [each for each in map(canonical, texts) if each is not None]
    count = max(1, len(valid))
    return {
        "molecules/valid": len(valid) / len(texts),
        "molecules/different": len(set(valid)) / count,
        "molecules/in_pieces": sum("." in each for each in valid) / count,
    }
