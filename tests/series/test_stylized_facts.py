"""Stylized facts against hand calculations, closed forms and other libraries, and whether they see what was destroyed on purpose."""

import math

import numpy as np
import pytest

from sparring.core.errors import DataError
from sparring.metrics.series.autocorrelation import autocorrelation, autocorrelation_distance
from sparring.metrics.series.stylized_facts import (
    LIGHTEST_TAIL,
    Band,
    aggregated_kurtosis,
    bands,
    excess_kurtosis,
    facts,
    gain_loss_asymmetry,
    hill_index,
    leverage,
    skewness,
    variance_ratio,
)


def path(*values: float) -> np.ndarray:
    return np.array([values], float)


def autoregression(memory: float, paths: int, steps: int, seed: int = 0) -> np.ndarray:
    """Paths of an AR(1) process with a variance of 1."""
    noise = np.random.default_rng(seed).normal(size=(paths, steps)) * math.sqrt(1 - memory**2)
    noise[:, 0] /= math.sqrt(1 - memory**2)
    for t in range(1, steps):
        noise[:, t] += memory * noise[:, t - 1]
    return noise


def market(paths: int = 20, steps: int = 1000, seed: int = 0) -> np.ndarray:
    """Returns whose variance remembers moves, and losses more than gains (GJR-GARCH)."""
    shocks = np.random.default_rng(seed).normal(size=(paths, steps))
    variance, returns = np.ones(paths), np.empty((paths, steps))
    for t in range(steps):
        returns[:, t] = np.sqrt(variance) * shocks[:, t]
        variance = 0.05 + 0.85 * variance + (0.02 + 0.16 * (returns[:, t] < 0)) * returns[:, t] ** 2
    return returns


