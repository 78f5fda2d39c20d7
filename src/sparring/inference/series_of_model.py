"""The series that a model of series was trained on, or others like them, and places in them where paths begin."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from sparring.core.errors import DataError, SettingsError, did_you_mean
from sparring.core.formatting import plural
from sparring.data.series.frequency import DAY
from sparring.data.series.series_dataset import SeriesDataset, split_holdout
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.tables.columns import Column
from sparring.data.tables.date_parts import local_times, zone_of
from sparring.data.tables.date_text import read_dates
from sparring.games.capabilities import SimulatesSeries
from sparring.modalities.file_or_frame import FRAME
from sparring.runs.config import Config, read_config, settings_of
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from sparring.data.series.read_series import RawSeries
    from sparring.inference.model import Model

MOST_NAMED = 12
"""Number of series that a message names."""


@dataclass(frozen=True, eq=False)
class ModelSeries:
    """Series for a model, as it sees them and in their units."""

    dataset: SeriesDataset
    """All rows, and all windows in them."""
    held_out: SeriesDataset
    """The windows that training did not see, which may be none; of data that was not trained on, all."""
    training: SeriesDataset
    """The windows that training saw; of data that was not trained on, none."""
    trained_on: bool
    """Whether this is the data that the model was trained on."""
    notes: tuple[str, ...] = ()
    """What was found, in sentences."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each series is called."""
        return self.dataset.names

    @property
    def scored(self) -> str:
        """Which part of the data forecasts are scored on, for messages."""
        return "that training held out" if self.trained_on else "of other data"

    @property
    def doubts(self) -> tuple[str, ...]:
        """What keeps scores on other data from being of what training did not see, in sentences. (Models do not remember their rows.)"""
        dataset = self.dataset
        if self.trained_on or dataset.times.min() > dataset.spec.times[1]:
            return ()
        until = time_text_of(dataset.spec, dataset.spec.times[1])
        return (f"The model was trained on data up to {until}: scores on rows that it was trained on are too good.",)

    def rows(self, number: int) -> tuple[int, int]:
        """First row of a series, and the one after its last."""
        return int(self.dataset.begins[number]), int(self.dataset.begins[number + 1])

    def held_out_rows(self, number: int) -> tuple[int, int]:
        """First row of a series that training did not see, and the one after the last of these; the same number twice if there are none."""
        starts = self.held_out.starts[self.held_out.series_of(self.held_out.starts) == number]
        if not self.trained_on:
            return self.rows(number)
        return (int(starts[0]), self.rows(number)[1]) if len(starts) else (0, 0)

    def number_of(self, name: str | None) -> int:
        """The number of a series by its name; None: the only one. A SettingsError names those there are."""
        if name is None and len(self.names) == 1:
            return 0
        if name is None:
            some = ", ".join(self.names[:MOST_NAMED]) + (", ..." if len(self.names) > MOST_NAMED else "")
            raise SettingsError(f"There are {len(self.names)} series. Say which one paths continue, with --series: {some}.")
        if name not in self.names:
            raise SettingsError(f"There is no series {name!r}. {did_you_mean(name, self.names)}")
        return self.names.index(name)


@dataclass(frozen=True, eq=False)
class Start:
    """The last row of a series before paths begin."""

    number: int
    """Of the series."""
    series: str
    row: int
    time: float
    """In seconds since 1970 (see `Frequency.by_local_clocks`; without times: a number of steps)."""
    values: Float64[np.ndarray, " values"]
    """In their units."""


def series_spec_of(model: "Model") -> SeriesSpec:
    """What windows of the model are; a SettingsError if it is no model of series."""
    if not isinstance(model.game, SimulatesSeries):
        raise SettingsError(f"{model.source} is no model of time series. Use it with: {model.use}")
    return model.game.series_spec


