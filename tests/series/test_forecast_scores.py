"""Scores of forecasts against hand calculations, closed forms and other libraries."""

import math

import numpy as np
import pytest

from sparring.core.errors import DataError
from sparring.metrics.series.forecast_scores import (
    coverage,
    crps,
    in_bands,
    mase_scale,
    mean_absolute_error,
    mean_absolute_scaled_error,
    pinball_loss,
    sample_quantiles,
    seasonal_naive,
    seasonal_naive_samples,
)


def samples(*values: float) -> np.ndarray:
    return np.array(values, float)[None, :, None]


def truth(value: float) -> np.ndarray:
    return np.array([[value]], float)


def normal_quantiles(m: int) -> np.ndarray:
    stats = pytest.importorskip("scipy.stats")
    return stats.norm.ppf((np.arange(m) + 0.5) / m)


def test_crps_by_hand() -> None:
    assert crps(samples(0, 1), truth(0.5)).item() == 0  # 1/2 - 2 / (2 * 2 * 1)
    assert crps(samples(0, 1), truth(0.5), fair=False).item() == 0.25  # 1/2 - 2 / (2 * 4)
    assert crps(samples(3, 0, 1), truth(5)).item() == pytest.approx(11 / 3 - 12 / 12)
    for fair in (True, False):
        assert crps(samples(2), truth(5), fair=fair).item() == 3
        assert crps(samples(2, 2, 2), truth(5), fair=fair).item() == 3


def test_crps_equals_the_double_sum() -> None:
    random = np.random.default_rng(0)
    forecasts, real = random.normal(size=(4, 9, 3)), random.normal(size=(4, 3))
    pairs = np.abs(forecasts[:, :, None] - forecasts[:, None]).sum(axis=(1, 2))
    errors = np.abs(forecasts - real[:, None]).mean(axis=1)
    assert crps(forecasts, real) == pytest.approx(errors - pairs / (2 * 9 * 8))
    assert crps(forecasts, real, fair=False) == pytest.approx(errors - pairs / (2 * 81))
    assert crps(forecasts + 1e8, real + 1e8) == pytest.approx(crps(forecasts, real), abs=1e-6)


def test_crps_of_a_normal_forecast() -> None:
    """Gneiting and Raftery 2007, equation for N(mean, sd²): sd (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))."""
    forecast = 10 + 3 * normal_quantiles(2000)
    for real in (10.0, 4.0, 19.0):
        z = (real - 10) / 3
        expected = 3 * (z * math.erf(z / math.sqrt(2)) + 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi))
        assert crps(samples(*forecast), truth(real), fair=False).item() == pytest.approx(expected, rel=0.001)


def test_fair_crps_does_not_depend_on_the_number_of_samples() -> None:
    """A perfect forecast of N(0, 1) has an expected CRPS of 1 / sqrt(pi); the samples' own distribution one of (1 + 1 / m) as much."""
    random = np.random.default_rng(0)
    for m in (2, 10):
        forecasts, real = random.normal(size=(20_000, m, 1)), random.normal(size=(20_000, 1))
        assert crps(forecasts, real).mean() == pytest.approx(1 / math.sqrt(math.pi), rel=0.02)
        assert crps(forecasts, real, fair=False).mean() == pytest.approx((1 + 1 / m) / math.sqrt(math.pi), rel=0.02)


def test_crps_equals_that_of_scoringrules() -> None:
    rules = pytest.importorskip("scoringrules")
    random = np.random.default_rng(0)
    forecasts, real = random.normal(size=(5, 11, 2)), random.normal(size=(5, 2))
    for fair, estimator in ((True, "fair"), (False, "nrg")):
        expected = rules.crps_ensemble(real, forecasts, m_axis=1, estimator=estimator)
        assert crps(forecasts, real, fair=fair) == pytest.approx(expected)


def test_pinball_loss_by_hand() -> None:
    three = samples(1, 2, 3)
    assert sample_quantiles(three, [0, 0.25, 0.5, 0.75, 1]).ravel() == pytest.approx([1, 1, 2, 3, 3])
    assert pinball_loss(three, truth(4), [0.5, 0.75]).ravel() == pytest.approx([1, 0.75])
    assert pinball_loss(three, truth(1), [0.5, 0.75]).ravel() == pytest.approx([0.5, 0.5])
    assert pinball_loss(three, truth(2), [0.5]).item() == 0


def test_pinball_loss_is_half_the_crps_over_all_levels() -> None:
    many = samples(*normal_quantiles(400))
    losses = pinball_loss(many, truth(0.7), ((np.arange(1000) + 0.5) / 1000).tolist())
    assert 2 * losses.mean() == pytest.approx(crps(many, truth(0.7)).item(), rel=0.01)


