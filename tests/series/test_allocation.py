"""The simulation of network slices against hand calculations, and policies against each other."""

import math

import numpy as np
import pytest

from sparring.core.errors import DataError
from sparring.metrics.series.allocation import (
    AllocationCurve,
    AllocationOutcome,
    allocation_curve,
    capacity_curve,
    oracle_allocation,
    quantile_allocation,
    seasonal_naive_allocation,
    simulate_allocation,
    static_allocation,
    within_capacity,
)
from sparring.metrics.series.forecast_scores import seasonal_naive_samples

DEMAND = np.array([[4.0, 0], [1, 5]])


def outcome(accepted: float, resources: float) -> AllocationOutcome:
    return AllocationOutcome(accepted, resources, 0, 0)


def test_outcomes_by_hand() -> None:
    given = np.array([[2.0, 2], [3, 3]])
    assert simulate_allocation(DEMAND, given) == AllocationOutcome(0.6, 5, 2, 2)  # 2 + 0 + 1 + 3 of 10 are accepted
    assert simulate_allocation(DEMAND, np.zeros((2, 2))) == AllocationOutcome(0, 0, 0, 5)
    assert simulate_allocation(np.zeros((2, 2)), given) == AllocationOutcome(1, 5, 5, 0)
    assert simulate_allocation(DEMAND, oracle_allocation(DEMAND)) == AllocationOutcome(1, 5, 0, 0)


def test_capacity_scales_all_slices_down() -> None:
    given = np.array([[6.0, 1], [2, 1]])
    assert within_capacity(given, 4).tolist() == [[3, 1], [1, 1]]
    assert within_capacity(given, np.array([8.0, 0.5])).tolist() == [[6, 0.25], [2, 0.25]]
    assert within_capacity(given, 0).tolist() == [[0, 0], [0, 0]]
    assert within_capacity(np.zeros((2, 2)), 0).tolist() == [[0, 0], [0, 0]]
    assert within_capacity(given, math.inf).tolist() == given.tolist()
    assert simulate_allocation(DEMAND, given, 4) == AllocationOutcome((3 + 0 + 1 + 1) / 10, 3, 0.5, 2.5)
    short = simulate_allocation(DEMAND, oracle_allocation(DEMAND), 4)
    assert short.accepted == pytest.approx(0.8)  # all that the capacity allows
    assert short.over_provisioned == pytest.approx(0)


def test_policies_by_hand() -> None:
    forecasts = np.array([[[3.0], [1], [2]], [[-5], [-6], [-7]]])
    assert quantile_allocation(forecasts, 0.5).tolist() == [[2], [0]]
    assert quantile_allocation(forecasts, 0.75).tolist() == [[3], [0]]
    past = np.array([[1.0, 2, 3], [7, 7, 7]])
    assert static_allocation(past, 2, 0.5).tolist() == [[2, 2], [7, 7]]
    assert seasonal_naive_allocation(past, 3, 2, headroom=1.5).tolist() == [[3, 4.5, 3], [10.5, 10.5, 10.5]]
    with pytest.raises(DataError):
        seasonal_naive_allocation(past, 3, 4)


def test_curves_are_read_on_straight_lines() -> None:
    curve = AllocationCurve((0.9, 0.5, 0.1), (outcome(0.9, 20), outcome(0.8, 10), outcome(0.6, 5)))
    assert [curve.accepted_at(resources) for resources in (0, 2.5, 5, 7.5, 20, 99)] == pytest.approx([0, 0.3, 0.6, 0.7, 0.9, 0.9])
    assert [curve.resources_at(accepted) for accepted in (0, 0.3, 0.7, 0.9, 0.91)] == pytest.approx([0, 2.5, 7.5, 20, math.inf])


def test_what_accepts_less_with_more_is_not_needed() -> None:
    curve = AllocationCurve((1, 2, 3, 4), (outcome(0.5, 10), outcome(0.8, 10), outcome(0.7, 15), outcome(0.8, 20)))
    assert curve.accepted_at(10) == 0.8
    assert curve.accepted_at(15) == 0.8
    assert curve.resources_at(0.8) == 10
    assert curve.resources_at(0.81) == math.inf
    nothing = AllocationCurve((0.5,), (outcome(0, 0),))
    assert (nothing.accepted_at(3), nothing.resources_at(0), nothing.resources_at(0.1)) == (0, 0, math.inf)


def test_a_forecast_that_knows_more_accepts_more_at_equal_resources() -> None:
    random = np.random.default_rng(0)
    season = 10 + 8 * np.sin(np.arange(336) / 24 * 2 * np.pi)
    demand = np.maximum(season + random.normal(size=(5, 336)), 0)
    past, future = demand[:, :240], demand[:, 240:]
    forecasts = season[240:] + random.normal(size=(5, 99, 96))
    naive = seasonal_naive_samples(past, 96, 24, 99, random)
    capacity = 80.0
    oracle = simulate_allocation(future, oracle_allocation(future), capacity)
    assert oracle.accepted > 0.96
    good, fair, static = (
        allocation_curve(future, policy, capacity=capacity)
        for policy in (
            lambda q: quantile_allocation(forecasts, q),
            lambda q: quantile_allocation(naive, q),
            lambda q: static_allocation(past, 96, q),
        )
    )
    at = [curve.accepted_at(oracle.resources) for curve in (good, fair, static)]
    assert oracle.accepted > at[0] > at[1] + 0.01
    assert at[1] > at[2] + 0.05
    needed = [curve.resources_at(0.9) for curve in (good, fair, static)]
    assert needed == sorted(needed)
    assert all(result.resources <= capacity * (1 + 1e-12) for result in static.outcomes)


def test_more_capacity_accepts_more() -> None:
    curve = capacity_curve(DEMAND, oracle_allocation(DEMAND), [0, 2, 4, 5, 9])
    assert [result.accepted for result in curve.outcomes] == pytest.approx([0, 0.4, 0.8, 1, 1])
    assert curve.parameters == (0, 2, 4, 5, 9)


def test_our_mistakes_are_caught() -> None:
    for demand, given in ((DEMAND, DEMAND[:1]), (-DEMAND, DEMAND), (DEMAND, -DEMAND)):
        with pytest.raises((AssertionError, TypeError)):
            simulate_allocation(demand, given)
