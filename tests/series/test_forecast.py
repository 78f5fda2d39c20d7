"""Forecasts, their scores, and allocations by them: against what is known of a model whose samples are known."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from sparring.core.errors import SettingsError
from sparring.inference.allocate import ORACLE, STATIC, allocate
from sparring.inference.forecast import MOST_SCORED, forecast, origins, score_forecasts
from sparring.inference.model import Model
from sparring.inference.series_of_model import series_of
from sparring.metrics.series.allocation import simulate_allocation
from sparring.metrics.series.forecast_scores import crps, sample_quantiles
from sparring.modalities.series import Series
from support.fake_series import FakeGame, fake_model

WINDOW, PAST, PERIOD = 12, 8, 4


def demand(rows: int = 60, homes: int = 3) -> pd.DataFrame:
    """Homes with a day of four steps, and demand that only grows (so that none is there twice)."""
    random, found = np.random.default_rng(0), []
    for number in range(homes):
        load = 10 + number + 3 * np.sin(np.arange(rows) * np.pi / 2) + random.normal(0, 0.5, rows)
        found.append(
            pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="6h"), "home": f"h{number}", "load": np.maximum(load, 0)})
        )
    return pd.concat(found, ignore_index=True)


def model_of(frame: pd.DataFrame, values: Any = None, **settings: Any) -> Model:  # noqa: ANN401
    return fake_model(frame, window=WINDOW, past=PAST, values=values, **{"id": "home", "value": ("load",), **settings})


def spread_of(model: Model, centers: np.ndarray, samples: int) -> np.ndarray:
    """What the fake makes: evenly spread scores around 0, in units."""
    return model.spec.values[0].scaling.inverse(np.linspace(-1, 1, samples))[:, None] + 0 * centers


def evenly(samples: int) -> Any:  # noqa: ANN401
    return lambda numbers, steps: np.repeat(np.linspace(-1, 1, samples)[numbers, None, None], steps, axis=2)


def test_forecasts_follow_each_series_or_its_last_held_out_steps(tmp_path: Path) -> None:
    frame = demand()
    model = model_of(frame, evenly(39))
    found = forecast(model, 5, 39, data=frame)
    assert [start.series for start in found.starts] == ["h0", "h1", "h2"]
    assert found.truth is None
    table = found.quantile_table().to_pandas()
    assert list(table.columns) == ["home", "at", "q2.5", "q10", "q25", "q50", "q75", "q90", "q97.5"]
    assert len(table) == 15
    assert table["at"].iloc[0] == frame["at"].max() + pd.Timedelta("6h")
    drawn = model.spec.values[0].scaling.inverse(np.linspace(-1, 1, 39))
    assert np.allclose(table.iloc[0, 2:].astype(float), np.quantile(drawn, [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975], method="weibull"))
    assert found.path_table().num_rows == 3 * 39 * 5
    known = forecast(model, 5, 39, data=frame, series=["h1"], held_out=True)
    own = frame[frame.home == "h1"].load.to_numpy()
    assert known.truth is not None
    assert np.array_equal(known.truth[0, 0], own[-5:])
    assert np.allclose(cast(FakeGame, model.game).told[-1][0][0, 0], model.spec.values[0].scaling.forward(own[-13:-5]), atol=1e-5)
    known.save(tmp_path / "q.csv")
    assert (tmp_path / "q.csv").read_text().splitlines()[0].endswith(",truth")
    assert found.chart().shape[2] == 3
    later = forecast(model, 2, 3, data=frame, start="2024-01-10 12:00")
    assert later.times[0, 0] == pd.Timestamp("2024-01-10 18:00").timestamp()


def test_forecasts_of_a_series_do_not_depend_on_the_others() -> None:
    frame = demand()
    model = model_of(frame)
    forecast(model, 5, 3, data=frame)
    all_seeds = [seed for _, _, seed, _ in cast(FakeGame, model.game).told]
    forecast(model, 5, 3, data=frame, series=["h2"])
    assert cast(FakeGame, model.game).told[-1][2] == all_seeds[2]
    assert len(set(all_seeds)) == 3


def test_scores_are_of_forecasts_that_follow_each_other_beside_the_naive_one() -> None:
    frame = demand()
    model = model_of(frame, evenly(40), period=PERIOD)
    found = score_forecasts(model, 4, 40, data=frame)
    rows, naive_past = origins(series_of(model, frame), 4, PERIOD)
    assert naive_past == 8 * PERIOD  # 64 steps would leave nothing of 60
    assert rows.tolist() == [begin + row for begin in (0, 60, 120) for row in range(31, 56, 4)]
    truth = np.stack([frame.load.to_numpy()[row + 1 : row + 5] for row in rows])
    samples = np.broadcast_to(model.spec.values[0].scaling.inverse(np.linspace(-1, 1, 40))[None, :, None], (len(rows), 40, 4))
    own = found.scores[0]
    each = crps(samples, truth).mean(axis=1)
    assert (own.method, found.scores[1].method) == ("cgan-series", "seasonal naive")
    assert own.crps.mean == pytest.approx(each.mean())
    assert own.crps.error == pytest.approx(each.std(ddof=1) / np.sqrt(len(rows)))
    assert found.scores[1].crps.mean < 0.6 < own.crps.mean  # the season is all there is
    assert found.differences["load"].mean == pytest.approx(own.crps.mean - found.scores[1].crps.mean)
    assert 0.6 < found.scores[1].coverage[0.8].mean < 0.95
    with pytest.raises(SettingsError, match="fewer"):
        score_forecasts(model, 55, 4, data=frame)
    assert len(origins(series_of(model, demand(500)), 1, PERIOD)[0]) > MOST_SCORED


def test_prices_are_scored_beside_their_last_value() -> None:
    random = np.random.default_rng(0)
    price = np.exp(np.cumsum(random.normal(0, 0.05, 300))) * 30
    frame = pd.DataFrame({"at": pd.bdate_range("2020-01-01", periods=300), "home": "x", "load": price})
    model = model_of(frame, lambda numbers, steps: np.repeat(np.linspace(-3, 3, 40)[numbers, None, None], steps, axis=2), returns=True)
    found = score_forecasts(model, 3, 40, data=frame)
    assert (found.period, found.scores[1].method) == (1, "naive")
    assert 0.7 < found.scores[1].coverage[0.8].mean < 0.9  # a random walk is what it is
    assert found.differences["load"].mean > 0


def test_what_cannot_be_forecast_is_said() -> None:
    frame = demand()
    with pytest.raises(SettingsError, match="ganslicing"):
        forecast(fake_model(frame, id="home", value=("load",)), 4, data=frame)
    model = model_of(frame)
    with pytest.raises(SettingsError) as refused:
        forecast(model, 0, 0, data=frame)
    assert str(refused.value).count("at least 1") == 2
    with pytest.raises(SettingsError) as refused:
        forecast(model, 4, data=frame, series=["h1", "h7", "zork"])
    assert [word in str(refused.value) for word in ("'h7'", "'zork'")] == [True] * 2
    short = pd.concat([frame, frame[:5].assign(home="new")])
    assert any("1 series is left out" in note and "new" in note for note in forecast(model, 4, 3, data=short).notes)
    with pytest.raises(SettingsError, match="--from"):
        forecast(model, 4, 3, data=frame, start="2024-01-01", held_out=True)


def test_allocating_what_comes_is_what_the_oracle_does() -> None:
    frame = demand()
    model = model_of(frame, period=PERIOD)
    truth = dict(enumerate(np.split(frame.load.to_numpy(), 3)))
    scaling, game = model.spec.values[0].scaling, cast(FakeGame, model.game)

    def what_comes(numbers: np.ndarray, steps: int) -> np.ndarray:
        past = game.told[-1][0][0, 0]
        for own in truth.values():
            at = [row for row in range(PAST, 61 - steps) if np.allclose(scaling.forward(own[row - PAST : row]), past, atol=1e-5)]
            if at:
                return np.repeat(scaling.forward(own[at[0] : at[0] + steps])[None, None], len(numbers), axis=0)
        raise AssertionError("such a past is not in the data")

    game.values = what_comes
    found = allocate(model, 0.9, data=frame, paths=5)
    assert found.outcomes["cgan-series"].accepted == pytest.approx(1, abs=1e-5)
    assert found.outcomes["cgan-series"].resources == pytest.approx(found.outcomes[ORACLE].resources, rel=1e-5)
    assert found.outcomes[ORACLE].resources == pytest.approx(found.demand)
    assert (found.slices, found.steps) == (3, 28)  # from step 32 of each on, four at a time
    for way in (STATIC, "seasonal naive"):
        figures = found.compared[way]
        assert figures["more requests at equal resources"] > 0
        assert figures["fewer resources at equal requests"] > 0
    assert found.chart().shape[2] == 3
    held = np.stack(list(truth.values()))[:, 32:]
    shares = np.stack([np.full(28, sample_quantiles(own[None, :32, None], [0.9])[0, 0, 0]) for own in truth.values()])
    assert found.outcomes[STATIC] == simulate_allocation(held, shares)
    tight = allocate(model, 0.9, 20.0, data=frame, paths=5)
    assert tight.outcomes[STATIC] == simulate_allocation(held, shares, 20.0)
    assert tight.outcomes[ORACLE].accepted < 1
    json = tight.to_json()
    assert json["capacity"] == 20
    assert len(json["curves"]["cgan-series"]) == len(found.curves["cgan-series"].parameters)


def test_what_cannot_be_allocated_is_said_at_once() -> None:
    frame = demand().assign(other=1.0 + np.arange(180) % 7)
    model = model_of(frame, value=("load", "other"))
    with pytest.raises(SettingsError) as refused:
        allocate(model, 1.5, -3, data=frame, paths=0)
    assert [word in str(refused.value) for word in ("quantile", "capacity", "paths", "load, other")] == [True] * 4
    prices = model_of(frame, returns=True)
    with pytest.raises(SettingsError, match="--returns"):
        allocate(prices, data=frame)
    below = demand().assign(load=lambda frame: frame.load - 12)
    with pytest.raises(SettingsError, match="negative"):
        allocate(model_of(below), data=below)


def test_scores_on_rows_that_may_have_been_trained_on_say_so() -> None:
    frame = demand()
    model = model_of(frame, evenly(40), period=PERIOD)
    assert any("too good" in note for note in score_forecasts(model, 4, 40, data=frame).notes)
    later = demand().assign(at=lambda frame: frame["at"] + pd.Timedelta("28D"))
    assert not any("too good" in note for note in score_forecasts(model, 4, 40, data=later).notes)


def test_the_score_of_a_checkpoint_is_of_futures_where_a_past_is_continued() -> None:
    frame = demand()
    model = model_of(frame, evenly(1024))
    found = Series().checkpoint_score(series_of(model, frame).dataset, 3)(model.game)
    told = cast(FakeGame, model.game).told
    assert found["generated"] == sum(len(past) for past, _, _, _ in told) == 3 * (60 - WINDOW + 1)
