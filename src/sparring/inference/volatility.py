"""How much a model's paths of returns move, brought to how much the returns of its training data do."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sparring.core.random_streams import stream_seed
from sparring.data.series.scaling import Scaling
from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_spec import SeriesSpec
from sparring.games.capabilities import SimulatesSeries
from sparring.games.series_gan import window_times
from sparring.inference.paths import UNKNOWN
from sparring.inference.series_of_model import ModelSeries, series_spec_of
from sparring.modalities.series_windows import numbers_in_units, real_windows, to_units

if TYPE_CHECKING:
    from sparring.inference.model import Model

FREE_PATHS = 1024
"""Number of windows, always the same ones, whose deviation is the model's."""
FEWEST_WINDOWS = 20
"""Number of windows of a regime below which a series takes the deviation of this regime in all series."""
MOST_WINDOWS = 20_000
"""Largest number of windows that are looked at for a regime."""
HISTORY_SUMS = 7
"""Number of sums side by side, less one, that training has to have seen of a series to know their deviation."""
WEIGHTS = (-0.9, 3.0)
"""Least and largest weight of trailing means."""
SHARES = 100_001
"""Number of evenly spread ranks at which the quantiles of the training returns are taken."""


@dataclass(frozen=True, eq=False)
class Volatility:
    """From returns as a model makes them to returns that move as much as those of its training data, per step and in sum."""

    means: Float64[np.ndarray, " values"]
    """Of the model's free paths."""
    factors: Float64[np.ndarray, " values"]
    """Standard deviation of the training returns over that of the model's free paths."""
    weights: Float64[np.ndarray, " values"]
    """How much of the mean of the last `span` steps is added to each step, which hardly changes a step, and sums over many steps much. 0:
    of models that take a past or are told something, and where training saw too few steps to know the deviation of such sums."""
    span: int
    """Number of the last steps whose mean is added: half a window."""
    horizon: int
    """Number of steps whose sum has the deviation that it has in the training data; 0 where weights are 0."""

    def __call__(self, returns: Float64[np.ndarray, "n values t"]) -> Float64[np.ndarray, "n values t"]:
        """Returns whose distances from the model's mean are multiplied by the factors, with their trailing means added."""
        moves = self.factors[:, None] * (returns - self.means[:, None])
        if self.weights.any():
            moves = moves + self.weights[:, None] * trailing_means(moves, self.span)
        return self.means[:, None] + moves

    def to_json(self) -> dict[str, object]:
        """The numbers, in the order of the columns."""
        return {
            "factors": self.factors.tolist(),
            "weights of trailing means": self.weights.tolist(),
            "steps of trailing means": self.span,
            "steps of the sum": self.horizon,
        }


