"""From a table to windows of series that networks can learn."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from sparring.core.errors import DataError
from sparring.core.formatting import plural
from sparring.data.series.scaling import ScalingKind, fit_scaling
from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_spec import SeriesSpec, StaticColumn, ValueColumn

if TYPE_CHECKING:
    from sparring.data.series.read_series import RawSeries

SHORTEST = 4
"""Fewest steps of a window that is chosen for short series."""
FEW_WINDOWS = 10
"""Windows side by side below which series are said to be short."""
MOST_PROFILES = 4096
"""Most combinations of statics that a model remembers, to draw from where none is asked for."""


def prepare_series(
    source: Any,  # noqa: ANN401 (a path or a frame)
    reading: SeriesReading,
    *,
    window: int,
    past: int,
    scaling: ScalingKind,
    known: Sequence[str],
) -> tuple[SeriesDataset, tuple[str, ...]]:
    """Windows of the series in a table, and what was found, in sentences. `window`, `past`: number of steps of a window and of its
    past, where `reading` does not say. `known`: what of "calendar", "statics" and "regime" networks are told. DataError if nothing can be
    used.
    """
    from sparring.data.series.read_series import read_series  # noqa: PLC0415 (an extra)

    raw = read_series(source, reading)
    numbers = numbers_of(raw.values, raw.begins, reading.returns)
    steps, past, notes = chosen_window(raw, reading, window, past)
    columns = fitted(numbers, np.ones(len(numbers), bool), raw.value_names, scaling, reading.returns)
    scaled = np.stack([each.scaling.forward(numbers[:, place]) for place, each in enumerate(columns)], axis=1).astype(np.float32)
    starts = whole_windows(np.asarray(~np.isnan(numbers).any(axis=1)), raw.begins, steps)
    if not len(starts):
        raise DataError(f"No {steps} steps in a row have all values. Take shorter windows (--window), or fill gaps (--gaps fill).")
    if (apart := windows_apart(starts, steps)) < FEW_WINDOWS:
        notes.append(
            f"Only {plural(apart, 'window fits', 'windows fit')} in side by side, without overlapping. So few are soon learned by heart: "
            "take shorter ones (--window), or more data."
        )
    codes = raw.codes if "statics" in known else np.zeros((len(raw.names), 0), np.int64)
    profiles, counts = found_profiles(codes)
    season = reading.period or raw.frequency.season
    span = float(np.ptp(raw.times))
    spec = SeriesSpec(
        steps=steps,
        past=past,
        values=tuple(columns),
        calendar=raw.frequency.calendar(span, season) if "calendar" in known else (),
        statics=tuple(map(StaticColumn, raw.static_names, raw.categories)) if "statics" in known else (),
        regime_bounds=regime_bounds(scaled, starts, steps, past) if "regime" in known else None,
        frequency=raw.frequency,
        season=season,
        times=(float(raw.times.min()), float(raw.times.max())),
        profiles=profiles,
        profile_counts=counts,
        source=raw.source,
    )
    fingerprint = fingerprint_of(raw, reading, spec)
    dataset = SeriesDataset(spec, raw.names, raw.begins, raw.times, raw.values, scaled, codes, starts, fingerprint)
    return dataset, (*raw.notes, *notes)


def refit(dataset: SeriesDataset, trained_on: SeriesDataset, scaling: ScalingKind) -> SeriesDataset:
    """The dataset with the spec that the training windows alone give: scaling, regimes, and the times and statics that are drawn from."""
    spec, rows = dataset.spec, np.zeros(len(dataset.times), bool)
    for step in range(spec.steps):
        rows[trained_on.starts + step] = True
    returns = spec.values[0].returns
    numbers = numbers_of(dataset.raw, dataset.begins, returns)
    columns = tuple(fitted(numbers, rows, [each.name for each in spec.values], scaling, returns))
    scaled = np.stack([each.scaling.forward(numbers[:, place]) for place, each in enumerate(columns)], axis=1).astype(np.float32)
    profiles, counts = found_profiles(dataset.codes[trained_on.used])
    times = dataset.times[rows]
    bounds = None if spec.regime_bounds is None else regime_bounds(scaled, trained_on.starts, spec.steps, spec.past)
    found = replace(
        spec,
        values=columns,
        regime_bounds=bounds,
        times=(float(times.min()), float(times.max())),
        profiles=profiles,
        profile_counts=counts,
    )
    return replace(dataset, spec=found, scaled=scaled)


def fitted(
    numbers: Float64[np.ndarray, "rows values"],
    rows: Bool[np.ndarray, " rows"],
    names: Sequence[str],
    scaling: ScalingKind,
    returns: bool,
) -> list[ValueColumn]:
    """Columns of values, with the scaling that these rows give. DataError if they do not vary."""
    return [
        ValueColumn(name, fit_scaling(check_varied(numbers[rows, place], name), scaling, open_ended=returns), returns)
        for place, name in enumerate(names)
    ]


def found_profiles(codes: Int64[np.ndarray, "series statics"]) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Combinations of statics, the most frequent first, and how many series have each."""
    profiles, counts = np.unique(codes, axis=0, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:MOST_PROFILES]
    return tuple(tuple(map(int, each)) for each in profiles[most]), tuple(map(int, counts[most]))