def series_of(model: "Model", data: Any = None) -> ModelSeries:  # noqa: ANN401 (a path or a frame)
    """The series that a model was trained on, or those of other data that is read in the same way (`data`: a table, or a frame).

    A SettingsError if the training data is not known or has changed; a DataError if other data does not have what the model needs.
    """
    spec, run = series_spec_of(model), RunDirectory(model.source)
    config = read_config(run) if run.exists() else None
    own = data is None
    if own:
        data = _training_source(model, config)
    reading = _reading_like(spec) if config is None else cast(SeriesReading, settings_of(config, run.config).data["series"])
    dataset, notes = _opened(spec, reading, data)
    if config is None or dataset.fingerprint != config["data"]["fingerprint"]:
        if own and config is not None:
            refuse_changed(run, config["data"], data, dataset, f"Or name other data with --data, beside {run.path}.")
        return ModelSeries(dataset, dataset, replace(dataset, starts=dataset.starts[:0]), trained_on=False, notes=notes)
    settings = settings_of(config, run.config).training
    training, held_out = split_holdout(dataset, settings.holdout, settings.seed)
    return ModelSeries(dataset, held_out, training, trained_on=True, notes=notes)


def _training_source(model: "Model", config: Config | None) -> str:
    if config is None:
        raise SettingsError(f"{model.source} is a packed model, which does not know its training data: name data, too (--data).")
    source = config["data"]["source"]
    if source == FRAME:
        raise SettingsError(f"{model.source} was trained on a data frame, which is not kept. Give it again, with data=frame.")
    refuse_moved(RunDirectory(model.source), config["data"])
    return source


def _reading_like(spec: SeriesSpec) -> SeriesReading:
    """How data is read like the model's, as far as its spec says."""
    return SeriesReading(
        time=spec.source.get("time"),
        id=spec.source.get("id"),
        value=tuple(each.name for each in spec.values),
        static=tuple(each.name for each in spec.statics),
        returns=spec.values[0].returns,
        period=spec.season,
        every=spec.source.get("every"),
        gaps=spec.source.get("gaps", "leave out"),
        rows_per_series=spec.source.get("rows_per_series"),
    )


def _opened(spec: SeriesSpec, reading: SeriesReading, source: Any) -> tuple[SeriesDataset, tuple[str, ...]]:  # noqa: ANN401
    """The series of a table as a model with this spec sees them, and what was found."""
    from sparring.data.series.read_series import read_series  # noqa: PLC0415 (an extra)
    from sparring.data.series.series_store import fingerprint_of, numbers_of, whole_windows  # noqa: PLC0415

    raw = read_series(os.fspath(source) if isinstance(source, Path) else source, _named(spec, reading))
    if raw.frequency != spec.frequency:
        raise DataError(
            f"There is a step {raw.frequency} in this data, and a step {spec.frequency} in what the model was trained on. Bring the data "
            "to the same steps."
        )
    numbers = numbers_of(raw.values, raw.begins, spec.values[0].returns)
    scaled = np.stack([column.scaling.forward(numbers[:, place]) for place, column in enumerate(spec.values)], axis=1).astype(np.float32)
    codes, notes = _codes_as_trained(spec, raw)
    starts = whole_windows(whole_rows(numbers), raw.begins, spec.steps)
    fingerprint = fingerprint_of(raw, reading, spec)
    return SeriesDataset(spec, raw.names, raw.begins, raw.times, raw.values, scaled, codes, starts, fingerprint), notes


def whole_rows(numbers: Float[np.ndarray, "rows values"]) -> Bool[np.ndarray, " rows"]:
    """Which rows have all of their values."""
    return np.asarray(np.isfinite(numbers).all(axis=1))


def _named(spec: SeriesSpec, reading: SeriesReading) -> SeriesReading:
    """The reading, with the columns named that were found when the model was trained."""
    return replace(reading, time=reading.time or spec.source.get("time"), value=reading.value or tuple(each.name for each in spec.values))


def _codes_as_trained(spec: SeriesSpec, raw: "RawSeries") -> tuple[Int64[np.ndarray, "series statics"], tuple[str, ...]]:
    """Codes of the statics in the categories of the model (-1: a category that it does not know), and what that means."""
    found, notes = np.full((len(raw.names), len(spec.statics)), -1, np.int64), []
    for place, column in enumerate(spec.statics):
        own = raw.static_names.index(column.name)
        known = {category: code for code, category in enumerate(column.categories)}
        table = np.array([*(known.get(category, -1) for category in raw.categories[own]), -1])
        found[:, place] = table[raw.codes[:, own]]
        unknown = sorted({raw.categories[own][code] for code in raw.codes[:, own] if code >= 0} - set(known))
        if unknown:
            notes.append(
                f"{column.name} = {', '.join(unknown[:MOST_NAMED])} was not trained on: such series are taken as of no {column.name}."
            )
    return found, tuple(notes)