def shuffled(returns: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(returns.ravel()).reshape(returns.shape)


def test_moments_by_hand() -> None:
    assert excess_kurtosis(path(-1, 1)) == pytest.approx(-2)
    assert excess_kurtosis(path(0, 0, 0, 4)) == pytest.approx(-2 / 3)  # 21 / 3² - 3
    assert skewness(path(0, 0, 0, 4)) == pytest.approx(6 / 3**1.5)
    assert skewness(path(-1, 1)) == 0
    halves = np.array([[0.0, 0.0], [0.0, 4.0]])
    assert excess_kurtosis(halves) == pytest.approx(-2 / 3)


def test_moments_equal_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    returns = market(3, 200)
    assert excess_kurtosis(returns) == pytest.approx(stats.kurtosis(returns, axis=None))
    assert skewness(returns) == pytest.approx(stats.skew(returns, axis=None))
    sums = np.array([np.convolve(series, np.ones(5), "valid") for series in returns])
    assert aggregated_kurtosis(returns, 5) == pytest.approx(stats.kurtosis(sums, axis=None))


def test_variance_ratios_of_known_processes() -> None:
    random = np.random.default_rng(0)
    draws = random.normal(size=(1, 200_000))
    assert variance_ratio(draws, 20) == pytest.approx(1, abs=0.03)
    assert variance_ratio(draws, 1) == pytest.approx(1)
    back = draws[:, 1:] - 0.5 * draws[:, :-1]  # autocorrelation -0.4 at lag 1, and 0 beyond
    assert variance_ratio(back, 20) == pytest.approx(1 - 2 * (1 - 1 / 20) * 0.4, abs=0.02)
    assert variance_ratio(np.array([[1.0, 2.0, 3.0, 4.0]]), 2) == pytest.approx((4 + 0 + 4) / 3 / (2 * 1.25))


def test_sums_become_normal() -> None:
    draws = np.random.default_rng(0).laplace(size=(1, 100_000))
    assert excess_kurtosis(draws) == pytest.approx(3, abs=0.3)
    assert aggregated_kurtosis(draws, 5) == pytest.approx(3 / 5, abs=0.15)  # the excess kurtosis of a sum of n is that of one / n
    assert aggregated_kurtosis(draws, 20) == pytest.approx(3 / 20, abs=0.15)


def test_hill_index_of_pareto_distributions() -> None:
    assert hill_index(path(1, math.e), share=0.5) == pytest.approx(1)
    assert hill_index(path(-(math.e**2), 1, math.e, 1), share=0.5) == pytest.approx(1 / 1.5)  # (2 + 1) / 2
    shares = (np.arange(20_000) + 0.5)[None] / 20_000
    for index in (1.5, 3, 5):
        assert hill_index(shares ** (-1 / index)) == pytest.approx(index, rel=0.01)
        assert hill_index(-(shares ** (-1 / index)) * 1e-6) == pytest.approx(index, rel=0.01)
    assert 38 < hill_index(shares) < 40
    normal = np.random.default_rng(0).normal(size=(1, 20_000))
    assert 5 < hill_index(normal) < 7


def test_hill_index_with_zeros() -> None:
    quiet = np.zeros((1, 1000))
    assert hill_index(quiet) == LIGHTEST_TAIL
    quiet[0, 7] = 1
    assert hill_index(quiet) == LIGHTEST_TAIL
    quiet[0, 8] = math.e
    assert hill_index(quiet) == pytest.approx(1)  # the only two that there are
    assert hill_index(np.ones((1, 1000))) == LIGHTEST_TAIL


def test_autocorrelation_by_hand() -> None:
    steps = path(1, 2, 3, 4)  # deviations -1.5, -0.5, 0.5, 1.5, whose squares add up to 5
    assert autocorrelation(steps, [0, 1, 3], adjusted=False) == pytest.approx([1, 1.25 / 5, -2.25 / 5])
    assert autocorrelation(steps, [0, 1, 3]) == pytest.approx([1, 1.25 / 5 * 4 / 3, -2.25 / 5 * 4])
    apart = np.array([[1.0, 1.0], [-1.0, -1.0]])
    assert autocorrelation(apart, [1]) == pytest.approx([1])  # no pair of the last step of one path with the first of the next
    assert autocorrelation(apart.reshape(1, 4), [1]) == pytest.approx([1 / 3])


def test_autocorrelation_of_an_autoregression() -> None:
    """The same closed form, memory to the power of the lag, for one long path and for many short ones."""
    for series in (autoregression(0.8, 4, 5000), autoregression(0.8, 1000, 12)):
        assert autocorrelation(series, [1, 2, 5, 10]) == pytest.approx([0.8, 0.64, 0.8**5, 0.8**10], abs=0.05)
    assert autocorrelation_distance(autoregression(0.8, 4, 5000), autoregression(0.8, 1000, 12, seed=1), [1, 5, 10]) < 0.05
    assert autocorrelation_distance(autoregression(0.8, 4, 2000), autoregression(0.0, 4, 2000), [1]) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("adjusted", [False, True])
def test_autocorrelation_equals_that_of_statsmodels(adjusted: bool) -> None:
    tools = pytest.importorskip("statsmodels.tsa.stattools")
    returns = market(1, 500)
    expected = tools.acf(np.abs(returns[0]), nlags=50, adjusted=adjusted, fft=False)
    assert autocorrelation(np.abs(returns), range(51), adjusted=adjusted) == pytest.approx(expected)


def test_leverage_by_hand_and_by_sign() -> None:
    returns = market(3, 400)
    moves, squares = returns - returns.mean(), returns**2 - (returns**2).mean()
    products = np.mean([moves[p, t] * squares[p, t + 5] for p in range(3) for t in range(395)])
    assert leverage(returns, 5) == pytest.approx(products / (returns.std() * (returns**2).std()))
    returns = market()
    assert leverage(returns, 1) < -0.06
    assert leverage(-returns, 1) == pytest.approx(-leverage(returns, 1))
    assert abs(leverage(shuffled(returns), 1)) < 0.03


def first_passages(series: np.ndarray, horizon: int) -> float:
    z = (series - series.mean()) / series.std()
    waits = []
    for begin in range(len(z) - horizon + 1):
        ahead = np.cumsum(z[begin : begin + horizon])
        for sign in (1, -1):
            reached = np.flatnonzero(sign * ahead >= 0.6 * math.sqrt(horizon))
            waits.append(sign * (reached[0] + 1 if len(reached) else horizon))
    return sum(waits) / (len(waits) / 2) / horizon


def test_gain_loss_asymmetry_by_following_each_path() -> None:
    returns = market(1, 300)
    for horizon in (1, 7, 20):
        assert gain_loss_asymmetry(returns, horizon) == pytest.approx(first_passages(returns[0], horizon))
    assert gain_loss_asymmetry(-returns, 20) == pytest.approx(-gain_loss_asymmetry(returns, 20))


def test_slow_gains_and_sudden_losses() -> None:
    """A standard deviation of sqrt(19) and a level of 11.7: twelve steps up, which no crash may interrupt, or a crash within eight."""
    saw = np.tile([1.0] * 19 + [-19.0], 500)[None]
    gain, loss = (12 * 20 + 8 * 12) / 20, (12 * 20 + sum(range(1, 9))) / 20
    assert gain_loss_asymmetry(saw, 20) == pytest.approx((gain - loss) / 20, abs=0.001)
    assert gain_loss_asymmetry(-saw, 20) == pytest.approx((loss - gain) / 20, abs=0.001)
    assert abs(gain_loss_asymmetry(np.random.default_rng(0).normal(size=(1, 20_000)), 20)) < 0.02
    drift = np.random.default_rng(0).normal(0.5, 1, size=(1, 20_000))
    assert abs(gain_loss_asymmetry(drift, 20)) < 0.02  # the mean return is taken out


def test_counts_are_repetitions() -> None:
    returns = market(2, 40)
    counts = np.random.default_rng(0).integers(0, 3, size=returns.shape)
    repeated = np.repeat(returns.ravel(), counts.ravel())[None]
    for fact in (excess_kurtosis, skewness, hill_index):
        assert fact(returns, counts) == pytest.approx(fact(repeated))
    twice = np.full(returns.shape, 2)
    assert facts(returns, twice) == pytest.approx(facts(returns))
    first_only = np.repeat([[1], [0]], 40, axis=1)
    found, expected = facts(returns, first_only), facts(returns[:1])
    assert found == pytest.approx(expected)


def test_facts_that_do_not_fit_are_left_out() -> None:
    assert set(facts(market(1, 60))) == {
        *("kurtosis", "skewness", "hill", "acf_1", "acf_10", "acf_50", "acf_abs_1", "acf_abs_10", "acf_abs_50", "acf_square_1"),
        *("acf_square_10", "acf_square_50", "leverage_1", "leverage_5", "gain_loss_20", "gain_loss_50", "kurtosis_5", "kurtosis_20"),
        *("variance_ratio_20", "variance_ratio_50"),
    }
    assert set(facts(market(50, 12))) == {
        *("kurtosis", "skewness", "hill", "acf_1", "acf_10", "acf_abs_1", "acf_abs_10", "acf_square_1", "acf_square_10"),
        *("leverage_1", "leverage_5", "kurtosis_5"),
    }


def test_facts_have_no_unit() -> None:
    returns = market(2, 100)
    for scale in (1e-150, 1e150):
        assert facts(returns * scale) == pytest.approx(facts(returns))


def test_constant_returns() -> None:
    for value in (0.0, 0.1, -3.7e8):
        found = facts(np.full((3, 60), value))
        assert found.pop("hill") == LIGHTEST_TAIL
        assert set(found.values()) == {0.0}
    signs = facts(np.random.default_rng(0).choice([-0.1, 0.1], size=(1, 500)))
    assert signs["acf_abs_1"] == signs["acf_square_1"] == signs["leverage_1"] == 0
    assert all(math.isfinite(value) for value in signs.values())
    flat = bands(np.full((1, 60), 0.1), np.random.default_rng(0), resamples=5)
    assert flat["kurtosis"] == Band(0, 0, 0)


def test_unusable_returns() -> None:
    for bad in (np.zeros((1, 1)), np.zeros((0, 10)), path(1, np.nan, 2), path(1, np.inf, 2)):
        with pytest.raises(DataError):
            facts(bad)


def test_shuffling_removes_memory_and_nothing_else() -> None:
    returns = market()
    real, without = facts(returns), facts(shuffled(returns))
    for name in ("kurtosis", "skewness", "hill"):
        assert without[name] == pytest.approx(real[name])
    assert real["acf_abs_1"] > 0.15
    assert real["acf_abs_10"] > 0.08
    assert max(abs(without[name]) for name in ("acf_abs_1", "acf_abs_10", "acf_square_1")) < 0.03
    assert without["kurtosis_20"] < real["kurtosis_20"] - 0.5  # what remembers becomes normal more slowly


def test_bands_miss_what_was_destroyed() -> None:
    returns = market(1, 1500)
    found = bands(returns, np.random.default_rng(0), resamples=60)
    assert all(band.low <= band.high and band.value == value for band, value in zip(found.values(), facts(returns).values(), strict=True))
    assert all(band.value in band for band in found.values())
    without = facts(shuffled(returns))
    assert without["skewness"] in found["skewness"]
    assert without["acf_abs_1"] not in found["acf_abs_1"]
    assert facts(-returns)["leverage_1"] not in found["leverage_1"]


def test_bands_are_as_wide_as_bartlett_says() -> None:
    """Of an AR(1) process, the first autocorrelation has a variance of (1 - memory²) / n (Brockwell and Davis 1991, example 7.2.3)."""
    for memory in (0.0, 0.6):
        band = bands(autoregression(memory, 1, 1000), np.random.default_rng(0), resamples=150, mean_block=20)["acf_1"]
        assert band.high - band.low == pytest.approx(2 * 1.96 * math.sqrt((1 - memory**2) / 1000), rel=0.25)


def test_short_blocks_do_not_tear_long_memory() -> None:
    """Blocks of 10 steps laid end to end would keep 0.9^50 = 0.5 % of an autocorrelation 50 steps apart."""
    series = autoregression(0.98, 1, 3000)
    band = bands(series, np.random.default_rng(0), resamples=60, mean_block=10)["acf_50"]
    assert (band.low + band.high) / 2 == pytest.approx(band.value, abs=0.05)
    assert band.value > 0.3


def test_bands_are_repeatable_and_know_what_is_independent() -> None:
    returns = market(1, 200)
    first, again, other = (bands(returns, np.random.default_rng(seed), resamples=20) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    same = bands(np.repeat(returns, 9, axis=0), np.random.default_rng(1), resamples=20)
    for name, band in first.items():  # nine shares that are one are as uncertain as one
        assert (same[name].low, same[name].high) == pytest.approx((band.low, band.high))


def test_bands_of_independent_paths() -> None:
    """Of white noise, an autocorrelation has a variance of 1 / pairs."""
    noise = np.random.default_rng(0).normal(size=(400, 15))
    band = bands(noise, np.random.default_rng(0), resamples=150, independent_paths=True)["acf_1"]
    assert band.high - band.low == pytest.approx(2 * 1.96 / math.sqrt(400 * 14), rel=0.25)


def test_shares_of_the_real_market() -> None:
    """The S&P 500 from 1999 to 2018, as it comes with arch."""
    data = pytest.importorskip("arch.data.sp500")
    prices = data.load()["Adj Close"].to_numpy(float)
    found = facts(np.diff(np.log(prices))[None])
    assert 7 < found["kurtosis"] < 9
    assert 2.5 < found["hill"] < 3.5
    assert 0.2 < found["acf_abs_1"] < 0.3
    assert 0.1 < found["acf_abs_50"] < 0.25
    assert found["leverage_1"] < -0.05
    assert found["gain_loss_50"] > 0
    assert found["kurtosis_20"] < found["kurtosis"]
