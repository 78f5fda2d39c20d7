"""Judging generated series against real ones: every score between its floor and its ceiling."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.scores import Better, binomial_error
from sparring.evaluation.series_curves import column_curves
from sparring.evaluation.series_findings import find_problems
from sparring.evaluation.series_judgment import CopyScore, FactScore, SeriesJudgment
from sparring.evaluation.series_networks import NetworkProtocol, network_scores
from sparring.evaluation.series_sets import (
    GROUPS,
    JudgedSeries,
    RealPaths,
    Windows,
    drawn_steps,
    estimate,
    estimates_of,
    in_groups,
    series_numbers,
    split_apart,
    spread,
)
from sparring.metrics.series.autocorrelation import autocorrelation
from sparring.metrics.series.dependence import cross_correlations, profile_distance
from sparring.metrics.series.seasons_and_values import quantile_distance
from sparring.metrics.series.stylized_facts import bands, facts
from sparring.metrics.series.window_distances import COPIED, mean_pairwise_distance, nearest_windows

NAMED_COLUMNS = 6
"""Columns whose stylized facts and curves are shown, the first ones."""
MOST_LAGS, FEWEST_LAGS = 64, 50
"""Largest number of lags that an autocorrelation distance is the mean over; lags reach at least so far, where windows do."""
RESAMPLES = 200
"""Number of bootstrap resamples of the real series that a band is made of."""
MOST_TRAINING = 20_000
"""Largest number of training windows among which copies are looked for."""
MOST_OTHERS = 500
"""Largest number of held-out and of training windows whose distances to training windows generated ones are compared with."""
MOST_PAIRED = 400
"""Number of windows of each kind whose distances from each other are averaged."""
Sides = dict[str, Windows]
"""Floor, yours, ceiling: windows that are scored in the same way, without the steps that were given."""


def judge_series(judged: JudgedSeries, *, seed: int = 0, networks: NetworkProtocol | None = None) -> SeriesJudgment:
    """Score generated windows against the real ones that their generator was trained on. The result depends on the seed and on nothing else
    random. Without held-out windows, a quarter of the training windows stands in, and copies cannot be told from chance as well.
    """
    protocol, notes = networks or NetworkProtocol(), []
    training, unseen = judged.training, judged.held_out
    if unseen is None:
        training, unseen = split_apart(training)
        notes.append(
            "No windows were held out, so scores compare with three quarters of the training windows, and the others are the ceiling. The "
            "generator has seen both, if it was trained on them."
        )
    drawn = drawn_steps(training, len(judged.generated), judged.generated.phases, series_numbers(seed, "floor"))
    whole: Sides = {"floor": drawn, "yours": judged.generated, "ceiling": unseen}
    sides = {side: windows.after(judged.past) for side, windows in whole.items()}
    base = training.after(judged.past)
    scores = _distance_scores(judged, base, sides)
    scores.append(_diversity_score(judged, base, sides))
    scores += _network_scores(judged, training, whole, unseen, protocol, seed)
    copies = _copies(judged, base, sides)
    scores.append(_copy_score(copies, judged, sides, seed))
    judgment = SeriesJudgment(
        judged.names,
        judged.returns,
        {"training": len(judged.training), "held out": len(judged.held_out or ()), "generated": len(judged.generated)},
        judged.training.values.shape[2],
        judged.past,
        judged.season,
        tuple(scores),
        tuple(_fact_scores(judged, sides, seed)) if judged.returns else (),
        copies,
        tuple(
            column_curves(judged, base, sides, column, lags_of(judged, base), seed)
            for column in range(min(NAMED_COLUMNS, len(judged.names)))
        ),
        (),
        (*notes, *_notes(judged, sides)),
        seed,
    )
    return replace(judgment, findings=tuple(find_problems(judgment, judged, base, sides)))


def _notes(judged: JudgedSeries, sides: Sides) -> list[str]:
    of = "log returns" if judged.returns else "values in their units"
    found = [
        f"Scores are of {of}. Floor: steps of the real series in random order. Ceiling: real windows that were held out. They compare "
        f"{len(sides['yours']):,} generated windows with {len(judged.training):,} training windows. After ± is one standard error."
    ]
    if judged.past:
        whose = "held-out" if judged.continues_held_out else "training"
        found.append(
            f"Generated windows continue the first {judged.past} steps of {whose} windows, and only the steps after these are scored."
        )
    if judged.held_out is not None and judged.held_out.starts is not None:
        found.append(
            "Held-out windows are of other times or other series: where these differ, a model may be nearer to the training windows."
        )
    return found


# -------------------------------------------------------------------------------------------------------- distances of statistics


def lags_of(judged: JudgedSeries, base: Windows) -> list[int]:
    """The lags of autocorrelations: up to 50, or the season if it is longer, as far as three quarters of a window reach."""
    last = max(1, min(max(FEWEST_LAGS, judged.season or 0), 3 * base.values.shape[2] // 4))
    return np.unique(np.linspace(1, last, min(last, MOST_LAGS)).astype(np.int64)).tolist()


def _score(name: str, estimates: Mapping[str, Estimate], better: Better, protocol: str) -> BoundedScore:
    return BoundedScore(name, estimates["yours"], estimates["floor"], estimates["ceiling"], better, protocol)


def _distance_scores(judged: JudgedSeries, base: Windows, sides: Sides) -> list[BoundedScore]:
    """How far the statistics of each side are from those of the training windows: means over columns."""
    error = f"standard error by a jackknife of {GROUPS} groups of windows, the training windows fixed"
    reference = spread(base, len(sides["yours"]))
    deviations = np.maximum(reference.values.std(axis=(0, 2)), 1e-300)
    lags, columns = lags_of(judged, base), range(len(judged.names))
    steps = f"lags 1 to {lags[-1]}" if len(lags) == lags[-1] else f"{len(lags)} lags from 1 to {lags[-1]}"

    def distances(
        statistic: Callable[[Windows, int], np.ndarray], apart: Callable[[np.ndarray, np.ndarray, int], float]
    ) -> dict[str, Estimate]:
        real = [statistic(reference, column) for column in columns]
        return {
            side: estimate(windows, lambda some: float(np.mean([apart(real[i], statistic(some, i), i) for i in columns])))
            for side, windows in sides.items()
        }

    def absolute(one: np.ndarray, other: np.ndarray, column: int) -> float:
        return float(np.abs(one - other).mean())

    def of_values(one: np.ndarray, other: np.ndarray, column: int) -> float:
        return quantile_distance(one, other) / float(deviations[column])

    found = [
        _score(
            "values",
            distances(lambda some, i: some.values[:, i].ravel(), of_values),
            "lower",
            f"Wasserstein-1 distance of all steps, in standard deviations of the training windows; {error}",
        )
    ]
    if base.values.shape[2] > 1 and not judged.returns:
        changes = float(np.mean([np.diff(reference.values[:, i], axis=1).std() / deviations[i] for i in columns]))
        estimates = distances(lambda some, i: np.diff(some.values[:, i], axis=1).ravel(), of_values)
        about = f"the same of differences from step to step, which have {changes:.2g} of the deviation; {error}"
        found.append(_score("changes", estimates, "lower", about))
    if base.values.shape[2] > lags[0]:
        estimates = distances(lambda some, i: autocorrelation(some.values[:, i], lags), absolute)
        found.append(_score("autocorrelation", estimates, "lower", f"mean absolute difference, {steps}; {error}"))
        if judged.returns:
            estimates = distances(lambda some, i: autocorrelation(np.abs(some.values[:, i]), lags), absolute)
            about = f"the same of absolute returns, {steps}; {error}"
            found.append(_score("memory", estimates, "lower", about))
    if judged.season is not None and base.phases is not None:
        found.append(_season_score(judged, reference, sides, deviations, error))
    if len(judged.names) > 1:
        found.append(_dependence_score(reference, sides, error))
    return found


def _season_score(
    judged: JudgedSeries, reference: Windows, sides: Sides, deviations: Float64[np.ndarray, " values"], error: str
) -> BoundedScore:
    """How far the means at the phases of the season are from the real ones."""
    assert judged.season is not None
    real = [judged.profile(reference, column) for column in range(len(judged.names))]

    def distance(windows: Windows) -> float:
        profiles = [judged.profile(windows, column, real[column]) for column in range(len(judged.names))]
        return float(np.mean([profile_distance(a, b) / s for a, b, s in zip(real, profiles, deviations, strict=True)]))

    known = judged.generated.phases is not None
    how = "by the times of steps" if known else "each window shifted to where it fits best, for generated ones have no times"
    about = f"root mean square difference of the means at {judged.season} phases, {how}, in standard deviations; {error}"
    return _score("season", {side: estimate(windows, distance) for side, windows in sides.items()}, "lower", about)


def _dependence_score(reference: Windows, sides: Sides, error: str) -> BoundedScore:
    """How far the correlations of different columns are from the real ones, at the same step and one step later."""
    lags = (0, 1) if reference.values.shape[2] > 1 else (0,)
    different = ~np.eye(reference.values.shape[1], dtype=bool)

    def correlations(windows: Windows) -> np.ndarray:
        return cross_correlations(np.moveaxis(windows.values, 1, 2), lags)[:, different]

    real = correlations(reference)
    estimates = {side: estimate(windows, lambda some: float(np.abs(correlations(some) - real).mean())) for side, windows in sides.items()}
    lag_text = "and one step later" if len(lags) > 1 else ""
    return _score("cross-correlation", estimates, "lower", f"mean absolute difference, at the same step {lag_text}; {error}")


def _diversity_score(judged: JudgedSeries, base: Windows, sides: Sides) -> BoundedScore:
    """How far windows are from each other, over that of training windows."""
    flat = _scaled(judged, base)
    real = mean_pairwise_distance(flat(spread(base, MOST_PAIRED)))
    estimates = {
        side: estimate(spread(windows, MOST_PAIRED), lambda some: mean_pairwise_distance(flat(some)) / max(real, 1e-300))
        for side, windows in sides.items()
    }
    about = f"mean distance of two of {MOST_PAIRED} windows over that of training windows; standard error by a jackknife of {GROUPS} groups"
    return _score("diversity", estimates, "near 1", about)


def _scaled(judged: JudgedSeries, base: Windows) -> Callable[[Windows], Float64[np.ndarray, "n d"]]:
    """Windows as points: all columns with the standard deviation of the training windows."""
    deviations = np.maximum(base.values.std(axis=(0, 2), keepdims=True), 1e-300)
    return lambda windows: (windows.values / deviations).reshape(len(windows), -1)


# ------------------------------------------------------------------------------------------------------------ networks and copies


def _network_scores(
    judged: JudgedSeries, training: Windows, whole: Sides, unseen: Windows, protocol: NetworkProtocol, seed: int
) -> list[BoundedScore]:
    found = network_scores(training, whole, unseen, past=judged.past, returns=judged.returns, protocol=protocol, seed=seed)
    what = "the absolute return of the next step" if judged.returns else "the next step"
    return [
        _score(
            "discriminative",
            found.discriminative,
            "lower",
            f"accuracy of telling windows from training windows, less 0.5; {protocol}; standard error over networks",
        ),
        _score(
            "predictive",
            found.predictive,
            "lower",
            f"mean absolute error of {what} of held-out windows, in standard deviations; the ceiling learned from training windows; "
            f"{protocol}; standard error over networks",
        ),
    ]


def _copies(judged: JudgedSeries, base: Windows, sides: Sides) -> CopyScore:
    """How near generated, held-out and other training windows come to single training windows."""
    known, steps = spread(base, MOST_TRAINING), judged.training.values.shape[2]
    flat = _scaled(judged, base)
    points = flat(known)
    starts = np.arange(len(known)) * steps if known.starts is None else known.starts
    yours = nearest_windows(flat(sides["yours"]), points, starts, steps)
    own = np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_OTHERS)).astype(np.int64))
    training = nearest_windows(points[own], points, starts, steps, own_starts=starts[own])
    held_out = None
    if judged.held_out is not None:
        held_out = nearest_windows(flat(spread(sides["ceiling"], MOST_OTHERS)), points, starts, steps)
    floor = nearest_windows(flat(spread(sides["floor"], MOST_OTHERS)), points, starts, steps)
    apart = training.distance[np.isfinite(training.distance)]
    return CopyScore(
        yours.copies,
        None if held_out is None else held_out.copies,
        training.copies,
        floor.copies,
        float(np.median(yours.distance)),
        None if held_out is None else float(np.median(held_out.distance)),
        float(np.median(apart)) if len(apart) else float("nan"),
        len(known),
    )


def _copy_score(copies: CopyScore, judged: JudgedSeries, sides: Sides, seed: int) -> BoundedScore:
    n = len(sides["yours"])
    ceiling = copies.training if copies.held_out is None else copies.held_out
    others = min(MOST_OTHERS, len(sides["ceiling"]))
    estimates = {
        "floor": Estimate(copies.floor, binomial_error(copies.floor, min(MOST_OTHERS, n))),
        "yours": Estimate(copies.copies, binomial_error(copies.copies, n)),
        "ceiling": Estimate(ceiling, binomial_error(ceiling, others)),
    }
    about = (
        f"share of the windows that are less than {COPIED:g} times as far from the nearest of {copies.compared:,} training windows as from "
        "any other that does not overlap with it"
    )
    return _score("copies", estimates, "lower", about)


# -------------------------------------------------------------------------------------------------------------- stylized facts


def _fact_scores(judged: JudgedSeries, sides: Sides, seed: int) -> list[FactScore]:
    """The stylized facts of the first columns, each with the band of the real series."""
    found = []
    for column, name in enumerate(judged.names[:NAMED_COLUMNS]):
        real = _path_values(judged.paths, column)
        limits = bands(real, series_numbers(seed, f"band {column}"), resamples=RESAMPLES, independent_paths=judged.paths.independent)
        floor, yours = (_mean_facts(sides[side], column, real.size) for side in ("floor", "yours"))
        held_out = {} if judged.held_out_paths is None else facts(_path_values(judged.held_out_paths, column))
        found += [
            FactScore(name, fact, band.value, band.low, band.high, floor[fact], yours[fact], held_out.get(fact))
            for fact, band in limits.items()
            if fact in yours and fact in floor
        ]
    return found


def _path_values(paths: RealPaths, column: int) -> Float64[np.ndarray, "paths steps"]:
    return paths.values[:, column]


def _mean_facts(windows: Windows, column: int, real_steps: int) -> dict[str, Estimate]:
    """Each fact of windows: the mean over groups with as many steps as the real series, and its standard error."""
    groups = in_groups(windows, real_steps)
    if len(groups) > 1:
        of_groups = [facts(group.values[:, column]) for group in groups]
        together = {name: np.array([each[name] for each in of_groups]) for name in of_groups[0]}
        return {name: Estimate(float(each.mean()), float(each.std(ddof=1) / len(each) ** 0.5)) for name, each in together.items()}
    names = list(facts(windows.values[:, column]))
    found = estimates_of(windows, lambda some: np.array(list(facts(some.values[:, column]).values())))
    return dict(zip(names, found, strict=True))
