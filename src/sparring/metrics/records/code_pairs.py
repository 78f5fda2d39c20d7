"""Which codes come together."""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sparring.metrics.records.code_frequencies import Present, frequencies

FREQUENT = 0.01
"""Pairs are of codes that at least this share of the real patients has, and at least as many have not."""
MOST_CODES = 500
"""Pairs are of at most so many codes, the most frequent."""


def frequent_codes(real: Present) -> Int64[np.ndarray, " k"]:
    """Codes whose pairs are looked at."""
    share = frequencies(real)
    varied = np.flatnonzero((share >= FREQUENT) & (share <= 1 - FREQUENT))
    return np.sort(varied[np.argsort(-share[varied], kind="stable")[:MOST_CODES]])


def phi(present: Bool[np.ndarray, "patients codes"]) -> Float64[np.ndarray, "codes codes"]:
    """Phi coefficients: the correlation of each two codes, -1 to 1; 0 where one of them is constant."""
    centered = present - present.mean(axis=0, dtype=np.float64)
    products = centered.T @ centered / len(present)
    deviations = np.sqrt(products.diagonal())
    scale = np.outer(deviations, deviations)
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 1e-12)


def pairs_distance(real_phi: Float64[np.ndarray, "k k"], real_patients: int, made: Bool[np.ndarray, "patients k"]) -> float:
    """Root mean squared difference of the phi coefficients of all pairs of different codes, without what chance adds: the coefficient of
    two unrelated codes of n patients has a variance of 1 / n. 0 where the difference is less. `real_phi`: those of so many real patients.
    """
    above = np.triu_indices(len(real_phi), 1)
    if not len(above[0]):
        return 0.0
    squares = float(np.square(real_phi - phi(made))[above].mean())
    return max(0.0, squares - 1 / real_patients - 1 / len(made)) ** 0.5
