"""Paths that models of series make, in the units, types and times of their data."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Float32, Float64, Int64

from sparring.core.errors import SettingsError, did_you_mean
from sparring.data.series.series_spec import REGIMES, SeriesSpec
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.table_format import TableFormat
from sparring.games.capabilities import Samples, SimulatesSeries
from sparring.inference.series_of_model import ModelSeries, Start, refuse_without_past, series_spec_of, whole_rows
from sparring.modalities.series_windows import numbers_in_units, to_units

if TYPE_CHECKING:
    import pyarrow as pa

    from sparring.inference.model import Model

PIECE = 1024
"""Number of paths that are asked of a game at a time: a multiple of what it makes together, so that none is made twice."""
FIRST_PRICE = 100.0
"""Price before the first step of windows of returns, which belong to no series."""
UNKNOWN = -1
"""Code of a static or regime that nobody knows."""


def draw_paths(
    model: "Model",
    series: ModelSeries,
    start: Start,
    n: int,
    steps: int,
    seed: int,
    *,
    first: int = 0,
    regime: int = UNKNOWN,
    codes: Int64[np.ndarray, " statics"] | None = None,
) -> Float64[np.ndarray, "n values {steps}"]:
    """Paths `first` to `first + n - 1` of `seed` that follow the start: values in their units; of models of returns, log returns.

    `regime`: its number. `codes`: of the statics; None: those of the series. A SettingsError if the model cannot make them.
    """
    refuse_without_past(series, start)
    spec, rows = series.dataset.spec, np.arange(start.row - series.dataset.spec.past + 1, start.row + 1)
    past = np.ascontiguousarray(series.dataset.scaled[rows].T)[None] if spec.past else None
    times = np.concatenate([series.dataset.times[rows] if spec.past else [], spec.frequency.after(start.time, steps)])
    known = known_of(spec, times, series.dataset.codes[start.number] if codes is None else codes, regime)
    return to_units(spec, continued(model, past, known, n, steps, seed, first))


def known_of(
    spec: SeriesSpec, times: Float64[np.ndarray, " t"], codes: Int64[np.ndarray, " statics"], regime: int
) -> Float32[np.ndarray, "1 known t"] | None:
    """What is known of steps at these times, of one series; None if models are told nothing."""
    return spec.known_of(spec.local(times)[None], codes[None], np.array([regime])) if spec.known_width else None


def continued(
    model: "Model",
    past: Float32[np.ndarray, "1 values p"] | None,
    known: Float32[np.ndarray, "1 known p_and_steps"] | None,
    n: int,
    steps: int,
    seed: int,
    first: int = 0,
) -> Float32[np.ndarray, "n values {steps}"]:
    """Paths as networks see values, all after the same past. A SettingsError if they are longer than the model can make."""
    model.refuse_without_generator()
    game = cast(SimulatesSeries, model.game)
    if game.longest_path is not None and steps > game.longest_path:
        raise SettingsError(f"{model.source} makes paths of at most {game.longest_path} steps, not {steps}.")
    made = []
    for low in range(first, first + n, PIECE):
        count = min(PIECE, first + n - low)
        repeated = (None if each is None else np.repeat(each, count, axis=0) for each in (past, known))
        made.append(game.simulate(count, steps, seed, low, *repeated).cpu().numpy())
    return np.concatenate(made)


def as_values(
    spec: SeriesSpec, numbers: Float64[np.ndarray, "n values t"], start: Float64[np.ndarray, " values"]
) -> Float64[np.ndarray, "n values t"]:
    """Values of numbers in units: of log returns, prices that begin after `start`."""
    return start[:, None] * np.exp(numbers.cumsum(axis=2)) if spec.values[0].returns else numbers


def log_returns(series: ModelSeries, number: int, until: int) -> Float64[np.ndarray, "t values"]:
    """All log returns of a series up to and with row `until`, of a model of returns; those next to a missing value are left out."""
    first, _ = series.rows(number)
    returns = numbers_in_units(series.dataset)[first : until + 1]
    return returns[whole_rows(returns)]


# ------------------------------------------------------------------------------------------------- what is asked for, checked


def number_of_regime(spec: SeriesSpec, regime: str | None) -> int:
    """The number of a regime by its name; -1 for None. A SettingsError if there is none of that name, or none at all."""
    if regime is None:
        return UNKNOWN
    if spec.regime_bounds is None:
        raise SettingsError(
            f"This model was not told regimes, so {regime!r} cannot be asked for. Train cgan-series, which is; or leave it out."
        )
    if regime not in REGIMES:
        raise SettingsError(f"There is no regime {regime!r}. {did_you_mean(regime, REGIMES)}")
    return REGIMES.index(regime)


def codes_of_statics(
    spec: SeriesSpec, statics: Sequence[str] | Mapping[str, str], own: Int64[np.ndarray, " statics"]
) -> Int64[np.ndarray, " statics"]:
    """Codes of the statics: those of a series, but for the ones that are asked for ("sector=Energy"). A SettingsError lists
    what is wrong.
    """
    pairs = [(name, str(value)) for name, value in statics.items()] if isinstance(statics, Mapping) else [_pair(each) for each in statics]
    names, found, problems = [each.name for each in spec.statics], own.copy(), []
    for name, value in pairs:
        if name not in names:
            problems.append(f"{name}={value}: the model was told no attribute {name!r}. {did_you_mean(name, names)}")
            continue
        column = spec.statics[names.index(name)]
        if value not in column.categories:
            problems.append(f"{name}={value}: there is no such value. {did_you_mean(value, column.categories)}")
            continue
        found[names.index(name)] = column.categories.index(value)
    if problems:
        raise SettingsError(" ".join(problems))
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingsError(f"{text!r} is no attribute. Write NAME=VALUE, such as sector=Energy.")
    return name.strip(), value.strip()


# --------------------------------------------------------------------------------------------------------- tables of series


def series_table(
    spec: SeriesSpec,
    *,
    leading: Mapping[str, np.ndarray],
    times: Float64[np.ndarray, " rows"] | None,
    steps: Int64[np.ndarray, " rows"],
    names: Sequence[str],
    owner: Int64[np.ndarray, " rows"],
    values: Mapping[str, Float64[np.ndarray, " rows"]],
    statics: Int64[np.ndarray, "rows statics"] | None = None,
    typed: bool,
) -> "pa.Table":
    """A table of series: columns of whole numbers that lead, times as the data has them (where it has none, or `times` is None, a column of
    the numbers of steps), what each row's series is called if there are several or the data says it, statics if they are given, and values.

    `owner`: the number of the series of each row, in `names`. `values`: by name; what is no column of the data is written as it is.
    `typed`: for files with types, and frames.
    """
    from sparring.data.tables.arrow import pa  # noqa: PLC0415 (an extra)
    from sparring.data.tables.arrow_values import table_of  # noqa: PLC0415 (an extra)

    columns = {each["name"]: Column.from_json(each) for each in spec.source["columns"]}
    form = TableFormat.from_json(spec.source["format"])
    found: dict[str, Any] = {free_name(name, columns): pa.array(numbers) for name, numbers in leading.items()}

    def as_in_data(name: str, these: ColumnValues) -> None:
        found[name] = table_of({name: these}, [columns[name]], form, typed=typed).column(0)

    id_name, time = spec.source.get("id"), spec.time_column
    if id_name is not None:
        as_in_data(id_name, ColumnValues(codes=owner.astype(np.int32), categories=tuple(names)))
    elif len(names) > 1:
        found[free_name("series", columns)] = pa.array(list(names), pa.string()).take(pa.array(owner))
    if time is None or times is None:
        found[free_name("step", columns)] = pa.array(steps)
    else:
        as_in_data(time.name, ColumnValues(numbers=spec.utc(times)))
    for place, column in enumerate(spec.statics if statics is not None else ()):
        assert statics is not None
        as_in_data(column.name, ColumnValues(codes=statics[:, place].astype(np.int32), categories=column.categories))
    for name, numbers in values.items():
        if name in columns:
            as_in_data(name, ColumnValues(numbers=numbers))
        else:
            found[name] = pa.array(numbers, mask=np.isnan(numbers))
    return pa.table(found)


def free_name(name: str, columns: Collection[str]) -> str:
    """The name of a column that the data does not have: that name, or with underscores after it where it is taken."""
    while name in columns:
        name += "_"
    return name


def on_steps(spec: SeriesSpec, place: int, values: Float64[np.ndarray, "*n"], base: float | None = None) -> Float64[np.ndarray, "*n"]:
    """Values of a column, rounded to its step in the data: cents of prices, whole numbers of counts. `base`: a value on the grid of these
    steps; None: the smallest of the data.
    """
    base = spec.values[place].scaling.values[0] if base is None else base
    step = step_of(spec, place)
    return values if step is None else np.round(base + np.round((values - base) / step) * step, 9)


def step_of(spec: SeriesSpec, place: int) -> float | None:
    """The step of the values of a column in the data; None if there is none."""
    name = spec.values[place].name
    return next(Column.from_json(each).step for each in spec.source["columns"] if each["name"] == name)


def finely(spec: SeriesSpec, place: int, values: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Values of a column that need not be on its steps, such as quantiles, with two decimals more than these have."""
    step = step_of(spec, place)
    return values if step is None else np.round(values, max(0, math.ceil(-math.log10(step))) + 2)


