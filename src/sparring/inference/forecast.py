"""Forecasts of series: samples of the next steps, their quantiles, and scores on what training did not see beside the naive forecast."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from sparring import recipes
from sparring.core.errors import SettingsError, SparringError, did_you_mean, listed
from sparring.core.formatting import figures, plural
from sparring.core.random_streams import stream_seed
from sparring.data.series.plot_fans import Fan, draw_fans
from sparring.data.series.series_spec import SeriesSpec
from sparring.inference.paths import (
    UNKNOWN,
    as_values,
    continued,
    finely,
    is_typed,
    known_of,
    on_steps,
    save_series_table,
    series_table,
)
from sparring.inference.series_of_model import (
    ModelSeries,
    Start,
    refuse_without_past,
    series_of,
    series_spec_of,
    start_at,
    start_at_row,
    time_text_of,
    whole_rows,
)
from sparring.metrics.series.forecast_scores import (
    BAND_LEVELS,
    QUANTILE_LEVELS,
    crps,
    in_bands,
    pinball_loss,
    sample_quantiles,
    seasonal_naive_samples,
)
from sparring.modalities.series_windows import to_units

if TYPE_CHECKING:
    import pyarrow as pa

    from sparring.inference.model import Model

CHARTED, SHOWN_PAST = 6, 3
"""Number of series that a chart shows, and how many times the forecast's steps of what was before."""
MOST_SCORED = 256
"""Number of forecasts at most that scores are means of."""
NAIVE_PASTS = ((8, 64), (8, 0), (4, 0), (2, 0))
"""Numbers of seasons, and of steps at least, that the naive forecast has its errors from: the first that the data has."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """Samples of the next steps of series."""

    spec: SeriesSpec
    name: str
    """What the model is called: its recipe."""
    starts: tuple[Start, ...]
    """The last row of each series before its forecast."""
    times: Float64[np.ndarray, "series steps"]
    """In seconds since 1970 (see `Frequency.by_local_clocks`; without times: numbers of steps)."""
    paths: Float64[np.ndarray, "series samples values steps"]
    """In units."""
    truth: Float64[np.ndarray, "series values steps"] | None
    """What came, if held-out steps are forecast."""
    histories: tuple[tuple[float, Float64[np.ndarray, "h values"]], ...]
    """Of each series the time of the first value that charts show, and values up to the start."""
    notes: tuple[str, ...]

    def quantiles(self, levels: Sequence[float] = QUANTILE_LEVELS) -> Float64[np.ndarray, "levels series values steps"]:
        """Quantiles of the samples of each step."""
        series, samples, values, steps = self.paths.shape
        flat = np.moveaxis(self.paths, 2, 1).reshape(series * values, samples, steps)
        return sample_quantiles(flat, levels).reshape(len(levels), series, values, steps)

    def quantile_table(self, levels: Sequence[float] = QUANTILE_LEVELS, *, typed: bool = True) -> "pa.Table":
        """Quantiles as a table: identifier, time (or "step"), "column" if there are several, a column for each level ("q2.5" to "q97.5"),
        and "truth" if it is known.
        """
        from sparring.data.tables.arrow import pa  # noqa: PLC0415 (an extra)

        found, pieces = self.quantiles(levels), []
        for place, column in enumerate(self.spec.values):
            values = {
                quantile_name(level): finely(self.spec, place, found[number, :, place]).ravel() for number, level in enumerate(levels)
            }
            if self.truth is not None:
                values["truth"] = self.truth[:, place].ravel()
            table = self._table({}, values, 1, typed)
            if len(self.spec.values) > 1:
                table = table.append_column("column", pa.array([column.name] * table.num_rows, pa.string()))
            pieces.append(table)
        return pa.concat_tables(pieces)

    def path_table(self, *, typed: bool = True) -> "pa.Table":
        """Samples as a table: "path", identifier, time (or "step"), and values in the units and steps of the data."""
        series, samples, _, steps = self.paths.shape
        values = {
            column.name: on_steps(self.spec, place, self.paths[:, :, place], None if not column.returns else 0.0).ravel()
            for place, column in enumerate(self.spec.values)
        }
        return self._table({"path": np.tile(np.repeat(np.arange(samples), steps), series)}, values, samples, typed)

    def _table(
        self, leading: Mapping[str, np.ndarray], values: Mapping[str, Float64[np.ndarray, " rows"]], repeats: int, typed: bool
    ) -> "pa.Table":
        """Rows for each series, in each `repeats` times its steps."""
        series, steps = self.times.shape
        return series_table(
            self.spec,
            leading=leading,
            times=np.repeat(self.times, repeats, axis=0).ravel(),
            steps=np.tile(np.arange(1, steps + 1), series * repeats),
            names=[start.series for start in self.starts],
            owner=np.repeat(np.arange(series), repeats * steps),
            values=values,
            typed=typed,
        )

    def save(self, out: str | os.PathLike[str], levels: Sequence[float] = QUANTILE_LEVELS) -> Path:
        """Write the quantiles in the kind of file that the ending names."""
        path = Path(out)
        save_series_table(self.spec, self.quantile_table(levels, typed=is_typed(path)), path)
        return path

    def save_paths(self, out: str | os.PathLike[str]) -> Path:
        """Write the samples in the kind of file that the ending names."""
        path = Path(out)
        save_series_table(self.spec, self.path_table(typed=is_typed(path)), path)
        return path

    def chart(self) -> UInt8[np.ndarray, "h w 3"]:
        """A fan chart of the first series and columns, six at most."""
        chosen = [(number, place) for number in range(len(self.starts)) for place in range(len(self.spec.values))][:CHARTED]
        fans = []
        for number, place in chosen:
            start, (begins, history) = self.starts[number], self.histories[number]
            names = [start.series] * (len(self.starts) > 1) + [self.spec.values[place].name]
            first, now, last = (time_text_of(self.spec, time) for time in (begins, start.time, float(self.times[number, -1])))
            truth = None if self.truth is None else self.truth[number, place]
            fans.append(
                Fan(": ".join(names), history[:, place], self.paths[number, :, place], (first, now, last), truth, scale=f"{number} {place}")
            )
        return draw_fans(fans)


@dataclass(frozen=True)
class Score:
    """A mean over forecasts with its standard error."""

    mean: float
    error: float
    """0 of a single forecast."""

    def __str__(self) -> str:
        return f"{figures(self.mean)} ± {figures(self.error, 2)}" if self.error else figures(self.mean)


@dataclass(frozen=True)
class ForecastScores:
    """Scores of a column's forecasts over held-out steps. Errors are in the unit of the column."""

    value: str
    method: str
    crps: Score
    pinball: Score
    """Mean over the levels of the quantiles."""
    coverage: Mapping[float, Score]
    """Share of the truth in the central band of each level."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        both = {"crps": self.crps, "pinball": self.pinball} | {f"coverage of {level:.0%}": each for level, each in self.coverage.items()}
        return {"value": self.value, "method": self.method} | {
            name: {"mean": score.mean, "standard error": score.error} for name, score in both.items()
        }


@dataclass(frozen=True)
class ScoredForecasts:
    """Scores of a model beside the naive forecast."""

    scores: tuple[ForecastScores, ...]
    differences: Mapping[str, Score]
    """By column, the CRPS of the model less that of the naive forecast, of the same steps: below 0 if the model is better."""
    forecasts: int
    """How many forecasts scores are means of."""
    steps: int
    period: int
    """Of the naive forecast, which repeats the last so many values."""
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "forecasts": self.forecasts,
            "steps": self.steps,
            "period of the naive forecast": self.period,
            "scores": [score.to_json() for score in self.scores],
            "difference of the CRPS": {
                name: {"mean": score.mean, "standard error": score.error} for name, score in self.differences.items()
            },
            "notes": list(self.notes),
        }


def quantile_name(level: float) -> str:
    """The name of a column of quantiles: q97.5 of 0.975."""
    return f"q{100 * level:.10g}"


def forecast(
    model: "Model",
    steps: int = 24,
    paths: int = 256,
    seed: int = 0,
    *,
    start: str | float | None = None,
    series: Sequence[str] = (),
    held_out: bool = False,
    data: Any = None,  # noqa: ANN401 (a path or a frame)
) -> Forecast:
    """Samples of the next steps of each series of the data, given its past.

    `start`: the time after which forecasts begin; None: the end of each series. `series`: those that are forecast; none named: all.
    `held_out`: only series that training held out, and of each its last steps, whose truth is known, in place of those that nobody knows.
    `data`: series in place of those trained on. Path i of a seed and series is the same, to the bit, whatever else is asked for. Raises a
    SettingsError that lists what cannot be forecast.
    """
    spec = refuse_without_forecasts(model)
    _refuse_counts(steps=steps, paths=paths)
    if held_out and start is not None:
        raise SettingsError("Forecasts of held-out steps begin before the last ones: leave the start (--from) out, or --held-out.")
    found = series_of(model, data)
    starts, notes = _starts(found, steps, start, series, held_out)
    made = np.stack([futures(model, found, each, steps, paths, seed) for each in starts])
    times, truth = [], []
    for each in starts:
        known = found.dataset.times[each.row + 1 : each.row + 1 + steps]
        times.append(known if held_out else spec.frequency.after(each.time, steps))
        truth.append(found.dataset.raw[each.row + 1 : each.row + 1 + steps].T)
    histories = []
    for each in starts:
        first = max(found.rows(each.number)[0], each.row + 1 - max(SHOWN_PAST * steps, 12))
        histories.append((float(found.dataset.times[first]), found.dataset.raw[first : each.row + 1]))
    return Forecast(
        spec,
        recipes.name_of(model.recipe),
        tuple(starts),
        np.stack(times),
        made,
        np.stack(truth) if held_out else None,
        tuple(histories),
        (*found.notes, *notes),
    )


def futures(
    model: "Model", series: ModelSeries, start: Start, steps: int, paths: int, seed: int
) -> Float64[np.ndarray, "samples values {steps}"]:
    """Samples of the steps after a start, in units. A function of the seed, the series' name and the start, and of no other forecast."""
    dataset, spec = series.dataset, series.dataset.spec
    rows = np.arange(start.row - spec.past + 1, start.row + 1)
    past = np.ascontiguousarray(dataset.scaled[rows].T)[None]
    known = known_of(
        spec, np.concatenate([dataset.times[rows], spec.frequency.after(start.time, steps)]), dataset.codes[start.number], UNKNOWN
    )
    own = stream_seed(seed, f"forecast/{start.series}/{start.time}", 0)
    return as_values(spec, to_units(spec, continued(model, past, known, paths, steps, own)), start.values)


