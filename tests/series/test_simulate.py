"""Simulated paths: their units and times, what the game is told, and what is refused."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.inference.backtest import MOST_DAYS, PATHS_A_DAY
from sparring.inference.garch import has_arch
from sparring.inference.paths import windows_table
from sparring.inference.series_of_model import series_of
from sparring.inference.simulate import MomentsOf, simulate
from sparring.metrics.series.risk import kupiec_test
from support.fake_series import FakeGame, fake_model

PRICES = "prices.csv"


def shares(days: int = 90, start: str = "2024-01-01") -> pd.DataFrame:
    """Two shares on business days, with prices in cents and a sector."""
    random, found = np.random.default_rng(1), []
    for number, (name, sector) in enumerate((("AA", "energy"), ("BB", "food"))):
        price = np.round(50 * (number + 1) * np.exp(np.cumsum(random.normal(0, 0.02, days))), 2)
        found.append(pd.DataFrame({"day": pd.bdate_range(start, periods=days), "share": name, "sector": sector, "price": price}))
    return pd.concat(found, ignore_index=True)


ROLES: dict[str, Any] = {"id": "share", "value": ("price",), "returns": True}
ALL = ("calendar", "statics", "regime")


def told_of(model: sparring.Model) -> list[tuple[Any, Any, int, int]]:
    return cast(FakeGame, model.game).told


def test_prices_follow_the_last_one_by_the_returns_that_were_made() -> None:
    frame = shares()
    model = fake_model(frame, **ROLES)
    scaling = model.spec.values[0].scaling
    found = simulate(model, 3, 4, data=frame, series="BB", start="2024-02-15", drift="model", volatility="model", beside=["none"])
    last = frame[(frame.share == "BB") & (frame.day <= "2024-02-15")].price.iloc[-1]
    returns = scaling.inverse(np.array([0.0, 1.0, 2.0]))  # the fake's scores: the number of the path
    wanted = last * np.exp(returns[:, None] * np.arange(1, 5))
    assert np.allclose(found.paths["quantgan"][:, 0], wanted, rtol=1e-6)
    table = found.frame()
    assert list(table.columns) == ["path", "share", "day", "price"]
    assert np.allclose(table.price, np.round(wanted.ravel(), 2))
    assert table.path.tolist() == [path for path in range(3) for _ in range(4)]
    assert set(table.share) == {"BB"}
    assert table.dtypes["price"] == frame.dtypes["price"]
    assert table.day.dtype == frame.day.dtype
    assert found.to_json()["from"] == "2024-02-15"


def test_risks_are_those_of_the_value_at_the_start() -> None:
    frame = shares()
    random = np.random.default_rng(0)
    scores = random.normal(size=(500, 1, 20))
    model = fake_model(frame, values=lambda numbers, _: scores[numbers], **ROLES)
    found = simulate(
        model, 500, 20, data=frame, series="AA", drift="model", volatility="model", beside=["gbm", "bootstrap,block-bootstrap"]
    )
    assert {risk.method for risk in found.risks} == {"quantgan", "gbm", "bootstrap", "block-bootstrap"}
    assert {(risk.horizon, risk.level) for risk in found.risks} == {(steps, level) for steps in (1, 10, 20) for level in (0.95, 0.99)}
    losses = np.sort(1 - found.paths["quantgan"][:, 0, 9] / found.start.values[0])
    risk = next(each for each in found.risks if (each.method, each.horizon, each.level) == ("quantgan", 10, 0.95))
    assert risk.value_at_risk == pytest.approx(losses[474])
    assert risk.expected_shortfall == pytest.approx(losses[475:].mean())
    assert {note for note in found.notes if "takes no past" in note}


def test_times_go_on_as_the_data_writes_them(tmp_path: Path) -> None:
    frame = shares().query("share == 'AA'")
    path = tmp_path / PRICES
    frame.assign(day=frame.day.dt.strftime("%d.%m.%Y"))[["day", "price"]].to_csv(path, index=False, sep=";")
    model = fake_model(path, time="day", value=("price",), returns=True)
    found = simulate(model, 1, 3, data=path, start="2024-02-15", beside=["none"])  # a Thursday
    found.save(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(";")[1] for line in lines] == ["day", "16.02.2024", "19.02.2024", "20.02.2024"]
    found.save(tmp_path / "out.parquet")
    typed = pq.read_table(tmp_path / "out.parquet")
    assert str(typed.schema.field("day").type) == "date32[day]"
    assert str(typed.schema.field("price").type) == "double"
    assert simulate(model, 1, 1, data=path, start="15.02.2024", beside=["none"]).start.time == found.start.time


def test_half_hours_go_on_in_their_zone_over_a_change_of_the_clock() -> None:
    moments = pd.date_range("2024-03-28", periods=130, freq="30min", tz="Europe/Paris")
    frame = pd.DataFrame({"at": moments, "load": np.random.default_rng(0).normal(100, 5, 130).round(1)})
    found = simulate(fake_model(frame, window=8), 2, 4, data=frame)
    made = found.frame()
    assert str(made["at"].dtype) == str(frame["at"].dtype)
    assert made["at"].iloc[0] == moments[-1] + pd.Timedelta("30min")
    assert made["at"].iloc[3] == moments[-1] + pd.Timedelta("2h")
    assert not found.risks


def test_without_times_steps_are_numbered_in_each_series() -> None:
    frame = pd.DataFrame({"name": ["a", "b"] * 40, "load": np.random.default_rng(0).integers(0, 9, 80)})
    model = fake_model(frame, window=8, past=4, id="name", period=4, known=("calendar",))
    found = simulate(model, 2, 3, data=frame, series="b", start=20)
    table = found.frame()
    assert table.step.tolist() == [1, 2, 3] * 2
    assert table["load"].dtype == frame["load"].dtype
    assert found.to_json()["from"] == "step 20"
    assert found.start.values[0] == frame["load"][39]
    _, known, _, _ = told_of(model)[0]
    season = np.angle(known[0, 0] + 1j * known[0, 1]) / (2 * np.pi) * 4 % 4
    assert np.allclose(np.round(season) % 4, np.arange(16, 23) % 4)  # steps 17 to 20 are the past


def test_the_game_is_told_past_calendar_statics_and_regime() -> None:
    frame = shares()
    model = fake_model(frame, past=5, known=ALL, static=("sector",), **ROLES)
    spec = model.spec
    simulate(model, 3, 4, data=frame, series="BB", start="2024-04-10", regime="high-volatility", beside=["none"], volatility="model")
    past, known, _, _ = told_of(model)[0]
    prices = frame[(frame.share == "BB") & (frame.day <= "2024-04-10")].price.to_numpy()
    assert np.allclose(past[1, 0], spec.values[0].scaling.forward(np.diff(np.log(prices[-6:]))), atol=1e-6)
    days = pd.bdate_range(end="2024-04-10", periods=5).append(pd.bdate_range("2024-04-11", periods=4))
    times = (days - pd.Timestamp(0)).total_seconds().to_numpy()
    food = spec.statics[0].categories.index("food")
    assert np.array_equal(known[2], spec.known_of(times[None], np.array([[food]]), np.array([2]))[0])
    simulate(model, 1, 4, data=frame, series="BB", statics=["sector=energy"], beside=["none"], volatility="model")
    _, known, _, _ = told_of(model)[-1]
    place = 2 * len(spec.calendar)
    assert known[0, place : place + 2, 0].tolist() == [1.0, 0.0]
    assert not known[0, -3:].any()  # no regime was named


def test_other_data_is_read_like_the_models_and_unknown_attributes_are_said() -> None:
    frame = shares()
    model = fake_model(frame, past=5, known=ALL, static=("sector",), **ROLES)
    other = shares(40, "2025-01-01").replace({"BB": "CC", "food": "steel"})
    found = simulate(model, 2, 3, data=other, series="CC", beside=["none"])
    assert any("steel" in note for note in found.notes)
    with pytest.raises(DataError, match="day"):
        simulate(model, 2, 3, data=other.assign(day=pd.date_range("2025-01-01", periods=80, freq="h")), series="CC")
    with pytest.raises(SettingsError, match="--data"):
        simulate(model, 2, 3)  # a packed model does not know its data


def test_all_that_cannot_be_simulated_is_said_at_once() -> None:
    frame = shares()
    model = fake_model(frame, **ROLES)
    cast(FakeGame, model.game).longest_path = 30
    with pytest.raises(SettingsError) as refused:
        simulate(model, 0, 40, data=frame, regime="high", beside=["gbm", "zork"], test=True)
    assert [word in str(refused.value) for word in ("paths", "30", "'high'", "'zork'", "gbm")] == [True] * 5
    with pytest.raises(SettingsError) as refused:
        simulate(model, 1, 4, data=frame, series="AA", start="2020-01-01", statics={"planet": "Mars"})
    assert [word in str(refused.value) for word in ("2024-01-01", "planet")] == [True] * 2
    with pytest.raises(SettingsError, match="AA, BB"):
        simulate(model, 1, 4, data=frame)
    with pytest.raises(SettingsError, match="Did you mean 'BB'"):
        simulate(model, 1, 4, data=frame, series="B")
    with pytest.raises(SettingsError, match="2024-05"):
        simulate(model, 1, 4, data=frame, series="AA", start="in May")
    values = fake_model(frame, id="share", value=("price",))
    with pytest.raises(SettingsError) as refused:
        simulate(values, 1, 4, data=frame, series="AA", beside=["gbm"], test=True)
    assert str(refused.value).count("--returns") == 2
    late = fake_model(frame, past=5, **ROLES)
    with pytest.raises(SettingsError, match="past of 5 steps, and AA has 3"):
        simulate(late, 1, 4, data=frame, series="AA", start="2024-01-04")
    gap = frame.copy()
    gap.loc[80, "price"] = np.nan
    with pytest.raises(SettingsError, match="2 steps of the 5"):
        simulate(late, 1, 4, data=gap, series="AA", start=str(gap.day[82].date()))


def test_a_models_steps_are_at_most_its_longest_path_where_none_are_asked_for() -> None:
    frame = shares()
    model = fake_model(frame, **ROLES)
    cast(FakeGame, model.game).longest_path = 30
    assert len(simulate(model, 1, data=frame, series="AA", beside=["none"]).times) == 30


def test_backtests_count_losses_beyond_the_forecast_of_the_day_before() -> None:
    frame = shares(400)
    random = np.random.default_rng(3)
    scores = random.normal(size=PATHS_A_DAY)
    model = fake_model(frame, past=5, values=lambda numbers, steps: np.repeat(scores[numbers, None, None], steps, axis=2), **ROLES)
    methods = ["gbm", "bootstrap", *(["garch"] if has_arch() else [])]
    found = simulate(model, PATHS_A_DAY, 2, data=frame, series="BB", beside=methods, drift="model", volatility="model", test=True)
    prices = frame[frame.share == "BB"].price.to_numpy()
    today = np.diff(np.log(prices))[-MOST_DAYS:]
    drawn = model.spec.values[0].scaling.inverse(np.sort(scores))
    for level, place in ((0.95, 9), (0.99, 1)):  # the tenth and the second lowest of 199: 5 and 1 % of another one lie below
        test = next(each for each in found.backtests if each.method == "cgan-series" and each.level == level)
        beyond = today < drawn[place]
        assert (test.days, test.exceptions) == (MOST_DAYS, beyond.sum())
        assert test.p_value == kupiec_test(beyond, level).p_value
    assert {each.method for each in found.backtests} == {"cgan-series", *methods}
    pasts = [past[0, 0] for past, _, _, _ in told_of(model)[1:]]
    assert len(pasts) == MOST_DAYS
    before = np.diff(np.log(prices))[-6:-1]
    assert np.allclose(pasts[-1], model.spec.values[0].scaling.forward(before), atol=1e-6)
    with pytest.raises(SettingsError, match="--holdout"):
        simulate(model, 5, 2, data=shares(40), series="AA", test=True)


def test_several_columns_are_drawn_together_and_named_in_charts_and_risks() -> None:
    frame = shares().query("share == 'AA'")[["day", "price"]].assign(other=lambda frame: frame.price.iloc[::-1].to_numpy())
    model = fake_model(frame, returns=True)
    found = simulate(model, 40, 6, beside=["gbm"], data=frame)
    assert list(found.frame().columns) == ["path", "day", "price", "other"]
    assert {risk.value for risk in found.risks} == {"price", "other"}
    height, width, _ = found.chart().shape
    assert width > height > 400  # four panels in two lines


def test_windows_are_written_with_steps_and_statics(tmp_path: Path) -> None:
    frame = shares()
    model = fake_model(frame, past=5, known=("statics",), static=("sector",), **ROLES)
    table = windows_table(model, 3, 0, typed=True)
    assert table.column_names == ["window", "step", "sector", "price"]
    assert table.num_rows == 3 * 12
    returns = model.spec.values[0].scaling.inverse(np.zeros(12))
    assert np.allclose(table["price"].to_numpy()[:12], 100 * np.exp(returns.cumsum()), rtol=1e-6)


def test_hours_go_on_while_clocks_are_changed() -> None:
    moments = pd.date_range("2024-10-20", periods=170, freq="h", tz="Europe/Paris")  # until 01:00 of the night with two hours from 02:00
    frame = pd.DataFrame({"at": moments, "load": np.random.default_rng(0).normal(100, 5, 170).round(1)})
    model = fake_model(frame, window=8, past=3, known=("calendar",))
    found = simulate(model, 1, 5, data=frame)
    later = pd.date_range(moments[-1], periods=6, freq="h")[1:]
    assert found.frame()["at"].tolist() == later.tolist()
    turn = np.angle(told_of(model)[0][1][0, 0] + 1j * told_of(model)[0][1][0, 1]) / (2 * np.pi) * 24 % 24
    assert np.allclose(np.round(turn[3:]) % 24, later.hour)
    assert found.to_json()["from"] == "2024-10-27 01:00:00"
    assert simulate(model, 1, 5, data=frame, start="2024-10-27 00:00").start.row == 168


def test_a_backtest_begins_after_returns_that_methods_can_know() -> None:
    frame = shares(160)
    found = simulate(fake_model(frame, **ROLES), 50, 2, data=frame, series="AA", beside=["gbm", "bootstrap"], test=True)
    assert {each.days for each in found.backtests} == {159 - 100}
    with pytest.raises(SettingsError, match="100"):
        simulate(fake_model(frame, **ROLES), 50, 2, data=shares(120), series="AA", beside=["gbm"], test=True)


def test_a_packed_model_reads_data_as_it_was_read() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"load": random.normal(size=120)})
    found = series_of(fake_model(frame, rows_per_series=40), frame)
    assert len(found.names) == 3
    fine = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=400, freq="15min"), "load": random.normal(size=400)})
    assert len(series_of(fake_model(fine, every="1h"), fine).dataset.times) == 100


def test_a_window_without_an_attribute_is_written_without_one() -> None:
    frame = shares().assign(sector=lambda frame: frame.sector.where(frame.share == "AA"))
    table = windows_table(fake_model(frame, past=5, known=("statics",), static=("sector",), **ROLES), 2, 0, typed=True)
    assert table["sector"].null_count == 24  # the fake names none


def test_a_model_without_past_and_price_needs_no_series() -> None:
    frame = shares()
    model = fake_model(frame, id="share", value=("price",), static=("sector",), known=("statics",))
    found = simulate(model, 3, 4, data=frame, statics=["sector=food"])
    assert len(found.history) == 1
    assert "paths are of new ones" in " ".join(found.notes)
    with pytest.raises(SettingsError, match="--series"):
        simulate(fake_model(frame, **ROLES), 3, 4, data=frame)


def test_paths_that_move_otherwise_than_the_data_are_told() -> None:
    """Half as wild steps, and steps that take back what the one before did: each alone, and neither where all is well."""
    random = np.random.default_rng(0)
    prices = 100 * np.exp(np.cumsum(0.01 * random.normal(size=2000)))
    frame = pd.DataFrame({"date": pd.bdate_range("2015-01-01", periods=2000), "close": prices})
    noise = random.normal(size=(400, 61))

    def notes(values: np.ndarray) -> str:
        model = fake_model(frame, returns=True, values=lambda numbers, steps: values[numbers, None, :steps])
        return " ".join(simulate(model, 400, 60, drift="model", volatility="model", beside=["none"], data=frame).notes)

    assert "move" not in notes(noise)
    assert "A step moves 0.50%" in notes(0.5 * noise)
    back = (noise[:, 1:] - noise[:, :-1]) / 2**0.5
    told = notes(back)
    assert "A step moves" not in told
    assert "too small" in told


def test_the_drift_is_that_of_the_data_however_many_paths_are_asked_for() -> None:
    """A model whose returns are a hundredth too high, in each step: its paths are moved, by the same amount for one path as for many."""
    random = np.random.default_rng(0)
    prices = 100 * np.exp(np.cumsum(0.001 + 0.01 * random.normal(size=500)))
    frame = pd.DataFrame({"date": pd.bdate_range("2015-01-01", periods=500), "close": prices})
    noise = 1 + random.normal(size=(600, 10))
    model = fake_model(frame, returns=True, values=lambda numbers, steps: noise[numbers, None, :steps])
    real = float(np.diff(np.log(prices)).mean())

    def returns(paths: int, drift: MomentsOf) -> np.ndarray:
        found = simulate(model, paths, 10, beside=["none"], data=frame, drift=drift, volatility="model")
        values = found.paths[found.name][:, 0]
        return np.diff(np.log(np.concatenate([np.full((paths, 1), prices[-1]), values], axis=1)), axis=1)

    assert returns(512, "data").mean() == pytest.approx(real, abs=1e-9)
    assert returns(512, "model").mean() > real + 0.008
    np.testing.assert_allclose(returns(3, "data"), returns(512, "data")[:3], atol=1e-12)
