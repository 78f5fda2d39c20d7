"""Monte Carlo methods against closed forms, and what they must have in common."""

import numpy as np
import pytest

from sparring.core.errors import SettingsError, SparringError
from sparring.inference import garch, monte_carlo
from sparring.inference.backtest import method_risks
from sparring.inference.garch import Garch, fit_garch
from sparring.inference.monte_carlo import CHUNK, MEAN_BLOCK, METHODS, simulate_returns, stationary_rows


@pytest.fixture(scope="module")
def history() -> np.ndarray:
    """Returns of two shares, with volatility that has a memory and shocks that they share: "t values"."""
    random, now, found = np.random.default_rng(0), 1e-4, []
    for _ in range(1500):
        shock = random.standard_t(6, 2) * np.sqrt(now * 4 / 6)
        shock[1] = 0.5 * shock[0] + shock[1]
        found.append(shock)
        now = 2e-6 + 0.1 * shock[0] ** 2 + 0.88 * now
    return np.array(found) + 0.0004


def methods() -> list[str]:
    return [pytest.param(each, marks=pytest.mark.skipif(each == "garch" and not garch.has_arch(), reason="arch")) for each in METHODS]  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("method", methods())
def test_a_path_does_not_depend_on_how_many_are_asked_for(method: str, history: np.ndarray) -> None:
    whole = simulate_returns(method, history, CHUNK + 30, 7, 5)  # pyright: ignore[reportArgumentType]
    assert whole.shape == (CHUNK + 30, 2, 7)
    assert np.array_equal(simulate_returns(method, history, 3, 7, 5), whole[:3])  # pyright: ignore[reportArgumentType]
    assert np.array_equal(simulate_returns(method, history, 20, 7, 5, first=CHUNK - 5), whole[CHUNK - 5 : CHUNK + 15])  # pyright: ignore[reportArgumentType]
    assert not np.array_equal(simulate_returns(method, history, 3, 7, 6), whole[:3])  # pyright: ignore[reportArgumentType]
    assert len(np.unique(whole[:, 0, 0])) > CHUNK // 4  # chunks differ, too


def test_gbm_has_the_mean_and_covariance_of_history_at_every_horizon(history: np.ndarray) -> None:
    made = simulate_returns("gbm", history, 20_000, 10, 0)
    covariance = np.cov(history, rowvar=False)
    for steps in (1, 10):
        sums = made[:, :, :steps].sum(axis=2)
        errors = np.sqrt(np.diag(covariance) * steps / len(sums))
        assert (np.abs(sums.mean(axis=0) - steps * history.mean(axis=0)) < 4 * errors).all()
        assert np.allclose(np.cov(sums, rowvar=False), steps * covariance, rtol=0.05)
    z = (made[:, 0] - history[:, 0].mean()) / history[:, 0].std()
    assert abs((z**4).mean() - 3) < 0.1  # normal, though history is not


def test_bootstrap_draws_whole_rows_of_history_equally_often(history: np.ndarray) -> None:
    made = simulate_returns("bootstrap", history, 3000, 20, 0)
    rows = np.moveaxis(made, 2, 1).reshape(-1, 2)
    places = {tuple(row): place for place, row in enumerate(history.tolist())}
    drawn = np.array([places[tuple(row)] for row in rows.tolist()])  # a KeyError for what history does not have
    counts = np.bincount(drawn, minlength=len(history))
    assert abs(((counts - 40) ** 2 / 40).sum() / len(history) - 1) < 0.2  # chi-square per degree of freedom
    assert (np.diff(drawn) == 1).mean() < 0.005


def test_blocks_have_geometric_lengths_and_go_round(history: np.ndarray) -> None:
    rows = stationary_rows(100, 2000, 200, MEAN_BLOCK, np.random.default_rng(0))
    follows = (np.diff(rows, axis=1) - 1) % 100 == 0
    # a new block follows by chance in 1 of 100 cases
    assert abs(follows.mean() - (1 - 1 / MEAN_BLOCK * 99 / 100)) < 0.002
    apart = follows[:, 5:-5]
    assert abs((apart[:, 1:] & apart[:, :-1]).mean() - apart.mean() ** 2) < 0.002  # ends of blocks are independent: geometric lengths
    assert np.allclose(np.bincount(rows.ravel(), minlength=100) / rows.size, 0.01, atol=0.0015)
    assert ((rows[:, :-1] == 99) & (rows[:, 1:] == 0)).any()
    made = simulate_returns("block-bootstrap", history, 400, 60, 0)
    lag = np.corrcoef(np.abs(made[:, 0, :-1]).ravel(), np.abs(made[:, 0, 1:]).ravel())[0, 1]
    assert lag > 0.03  # memory in absolute returns, which the bootstrap loses