def score_forecasts(
    model: "Model",
    steps: int = 24,
    paths: int = 256,
    seed: int = 0,
    *,
    data: Any = None,  # noqa: ANN401 (a path or a frame)
) -> ScoredForecasts:
    """Scores of forecasts over what training held out (of other data: over all of it), beside those of the naive forecast: what was one
    season before, or the last value of models of returns, with errors drawn from the past (see `metrics.series.forecast_scores`).

    Forecasts follow each other without overlap; of more than 256, so many are taken, evenly spread. Raises a SettingsError if there is
    none.
    """
    spec = refuse_without_forecasts(model)
    _refuse_counts(steps=steps, paths=paths)
    found = series_of(model, data)
    period = 1 if spec.values[0].returns else spec.season or 1
    rows, naive_past = origins(found, steps, period)
    if not len(rows):
        raise SettingsError(
            f"Nothing {found.scored} is long enough for a forecast of {steps} steps after {max(spec.past, period + 1)} others. "
            "Forecast fewer steps, or hold out more in training (--holdout)."
        )
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_SCORED)).astype(np.int64))]
    dataset, numbers = found.dataset, found.dataset.series_of(rows)
    starts = [start_at_row(found, int(number), int(row)) for number, row in zip(numbers, rows, strict=True)]
    made = np.stack([futures(model, found, each, steps, paths, seed) for each in starts])
    truth = np.stack([dataset.raw[row + 1 : row + 1 + steps].T for row in rows])
    random = np.random.Generator(np.random.Philox(stream_seed(seed, "naive forecast", 0)))
    name, naive, scores, differences = recipes.name_of(model.recipe), "seasonal naive" if period > 1 else "naive", [], {}
    for place, column in enumerate(spec.values):
        past = np.stack([dataset.raw[row + 1 - naive_past : row + 1, place] for row in rows])
        if spec.values[0].returns:  # differences of logarithms, so that errors are in proportion to the price
            others = np.exp(seasonal_naive_samples(np.log(past), steps, period, paths, random))
        else:
            others = seasonal_naive_samples(past, steps, period, paths, random)
        both = {name: made[:, :, place], naive: others}
        scores += [scored(column.name, method, each, truth[:, place]) for method, each in both.items()]
        own, other = (crps(each, truth[:, place]).mean(axis=1) for each in both.values())
        differences[column.name] = score_of(own - other)
    notes = [
        f"{plural(len(rows), 'forecast', 'forecasts')} of {plural(steps, 'step', 'steps')} of "
        f"{plural(len(set(numbers.tolist())), 'series', 'series')} {found.scored}, "
        f"{paths} samples each.",
        f"The naive forecast repeats what was {plural(period, 'step', 'steps')} before, with errors from {naive_past} steps of the past.",
    ]
    return ScoredForecasts(tuple(scores), differences, len(rows), steps, period, (*found.notes, *notes, *found.doubts))


