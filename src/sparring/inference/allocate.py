"""Network slices as a game of forecasts: what each slice is given is what its demand is forecast to need (GANSlicing)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from sparring import recipes
from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.core.random_streams import stream_seed
from sparring.data.series.plot_allocation import draw_allocation
from sparring.inference.forecast import futures, origins, refuse_without_forecasts
from sparring.inference.series_of_model import ModelSeries, series_of, start_at_row
from sparring.metrics.series.allocation import (
    QUANTILES,
    AllocationCurve,
    AllocationOutcome,
    allocation_curve,
    oracle_allocation,
    quantile_allocation,
    simulate_allocation,
)
from sparring.metrics.series.forecast_scores import sample_quantiles, seasonal_naive_samples

if TYPE_CHECKING:
    from sparring.inference.model import Model

STATIC, ORACLE = "static shares", "oracle"
MOST_FORECASTS = 1024
"""Number of forecasts at most: of more, the latest."""
Demand = Float64[np.ndarray, "slices steps"]


@dataclass(frozen=True, eq=False)
class Allocation:
    """What came of giving slices what was forecast, beside other ways."""

    value: str
    """The column of the demand."""
    name: str
    """What the model is called: its recipe."""
    quantile: float
    capacity: float
    outcomes: Mapping[str, AllocationOutcome]
    """By way, with that quantile: the model, the naive forecast, static shares, and the oracle."""
    curves: Mapping[str, AllocationCurve]
    """By way, over quantiles. The oracle has none."""
    slices: int
    steps: int
    """Number of steps of all forecasts together."""
    demand: float
    """Mean demand of a step, of all slices together."""
    notes: tuple[str, ...]

    def at_equal(self, way: str) -> dict[str, float]:
        """The model beside another way: how many more requests it accepts with as many resources as that way takes, and how many resources
        fewer it takes to accept as much (shares of the other way's; the last is not a number if it cannot accept as much).
        """
        other, curve = self.outcomes[way], self.curves[self.name]
        accepted, resources = curve.accepted_at(other.resources), curve.resources_at(other.accepted)
        return {
            "more requests at equal resources": accepted / other.accepted - 1 if other.accepted else math.nan,
            "fewer resources at equal requests": 1 - resources / other.resources
            if math.isfinite(resources) and other.resources
            else math.nan,
        }

    @property
    def compared(self) -> dict[str, dict[str, float]]:
        """`at_equal` of all ways that may be worse."""
        return {way: self.at_equal(way) for way in self.outcomes if way not in (self.name, ORACLE)}

    def chart(self) -> UInt8[np.ndarray, "h w 3"]:
        """Requests accepted by resources: a curve for each way, and a mark at the quantile."""
        curves = {
            way: (np.array([one.resources for one in curve.outcomes]), np.array([one.accepted for one in curve.outcomes]))
            for way, curve in self.curves.items()
        }
        marks = {way: (outcome.resources, outcome.accepted) for way, outcome in self.outcomes.items()}
        return draw_allocation(curves, marks, own=self.name)

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "value": self.value,
            "model": self.name,
            "quantile": self.quantile,
            "capacity": self.capacity if math.isfinite(self.capacity) else None,
            "slices": self.slices,
            "steps": self.steps,
            "mean demand of a step": self.demand,
            "outcomes": {way: asdict(outcome) for way, outcome in self.outcomes.items()},
            "the model beside": {
                way: {name: value if math.isfinite(value) else None for name, value in figures.items()}
                for way, figures in self.compared.items()
            },
            "curves": {
                way: [{"quantile": at, **asdict(one)} for at, one in zip(curve.parameters, curve.outcomes, strict=True)]
                for way, curve in self.curves.items()
            },
            "notes": list(self.notes),
        }


def allocate(
    model: "Model",
    quantile: float = 0.95,
    capacity: float | None = None,
    seed: int = 0,
    *,
    steps: int | None = None,
    paths: int = 256,
    value: str | None = None,
    data: Any = None,  # noqa: ANN401 (a path or a frame)
) -> Allocation:
    """Give slices of a network what their demand is forecast to need, over what training held out (of other data: over all of it).

    Each series is a slice. `quantile`: of the forecast that a slice is given, for `steps` steps at a time (None: as many as follow the past
    in a window). `capacity`: what all slices together may have in a step; None: no limit. `value`: the column of the demand, where there
    are several. Beside it: the same quantile of the naive forecast, static shares (of the demand before), and an oracle that knows it.
    Raises a SettingsError that lists what cannot be done.
    """
    spec = refuse_without_forecasts(model)
    place, horizon = _checked(model, quantile, capacity, steps, paths, value)
    found = series_of(model, data)
    if np.nanmin(found.dataset.raw[:, place]) < 0:
        raise SettingsError(f"{spec.values[place].name} is negative in places, so it is no demand.")
    period = spec.season or 1
    rows, naive_past = origins(found, horizon, period)
    if not len(rows):
        raise SettingsError(
            f"Nothing {found.scored} is long enough for {horizon} steps after {max(spec.past, period + 1)} others. Take fewer "
            "steps, or hold out more in training (--holdout)."
        )
    rows = np.sort(rows[np.argsort(found.dataset.times[rows], kind="stable")[-MOST_FORECASTS:]])
    blocks = _Blocks(found, rows, horizon, place)
    made = np.stack([futures(model, found, start_at_row(found, *each), horizon, paths, seed)[:, place] for each in blocks.starts])
    random = np.random.Generator(np.random.Philox(stream_seed(seed, "naive forecast", 0)))
    past = np.stack([found.dataset.raw[row + 1 - naive_past : row + 1, place] for row in rows])
    others = seasonal_naive_samples(past, horizon, period, paths, random)
    naive = "seasonal naive" if period > 1 else "naive"
    name, limit = recipes.name_of(model.recipe), math.inf if capacity is None else capacity
    policies: dict[str, Callable[[float], Demand]] = {
        name: lambda at: blocks.spread(quantile_allocation(made, at)),
        naive: lambda at: blocks.spread(quantile_allocation(others, at)),
        STATIC: lambda at: blocks.spread(blocks.static(at)),
    }
    demand = blocks.spread(blocks.truth)
    outcomes = {way: simulate_allocation(demand, policy(quantile), limit) for way, policy in policies.items()}
    outcomes[ORACLE] = simulate_allocation(demand, oracle_allocation(demand), limit)
    curves = {way: allocation_curve(demand, policy, QUANTILES, limit) for way, policy in policies.items()}
    counts = (plural(len(rows), "forecast", "forecasts"), plural(horizon, "step", "steps"), plural(demand.shape[0], "slice", "slices"))
    notes = (f"{' of '.join(counts)} {found.scored}, {paths} samples each.", *found.notes, *found.doubts)
    return Allocation(
        spec.values[place].name,
        name,
        quantile,
        limit,
        outcomes,
        curves,
        demand.shape[0],
        demand.shape[1],
        float(demand.sum(axis=0).mean()),
        notes,
    )


class _Blocks:
    """Forecasts of slices, and where each of their steps is among all steps of the simulation."""

    def __init__(self, found: ModelSeries, rows: Int64[np.ndarray, " n"], horizon: int, place: int) -> None:
        dataset = found.dataset
        numbers = dataset.series_of(rows)
        self.found, self.place, self.horizon = found, place, horizon
        self.starts = [(int(number), int(row)) for number, row in zip(numbers, rows, strict=True)]
        self.truth = np.stack([dataset.raw[row + 1 : row + 1 + horizon, place] for row in rows])
        """Demand: "forecasts steps"."""
        moments = dataset.times[rows[:, None] + 1 + np.arange(horizon)]  # slices share what there is at a time
        self.columns = np.unique(moments, return_inverse=True)[1].reshape(moments.shape)
        self.slices = np.unique(numbers, return_inverse=True)[1].reshape(-1)

    def spread(self, values: Float64[np.ndarray, "forecasts horizon"]) -> Demand:
        """Values of forecasts at the slices and steps that they are of, and 0 elsewhere: a slice without a forecast asks for nothing."""
        found = np.zeros((int(self.slices.max()) + 1, int(self.columns.max()) + 1))
        found[self.slices[:, None], self.columns] = values
        return found

    def static(self, quantile: float) -> Float64[np.ndarray, "forecasts horizon"]:
        """For each slice the quantile of its demand before its first forecast."""
        dataset, shares = self.found.dataset, {}
        for number, row in self.starts:
            if number not in shares:
                before = dataset.raw[self.found.rows(number)[0] : row + 1, self.place]
                shares[number] = max(float(sample_quantiles(before[~np.isnan(before)][None, :, None], [quantile])[0, 0, 0]), 0.0)
        return np.array([[shares[number]] * self.horizon for number, _ in self.starts])


def _checked(model: "Model", quantile: float, capacity: float | None, steps: int | None, paths: int, value: str | None) -> tuple[int, int]:
    """The place of the demand among the values, and the number of steps of each forecast; a SettingsError lists what is wrong."""
    spec = refuse_without_forecasts(model)
    names, problems = [column.name for column in spec.values], []
    horizon = spec.steps - spec.past if steps is None else steps
    if spec.values[0].returns:
        problems.append("This model learned returns of prices, and slices need a demand. Train without --returns.")
    if not 0 < quantile < 1:
        problems.append(f"quantile must be more than 0 and less than 1, not {quantile}.")
    if capacity is not None and not (capacity > 0 and math.isfinite(capacity)):
        problems.append(f"capacity must be more than 0, not {capacity}. Leave it out for no limit.")
    for name, count in (("steps", horizon), ("paths", paths)):
        if count < 1:
            problems.append(f"{name} must be at least 1, not {count}.")
    if value is not None and value not in names:
        problems.append(f"There is no value {value!r}. {did_you_mean(value, names)}")
    if value is None and len(names) > 1:
        problems.append(f"There are several values. Say which is the demand, with --value: {', '.join(names)}.")
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("This cannot be allocated:", problems))
    return names.index(value) if value is not None else 0, horizon