def save_series_table(spec: SeriesSpec, table: "pa.Table", out: Path) -> None:
    """Write a table of series in the kind of file that the ending names, as the data was written."""
    from sparring.data.tables.writing import write_table  # noqa: PLC0415 (an extra)

    write_table(table, out, replace(TableFormat.from_json(spec.source["format"]), header=True))


def is_typed(out: Path) -> bool:
    """Whether a table that is written there has types. A SettingsError if no table can be written there."""
    from sparring.data.tables.writing import output_table_kind  # noqa: PLC0415 (an extra)

    return output_table_kind(out) != "csv"


# ------------------------------------------------------------------------------------------------------------------ windows


def sample_windows(model: "Model", n: int, seed: int = 0) -> tuple[Float64[np.ndarray, "n values t"], Int64[np.ndarray, "n statics"]]:
    """Windows that a model of series generates freely: values in their units (of models of returns: log returns), and codes of statics."""
    spec = series_spec_of(model)
    model.refuse_without_generator()
    game = cast(Samples, model.game)
    windows = np.concatenate([game.sample(min(PIECE, n - low), seed, None, low).cpu().float().numpy() for low in range(0, n, PIECE)])
    codes, place = np.zeros((n, len(spec.statics)), np.int64), len(spec.values) + 2 * len(spec.calendar)
    for number, column in enumerate(spec.statics):
        indicators = windows[:, place : place + len(column.categories), 0]
        codes[:, number] = np.where(indicators.any(axis=1), indicators.argmax(axis=1), UNKNOWN)
        place += len(column.categories)
    return to_units(spec, windows[:, : len(spec.values)]), codes


def windows_table(model: "Model", n: int, seed: int, *, typed: bool) -> "pa.Table":
    """Windows as a table: columns "window" and "step", statics and values. Of models of returns, values are prices that were 100 before the
    first step.
    """
    spec = series_spec_of(model)
    numbers, codes = sample_windows(model, n, seed)
    values = as_values(spec, numbers, np.full(len(spec.values), FIRST_PRICE))
    steps = values.shape[2]
    flat = {
        column.name: (values[:, place] if column.returns else on_steps(spec, place, values[:, place])).ravel()
        for place, column in enumerate(spec.values)
    }
    return series_table(
        replace(spec, source={**spec.source, "id": None}),
        leading={"window": np.repeat(np.arange(n), steps)},
        times=None,
        steps=np.tile(np.arange(1, steps + 1), n),
        names=("",),
        owner=np.zeros(n * steps, np.int64),
        values=flat,
        statics=np.repeat(codes, steps, axis=0),
        typed=typed,
    )