def test_pinball_loss_equals_that_of_scikit_learn() -> None:
    measures = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    forecasts, real = random.normal(size=(6, 39, 4)), random.normal(size=(6, 4))
    for level, losses, quantiles in zip(
        (0.1, 0.9), pinball_loss(forecasts, real, (0.1, 0.9)), sample_quantiles(forecasts, (0.1, 0.9)), strict=True
    ):
        assert losses.mean() == pytest.approx(measures.mean_pinball_loss(real.ravel(), quantiles.ravel(), alpha=level))


def test_coverage_is_exact_when_any_of_forty_values_may_be_the_true_one() -> None:
    values = np.arange(40.0)
    forecasts = np.stack([np.delete(values, i) for i in range(40)])[:, :, None]
    assert coverage(forecasts, values[:, None]) == pytest.approx([0.8, 0.95])


def test_ends_belong_to_a_band() -> None:
    assert in_bands(samples(1, 2, 3), truth(3), [0.5]).item()
    assert not in_bands(samples(1, 2, 3), truth(3.1), [0.5]).item()


def test_a_biased_and_a_timid_forecast_are_seen() -> None:
    random = np.random.default_rng(0)
    forecasts, real = random.normal(size=(400, 99, 3)), random.normal(size=(400, 3))
    assert coverage(forecasts, real) == pytest.approx([0.8, 0.95], abs=0.03)
    for worse in (forecasts + 1, forecasts * 0.3, forecasts * 4):
        assert crps(worse, real).mean() > 1.1 * crps(forecasts, real).mean()
        assert pinball_loss(worse, real).mean() > 1.1 * pinball_loss(forecasts, real).mean()
    assert (coverage(forecasts + 1, real) < [0.65, 0.87]).all()
    assert (coverage(forecasts * 0.3, real) < [0.4, 0.5]).all()
    assert (coverage(forecasts * 4, real) > 0.98).all()


def test_seasonal_naive_by_hand() -> None:
    past = np.array([[0.0, 1, 2, 3, 4, 5, 6]])
    assert seasonal_naive(past, 5, 3).tolist() == [[4, 5, 6, 4, 5]]
    assert seasonal_naive(past, 2, 1).tolist() == [[6, 6]]
    assert seasonal_naive(past, 2, 7).tolist() == [[0, 1]]
    assert mase_scale(past, 3).tolist() == [3]
    assert mean_absolute_error(np.array([[1.0, 2]]), np.array([[2.0, 4]])) == 1.5
    two = np.array([[0.0, 2, 0, 2, 1], [5, 5, 5, 5, 5]])
    assert mase_scale(two, 1).tolist() == [(2 + 2 + 2 + 1) / 4, 0]
    assert mean_absolute_scaled_error(np.array([[1.0], [1]]), np.array([[8.0], [8]]), two, 1) == pytest.approx(7 / 1.75)
    flat = np.full((1, 4), 5.0)
    assert mean_absolute_scaled_error(np.array([[5.0]]), np.array([[5.0]]), flat, 1) == 0
    assert mean_absolute_scaled_error(np.array([[5.0]]), np.array([[6.0]]), flat, 1) == math.inf


def test_samples_of_seasonal_naive() -> None:
    random = np.random.default_rng(0)
    season = np.sin(np.arange(24) / 24 * 2 * np.pi) * 10
    past = np.tile(season, 40)[None] + random.normal(size=(1, 960))
    drawn = seasonal_naive_samples(past, 60, 24, 2000, random)
    assert drawn.shape == (1, 2000, 60)
    assert drawn.mean(axis=1) == pytest.approx(seasonal_naive(past, 60, 24), abs=0.3)
    spread = drawn[0].std(axis=0)
    for season, part in enumerate((spread[:24], spread[24:48], spread[48:]), start=1):
        assert part.mean() == pytest.approx(math.sqrt(2 * season), rel=0.05)  # a difference of two has a variance of 2
    repeated = seasonal_naive_samples(np.array([[1.0, 2, 1, 2]]), 3, 2, 5, random)
    assert repeated.tolist() == [[[1, 2, 1]] * 5]


def test_pasts_that_are_too_short() -> None:
    past = np.zeros((1, 7))
    with pytest.raises(DataError):
        seasonal_naive(past, 5, 8)
    for function in (lambda: seasonal_naive_samples(past, 5, 7, 3, np.random.default_rng(0)), lambda: mase_scale(past, 7)):
        with pytest.raises(DataError):
            function()


def test_our_mistakes_are_caught() -> None:
    with pytest.raises((AssertionError, TypeError)):
        crps(np.zeros((2, 3, 4)), np.zeros((2, 3)))
    with pytest.raises((AssertionError, TypeError)):
        mean_absolute_error(np.zeros((2, 3)), np.zeros((3, 2)))
