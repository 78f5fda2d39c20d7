"""Value at risk and expected shortfall of simulated returns, and tests whether real returns agree with them.

Risks are losses: positive numbers, in the unit of the returns. A level is a confidence such as 0.99: the loss is exceeded in 1 % of
the cases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

LEVELS = (0.95, 0.99)
"""Levels of confidence that are usual in risk management."""
ROUNDING = 1e-9
"""Part of a sample by which the product of a level and a number of samples may be wrong."""


def value_at_risk(samples: Float[np.ndarray, "samples ..."], levels: Sequence[float] = LEVELS) -> Float[np.ndarray, "levels ..."]:
    """The smallest loss among the samples of which a share of at least `level` of them is not above it.

    Samples are returns along the first axis; other axes, such as steps, are kept. Levels lie between 0 and 1.
    """
    losses, m = np.sort(-samples, axis=0), len(samples)
    _check(levels, m)
    return losses[[math.ceil(level * m - ROUNDING) - 1 for level in levels]]


def expected_shortfall(samples: Float[np.ndarray, "samples ..."], levels: Sequence[float] = LEVELS) -> Float[np.ndarray, "levels ..."]:
    """Mean of the largest losses that are a share of 1 - `level` of the samples: never below the value at risk.

    Where that is no whole number of samples, the smallest of these losses counts in part (Acerbi and Tasche 2002, definition 2.6, of the
    samples' own distribution). Samples are returns along the first axis; other axes are kept. With fewer than 1 / (1 - level) samples, it
    is the largest loss.
    """
    losses, m = np.sort(-samples, axis=0)[::-1], len(samples)
    _check(levels, m)
    return np.stack([np.tensordot(_tail_weights(m, level), losses, 1) for level in levels])


def _tail_weights(m: int, level: float) -> Float[np.ndarray, " m"]:
    """Weights of m losses in falling order: equal for the largest, in part for the one at the border of the tail, then 0."""
    weights = np.clip((1 - level) * m - np.arange(m), 0, 1)
    return weights / weights.sum()


def exceedances(
    returns: Float[np.ndarray, " steps"], risks: Float[np.ndarray, "levels steps"] | Float[np.ndarray, "levels 1"]
) -> Bool[np.ndarray, "levels steps"]:
    """Whether the loss at each step is larger than the value at risk at each level, which may be one for each step or one for all."""
    return -returns > risks


@dataclass(frozen=True)
class LikelihoodRatio:
    """A likelihood ratio test."""

    statistic: float
    """Twice the difference of the log likelihoods, 0 or more."""
    p_value: float
    """Probability of a statistic at least as large if the hypothesis is true, between 0 and 1."""


def kupiec_test(exceeded: Bool[np.ndarray, " steps"], level: float) -> LikelihoodRatio:
    """Whether the value at risk at this level is exceeded as often as it should be, in a share of 1 - `level` of the steps: the test of the
    proportion of failures (Kupiec 1995), chi-square with 1 degree of freedom.

    No and only exceedances are as valid as others. It needs many steps: with 250 at 0.99, not a single exceedance has a p-value of 0.025.
    """
    n, x = len(exceeded), int(exceeded.sum())
    _check([level], n)
    return _one_degree(_log_likelihood(x, n, x / n) - _log_likelihood(x, n, 1 - level))


def independence_test(exceeded: Bool[np.ndarray, " steps"]) -> LikelihoodRatio:
    """Whether exceedances come independently of whether there was one a step before (Christoffersen 1998), chi-square with
    1 degree of freedom.

    Where it cannot be told, because none or all steps exceed or there are fewer than two steps, the statistic is 0 and the p-value 1.
    """
    before, now = exceeded[:-1], exceeded[1:]
    if not len(now) or before.all() or not before.any():
        return LikelihoodRatio(0.0, 1.0)
    free = sum(_log_likelihood(int(now[side].sum()), int(side.sum()), float(now[side].mean())) for side in (before, ~before))
    return _one_degree(free - _log_likelihood(int(now.sum()), len(now), float(now.mean())))


def conditional_coverage_test(exceeded: Bool[np.ndarray, " steps"], level: float) -> LikelihoodRatio:
    """Whether exceedances are both as frequent as they should be and independent (Christoffersen 1998): the sum of Kupiec's
    statistic and that of independence, chi-square with 2 degrees of freedom.
    """
    statistic = kupiec_test(exceeded, level).statistic + independence_test(exceeded).statistic
    return LikelihoodRatio(statistic, math.exp(-statistic / 2))


def _one_degree(log_ratio: float) -> LikelihoodRatio:
    """The test of a difference of log likelihoods with 1 degree of freedom. Rounding may bring it below 0."""
    statistic = max(2 * log_ratio, 0.0)
    return LikelihoodRatio(statistic, math.erfc(math.sqrt(statistic / 2)))


def _log_likelihood(successes: int, n: int, probability: float) -> float:
    """Log likelihood of a sequence of tries, where 0 log 0 is 0."""
    parts = ((successes, probability), (n - successes, 1 - probability))
    return sum(count * math.log(share) for count, share in parts if count)


def _check(levels: Sequence[float], m: int) -> None:
    """Levels lie between 0 and 1, and there is at least one value."""
    assert all(0 < level < 1 for level in levels), f"Levels lie between 0 and 1: {levels}"
    assert m >= 1, "Risk needs at least one value"