def test_variance_of_garch_paths_goes_back_to_its_mean() -> None:
    model = Garch(mean=0.001, omega=2e-6, alpha=0.1, beta=0.85, nu=8.0, first=1e-4)
    paths = model.simulate(200_000, 12, 2e-4, np.random.default_rng(0))
    level, memory = 2e-6 / 0.05, 0.95
    wanted = level + memory ** np.arange(12) * (2e-4 - level)
    assert np.allclose(paths.var(axis=0), wanted, rtol=0.06)
    assert np.allclose(paths.mean(axis=0), 0.001, atol=2e-4)
    assert abs(model.variances(paths[0])[3] - (2e-6 + 0.1 * (paths[0, 2] - 0.001) ** 2 + 0.85 * model.variances(paths[0])[2])) < 1e-15


def test_garch_is_that_of_arch(history: np.ndarray) -> None:
    arch = pytest.importorskip("arch")
    model = fit_garch(history[:, 0])
    scale = history[:, 0].std()
    official = arch.arch_model(history[:, 0] / scale, mean="Constant", vol="GARCH", p=1, q=1, dist="t", rescale=False)
    fixed = official.fix([model.mean / scale, model.omega / scale**2, model.alpha, model.beta, model.nu])
    assert np.allclose(model.variances(history[:, 0])[:-1], (fixed.conditional_volatility * scale) ** 2, rtol=1e-6)
    ahead = fixed.forecast(horizon=1).variance.to_numpy()[-1, 0] * scale**2
    assert np.isclose(model.variances(history[:, 0])[-1], ahead, rtol=1e-6)
    assert 0.02 < model.alpha < 0.2 < 0.7 < model.beta < 0.97  # 0.1 and 0.88
    assert np.isclose(model.quantile(0.01), official.distribution.ppf(0.01, [model.nu]))


@pytest.mark.parametrize("method", methods())
def test_a_history_that_is_too_short_is_refused(method: str) -> None:
    with pytest.raises(SettingsError, match=r"--from|--beside"):
        simulate_returns(method, np.zeros((1, 1)), 3, 5, 0)  # pyright: ignore[reportArgumentType]


def test_a_missing_package_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch, history: np.ndarray) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert monte_carlo.available_methods() == ("gbm", "bootstrap", "block-bootstrap")
    with pytest.raises(SparringError, match=r"sparring\[finance\]"):
        simulate_returns("garch", history, 3, 5, 0)


def test_value_at_risk_of_a_day_knows_only_the_days_before(history: np.ndarray) -> None:
    logs, days, levels = history[:, 0], np.array([600, 601, 900]), (0.95, 0.99)
    gbm, bootstrap = (method_risks(method, logs, days, levels) for method in ("gbm", "bootstrap"))
    for place, day in enumerate(days):
        before = logs[:day]
        assert np.allclose(gbm[:, place], [-(before.mean() - z * before.std(ddof=1)) for z in (1.6448536, 2.3263479)])
        for level, risk in zip(levels, bootstrap[:, place], strict=True):
            assert (before < -risk).mean() <= 1 - level < (before <= -risk).mean()
    changed = logs.copy()
    changed[601:] *= 9
    assert np.array_equal(method_risks("gbm", changed, days, levels)[:, :2], gbm[:, :2])
    if garch.has_arch():
        risks = method_risks("garch", logs, days, levels)
        model = fit_garch(logs[:600])
        deviation = np.sqrt(model.variances(logs)[days])
        assert np.allclose(risks[1], -(model.mean + model.quantile(0.01) * deviation))
        assert np.allclose(method_risks("garch", changed, days, levels)[:, :2], risks[:, :2])
