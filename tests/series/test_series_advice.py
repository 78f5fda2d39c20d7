"""Whether a table is told to be a time series, how it would be read, and what is said of columns that were not named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sparring
from sparring.core.errors import DataError
from sparring.core.formatting import figures
from sparring.data.series.read_series import read_series
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_store import windows_apart
from sparring.data.series.suggest_series import SeriesSuggestion, walks
from sparring.data.tables.inspect_table import inspect_table
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.series_command import recipe_for, suggestion_for
from sparring.health.doctor.table_advice import TableAdvice
from support.cli import call

RANDOM = np.random.default_rng(0)
WALK = 100 * np.exp(np.cumsum(RANDOM.normal(0, 0.01, 300)))
SEASON = (10 + 5 * np.sin(np.arange(300) * np.pi / 12) + RANDOM.normal(0, 1, 300)).round(2)


def suggested(frame: pd.DataFrame) -> SeriesSuggestion | None:
    return suggestion_for(inspect_table(frame))


def prices(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=300), "close": WALK.round(2), **columns})


# ------------------------------------------------------------------------------------------------------- what a table is


def test_prices_are_learned_as_returns() -> None:
    found = suggested(prices())
    assert found is not None
    assert (found.settings, found.value, found.count) == ({"returns": True}, ("close",), 1)
    assert found.interval == "a step every business day"
    assert recipe_for(found) == "quantgan"


def test_columns_that_are_no_prices_are_left_out_beside_prices() -> None:
    found = suggested(prices(volume=RANDOM.integers(0, 10**6, 300)))
    assert found is not None
    assert found.settings == {"value": ("close",), "returns": True}


def test_demand_is_learned_as_values() -> None:
    found = suggested(pd.DataFrame({"hour": pd.date_range("2020-01-01", periods=300, freq="h"), "requests": SEASON}))
    assert found is not None
    assert (found.settings, found.returns) == ({}, False)
    assert recipe_for(found) == "cgan-series"


def test_what_tells_series_apart_is_found() -> None:
    frame = pd.concat([prices(shop=7), prices(shop=9)])
    found = suggested(frame.assign(close=frame.close * frame.shop))
    assert found is not None
    assert (found.settings, found.count) == ({"id": "shop", "returns": True}, 2)


def test_blocks_of_rows_with_attributes_are_series() -> None:
    kinds = np.repeat(RANDOM.permutation(np.arange(60) % 3), 10)
    frame = pd.DataFrame({"use": RANDOM.gamma(2, 1, 600).round(3), "kind": np.array(["a", "b", "c"])[kinds]})
    found = suggested(frame)
    assert found is not None
    assert (found.settings, found.count) == ({"rows_per_series": 10, "static": ("kind",)}, 60)
    assert recipe_for(found) == "doppelganger"


@pytest.mark.parametrize("name", ["events", "people", "two dates", "short"])
def test_other_tables_are_no_series(name: str) -> None:
    times = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.sort(RANDOM.uniform(0, 1e7, 300)).round(), unit="s")
    frames = {
        "events": pd.DataFrame({"time": times, "amount": SEASON}),
        "people": pd.DataFrame({"age": RANDOM.integers(18, 90, 300), "city": RANDOM.choice(["Rome", "Oslo"], 300)}),
        "two dates": prices(paid=pd.date_range("2021-01-01", periods=300)),
        "short": prices()[:10],
    }
    assert suggested(frames[name]) is None


def test_a_random_walk_is_told_from_a_season_and_from_noise() -> None:
    inside = np.arange(300) > 0
    assert walks(WALK, inside)
    assert not walks(SEASON, inside)
    assert not walks(RANDOM.uniform(1, 2, 300), inside)
    assert not walks(WALK - WALK.min(), inside)


# ------------------------------------------------------------------------------------------------------- inspect and doctor


def test_inspect_names_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prices().to_csv("prices.csv", index=False)
    assert call("data", "inspect", "prices.csv") == 0
    assert "sparring train quantgan --data prices.csv --returns" in capsys.readouterr().out.splitlines()[-1]


def test_doctor_advises_on_series(tmp_path: Path) -> None:
    prices().to_csv(tmp_path / "prices.csv", index=False)
    advice = sparring.doctor(tmp_path / "prices.csv", threads=1, minutes=3)
    assert isinstance(advice, KindAdvice)
    assert (advice.recipe, advice.settings) == ("quantgan", {"returns": True, "minutes": 3})
    assert [one.severity for one in advice.difficulties if one.name == "few windows"] == ["severe"]
    assert advice.command in "\n".join(advice.lines())
    assert advice.to_json()["series"] == 1


def test_doctor_takes_series_that_are_too_short_for_tables(tmp_path: Path) -> None:
    frame = prices()[:60]
    frame.loc[::3, "close"] = np.nan
    frame.to_csv(tmp_path / "prices.csv", index=False)
    assert isinstance(sparring.doctor(tmp_path / "prices.csv", threads=1), TableAdvice)


# ------------------------------------------------------------------------------------------------------- what reading says


def notes_of(frame: pd.DataFrame, **reading: object) -> str:
    return " ".join(read_series(frame, SeriesReading(**reading)).notes)  # pyright: ignore


def test_an_index_that_was_saved_with_the_table_is_not_learned() -> None:
    raw = read_series(prices(**{"Unnamed: 0": np.arange(300)}), SeriesReading())
    assert raw.value_names == ("close",)
    assert "Unnamed: 0" in " ".join(raw.notes)
    assert read_series(pd.DataFrame({"value": np.arange(300.0)}), SeriesReading()).value_names == ("value",)


def test_what_is_not_used_is_said() -> None:
    assert "Not used: note" in notes_of(prices(note="x"))
    said = notes_of(pd.DataFrame({"when": ["some day"] * 300, "close": WALK}))
    assert "No column is taken for the time" in said
    assert "Not used: when" in said
    assert "Not used" not in notes_of(prices())


def test_offsets_without_a_time_zone_are_said(tmp_path: Path) -> None:
    dates = [f"{day:%Y-%m-%d} 00:00:00{'+01:00' if number % 2 else '+07:00'}" for number, day in enumerate(prices().date)]
    prices(date=dates).to_csv(tmp_path / "prices.csv", index=False)
    said = " ".join(read_series(tmp_path / "prices.csv", SeriesReading()).notes)
    assert "+01:00, +07:00" in said


def test_the_column_that_tells_series_apart_is_named() -> None:
    frame = pd.concat([prices(shop="north"), prices(shop="south")])
    with pytest.raises(DataError, match="--id shop"):
        read_series(frame, SeriesReading())


def test_why_nothing_can_be_learned_is_said() -> None:
    with pytest.raises(DataError, match="the only value is 3"):
        read_series(prices(close=3.0), SeriesReading())


def test_windows_side_by_side_by_hand() -> None:
    assert windows_apart(np.array([0, 1, 2, 5, 6, 9]), 4) == 3
    assert windows_apart(np.zeros(0, np.int64), 4) == 0


def test_figures_have_no_exponent() -> None:
    assert [figures(value) for value in (14_612.3, 1_234_567.0, 3.0764, 0.012954, 0.0)] == ["14,610", "1,235,000", "3.076", "0.01295", "0"]
    assert figures(-431.2, 2) == "-430"
    assert figures(float("nan")) == "nan"


def test_a_table_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheet.png").touch()
    with pytest.raises(DataError, match=r"There are: bikes, eunomia, flights, stocks\."):
        read_series("fashion10k", SeriesReading())
