"""How often codes are, and how many a patient has."""

import numpy as np
from jaxtyping import Bool, Float64, Int64, Num

Present = Bool[np.ndarray, "_ codes"]
"""Which codes patients have."""


def frequencies(present: Present) -> Float64[np.ndarray, " codes"]:
    """Share of the patients that have each code: its dimension-wise probability (Choi et al. 2017, section 4.2)."""
    return present.mean(axis=0, dtype=np.float64)


def frequency_error(real: Present, made: Present) -> float:
    """Root mean squared difference of the frequencies of codes."""
    return float(np.sqrt(np.square(frequencies(real) - frequencies(made)).mean()))


def frequency_error_by_chance(real: Present, n: int) -> float:
    """The error that `n` other patients with the same frequencies of codes would have: both sides vary binomially."""
    share = frequencies(real)
    return float(np.sqrt((share * (1 - share)).mean() * (1 / n + 1 / len(real))))


def frequency_correlation(real: Present, made: Present) -> float:
    """Pearson's correlation of the frequencies of codes; 0 where one side has the same for all."""
    one, other = frequencies(real), frequencies(made)
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def lost_codes(real: Present, made: Present, above: float) -> Int64[np.ndarray, " k"]:
    """Codes that more than that share of the real patients have, and no generated one."""
    return np.flatnonzero((frequencies(real) > above) & ~made.any(axis=0))


def numbers_distance(real: Num[np.ndarray, " n"], made: Num[np.ndarray, " m"]) -> float:
    """Wasserstein-1 distance of two sets of numbers (such as codes of each patient), over the standard deviation of the real ones."""
    levels = (np.arange(1000) + 0.5) / 1000
    apart = np.abs(np.quantile(real, levels, method="inverted_cdf") - np.quantile(made, levels, method="inverted_cdf")).mean()
    return float(apart / max(float(np.std(real)), 1e-12))
