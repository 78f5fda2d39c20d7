"""Scores of forecasts that are samples of futures, and the seasonal naive forecast that they have to beat.

Forecasts are arrays "forecasts samples steps", the truth is "forecasts steps", both in the unit of the series.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from sparring.core.errors import DataError

QUANTILE_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Levels at which the pinball loss is taken: the ends of the 95, 80 and 50 % bands, and the median."""
BAND_LEVELS = (0.8, 0.95)
"""Shares of the futures that central bands should hold."""


def crps(
    forecasts: Float[np.ndarray, "forecasts samples steps"], truth: Float[np.ndarray, "forecasts steps"], *, fair: bool = True
) -> Float[np.ndarray, "forecasts steps"]:
    """Continuous ranked probability score in the unit of the series: mean|x_i - y| - sum|x_i - x_j| / (2 m (m - 1)) over m samples.

    0 is best. This is the fair score (Ferro 2014): its expectation is that of infinitely many samples, so that forecasts of few and of many
    samples can be compared; a single score may be slightly below 0. Otherwise, the divisor is 2 m^2: the score of the samples' own
    distribution (Gneiting and Raftery 2007, equation 21), which is larger the fewer samples there are. One sample gives its absolute error.
    """
    _check(forecasts, truth)
    m = forecasts.shape[1]
    errors = np.sort(forecasts - truth[:, None], axis=1)
    ranks = 2 * np.arange(1, m + 1) - m - 1
    spread = np.einsum("m,nms->ns", ranks, errors) / (m * max(m - 1, 1) if fair else m**2)
    return np.abs(errors).mean(axis=1) - spread


def sample_quantiles(
    forecasts: Float[np.ndarray, "forecasts samples steps"], levels: Sequence[float]
) -> Float[np.ndarray, "levels forecasts steps"]:
    """Quantiles of the samples at levels between 0 and 1, by Weibull's rule: position level * (m + 1) among m samples in order.

    One more sample lies below such a quantile with a probability of exactly its level, if that position is a whole number. With too few
    samples for a level, the quantile is the smallest or the largest of them.
    """
    assert all(0 <= level <= 1 for level in levels), f"Levels lie between 0 and 1: {levels}"
    return np.quantile(forecasts, np.asarray(levels, np.float64), axis=1, method="weibull")


def pinball_loss(
    forecasts: Float[np.ndarray, "forecasts samples steps"],
    truth: Float[np.ndarray, "forecasts steps"],
    levels: Sequence[float] = QUANTILE_LEVELS,
) -> Float[np.ndarray, "levels forecasts steps"]:
    """Pinball loss of the samples' quantiles in the unit of the series (Koenker and Bassett 1978): level * (y - q) where the truth y lies
    above the quantile q, (1 - level) * (q - y) where it lies below. 0 is best. Its mean over all levels from 0 to 1 is half the CRPS.
    """
    _check(forecasts, truth)
    above = truth - sample_quantiles(forecasts, levels)
    level = np.asarray(levels, np.float64)[:, None, None]
    return np.maximum(level * above, (level - 1) * above)


def in_bands(
    forecasts: Float[np.ndarray, "forecasts samples steps"],
    truth: Float[np.ndarray, "forecasts steps"],
    levels: Sequence[float] = BAND_LEVELS,
) -> Bool[np.ndarray, "levels forecasts steps"]:
    """Whether the truth lies in the central band of the samples that should hold this share of the futures; its ends belong to it.

    The mean over forecasts and steps is the coverage, best if equal to the level. A band of 95 % needs at least 39 samples, and one of 80 %
    at least nine: with fewer, the band from the smallest to the largest sample is narrower than it should be.
    """
    _check(forecasts, truth)
    share = np.asarray(levels, np.float64)
    low, high = (sample_quantiles(forecasts, list(ends)) for ends in ((1 - share) / 2, (1 + share) / 2))
    return (low <= truth) & (truth <= high)


def coverage(
    forecasts: Float[np.ndarray, "forecasts samples steps"],
    truth: Float[np.ndarray, "forecasts steps"],
    levels: Sequence[float] = BAND_LEVELS,
) -> Float[np.ndarray, " levels"]:
    """Share of all forecasts and steps where the truth lies in the central band of each level."""
    return in_bands(forecasts, truth, levels).mean(axis=(1, 2))