def numbers_of(
    values: Float64[np.ndarray, "rows values"], begins: Int64[np.ndarray, " series_and_one"], returns: bool
) -> Float64[np.ndarray, "rows values"]:
    """What networks learn of the values before it is scaled: the values, or the log returns that lead to them (none in the first row of a
    series).
    """
    if not returns:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that no window has may hold anything
        logs = np.log(values)
    found = np.full_like(logs, np.nan)
    found[1:] = logs[1:] - logs[:-1]
    found[begins[:-1]] = np.nan
    return found


def check_varied(numbers: Float64[np.ndarray, " rows"], name: str) -> Float64[np.ndarray, " rows"]:
    """The numbers. A DataError if they do not vary."""
    present = numbers[~np.isnan(numbers)]
    if len(present) < 2 or present.min() == present.max():
        raise DataError(f"Column {name!r} does not vary from step to step: there is nothing to learn. Leave it out of --value.")
    return numbers


def chosen_window(raw: "RawSeries", reading: SeriesReading, usual: int, usual_past: int) -> tuple[int, int, list[str]]:
    """Number of steps of a window and of its past, and what was chosen. DataError if series are shorter."""
    lengths = np.diff(raw.begins) - int(reading.returns)
    longest, middle = int(lengths.max()), int(np.median(lengths))
    notes = []
    if reading.window is None:
        steps = usual if longest >= usual and middle >= usual else max(SHORTEST, min(usual, middle))
        if steps < usual:
            notes.append(f"Windows have {steps} steps, because half of the series have no more (--window).")
    else:
        steps = reading.window
    if steps > longest:
        steps_text = plural(longest, "step", "steps") + (" with a return" if reading.returns else "")
        raise DataError(f"Windows of {steps} steps are longer than the longest series, which has {steps_text}. Take a smaller --window.")
    short = int((lengths < steps).sum())
    if short:
        notes.append(f"{plural(short, 'series is', 'series are')} shorter than a window of {steps} steps and left out.")
    past = min(usual_past, round(steps * usual_past / usual)) if reading.past is None else reading.past
    if not past < steps:
        raise DataError(f"A past of {past} steps leaves nothing of a window of {steps} steps to generate. Take a smaller --past.")
    return steps, past, notes


def whole_windows(present: Bool[np.ndarray, " rows"], begins: Int64[np.ndarray, " series_and_one"], steps: int) -> Int64[np.ndarray, " n"]:
    """The first row of each window that lies in one series and has no missing value."""
    upto = np.concatenate([[0], np.cumsum(present)])
    last = len(present) - steps + 1
    if last <= 0:
        return np.zeros(0, np.int64)
    whole = upto[steps:] - upto[:last] == steps
    ends = np.repeat(begins[1:], np.diff(begins))[:last]
    return np.flatnonzero(whole & (np.arange(last) + steps <= ends)).astype(np.int64)


def windows_apart(starts: Int64[np.ndarray, " n"], steps: int) -> int:
    """How many windows, beginning at these sorted rows, can be taken so that none overlaps with another."""
    count, place = 0, 0
    while place < len(starts):
        count += 1
        place = int(np.searchsorted(starts, starts[place] + steps))
    return count


def regime_bounds(
    scaled: Float32[np.ndarray, "rows values"], starts: Int64[np.ndarray, " n"], steps: int, past: int
) -> tuple[float, float]:
    """Standard deviations of the first column after the past that part windows into thirds."""
    some = starts[np.unique(np.linspace(0, len(starts) - 1, min(len(starts), 20_000)).astype(np.int64))]
    deviations = scaled[some[:, None] + np.arange(past, steps), 0].std(axis=1)
    low, high = np.quantile(deviations, [1 / 3, 2 / 3])
    return float(low), float(high)


def fingerprint_of(raw: "RawSeries", reading: SeriesReading, spec: SeriesSpec) -> str:
    """A digest of the series and of how they are cut."""
    about = [list(raw.names), list(raw.value_names), list(raw.static_names), reading.returns, spec.steps, spec.past]
    digest = hashlib.sha256(json.dumps(about).encode())
    for array in (raw.begins, raw.times, raw.values, raw.codes):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
