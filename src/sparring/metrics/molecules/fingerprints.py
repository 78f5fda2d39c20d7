"""How alike molecules are: Tanimoto similarities of their Morgan fingerprints (Rogers and Hahn 2010)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Float64

if TYPE_CHECKING:
    from rdkit.Chem import Mol

RADIUS, BITS = 2, 1024
"""Bonds from an atom that a bit sees, and number of bits: as in MOSES."""
_ROWS = 2048


def fingerprints(molecules: "Sequence[Mol]") -> Float32[np.ndarray, "n bits"]:
    """The Morgan fingerprint of each molecule: 1 for each environment of an atom that is there, else 0."""
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator  # noqa: PLC0415 (an extra)

    generator = GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    rows = [generator.GetFingerprintAsNumPy(molecule) for molecule in molecules]
    return np.stack(rows).astype(np.float32) if rows else np.zeros((0, BITS), np.float32)


def similarities(one: Float32[np.ndarray, "n bits"], other: Float32[np.ndarray, "m bits"]) -> Float32[np.ndarray, "n m"]:
    """Tanimoto similarity, 0 to 1, of each pair: bits that both have, as a share of those that either has. 1 where neither has any."""
    both = one @ other.T
    either = one.sum(axis=1, keepdims=True) + other.sum(axis=1) - both
    return np.divide(both, either, out=np.ones_like(both), where=either > 0)


def internal_diversity(rows: Float32[np.ndarray, "n bits"], power: int = 1) -> tuple[float, float]:
    """MOSES' IntDiv_p, and its standard error: 1 less the mean similarity of all pairs of molecules, each with itself among them. Of p = 2
    the root of the mean square, taken for each molecule as in MOSES' code. 0: all are the same.
    """
    means = [
        (similarities(rows[start : start + _ROWS], rows).astype(np.float64) ** power).mean(axis=1) for start in range(0, len(rows), _ROWS)
    ]
    roots = np.concatenate(means) ** (1 / power)
    # of a mean over pairs it is twice that of a mean over rows (Hoeffding 1948)
    return 1 - float(roots.mean()), 2 * mean_and_error(roots)[1]


def nearest_similarities(rows: Float32[np.ndarray, "n bits"], reference: Float32[np.ndarray, "m bits"]) -> Float64[np.ndarray, " n"]:
    """The similarity of each molecule with the nearest of the reference. Their mean is MOSES' SNN."""
    found = np.zeros(len(rows))
    for start in range(0, len(reference), _ROWS):
        found = np.maximum(found, similarities(rows, reference[start : start + _ROWS]).max(axis=1))
    return found


def mean_and_error(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The mean, and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