def origins(found: ModelSeries, steps: int, period: int) -> tuple[Int64[np.ndarray, " n"], int]:
    """The last row before each forecast that can be scored, and the number of past steps that the naive forecast has its errors from. The
    steps that are forecast are held out; those before may have been trained on.

    The naive forecast gets a long past, for few errors are a poor forecast; a shorter one where it would cost half of the forecasts.
    """
    least = _origins(found, steps, naive_past := max(found.dataset.spec.past, period + 2))
    for seasons, errors in NAIVE_PASTS:
        longer = max(found.dataset.spec.past, seasons * period, errors)
        rows = _origins(found, steps, longer) if longer > naive_past else []
        if rows and 2 * len(rows) >= len(least):
            return np.asarray(rows, np.int64), longer
    return np.asarray(least, np.int64), naive_past


def _origins(found: ModelSeries, steps: int, naive_past: int) -> list[int]:
    """The last row before each forecast: forecasts follow each other in the held-out part of a series, where as many steps have values."""
    dataset, past, rows = found.dataset, found.dataset.spec.past, []
    complete, whole = whole_rows(dataset.scaled), whole_rows(dataset.raw)
    for number in range(len(found.names)):
        first, last = found.held_out_rows(number)
        begins = found.rows(number)[0]
        row = max(first, begins + naive_past, begins + int(dataset.spec.values[0].returns) + past) - 1
        while row + steps < last:
            if complete[row + 1 - past : row + 1].all() and whole[row + 1 - naive_past : row + 1 + steps].all():
                rows.append(row)
            row += steps
    return rows


