"""The stationary bootstrap and its blocks against closed forms and the package arch."""

import numpy as np
import pytest

from sparring.metrics.series.stationary_bootstrap import best_mean_block, draw_steps


def autoregression(memory: float, steps: int) -> np.ndarray:
    series = np.random.default_rng(0).normal(size=steps)
    for t in range(1, steps):
        series[t] += memory * series[t - 1]
    return series[None]


def test_blocks_have_their_mean_length_and_go_on_at_the_beginning() -> None:
    random = np.random.default_rng(0)
    for mean_block in (1, 4, 25):
        drawn = np.stack([draw_steps(50, mean_block, random) for _ in range(400)])
        goes_on = ((drawn[:, 1:] - drawn[:, :-1]) % 50 == 1).mean()
        assert goes_on == pytest.approx(1 - 1 / mean_block + 1 / mean_block / 50, abs=0.02)
        assert np.bincount(drawn.ravel(), minlength=50) / 400 == pytest.approx(1, abs=0.6)
    assert ((drawn[:, :-1] == 49) & (drawn[:, 1:] == 0)).any()


def test_best_blocks_of_an_autoregression() -> None:
    """With autocovariances of memory^|k|, the formula is (2 memory / (1 - memory²))^(2/3) steps^(1/3)."""
    for memory in (0.5, 0.8):
        expected = (2 * memory / (1 - memory**2)) ** (2 / 3) * 20_000 ** (1 / 3)
        assert best_mean_block(autoregression(memory, 20_000)) == pytest.approx(expected, rel=0.25)


def test_best_blocks_equal_those_of_arch() -> None:
    bootstrap = pytest.importorskip("arch.bootstrap")
    for memory in (0.0, 0.3, 0.8, 0.95):
        series = autoregression(memory, 1000)
        expected = float(bootstrap.optimal_block_length(series[0])["stationary"].iloc[0])
        assert best_mean_block(series) == pytest.approx(max(expected, 1), rel=0.1)


def test_best_blocks_are_within_bounds() -> None:
    assert best_mean_block(np.full((1, 100), 0.1)) == 1
    assert best_mean_block(np.arange(100.0)[None]) <= 30
    for steps in (2, 3, 5, 8, 13):
        assert 1 <= best_mean_block(autoregression(0.9, steps)) <= max(steps / 3, 1)