# ------------------------------------------------------------------------------------------------------------- where paths begin


def start_at(series: ModelSeries, number: int, at: str | float | None = None) -> Start:
    """The last row of a series with values at or before a time, as `time_of` reads it; None: the last row of all. A SettingsError if there
    is none.
    """
    dataset = series.dataset
    first, last = series.rows(number)
    times = dataset.times[first:last]
    rows = np.flatnonzero(~np.isnan(dataset.raw[first:last]).any(axis=1))
    if at is not None:
        rows = rows[times[rows] <= time_of(dataset.spec, at)]
    if not len(rows):
        raise SettingsError(
            f"{dataset.names[number]} has no values at or before {at}: it begins at {time_text_of(dataset.spec, times[0])}. Begin later "
            "(--from)."
        )
    return start_at_row(series, number, first + int(rows[-1]))


def start_at_row(series: ModelSeries, number: int, row: int) -> Start:
    """A row of a series as the last one before paths begin."""
    dataset = series.dataset
    return Start(number, dataset.names[number], row, float(dataset.times[row]), dataset.raw[row])


def time_of(spec: SeriesSpec, at: str | float) -> float:
    """A time as people write it (as in the data, or in ISO 8601), as datasets have it; without times the number of a step of the series,
    counted from 1. A date alone is the whole day, where steps are days or longer. SettingsError for what is no time.
    """
    column, text = spec.time_column, str(at).strip()
    if column is None or column.kind != "datetime":
        try:
            value = float(text)
        except ValueError:
            what = "the number of a step, such as 100" if column is None else f"a value of {column.name!r}, such as {spec.times[1]:g}"
            raise SettingsError(f"{text!r} is no time of this data. Give {what}.") from None
        return value if column is not None else value - 1
    moment = _moment(text, column)
    if moment is None:
        raise SettingsError(f"{text!r} is no date. Write it like {time_text_of(spec, spec.times[1])}.")
    if spec.frequency.by_local_clocks and moment % DAY == 0:
        moment += DAY - 1
    return float(spec.from_local(np.array([moment]))[0])


def _moment(text: str, column: Column) -> float | None:
    """A date on the local clock of its column, written as there or in ISO 8601, in seconds since 1970; None if it is none."""
    zone, form = zone_of(column), column.text or {}
    try:
        moments = read_dates([text], form) if "pattern" in form else None
    except ValueError:
        moments = None
    if moments is not None:
        return float(local_times(moments, zone)[0])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = np.array([(found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()])
    return float((local_times(moment, zone) if found.tzinfo else moment)[0])


def time_text_of(spec: SeriesSpec, time: float) -> str:
    """A time for messages and charts; without times the number of a step, counted from 1."""
    from sparring.data.series.series_rows import time_text  # noqa: PLC0415 (an extra)

    if spec.time_column is None:
        return f"step {time + 1:,g}"
    return time_text(float(spec.local(np.array([time]))[0]), spec.time_column.kind == "datetime")


def refuse_without_past(series: ModelSeries, start: Start) -> None:
    """Raise a SettingsError if the steps up to the start are not what the model needs as a past."""
    spec = series.dataset.spec
    if not spec.past:
        return
    first, _ = series.rows(start.number)
    rows = np.arange(start.row - spec.past + 1, start.row + 1)
    begins = first + int(spec.values[0].returns)  # the first price has no return
    when = time_text_of(spec, start.time)
    if rows[0] < begins:
        there = plural(start.row + 1 - begins, "step", "steps")
        raise SettingsError(
            f"The model needs a past of {spec.past} steps, and {start.series} has {there} up to {when}. Begin later (--from), or give "
            "longer series (--data)."
        )
    missing = int(np.isnan(series.dataset.scaled[rows]).any(axis=1).sum())
    if missing:
        raise SettingsError(
            f"{plural(missing, 'step', 'steps')} of the {spec.past} up to {when} in {start.series} have missing values, and the model "
            "needs them all. Begin elsewhere (--from), or fill gaps in the data."
        )
