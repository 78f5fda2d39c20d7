"""Exact and asymptotic bounds of shares and of the area under the ROC curve."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64

from sparring.core.errors import DataError


def binomial_tail(successes: int, n: int, probability: float) -> float:
    """The probability of at least so many successes in `n` independent tries."""
    if successes <= 0:
        return 1.0
    if not 0 < probability < 1:
        return float(probability >= 1)
    return min(1.0, float(np.exp(log_binomial(np.arange(successes, n + 1), n, probability)).sum()))


def log_binomial(successes: Int64[np.ndarray, " k"], n: int, probability: float) -> Float[np.ndarray, " k"]:
    """Logarithm of the probability of each of these numbers of successes in `n` independent tries, of a probability between 0 and 1."""
    k = torch.from_numpy(successes.astype(np.float64))
    logs = _log_factorial(n) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    return (logs + k * np.log(probability) + (n - k) * np.log1p(-probability)).numpy()


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact bounds of a share (Clopper and Pearson 1934). Raises a DataError for no tries."""
    if n < 1:
        raise DataError("A share of no rows has no bounds.")
    alpha = (1 - confidence) / 2
    lower = 0.0 if successes == 0 else _solve(lambda p: binomial_tail(successes, n, p) - alpha)
    upper = 1.0 if successes == n else _solve(lambda p: binomial_tail(successes + 1, n, p) - (1 - alpha))
    return lower, upper


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve: how often a positive item scores higher than a negative one (ties count half)."""

    value: float
    standard_error: float

    @property
    def bounds(self) -> tuple[float, float]:
        """95 % bounds: 1.96 standard errors on either side, within 0 and 1."""
        return max(0.0, self.value - 1.96 * self.standard_error), min(1.0, self.value + 1.96 * self.standard_error)


def auc(positives: Float[np.ndarray, " n"], negatives: Float[np.ndarray, " m"]) -> Auc:
    """The area with DeLong's standard error (DeLong et al. 1988), from ranks as in Sun and Xu (2014).

    Raises a DataError for fewer than two items on a side.
    """
    n, m = len(positives), len(negatives)
    if min(n, m) < 2:
        raise DataError(f"The area under a ROC curve needs at least two items on each side, and there are {n} and {m}.")
    above = _share_below(positives, negatives)
    below = 1 - _share_below(negatives, positives)
    # half a success more on either side, so that a perfect separation keeps a standard error (as Agresti and Coull's for shares)
    floor = 0.25 / min(n, m) ** 2
    return Auc(float(above.mean()), float(np.sqrt(above.var(ddof=1) / n + below.var(ddof=1) / m + floor)))


def true_positives_at(positives: Float[np.ndarray, " n"], negatives: Float[np.ndarray, " m"], false_positives: float = 0.01) -> int:
    """Number of positive items that score higher than all but this share of the negative ones."""
    allowed = int(false_positives * len(negatives))
    threshold = np.sort(negatives)[::-1][allowed]
    return int((positives > threshold).sum())


def _share_below(items: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each item, the share of the others that score lower (ties count half)."""
    known = np.sort(others)
    return (np.searchsorted(known, items) + np.searchsorted(known, items, side="right")) / (2 * len(known))


def _solve(rising: Callable[[float], float]) -> float:
    """The root in [0, 1] of a function that rises, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _log_factorial(n: int) -> torch.Tensor:
    return torch.lgamma(torch.tensor(n + 1.0, dtype=torch.float64))
