"""Network slicing as a simulation: how many requests are accepted, and with how many resources, if slices are given what was forecast.

Demand and allocations are arrays "slices steps" in the unit of demand, 0 or more; capacity is what all slices together may have at a step.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sparring.metrics.series.forecast_scores import sample_quantiles, seasonal_naive

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Quantiles of forecasts or of past demand at which an allocation curve has its points."""


@dataclass(frozen=True)
class AllocationOutcome:
    """What came of an allocation. Resources are means per step over all slices together, in the unit of demand."""

    accepted: float
    """Requests accepted, as a share of the demand: 1 is best. 1 if there is no demand."""
    resources: float
    """Resources that were allocated."""
    over_provisioned: float
    """Resources that were allocated and not used."""
    under_provisioned: float
    """Demand that found no resources."""


def simulate_allocation(
    demand: Float[np.ndarray, "slices steps"],
    allocations: Float[np.ndarray, "slices steps"],
    capacity: Float[np.ndarray, " steps"] | float = math.inf,
) -> AllocationOutcome:
    """Give every slice what it was allocated, and accept its requests up to that: min(demand, allocation).

    Where the allocations of a step exceed the capacity, all of them are scaled down by the same factor.
    """
    assert demand.shape == allocations.shape, f"Allocations of {allocations.shape} do not fit to a demand of {demand.shape}"
    assert (demand >= 0).all(), "Demand is not negative"
    given = within_capacity(allocations, capacity)
    steps, total = demand.shape[1], float(demand.sum())
    accepted, resources = float(np.minimum(demand, given).sum()), float(given.sum())
    share = accepted / total if total > 0 else 1.0
    return AllocationOutcome(share, resources / steps, (resources - accepted) / steps, (total - accepted) / steps)


def within_capacity(
    allocations: Float[np.ndarray, "slices steps"], capacity: Float[np.ndarray, " steps"] | float
) -> Float[np.ndarray, "slices steps"]:
    """Allocations, scaled down in proportion at the steps where their sum exceeds the capacity."""
    assert (allocations >= 0).all(), "Allocations are not negative"
    assert np.all(np.asarray(capacity) >= 0), "Capacity is not negative"
    total = allocations.sum(axis=0)
    return allocations * np.where(total > capacity, capacity / np.where(total > 0, total, 1), 1)


def quantile_allocation(forecasts: Float[np.ndarray, "slices samples steps"], quantile: float) -> Float[np.ndarray, "slices steps"]:
    """What the forecast says will suffice with this probability: the quantile of its samples, not below 0."""
    return np.maximum(sample_quantiles(forecasts, [quantile])[0], 0)


def static_allocation(past: Float[np.ndarray, "slices past"], steps: int, quantile: float) -> Float[np.ndarray, "slices steps"]:
    """The same at every step: for each slice, the quantile of its past demand."""
    return np.repeat(quantile_allocation(past[:, :, None], quantile), steps, axis=1)


def seasonal_naive_allocation(
    past: Float[np.ndarray, "slices past"], steps: int, period: int, headroom: float = 1.0
) -> Float[np.ndarray, "slices steps"]:
    """What each slice demanded one period ago, times a factor: not below 0. DataError if the past is shorter than a period."""
    return np.maximum(seasonal_naive(past, steps, period) * headroom, 0)


def oracle_allocation(demand: Float[np.ndarray, "slices steps"]) -> Float[np.ndarray, "slices steps"]:
    """Exactly the demand that will come: no allocation accepts more, and none with as much accepted takes fewer resources."""
    return demand.copy()


@dataclass(frozen=True, eq=False)
class AllocationCurve:
    """Outcomes of one policy at different values of its parameter, in the order of these."""

    parameters: tuple[float, ...]
    outcomes: tuple[AllocationOutcome, ...]

    def accepted_at(self, resources: float) -> float:
        """Requests accepted, as a share, with so many resources per step: on straight lines between the points of the curve.

        With fewer resources than any point, all allocations are scaled down, which accepts at least what the line from nothing says. With
        more, what is too much is left unused.
        """
        needed, accepted = self._frontier()
        return float(np.interp(resources, needed, accepted))

    def resources_at(self, accepted: float) -> float:
        """Fewest resources per step with which this share of the requests is accepted; infinite if the curve does not come so far."""
        needed, reached = self._frontier()
        if accepted > reached[-1]:
            return math.inf
        return float(np.interp(accepted, *_first_of_equal(reached, needed)))

    def _frontier(self) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
        """Resources in rising order, from 0, and the largest share that is accepted with no more of them."""
        points = sorted((outcome.resources, outcome.accepted) for outcome in self.outcomes)
        resources, accepted = np.array([(0.0, 0.0), *points]).T
        return resources, np.maximum.accumulate(accepted)


def _first_of_equal(
    rising: Float[np.ndarray, " points"], others: Float[np.ndarray, " points"]
) -> tuple[Float[np.ndarray, " different"], Float[np.ndarray, " different"]]:
    """Of points whose first coordinate does not grow, only the first."""
    kept = np.diff(rising, prepend=-math.inf) > 0
    return rising[kept], others[kept]


def allocation_curve(
    demand: Float[np.ndarray, "slices steps"],
    policy: Callable[[float], Float[np.ndarray, "slices steps"]],
    parameters: Sequence[float] = QUANTILES,
    capacity: Float[np.ndarray, " steps"] | float = math.inf,
) -> AllocationCurve:
    """Outcomes of a policy, a function from its parameter to allocations, at each value of the parameter.

    The parameter is a quantile (`quantile_allocation`, `static_allocation`) or a factor (`seasonal_naive_allocation`).
    """
    return AllocationCurve(tuple(parameters), tuple(simulate_allocation(demand, policy(value), capacity) for value in parameters))


def capacity_curve(
    demand: Float[np.ndarray, "slices steps"], allocations: Float[np.ndarray, "slices steps"], capacities: Sequence[float]
) -> AllocationCurve:
    """Outcomes of the same allocations with each of these capacities per step."""
    return AllocationCurve(tuple(capacities), tuple(simulate_allocation(demand, allocations, capacity) for capacity in capacities))
