"""How much simulated returns move, brought to what training saw: of a series, of a regime, of all together."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import sparring
from sparring.data.series.scaling import fit_scaling
from sparring.data.series.series_dataset import split_holdout
from sparring.inference.paths import UNKNOWN
from sparring.inference.series_of_model import ModelSeries, series_of
from sparring.inference.simulate import simulate
from sparring.inference.volatility import FEWEST_WINDOWS, FREE_PATHS, deviation_of, trailing_means, training_sums, volatility_of
from support.fake_series import FakeGame, fake_model

DAYS = 400
ROLES: dict[str, Any] = {"id": "share", "value": ("price",), "returns": True}


def shares() -> pd.DataFrame:
    """A calm and a wild share. The last tenth of their days, which is held out, moves ten times as much."""
    random, found = np.random.default_rng(0), []
    for name, deviation in (("calm", 0.005), ("wild", 0.02)):
        moves = deviation * random.normal(size=DAYS)
        moves[-DAYS // 10 :] *= 10
        found.append(pd.DataFrame({"day": pd.bdate_range("2020-01-01", periods=DAYS), "share": name, "price": np.exp(moves.cumsum())}))
    return pd.concat(found, ignore_index=True)


def noise(numbers: np.ndarray, steps: int) -> np.ndarray:
    """Scores whose deviation is a quarter and whose mean is a half: what path has which does not depend on how many there are."""
    every = np.random.default_rng(1).normal(size=(FREE_PATHS, 1, 64))
    return 0.5 + 0.25 * every[numbers % FREE_PATHS, :, :steps]


def trained_on(model: sparring.Model, frame: pd.DataFrame) -> ModelSeries:
    """The series of a model as if it were a run that was trained on them."""
    dataset = series_of(model, frame).dataset
    training, held_out = split_holdout(dataset, None, 0)
    return ModelSeries(dataset, held_out, training, trained_on=True)


def test_the_deviation_of_what_a_scaling_was_fitted_to() -> None:
    """Heavy tails, whose deviation is made by a few values, included."""
    values = np.random.default_rng(0).standard_t(4, 5000)
    assert deviation_of(fit_scaling(values, "normal scores", True)) == pytest.approx(values.std(), rel=0.01)
    assert deviation_of(fit_scaling(values, "standard", True)) == pytest.approx(values.std(), rel=1e-9)
    assert np.isnan(deviation_of(fit_scaling(values, "range", True)))


def test_paths_move_as_much_as_the_training_returns_however_many_are_asked_for() -> None:
    frame = shares().query("share == 'calm'")[["day", "price"]]
    model = fake_model(frame, returns=True, values=noise)
    deviation = np.diff(np.log(frame.price)).std()  # a packed model knows all returns together

    def returns(paths: int, **asked: Any) -> np.ndarray:  # noqa: ANN401
        found = simulate(model, paths, 12, beside=["none"], data=frame, drift="model", **asked)
        values = found.paths[found.name][:, 0] / found.start.values[0]
        return np.diff(np.log(np.concatenate([np.ones((paths, 1)), values], axis=1)), axis=1)

    calibrated, own = returns(FREE_PATHS), returns(FREE_PATHS, volatility="model")
    assert own.std() == pytest.approx(0.25 * deviation, rel=0.05)
    assert calibrated.std() == pytest.approx(deviation, rel=1e-6)
    assert calibrated.mean() == pytest.approx(own.mean(), abs=1e-9)
    np.testing.assert_allclose(returns(3), calibrated[:3], atol=1e-12)
    about = simulate(model, 3, 12, beside=["none"], data=frame).to_json()
    assert any("has not learned" in note for note in about["notes"])  # a factor of four
    assert about["calibration"]["factors"] == [pytest.approx(deviation / own.std(), rel=1e-6)]
    assert about["calibration"]["weights of trailing means"] == [0.0]  # a packed model knows no sums
    assert simulate(model, 3, 12, beside=["none"], data=frame, volatility="model").to_json()["calibration"] is None


def test_each_series_has_its_own_factor_and_what_is_held_out_none() -> None:
    frame = shares()
    model = fake_model(frame, values=noise, **ROLES)
    series = trained_on(model, frame)
    made = (0.25 * np.random.default_rng(1).normal(size=(FREE_PATHS, 1, 64))[:, :, :12]).std() * deviation_of(model.spec.values[0].scaling)
    for number, name in enumerate(("calm", "wild")):
        logs = np.diff(np.log(frame[frame.share == name].price.to_numpy()))
        seen = logs[: int(series.training.of_series(np.array([number])).starts[-1]) + 11 - number * DAYS]
        assert seen.std() < logs.std() / 2  # the wild end is not among them
        factors = volatility_of(model, series, number, series.dataset.codes[number], UNKNOWN).factors
        assert factors == pytest.approx([seen.std() / made], rel=1e-3)


def test_trailing_means_by_hand() -> None:
    assert trailing_means(np.array([[4.0, 2.0, 0.0, -2.0]]), 2).tolist() == [[2.0, 3.0, 1.0, -1.0]]
    assert trailing_means(np.array([4.0, 2.0]), 3).tolist() == [pytest.approx(4 / 3), 2.0]


def test_sums_over_two_windows_move_as_much_as_in_training() -> None:
    """Paths that take back a part of what they did the steps before: sums are too calm, steps are not."""
    frame = shares().query("share == 'wild'")[["day", "price"]]

    def back(numbers: np.ndarray, steps: int) -> np.ndarray:
        every = np.random.default_rng(1).normal(size=(FREE_PATHS, 1, 64))
        calm = every[:, :, 8:] - 0.7 * np.stack([every[:, :, lag : lag + 56] for lag in range(8)]).mean(axis=0)
        return calm[numbers % FREE_PATHS, :, :steps]

    model = fake_model(frame, returns=True, values=back)
    series = trained_on(model, frame)
    found = volatility_of(model, series, 0, series.dataset.codes[0], UNKNOWN)
    seen = np.diff(np.log(frame.price.to_numpy()))[: int(series.training.starts[-1]) + 11]
    wanted = np.convolve(seen, np.ones(24), "valid")
    assert len(training_sums(series, 0, 24)) == len(wanted)
    own = model.spec.values[0].scaling.inverse(back(np.arange(FREE_PATHS), 24))
    single = own * seen.std() / own[:, :, :12].std()
    calibrated = found(own)
    assert single.sum(axis=2).std() < 0.8 * wanted.std()
    assert calibrated.sum(axis=2).std() == pytest.approx(wanted.std(), rel=1e-6)
    assert calibrated.std() == pytest.approx(single.std(), rel=0.2)  # with a span of 6; of 63, a hundredth
    assert (found.horizon, found.span) == (24, 6)
    short = replace(series, training=replace(series.training, starts=series.training.starts[:150]))
    assert volatility_of(model, short, 0, series.dataset.codes[0], UNKNOWN).horizon == 12
    few = replace(series, training=replace(series.training, starts=series.training.starts[:50]))
    assert not volatility_of(model, few, 0, series.dataset.codes[0], UNKNOWN).weights.any()


def test_each_regime_has_its_own_factor() -> None:
    """A fake that moves by a half in every regime: the factors are what training windows of this regime move, over that."""
    frame = shares()
    model = fake_model(frame, past=3, known=("regime",), values=lambda numbers, steps: 0.5 + 2 * (noise(numbers, steps) - 0.5), **ROLES)
    series = trained_on(model, frame)
    for number in (0, 1):
        for regime in range(3):
            made = volatility_of(model, series, number, series.dataset.codes[number], regime)
            past, known, _, _ = cast(FakeGame, model.game).told[-1]
            assert past is None
            assert known.shape == (FREE_PATHS, 3, 12)
            assert (known[:, regime] == 1).all()
            found = []
            for start in series.training.starts:
                row = series.dataset.scaled[start + 3 : start + 12, 0]
                if np.digitize(row.std(), model.spec.regime_bounds) == regime and (start < DAYS) == (number == 0):
                    found.append(np.diff(np.log(frame.price.to_numpy()))[start + 2 : start + 11])
            if len(found) < FEWEST_WINDOWS:  # the calm share has no wild windows: all windows of the regime stand in
                assert (number, regime) in {(0, 2), (1, 0)}
                continue
            free = model.spec.values[0].scaling.inverse(0.5 + 2 * (noise(np.arange(FREE_PATHS), 12) - 0.5))[:, :, 3:]
            assert made.factors == pytest.approx([np.std(found) / free.std()], rel=1e-4)


def test_forecasts_of_a_backtest_are_scaled_too() -> None:
    frame = shares().query("share == 'calm'")[["day", "price"]]
    model = fake_model(frame, past=5, returns=True, values=noise)
    beyond = {}
    for volatility in ("data", "model"):
        found = simulate(model, 5, 2, data=frame, beside=["none"], drift="model", volatility=volatility, test=True)
        beyond[volatility] = sum(each.exceptions for each in found.backtests)
    assert beyond["data"] < beyond["model"]
