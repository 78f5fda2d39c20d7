"""Would yesterday's value at risk have held? One-day forecasts over held-out days, by a model and by Monte Carlo methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.inference.garch import fit_garch
from sparring.inference.monte_carlo import MonteCarloMethod
from sparring.inference.paths import UNKNOWN, continued, known_of
from sparring.inference.series_of_model import ModelSeries, whole_rows
from sparring.inference.volatility import Volatility
from sparring.metrics.series.risk import LEVELS, exceedances, kupiec_test, value_at_risk
from sparring.modalities.series_windows import numbers_in_units, to_units

if TYPE_CHECKING:
    from sparring.inference.model import Model

FEWEST_DAYS, MOST_DAYS = 50, 250
"""Kupiec's test needs so many days; of more, the last are taken: a year of trading days, as supervisors of banks ask."""
FEWEST_BEFORE = 100
"""Number of returns that are known before the first of them: of fewer, the value at risk of 99 % is the largest loss."""
PATHS_A_DAY = 199
"""Number of paths of one step that a model with a past makes for each day. With this number another return of the same distribution exceeds
their value at risk in exactly 5 and 1 % of the cases."""


@dataclass(frozen=True)
class Backtest:
    """How often the loss of a day exceeded the value at risk that was forecast the day before."""

    value: str
    """The column."""
    method: str
    level: float
    days: int
    exceptions: int
    expected: float
    """How many there are on average if the value at risk is right."""
    statistic: float
    p_value: float
    """Of Kupiec's test (1995): small if there are too many exceptions, or too few."""


def days_to_test(series: ModelSeries, number: int) -> Int64[np.ndarray, " days"]:
    """Rows of a series that training did not see, each with a return, with the past that the model needs and with returns before it that
    Monte Carlo methods need. A SettingsError if there are too few.
    """
    dataset, past = series.dataset, series.dataset.spec.past
    first, last = series.held_out_rows(number)
    complete = whole_rows(dataset.scaled)
    begins = series.rows(number)[0]
    earliest = begins + max(past + 1, int(np.searchsorted(complete[begins:last].cumsum(), FEWEST_BEFORE)) + 1)
    days = [row for row in range(max(first, earliest), last) if complete[row - past : row + 1].all()]
    if len(days) < FEWEST_DAYS:
        raise SettingsError(
            f"A backtest needs at least {FEWEST_DAYS} days of {dataset.names[number]} that training did not see, after {FEWEST_BEFORE} "
            f"others, and there are {len(days)}. Hold out more in training (--holdout), or give other data (--data)."
        )
    return np.asarray(days[-MOST_DAYS:])


def backtest(
    model: "Model",
    name: str,
    series: ModelSeries,
    number: int,
    methods: Sequence[MonteCarloMethod],
    drawn: Float64[np.ndarray, "n values steps"],
    seed: int,
    volatility: Volatility | None = None,
    levels: Sequence[float] = LEVELS,
) -> tuple[Backtest, ...]:
    """One-day value at risk of each day by the model (called `name`) and by each method, which knows all returns before the day, and
    Kupiec's test of each. `drawn`: log returns of the model's paths, from which the value at risk comes where it takes no past.
    `volatility`: for the paths of a model that takes one, which are made here.
    """
    dataset, days = series.dataset, days_to_test(series, number)
    forecasts = drawn if not dataset.spec.past else model_forecasts(model, series, number, days, seed, volatility)
    first = series.rows(number)[0] + 1  # the first price has no return
    returns, found = numbers_in_units(dataset)[first : days[-1] + 1], []
    for place, column in enumerate(dataset.spec.values):
        logs = returns[:, place]
        today = logs[days - first]
        own = model_risks(forecasts, place, bool(dataset.spec.past), len(days), levels)
        risks = {name: own} | {method: method_risks(method, logs, days - first, levels) for method in methods}
        for method, forecast in risks.items():
            exceeded = exceedances(today, forecast)
            for level, each in zip(levels, exceeded, strict=True):
                test = kupiec_test(each, level)
                expected = (1 - level) * len(days)
                found.append(Backtest(column.name, method, level, len(days), int(each.sum()), expected, test.statistic, test.p_value))
    return tuple(found)


def model_forecasts(
    model: "Model", series: ModelSeries, number: int, days: Int64[np.ndarray, " days"], seed: int, volatility: Volatility | None
) -> Float64[np.ndarray, "days paths values"]:
    """Log returns of each day as a model with a past forecasts them, from the steps before."""
    dataset, spec, found = series.dataset, series.dataset.spec, []
    for day in days.tolist():
        rows = np.arange(day - spec.past, day + 1)
        past = np.ascontiguousarray(dataset.scaled[rows[:-1]].T)[None]
        known = known_of(spec, dataset.times[rows], dataset.codes[number], UNKNOWN)
        made = continued(model, past, known, PATHS_A_DAY, 1, stream_seed(seed, "backtest", day))
        returns = to_units(spec, made)
        found.append((returns if volatility is None else volatility(returns))[:, :, 0])
    return np.stack(found)


def model_risks(
    forecasts: Float64[np.ndarray, "a b c"], place: int, has_past: bool, days: int, levels: Sequence[float]
) -> Float64[np.ndarray, "levels days"]:
    """Value at risk of each day: of the paths of that day ("days paths values"), or of all steps of all paths ("n values steps"), which is
    the same every day.
    """
    if has_past:
        return value_at_risk(forecasts[:, :, place].T, levels)
    return np.repeat(value_at_risk(forecasts[:, place].ravel(), levels)[:, None], days, axis=1)


def method_risks(
    method: MonteCarloMethod, logs: Float64[np.ndarray, " t"], days: Int64[np.ndarray, " days"], levels: Sequence[float]
) -> Float64[np.ndarray, "levels days"]:
    """Value at risk of each day (its place among the log returns) from the returns before it. One day ahead both bootstraps are the same
    distribution. GARCH is fitted once, to the returns before the first day; its variance follows the returns from day to day.
    """
    from statistics import NormalDist  # noqa: PLC0415 (only here)

    if method == "garch":
        before = logs[: days[0]]
        model = fit_garch(before[~np.isnan(before)])
        variances = model.variances(np.where(np.isnan(logs), model.mean, logs))[days]
        return -np.stack([model.mean + np.sqrt(variances) * model.quantile(1 - level) for level in levels])
    histories = [logs[:day][~np.isnan(logs[:day])] for day in days.tolist()]
    if method == "gbm":
        moments = np.array([(history.mean(), history.std(ddof=1)) for history in histories])
        return -np.stack([moments[:, 0] + NormalDist().inv_cdf(1 - level) * moments[:, 1] for level in levels])
    return np.stack([value_at_risk(history, levels) for history in histories], axis=1)
