"""Cross-correlations and seasons against hand calculations, and whether shifts and shuffles are seen."""

import numpy as np
import pytest

from sparring.metrics.series.dependence import (
    cross_correlation_distance,
    cross_correlations,
    phases,
    profile_distance,
    seasonal_profile,
    seasonal_strength,
)

DAY = 5 + 2 * np.sin(np.arange(24) / 24 * 2 * np.pi)


def days(paths: int, steps: int, noise: float, first: np.ndarray | int = 0, seed: int = 0) -> np.ndarray:
    values = DAY[phases(paths, steps, 24, first)]
    return values + np.random.default_rng(seed).normal(scale=noise, size=values.shape)


def test_cross_correlations_at_once_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=(1, 200, 3)) @ np.array([[1.0, 0.5, 0], [0, 1, -1], [0, 0, 1]])
    assert cross_correlations(values, [0])[0] == pytest.approx(np.corrcoef(values[0].T))


def test_a_channel_that_follows_another_one() -> None:
    leader = np.random.default_rng(0).normal(size=(4, 500))
    follower = np.roll(leader, 2, axis=1)
    follower[:, :2] = 0
    found = cross_correlations(np.stack([leader, -follower], axis=2), [0, 2])
    assert found[1, 0, 1] == pytest.approx(-1, abs=0.02)
    assert abs(found[1, 1, 0]) < 0.1
    assert abs(found[0, 0, 1]) < 0.1


def test_constant_channels_correlate_with_nothing() -> None:
    values = np.stack([np.random.default_rng(0).normal(size=(2, 50)), np.full((2, 50), 0.1)], axis=2)
    assert cross_correlations(values, [0, 1])[:, 1].tolist() == [[0, 0], [0, 0]]


def test_distance_of_cross_correlations() -> None:
    random = np.random.default_rng(0)
    pair = random.normal(size=(1, 3000))
    same, opposite = np.stack([pair, pair], axis=2), np.stack([pair, -pair], axis=2)
    assert cross_correlation_distance(same, same) == 0
    assert cross_correlation_distance(same, opposite, [0]) == pytest.approx(2)
    apart = np.stack([pair, random.permuted(pair, axis=1)], axis=2)
    assert cross_correlation_distance(same, apart, [0]) == pytest.approx(1, abs=0.06)
    assert cross_correlation_distance(same, same[:, :100], [0]) == pytest.approx(0, abs=1e-9)
    assert cross_correlation_distance(pair[:, :, None], pair[:, :, None]) == 0


def test_profile_by_hand() -> None:
    assert seasonal_profile(np.array([[1.0, 2, 3], [3, 4, 5]]), 2).tolist() == [(1 + 3 + 3 + 5) / 4, 3]
    assert seasonal_profile(np.array([[1.0, 2, 3], [3, 4, 5]]), 2, np.array([0, 1])).tolist() == [(1 + 3 + 4) / 3, (2 + 3 + 5) / 3]
    assert seasonal_profile(np.array([[1.0, 3]]), 4, 1).tolist() == [2, 1, 3, 2]  # phases 0 and 3 do not occur
    assert phases(2, 3, 4, np.array([3, 0])).tolist() == [[3, 0, 1], [0, 1, 2]]


def test_windows_that_begin_anywhere_have_one_profile() -> None:
    first = np.random.default_rng(0).integers(24, size=300)
    windows = days(300, 12, 0.1, first)
    assert seasonal_profile(windows, 24, first) == pytest.approx(DAY, abs=0.1)
    assert np.ptp(seasonal_profile(windows, 24)) < 1


def test_strength_of_a_season() -> None:
    """A sine with an amplitude of 2 has a variance of 2."""
    assert seasonal_strength(days(1, 240, 0), 24) == pytest.approx(1)
    assert seasonal_strength(days(20, 2400, 1), 24) == pytest.approx(2 / 3, abs=0.01)
    assert seasonal_strength(days(20, 2400, 10), 24) == pytest.approx(2 / 102, abs=0.01)
    for steps in (48, 480):  # few periods do not make a season out of noise
        noise = [seasonal_strength(np.random.default_rng(seed).normal(size=(1, steps)), 24) for seed in range(20)]
        assert np.mean(noise) < 0.2
    assert seasonal_strength(np.full((3, 48), 0.1), 24) == 0
    assert seasonal_strength(np.random.default_rng(0).normal(size=(1, 24)), 24) == 0


def test_a_lost_and_a_shifted_season_are_seen() -> None:
    real = days(10, 480, 0.5)
    profile = seasonal_profile(real, 24)
    another = seasonal_profile(days(10, 480, 0.5, seed=1), 24)
    assert profile_distance(profile, another) < 0.1
    shifted = np.roll(real, 6, axis=1)
    assert profile_distance(profile, seasonal_profile(shifted, 24)) == pytest.approx(2, abs=0.1)  # sine and cosine, twice as high
    assert seasonal_strength(shifted, 24) == pytest.approx(seasonal_strength(real, 24), abs=0.01)
    lost = np.random.default_rng(0).permuted(real, axis=1)
    assert profile_distance(profile, seasonal_profile(lost, 24)) > 1
    assert seasonal_strength(lost, 24) < 0.02
    assert profile_distance(profile, profile + 3) == pytest.approx(3)
