"""What a page draws of generated series: memory with its band, distributions, seasonal profiles, windows."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from sparring.evaluation.series_judgment import ColumnCurves
from sparring.evaluation.series_sets import JudgedSeries, RealPaths, Windows, series_numbers
from sparring.metrics.series.autocorrelation import autocorrelation
from sparring.metrics.series.stationary_bootstrap import best_mean_block, draw_steps

RESAMPLES = 100
"""Number of bootstrap resamples of the real series that the band of a curve is made of."""
BINS = 40
"""Number of bars of a distribution."""
OUTERMOST = 0.002
"""Share of the real values at either end that lie in the outermost bars."""
LEVELS = 200
"""Number of quantiles, at equal levels, that are drawn against each other."""
DRAWN = 6
"""Number of windows of each kind that are drawn."""
START = 100.0
"""Price at which drawn paths of returns begin."""


def column_curves(
    judged: JudgedSeries, base: Windows, sides: dict[str, Windows], column: int, lags: Sequence[int], seed: int
) -> ColumnCurves:
    """The curves of one column. `base` and `sides`: training windows, and floor, yours and ceiling, without the steps that were given."""
    real, yours = base.values[:, column], sides["yours"].values[:, column]
    edges, shares = _distributions(real, yours)
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    return ColumnCurves(
        judged.names[column],
        np.asarray(lags, np.float64),
        _memory(judged, base, sides, column, lags, seed),
        edges,
        shares,
        {"real": np.quantile(real, levels), "yours": np.quantile(yours, levels)},
        _profiles(judged, base, sides, column),
        {"real": _drawn(judged, judged.training, column), "yours": _drawn(judged, judged.generated, column)},
    )


def _memory(
    judged: JudgedSeries, base: Windows, sides: dict[str, Windows], column: int, lags: Sequence[int], seed: int
) -> dict[str, Float64[np.ndarray, " lags"]]:
    def memory(values: Float64[np.ndarray, "paths steps"]) -> Float64[np.ndarray, " lags"]:
        return autocorrelation(np.abs(values) if judged.returns else values, lags)

    found = {side: memory(windows.values[:, column]) for side, windows in {"real": base, **sides}.items()}
    low, high = _band(judged.paths, column, lags, judged.returns, series_numbers(seed, f"band of memory {column}"))
    return {**found, "low": low, "high": high}


def _band(
    paths: RealPaths, column: int, lags: Sequence[int], absolute: bool, random: np.random.Generator
) -> tuple[Float64[np.ndarray, " lags"], Float64[np.ndarray, " lags"]]:
    """The ends of the band in which autocorrelations of series like the real one lie in 95 of 100 cases, by the stationary bootstrap."""
    values = np.abs(paths.values[:, column]) if absolute else paths.values[:, column]
    count, steps = values.shape
    block, drawn = best_mean_block(values), []
    for _ in range(RESAMPLES):
        if paths.independent:
            counts = np.broadcast_to(np.bincount(random.integers(count, size=count), minlength=count)[:, None], values.shape)
        else:
            counts = np.broadcast_to(np.bincount(draw_steps(steps, block, random), minlength=steps), values.shape)
        drawn.append(autocorrelation(values, lags, counts))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high


def _distributions(
    real: Float64[np.ndarray, "n steps"], yours: Float64[np.ndarray, "m steps"]
) -> tuple[Float64[np.ndarray, " bins_and_one"], dict[str, Float64[np.ndarray, " bins"]]]:
    low, high = np.quantile(real, [OUTERMOST, 1 - OUTERMOST])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    shares = {name: np.histogram(np.clip(each, low, high), edges)[0] / each.size for name, each in (("real", real), ("yours", yours))}
    return edges, shares


def _profiles(
    judged: JudgedSeries, base: Windows, sides: dict[str, Windows], column: int
) -> dict[str, Float64[np.ndarray, " season"]] | None:
    if judged.season is None or base.phases is None:
        return None
    real = judged.profile(base, column)
    return {"real": real, **{side: judged.profile(windows, column, real) for side, windows in sides.items()}}


def _drawn(judged: JudgedSeries, windows: Windows, column: int) -> Float64[np.ndarray, "n steps"]:
    some = windows.values[np.unique(np.linspace(0, len(windows) - 1, DRAWN).astype(np.int64)), column]
    if not judged.returns:
        return some
    return START * np.exp(np.concatenate([np.zeros((len(some), 1)), some.cumsum(axis=1)], axis=1))