def mean_absolute_error(forecast: Float[np.ndarray, "forecasts steps"], truth: Float[np.ndarray, "forecasts steps"]) -> float:
    """Mean absolute error over all forecasts and steps of forecasts of one value each, in the unit of the series."""
    assert forecast.shape == truth.shape, f"A forecast of {forecast.shape} does not fit to a truth of {truth.shape}"
    return float(np.abs(forecast - truth).mean())


def mase_scale(past: Float[np.ndarray, "forecasts past"], period: int) -> Float[np.ndarray, " forecasts"]:
    """Mean absolute difference of each past from itself one period before: the mean absolute error in units of this is the mean absolute
    scaled error (Hyndman and Koehler 2006). 0 where the past repeats exactly, as a constant one does. DataError if it is too short.
    """
    return np.abs(_seasonal_differences(past, period)).mean(axis=1)


def mean_absolute_scaled_error(
    forecast: Float[np.ndarray, "forecasts steps"],
    truth: Float[np.ndarray, "forecasts steps"],
    past: Float[np.ndarray, "forecasts past"],
    period: int,
) -> float:
    """Mean over forecasts of the mean absolute error in units of `mase_scale`. Below 1, it is better than the seasonal naive forecast is
    within the past.

    Forecasts whose past repeats exactly have no scale and are left out. If no past has one, it is 0 without any error and else infinite.
    """
    scale = mase_scale(past, period)
    known = scale > 0
    if not known.any():
        return 0.0 if mean_absolute_error(forecast, truth) == 0 else math.inf
    return float((np.abs(forecast - truth)[known].mean(axis=1) / scale[known]).mean())


def seasonal_naive(past: Float[np.ndarray, "forecasts past"], steps: int, period: int) -> Float[np.ndarray, "forecasts steps"]:
    """The last period of each past, repeated. A period of 1 repeats the last value. DataError if the past is shorter than a period."""
    _check_past(past, period, period)
    return past[:, past.shape[1] - period + np.arange(steps) % period]


def seasonal_naive_samples(
    past: Float[np.ndarray, "forecasts past"], steps: int, period: int, samples: int, random: np.random.Generator
) -> Float[np.ndarray, "forecasts samples steps"]:
    """Samples around the seasonal naive forecast (Hyndman and Athanasopoulos 2021, section 5.5): each value is that of one period before
    plus a random one of the past's differences over a period, less their mean.

    The mean of infinitely many samples is the seasonal naive forecast, and their variance grows with each period ahead. Differences are
    drawn independently for each step. A past that repeats exactly gives equal samples. DataError if it has no more steps than a period.
    """
    differences = _seasonal_differences(past, period)
    residuals = differences - differences.mean(axis=1, keepdims=True)
    seasons = -(-steps // period)
    drawn = random.integers(residuals.shape[1], size=(len(past), samples, seasons, period))
    errors = residuals[np.arange(len(past))[:, None, None, None], drawn].cumsum(axis=2)
    return (past[:, None, None, -period:] + errors).reshape(len(past), samples, seasons * period)[:, :, :steps]


def _seasonal_differences(past: Float[np.ndarray, "forecasts past"], period: int) -> Float[np.ndarray, "forecasts later"]:
    """Each value less that of one period before."""
    _check_past(past, period, period + 1)
    return past[:, period:] - past[:, :-period]


def _check_past(past: Float[np.ndarray, "forecasts past"], period: int, least: int) -> None:
    """Raise a DataError if the past has too few steps."""
    assert period >= 1, f"A period has at least one step, not {period}"
    if past.shape[1] < least:
        raise DataError(
            f"A seasonal naive forecast with a period of {period} steps needs a past of {least}, and there are {past.shape[1]}."
        )


def _check(forecasts: Float[np.ndarray, "forecasts samples steps"], truth: Float[np.ndarray, "forecasts steps"]) -> None:
    """Forecasts and truth have the same number of forecasts and steps, and there is at least one sample."""
    n, m, steps = forecasts.shape
    assert truth.shape == (n, steps), f"Forecasts of {forecasts.shape} do not fit to a truth of {truth.shape}"
    assert m >= 1, "Forecasts need at least one sample"
