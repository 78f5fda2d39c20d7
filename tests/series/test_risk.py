"""Value at risk, expected shortfall and their tests against hand calculations, published tables and scipy."""

import math

import numpy as np
import pytest

from sparring.metrics.series.risk import (
    LikelihoodRatio,
    conditional_coverage_test,
    exceedances,
    expected_shortfall,
    independence_test,
    kupiec_test,
    value_at_risk,
)


def exceeded(times: int, steps: int) -> np.ndarray:
    return np.arange(steps) < times


def test_risk_by_hand() -> None:
    returns = -np.random.default_rng(0).permutation(np.arange(1.0, 101))
    assert value_at_risk(returns, [0.95, 0.99, 0.07]).tolist() == [95, 99, 7]
    assert expected_shortfall(returns, [0.95, 0.99]) == pytest.approx([98, 100])
    assert value_at_risk(returns[:1], [0.95]).tolist() == [-returns[0]]
    ten = -np.arange(1.0, 11)
    assert expected_shortfall(ten, [0.75, 0.95]) == pytest.approx([(10 + 9 + 0.5 * 8) / 2.5, 10])
    assert expected_shortfall(np.ones(50), [0.95]) == pytest.approx([-1])  # a sure gain is a negative loss


def test_other_axes_are_kept() -> None:
    returns = np.random.default_rng(0).normal(size=(200, 3, 2))
    for risk in (value_at_risk, expected_shortfall):
        found = risk(returns, [0.9, 0.95])
        assert found.shape == (2, 3, 2)
        assert found[:, 1, 1] == pytest.approx(risk(returns[:, 1, 1], [0.9, 0.95]))
    assert (expected_shortfall(returns) >= value_at_risk(returns)).all()


def test_risk_of_a_normal_distribution() -> None:
    stats = pytest.importorskip("scipy.stats")
    returns = 0.01 + 0.02 * stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    for level in (0.95, 0.99):
        z = stats.norm.ppf(level)
        assert value_at_risk(returns, [level]) == pytest.approx(0.02 * z - 0.01, abs=1e-5)
        assert expected_shortfall(returns, [level]) == pytest.approx(0.02 * stats.norm.pdf(z) / (1 - level) - 0.01, abs=1e-5)


def test_exceedances() -> None:
    returns = np.array([-3.0, -2, 1, -1])
    assert exceedances(returns, np.array([[2.0], [0.5]])).tolist() == [[True, False, False, False], [True, True, False, True]]
    assert exceedances(returns, np.array([[3.0, 1, 0, 0]])).tolist() == [[False, True, False, True]]


@pytest.mark.parametrize(
    ("level", "steps", "fewest", "most"),
    [
        (0.99, 255, 1, 6),  # the table gives no lower end
        (0.99, 510, 2, 10),
        (0.99, 1000, 5, 16),
        (0.975, 255, 3, 11),
        (0.975, 1000, 16, 35),
        (0.95, 255, 7, 20),
        (0.95, 510, 17, 35),
        (0.95, 1000, 38, 64),
    ],
)
def test_regions_of_kupiec(level: float, steps: int, fewest: int, most: int) -> None:
    """The numbers of exceedances that are not rejected at 5 %, as in Kupiec's table (1995)."""
    kept = [times for times in range(steps + 1) if kupiec_test(exceeded(times, steps), level).p_value > 0.05]
    assert kept == list(range(fewest, most + 1))


def test_kupiec_at_the_edges() -> None:
    none = kupiec_test(exceeded(0, 250), 0.99)
    assert none.statistic == pytest.approx(-2 * 250 * math.log(0.99))
    assert none.p_value == pytest.approx(0.025, abs=0.0002)
    every = kupiec_test(exceeded(250, 250), 0.99)
    assert every.statistic == pytest.approx(-2 * 250 * math.log(0.01))
    assert every.p_value < 1e-100
    exact = kupiec_test(exceeded(5, 100), 0.95)
    assert exact.statistic == pytest.approx(0, abs=1e-9)
    assert exact.p_value == pytest.approx(1, abs=1e-4)


def test_p_values_equal_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    hits = np.random.default_rng(0).random(400) < 0.08
    kupiec = kupiec_test(hits, 0.95)
    log_ratio = stats.binom.logpmf(hits.sum(), 400, hits.mean()) - stats.binom.logpmf(hits.sum(), 400, 0.05)
    assert kupiec.statistic == pytest.approx(2 * log_ratio)
    assert kupiec.p_value == pytest.approx(stats.chi2.sf(kupiec.statistic, 1))
    joint = conditional_coverage_test(hits, 0.95)
    assert joint.p_value == pytest.approx(stats.chi2.sf(joint.statistic, 2))


def test_independence_equals_the_g_test_of_the_transitions() -> None:
    stats = pytest.importorskip("scipy.stats")
    hits = np.random.default_rng(1).random(300) < 0.1
    hits[50:58] = True
    table = [[np.sum(~hits[:-1] & ~hits[1:]), np.sum(~hits[:-1] & hits[1:])], [np.sum(hits[:-1] & ~hits[1:]), np.sum(hits[:-1] & hits[1:])]]
    expected = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    found = independence_test(hits)
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_clusters_are_seen_by_the_test_of_independence_alone() -> None:
    apart, together = np.zeros((2, 400), bool)
    apart[::20], together[100:120] = True, True
    assert kupiec_test(apart, 0.95) == kupiec_test(together, 0.95)
    assert independence_test(apart).p_value > 0.1
    assert independence_test(together).p_value < 1e-6
    assert conditional_coverage_test(together, 0.95).p_value < 1e-6


def test_independence_at_the_edges() -> None:
    for hits in ([], [True], [False] * 9, [True] * 9, [False] * 8 + [True], [True] * 8 + [False]):
        assert independence_test(np.array(hits, bool)) == LikelihoodRatio(0, 1)
    alternating = independence_test(np.arange(40) % 2 == 0)
    assert alternating.statistic == pytest.approx(39 * 2 * math.log(2), rel=0.01)
