"""Judging the windows of a model of series against the series that it was trained on, or others."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from sparring.data.series.series_dataset import SeriesDataset, split_holdout
from sparring.evaluation.judge_series import MOST_TRAINING, judge_series
from sparring.evaluation.series_judgment import SeriesJudgment
from sparring.evaluation.series_networks import NetworkProtocol
from sparring.evaluation.series_report import write_series_report
from sparring.evaluation.series_sets import JudgedSeries, RealPaths, Windows, paths_of
from sparring.games.game import Game
from sparring.inference.model import Model
from sparring.inference.series_of_model import series_of, series_spec_of
from sparring.modalities.series_windows import generate_windows, numbers_in_units, real_windows, to_units, window_phases
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

WINDOWS, VALUES, FEWEST = 2000, 400_000, 200
"""Number of windows of each kind that are scored at most; fewer, down to the last number, where they would have more values than the
second."""
TRAINING_VALUES = 20_000_000
"""Number of values at most of the training windows that scores compare with: of more, they are evenly spread."""


def judge_series_model(
    model: Model,
    data: Any = None,  # noqa: ANN401 (a path or a frame)
    *,
    samples: int | None = None,
    seed: int = 0,
    networks: NetworkProtocol | None = None,
    out: str | os.PathLike[str] | None = None,
) -> SeriesJudgment:
    """Score windows of a model of series against the series that it was trained on, or those of other data.

    `samples`: largest number of windows that are generated, and of real ones they are compared with (None: 2,000, and fewer of many columns
    or steps). `networks`: how large networks that tell windows apart are, and how long they learn. `out`: a folder for report.json and
    report.html. Raises a SettingsError if the run's data is not where it was or has changed, a DataError if other data does not fit.
    """
    spec = series_spec_of(model)
    model.refuse_without_generator()
    series = series_of(model, data)
    training, held_out = series.dataset, None
    if series.trained_on:
        settings = settings_of(read_config(run := RunDirectory(model.source)), run.config).training
        training, held_out = split_holdout(series.dataset, settings.holdout, settings.seed)
    most = samples or max(FEWEST, min(WINDOWS, VALUES // (spec.steps * len(spec.values))))
    judgment = judge_series(judged_series(model.game, training, held_out, most, seed), seed=seed, networks=networks)
    if out is not None:
        write_series_report(judgment, Path(out))
    return judgment


def judged_series(game: Game, training: SeriesDataset, held_out: SeriesDataset | None, most: int, seed: int) -> JudgedSeries:
    """What a judgment of a game is made of: at most `most` of its windows, and as many real ones. Games that continue a past are given that
    of held-out windows.
    """
    spec = training.spec
    unseen = held_out if held_out is not None and len(held_out) > 1 else None
    continued = training if unseen is None else unseen
    made = generate_windows(game, continued, min(most, len(training)), seed)
    starts = None if made.continued is None else continued.starts[made.continued]  # windows that continue the same rows are alike
    return JudgedSeries(
        names=tuple(each.name for each in spec.values),
        returns=spec.values[0].returns,
        past=0 if made.continued is None else spec.past,
        season=_season(training),
        training=_windows(training, min(MOST_TRAINING, max(FEWEST, TRAINING_VALUES // (spec.steps * len(spec.values))))),
        held_out=None if unseen is None else _windows(unseen, most),
        generated=Windows(to_units(spec, made.seen), made.phases, starts),
        paths=_paths(training),
        held_out_paths=None if unseen is None else _paths(unseen),
        continues_held_out=unseen is not None,
    )


def _season(dataset: SeriesDataset) -> int | None:
    """The season that is scored: none of returns, nor one that the data hardly sees twice."""
    spec = dataset.spec
    known = spec.season is not None and not spec.values[0].returns and 2 * spec.season <= len(dataset) + spec.steps
    return spec.season if known else None


def _windows(dataset: SeriesDataset, most: int) -> Windows:
    """Real windows, evenly spread if there are more than `most`."""
    numbers = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), most)).astype(np.int64))
    return Windows(real_windows(dataset, numbers), window_phases(dataset, numbers), dataset.starts[numbers])


def _paths(dataset: SeriesDataset) -> RealPaths:
    owner = dataset.series_of(np.arange(dataset.begins[-1]))
    return paths_of(numbers_in_units(dataset), dataset.times, owner, dataset.starts, dataset.spec.steps)