def scored(
    value: str, method: str, forecasts: Float64[np.ndarray, "forecasts samples steps"], truth: Float64[np.ndarray, "forecasts steps"]
) -> ForecastScores:
    """Scores of forecasts of a column, with standard errors over forecasts."""
    inside = in_bands(forecasts, truth).mean(axis=2)
    return ForecastScores(
        value,
        method,
        score_of(crps(forecasts, truth).mean(axis=1)),
        score_of(pinball_loss(forecasts, truth).mean(axis=(0, 2))),
        {level: score_of(each) for level, each in zip(BAND_LEVELS, inside, strict=True)},
    )


def score_of(values: Float64[np.ndarray, " n"]) -> Score:
    """Mean and standard error of independent values."""
    return Score(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0)


# ------------------------------------------------------------------------------------------------- what is asked for, checked


def refuse_without_forecasts(model: "Model") -> SeriesSpec:
    """The spec of a model that continues a past; a SettingsError for others."""
    spec = series_spec_of(model)
    if not spec.past:
        raise SettingsError(
            f"{model.source} takes no past, so it cannot forecast. The recipes cgan-series and ganslicing can; this one makes paths: "
            f"{model.use}"
        )
    return spec


def _refuse_counts(**counts: int) -> None:
    problems = [f"{name} must be at least 1, not {value}." for name, value in counts.items() if value < 1]
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("This cannot be forecast:", problems))


def _starts(
    found: ModelSeries, steps: int, start: str | float | None, series: Sequence[str], held_out: bool
) -> tuple[list[Start], list[str]]:
    """Where forecasts begin, and remarks; a SettingsError lists all that cannot be."""
    problems = [f"There is no series {name!r}. {did_you_mean(name, found.names)}" for name in series if name not in found.names]
    starts, left_out = [], []
    chosen = [found.names.index(name) for name in series if name in found.names] if series else range(len(found.names))
    for number in chosen:
        try:
            if held_out:
                first, last = found.held_out_rows(number)
                if first == last and not series:
                    continue
                if last - first < steps:
                    raise SettingsError(
                        f"{found.names[number]}: training held out {plural(last - first, 'step', 'steps')} of it, fewer than {steps}."
                    )
                begin = start_at_row(found, number, last - 1 - steps)
                if np.isnan(found.dataset.raw[last - steps : last]).any():
                    raise SettingsError(f"{found.names[number]}: of its last {steps} steps, some have missing values.")
            else:
                begin = start_at(found, number, start)
            refuse_without_past(found, begin)
        except SparringError as problem:
            (problems if series else left_out).append(str(problem))
        else:
            starts.append(begin)
    if not problems and not starts:
        problems = left_out or ["Training held out no series. Forecast all of them, or name other data (--data)."]
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("This cannot be forecast:", problems))
    return starts, [f"{plural(len(left_out), 'series is', 'series are')} left out. The first: {left_out[0]}"] if left_out else []