def volatility_of(model: "Model", series: ModelSeries, number: int, codes: Int64[np.ndarray, " statics"], regime: int) -> Volatility:
    """What brings a model of returns to the volatility of a series, in a regime if one is named (-1: none).

    A function of the model and its training data alone: paths are the same free ones, of one window and without a past, whatever is
    simulated; returns are those that training saw, never held-out ones. Of series that were not trained on, and of attributes that are not
    the series' own, they are all training returns together, which the model knows by their ranks (if it does not, factors are 1).
    """
    spec, game = series_spec_of(model), cast(SimulatesSeries, model.game)
    known = None
    if spec.known_width:
        times = np.stack([window_times(spec, (path + 0.5) / FREE_PATHS) for path in range(FREE_PATHS)])
        known = spec.known_of(spec.local(times), np.repeat(codes[None], FREE_PATHS, axis=0), np.full(FREE_PATHS, regime))
    seen = game.simulate(FREE_PATHS, spec.steps, stream_seed(0, "volatility", 0), 0, None, known).cpu().numpy()
    # a regime is how much steps after the past move
    free = to_units(spec, seen)[:, :, spec.past if regime != UNKNOWN else 0 :]
    made, real = free.std(axis=(0, 2)), _training_deviations(spec, series, number, codes, regime)
    factors = np.divide(real, made, out=np.ones_like(real), where=(made > 0) & ~np.isnan(real))
    single = Volatility(free.mean(axis=(0, 2)), factors, np.zeros_like(factors), max(1, spec.steps // 2), 0)
    if regime != UNKNOWN or spec.past or spec.known_width or game.longest_path is not None:
        return single
    return _with_sums(game, series, number, single)


def _with_sums(game: SimulatesSeries, series: ModelSeries, number: int, single: Volatility) -> Volatility:
    """What also brings sums over two windows (or one, if training saw too few steps of the series) to their deviation in training."""
    steps = game.series_spec.steps
    for horizon in (2 * steps, steps):
        sums = training_sums(series, number, horizon)
        if len(sums) >= HISTORY_SUMS * horizon:
            seen = game.simulate(FREE_PATHS, horizon, stream_seed(0, "volatility", 1), 0, None, None).cpu().numpy()
            moves = single(to_units(game.series_spec, seen)) - single.means[:, None]
            pairs = zip(np.moveaxis(moves, 1, 0), sums.std(axis=0), strict=True)
            weights = [weight_of_means(column, float(deviation), single.span) for column, deviation in pairs]
            return replace(single, weights=np.array(weights), horizon=horizon)
    return single


def training_sums(series: ModelSeries, number: int, horizon: int) -> Float64[np.ndarray, "m values"]:
    """All sums of so many successive returns of a series that training saw."""
    first, last = series.rows(number)
    numbers = np.where(_training_rows(series, number)[first:last, None], numbers_in_units(series.dataset)[first:last], np.nan)
    if len(numbers) < horizon:
        return numbers[:0]
    sums = np.lib.stride_tricks.sliding_window_view(numbers, horizon, axis=0).sum(axis=2)
    return sums[np.isfinite(sums).all(axis=1)]


def weight_of_means(moves: Float64[np.ndarray, "n t"], deviation: float, span: int) -> float:
    """The weight of trailing means, within `WEIGHTS`, at which sums of whole paths come nearest to this standard deviation."""
    alone, added = moves.sum(axis=1), trailing_means(moves, span).sum(axis=1)
    square, product = float(added.var()), float(np.cov(alone, added, bias=True)[0, 1])
    if not square:
        return 0.0
    root = max(0.0, product**2 - square * (float(alone.var()) - deviation**2))
    return float(np.clip((math.sqrt(root) - product) / square, *WEIGHTS))


def trailing_means(moves: Float64[np.ndarray, "*n t"], span: int) -> Float64[np.ndarray, "*n t"]:
    """Sums over the last `span` steps, the step itself among them, divided by `span`; before the first step are zeros."""
    upto = np.concatenate([np.zeros((*moves.shape[:-1], span)), moves.cumsum(axis=-1)], axis=-1)
    return (upto[..., span:] - upto[..., :-span]) / span


def _training_deviations(
    spec: SeriesSpec, series: ModelSeries, number: int, codes: Int64[np.ndarray, " statics"], regime: int
) -> Float64[np.ndarray, " values"]:
    """Standard deviations of the returns that training saw of a series, in a regime; of all series where this one is not known, and NaN
    where nobody knows them.
    """
    training = series.training
    own = training.of_series(np.array([number]))
    everybody = np.array([deviation_of(column.scaling) for column in spec.values])
    if not len(training) or (codes != series.dataset.codes[number]).any():
        return everybody
    if regime != UNKNOWN:
        one, all_series = (_in_regime(each, regime) for each in (own, training))
        chosen = one if len(one) >= FEWEST_WINDOWS else all_series
        return chosen.std(axis=(0, 2)) if len(chosen) else everybody
    if not len(own):  # of many series, whole ones are held out
        return everybody
    return numbers_in_units(series.dataset)[_training_rows(series, number)].std(axis=0)


def _training_rows(series: ModelSeries, number: int) -> Bool[np.ndarray, " rows"]:
    """Which rows are in a window of this series that training saw."""
    starts = series.training.of_series(np.array([number])).starts
    rows = np.zeros(len(series.dataset.times), bool)
    for step in range(series.dataset.spec.steps):
        rows[starts + step] = True
    return rows


def _in_regime(dataset: SeriesDataset, regime: int) -> Float64[np.ndarray, "n values steps"]:
    """The steps after the past of windows in a regime, in their units, of at most so many windows that are evenly spread."""
    spec = dataset.spec
    numbers = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), MOST_WINDOWS)).astype(np.int64))
    return real_windows(dataset, numbers[spec.regimes_of(dataset.windows(numbers)) == regime])[:, :, spec.past :]


def deviation_of(scaling: Scaling) -> float:
    """Standard deviation of the values that a scaling was fitted to: of normal scores that of the quantiles at its knots, with straight
    lines between them; NaN if the scaling knows no more than their range.
    """
    values, scores = np.asarray(scaling.values), np.asarray(scaling.scores)
    if scaling.kind == "range":
        return float("nan")
    if scaling.kind == "standard":
        return float((values[-1] - values[0]) / (scores[-1] - scores[0]))
    ranks = np.array([NormalDist().cdf(score) for score in scores])
    return float(np.interp((np.arange(SHARES) + 0.5) / SHARES, ranks, values).std())
