"""Stylized facts of returns (Cont 2001): what nearly all prices have in common and simple models lack, with bands from a bootstrap.

All facts are free of the unit of the returns. Functions take `counts`, which say how often each step counts (a pair or a window counts as
often as its first step does); by default, each counts once. Bootstrap samples are such counts, so that pairs and windows are never torn.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sparring.core.errors import DataError
from sparring.metrics.series.autocorrelation import autocorrelation
from sparring.metrics.series.moments import mean, mean_product, once, standardized
from sparring.metrics.series.stationary_bootstrap import best_mean_block, draw_steps

ACF_LAGS = (1, 10, 50)
"""Lags in steps of the autocorrelations of returns, absolute returns and squared returns."""
LEVERAGE_LAGS = (1, 5)
"""Lags in steps of the correlation of returns with later squared returns."""
AGGREGATED_STEPS = (5, 20)
"""Numbers of steps over which returns are summed: with daily returns, a week and a month."""
VARIANCE_STEPS = (20, 50)
"""Numbers of steps over which returns are summed for variance ratios."""
GAIN_LOSS_HORIZONS = (20, 50)
"""Longest waiting times in steps for a gain and for a loss."""
GAIN_LOSS_LEVEL = 0.6
"""The gain and the loss waited for, in standard deviations of the sum of the returns over the horizon: with 50 daily returns of shares,
about the 5 % of Jensen, Johansen and Simonsen (2003). A random walk reaches it within the horizon in about half of the cases."""
TAIL_SHARE = 0.05
"""Share of the absolute returns, the largest, that the Hill index is estimated from."""
LIGHTEST_TAIL = 100.0
"""The Hill index is not followed above this. The uniform distribution has 39, the normal 6."""


def excess_kurtosis(values: Float[np.ndarray, "paths steps"], counts: Int[np.ndarray, "paths steps"] | None = None) -> float:
    """Fourth standardized moment of the population less 3: 0 for a normal distribution, and 0 for constant values."""
    z = standardized(values, counts)
    squares = z * z
    return mean(squares * squares, once(z) if counts is None else counts) - 3 if z.any() else 0.0


def skewness(values: Float[np.ndarray, "paths steps"], counts: Int[np.ndarray, "paths steps"] | None = None) -> float:
    """Third standardized moment of the population: 0 for a symmetric distribution, and 0 for constant values."""
    z = standardized(values, counts)
    return mean(z * z * z, once(z) if counts is None else counts)


def hill_index(
    values: Float[np.ndarray, "paths steps"], counts: Int[np.ndarray, "paths steps"] | None = None, share: float = TAIL_SHARE
) -> float:
    """Tail index: the power with which the probability of large absolute values falls (Hill 1975), from the `share` largest of them.

    With k values in that share, it is 1 / mean(log(x_i / x_{k+1}), i = 1 ... k) of the absolute values in falling order. Zeros are not
    used. Between 0 (the heaviest tail) and 100, which also constant values and fewer than two nonzero values give.
    """
    sizes = np.abs(values).ravel() if counts is None else np.repeat(np.abs(values).ravel(), counts.ravel())
    nonzero = sizes[sizes > 0]
    k = min(max(int(share * len(sizes)), 1), len(nonzero) - 1)
    if k < 1:
        return LIGHTEST_TAIL
    tail = np.partition(nonzero, len(nonzero) - k - 1)[-k - 1 :]
    gamma = float(np.log(tail[1:] / tail[0]).mean())
    return 1 / max(gamma, 1 / LIGHTEST_TAIL)


def leverage(returns: Float[np.ndarray, "paths steps"], lag: int, counts: Int[np.ndarray, "paths steps"] | None = None) -> float:
    """Correlation of returns with squared returns `lag` steps later (Bouchaud, Matacz and Potters 2001, without their normalization).

    Between -1 and 1: negative where losses are followed by larger moves than gains are. 0 if returns or squared returns are constant.
    """
    return mean_product(standardized(returns, counts), standardized(returns**2, counts), lag, counts)


def gain_loss_asymmetry(
    returns: Float[np.ndarray, "paths steps"], horizon: int, counts: Int[np.ndarray, "paths steps"] | None = None
) -> float:
    """Mean waiting time for a gain less that for an equal loss, in shares of the horizon (after Jensen, Johansen and Simonsen 2003).

    From every step that has `horizon` returns ahead, the sum of these, each less the mean return, is followed until it has risen or fallen
    by the level: 0.6 * sqrt(horizon) standard deviations of a return. What is not reached is counted as waited for `horizon` steps, because
    the mean of a random walk's waiting times is infinite. Between -1 and 1: positive where losses come faster, as with indexes of shares.
    0 for constant returns.
    """
    z, starts = standardized(returns, counts), returns.shape[1] - horizon + 1
    assert 1 <= horizon <= returns.shape[1], f"A horizon of {horizon} does not fit into paths of {returns.shape[1]} steps"
    level = GAIN_LOSS_LEVEL * math.sqrt(horizon)
    position, difference = np.zeros((len(z), starts)), np.zeros((len(z), starts), np.int32)
    awaiting_gain, awaiting_loss = np.ones((2, len(z), starts), bool)
    for step in range(horizon):
        difference += awaiting_gain
        difference -= awaiting_loss
        position += z[:, step : step + starts]
        awaiting_gain &= position < level
        awaiting_loss &= position > -level
    weights = once(z) if counts is None else counts
    return mean(difference / horizon, weights[:, :starts])


def aggregated_kurtosis(
    returns: Float[np.ndarray, "paths steps"], steps: int, counts: Int[np.ndarray, "paths steps"] | None = None
) -> float:
    """Excess kurtosis of the sums of `steps` successive returns, from all windows, which overlap. It falls toward 0 with more steps where
    returns become normal in sum (aggregational normality). 0 for constant returns.
    """
    assert 1 <= steps <= returns.shape[1], f"Sums over {steps} steps do not fit into paths of {returns.shape[1]}"
    sums = np.lib.stride_tricks.sliding_window_view(returns, steps, axis=1).sum(axis=2)
    return excess_kurtosis(sums, None if counts is None else counts[:, : sums.shape[1]])


def variance_ratio(returns: Float[np.ndarray, "paths steps"], steps: int, counts: Int[np.ndarray, "paths steps"] | None = None) -> float:
    """Variance of the sums of `steps` successive returns, over `steps` times the variance of a return (Lo and MacKinlay 1988). 1: returns
    are uncorrelated. Below 1, prices come back; above, they go on. What may be lost in a year depends on it. 0 for constant returns.
    """
    assert 1 <= steps <= returns.shape[1], f"Sums over {steps} steps do not fit into paths of {returns.shape[1]}"
    sums = np.lib.stride_tricks.sliding_window_view(standardized(returns, counts), steps, axis=1).sum(axis=2)
    weights = once(returns) if counts is None else counts
    return mean(sums**2, weights[:, : sums.shape[1]]) / steps


def facts(returns: Float[np.ndarray, "paths steps"], counts: Int[np.ndarray, "paths steps"] | None = None) -> dict[str, float]:
    """All facts by name, with lags and horizons k in steps: those that do not fit into the paths are left out.

    | name | function |
    |---|---|
    | kurtosis, skewness, hill | `excess_kurtosis`, `skewness`, `hill_index` |
    | acf_k, acf_abs_k, acf_square_k | adjusted `autocorrelation` of returns, of absolute returns, of squared returns, at `ACF_LAGS` |
    | leverage_k | `leverage` at `LEVERAGE_LAGS` |
    | gain_loss_k | `gain_loss_asymmetry` with `GAIN_LOSS_HORIZONS` |
    | kurtosis_k | `aggregated_kurtosis` over `AGGREGATED_STEPS` |
    | variance_ratio_k | `variance_ratio` over `VARIANCE_STEPS` |

    Adjusted autocorrelations allow short generated paths to be compared with one long series. Constant returns give 0 for all but hill,
    which is then 100. Raises a DataError for returns that are not finite, and for fewer than two steps.
    """
    steps = returns.shape[1]
    if steps < 2 or not len(returns):
        raise DataError(f"Stylized facts need paths of at least two returns, and there are {len(returns)} paths of {steps}.")
    if not np.isfinite(returns).all():
        raise DataError(f"{np.count_nonzero(~np.isfinite(returns)):,} of {returns.size:,} returns are infinite or not numbers.")
    scaled = returns / (float(np.abs(returns).max()) or 1.0)  # so that no power of a return overflows or vanishes
    found = {"kurtosis": excess_kurtosis(scaled, counts), "skewness": skewness(scaled, counts), "hill": hill_index(scaled, counts)}
    lags = [lag for lag in ACF_LAGS if lag < steps]
    for name, values in (("acf", scaled), ("acf_abs", np.abs(scaled)), ("acf_square", scaled**2)):
        found |= {f"{name}_{lag}": float(value) for lag, value in zip(lags, autocorrelation(values, lags, counts), strict=True)}
    found |= {f"leverage_{lag}": leverage(scaled, lag, counts) for lag in LEVERAGE_LAGS if lag < steps}
    found |= {f"gain_loss_{horizon}": gain_loss_asymmetry(scaled, horizon, counts) for horizon in GAIN_LOSS_HORIZONS if horizon <= steps}
    found |= {f"kurtosis_{window}": aggregated_kurtosis(scaled, window, counts) for window in AGGREGATED_STEPS if window <= steps}
    return found | {f"variance_ratio_{window}": variance_ratio(scaled, window, counts) for window in VARIANCE_STEPS if window <= steps}


@dataclass(frozen=True)
class Band:
    """A fact of a real series, and the band in which it may lie by chance."""

    value: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def bands(
    returns: Float[np.ndarray, "paths steps"],
    random: np.random.Generator,
    *,
    resamples: int = 500,
    mean_block: float | None = None,
    confidence: float = 0.95,
    independent_paths: bool = False,
) -> dict[str, Band]:
    """Percentile bands of all facts of a real series, from resamples by the stationary bootstrap (Politis and Romano 1994).

    Steps are drawn in blocks with a mean length of `mean_block` steps; by default, the best one for the mean of the absolute returns
    (Politis and White 2004). Each step drawn brings with it the steps that follow it in the real series (the blocks of blocks of Politis
    and Romano 1992): where two blocks meet, no memory is lost. Paths are taken to be of the same time, like shares of one market, and the
    same steps are drawn of all of them. With `independent_paths`, whole paths are drawn instead. Constant returns give bands without width.

    Bands of fourth moments are too narrow, because no resample knows a larger move than those that came. In 40 paths of 2,500 steps of a
    GJR-GARCH process, they held its true kurtosis in 55 % of the cases, the autocorrelation of squared returns in 53 to 85 %, that of
    absolute returns in 75 to 93 %, and skewness, Hill index, leverage and gain/loss asymmetry in 88 to 100 %.
    """
    paths, steps = returns.shape
    values = facts(returns)
    block = best_mean_block(np.abs(returns)) if mean_block is None else mean_block
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(resamples):
        if independent_paths:
            counts = np.bincount(random.integers(paths, size=paths), minlength=paths)[:, None]
        else:
            counts = np.bincount(draw_steps(steps, block, random), minlength=steps)
        for name, value in facts(returns, np.broadcast_to(counts, returns.shape)).items():
            drawn[name].append(value)
    tail = (1 - confidence) / 2
    return {name: Band(values[name], *map(float, np.quantile(drawn[name], [tail, 1 - tail]))) for name in values}
