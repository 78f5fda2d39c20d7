"""Series out of tables: how columns, times, gaps and windows are read, and what is refused."""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from sparring.core.errors import DataError, SettingsError
from sparring.data.series.frequency import DAY, Frequency, calendar_features, find_frequency, interval_seconds, interval_text
from sparring.data.series.read_series import read_series
from sparring.data.series.scaling import Scaling, fit_scaling
from sparring.data.series.series_dataset import SeriesDataset, split_holdout
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.series.series_store import prepare_series, refit, whole_windows


def daily(rows: int = 40, start: str = "2020-01-01") -> pd.DataFrame:
    """Days with a value that is their number, from 1."""
    return pd.DataFrame({"date": pd.date_range(start, periods=rows), "value": np.arange(1.0, rows + 1)})


def prepared(
    frame: object, usual: int = 10, scaling: str = "standard", known: tuple[str, ...] = (), **reading: object
) -> tuple[SeriesDataset, str]:
    found, notes = prepare_series(frame, SeriesReading(**reading), window=usual, past=0, scaling=scaling, known=known)  # pyright: ignore
    return found, " ".join(notes)


# ------------------------------------------------------------------------------------------------------------- windows


def test_windows_are_cut_by_hand() -> None:
    data, notes = prepared(daily(12))
    assert len(data) == 3
    assert "a step every day" in notes
    raw = data.raw[data.starts[:, None] + np.arange(10), 0]
    assert raw.tolist() == [list(range(first, first + 10)) for first in (1, 2, 3)]
    values = np.arange(1.0, 13)
    expected = (values - values.mean()) / values.std()
    np.testing.assert_allclose(data.windows(np.array([1]))[0, 0], expected[1:11], rtol=1e-5)
    assert data.batch(np.array([0, 2])).samples.shape == (2, 1, 10)


def test_windows_do_not_cross_series() -> None:
    frame = pd.concat([daily(12).assign(id="a"), daily(5).assign(id="b"), daily(11).assign(id="c")])
    data, notes = prepared(frame, id="id", window=10)
    assert data.starts.tolist() == [0, 1, 2, 17, 18]
    assert data.names == ("a", "b", "c")
    assert "1 series is shorter than a window of 10 steps" in notes
    assert data.series_of(data.starts).tolist() == [0, 0, 0, 2, 2]


def test_windows_with_gaps_are_left_out_or_filled() -> None:
    frame = daily(20)
    frame.loc[10, "value"] = np.nan
    data, notes = prepared(frame)
    assert data.starts.tolist() == [0]
    assert "5.0% of the steps" in notes
    filled, _ = prepared(frame, gaps="fill")
    assert len(filled) == 11
    assert filled.raw[10, 0] == 11.0  # halfway between 10 and 12


def test_whole_windows_by_hand() -> None:
    present = np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)
    assert whole_windows(present, np.array([0, 6, 8]), 2).tolist() == [0, 3, 4, 6]


def test_missing_steps_are_gaps() -> None:
    frame = daily(20).drop(index=[4, 5])
    frame["date"] += pd.Timedelta(hours=6)
    data, notes = prepared(frame.assign(date=pd.date_range("2020-01-01", periods=20, freq="6h")[frame.index]), window=4)
    assert "2 steps are missing in between" in notes
    assert data.raw[4:6].tolist() == [[pytest.approx(np.nan, nan_ok=True)]] * 2
    assert len(data) == 1 + 11


# ------------------------------------------------------------------------------------------------------------- returns


def test_returns_by_hand() -> None:
    frame = pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=6), "close": [1.0, 2.0, 4.0, 2.0, 8.0, 8.0]})
    data, notes = prepared(frame, window=4, returns=True)
    assert "every business day" in notes
    returns = np.log([2, 2, 0.5, 4, 1])
    assert data.starts.tolist() == [1, 2]
    column = data.spec.values[0]
    np.testing.assert_allclose(column.scaling.inverse(data.windows(np.array([0]))[0, 0].astype(float)), returns[:4], rtol=1e-5)
    assert column.returns
    assert data.raw[:, 0].tolist() == frame["close"].tolist()


def test_returns_need_positive_values() -> None:
    frame = daily(20)
    frame.loc[7, "value"] = 0.0
    with pytest.raises(DataError, match="is 0 in row 8"):
        prepared(frame, returns=True)


# ----------------------------------------------------------------------------------------------------- what is refused


def test_every_bad_input_is_named(tmp_path: Path) -> None:
    frame = daily(20)
    cases: list[tuple[pd.DataFrame, dict[str, object], str]] = [
        (frame, {"time": "dat"}, "date"),
        (frame, {"value": ("value", "volume")}, "volume"),
        (frame, {"time": "date", "static": ("date",)}, "named twice"),
        (pd.concat([frame, frame]), {}, "rows 1 and 21 are both of 2020-01-01"),
        (pd.concat([frame, frame]), {}, "--id"),
        (frame.assign(value=3.0), {"value": ("value",)}, "the only value is"),
        (frame.assign(value=np.nan), {"value": ("value",)}, "every value is missing"),
        (frame.assign(value=[np.inf, *range(19)]), {"value": ("value",)}, "value"),
        (frame[:1], {}, "1 row"),
        (frame, {"window": 21}, "longer than the longest series, which has 20 steps"),
        (frame, {"window": 8, "past": 8}, "leaves nothing"),
        (frame.assign(kind=["a"] * 10 + ["b"] * 10), {"value": ("value",), "static": ("kind",)}, "changes within 1 series"),
        (frame.assign(date=[pd.NaT, *frame["date"][1:]]), {"time": "date"}, "missing in row 1"),
        (frame.drop(columns="date"), {"every": "1h"}, "--every needs a column of dates"),
        (frame.drop(columns="value"), {}, "no column of numbers"),
        (frame, {"rows_per_series": 7}, "no whole number of series"),
    ]
    for bad, reading, said in cases:
        with pytest.raises(DataError) as caught:
            prepared(bad, **reading)
        assert said in str(caught.value), (reading, str(caught.value))


def test_infinity_and_words_in_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,close\n2020-01-01,1\n2020-01-02,inf\n2020-01-03,3\n2020-01-04,2\n2020-01-05,5\n")
    with pytest.raises(DataError, match="close"):
        prepared(str(path), value=("close",))


def test_mixed_zones_are_one_clock(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    lines = [f"2020-03-0{day}T0{hour}:00:00{zone},{day}.5" for day, hour, zone in ((1, 2, "+01:00"), (2, 1, "Z"), (3, 3, "+02:00"))]
    path.write_text("\n".join(["time,value", *lines]) + "\n")
    raw = read_series(str(path), SeriesReading())
    assert np.diff(raw.times).tolist() == [DAY, DAY]


def test_settings_that_do_not_fit() -> None:
    assert "no interval" in SeriesReading(every="fortnight").problems()[0]
    assert len(SeriesReading(id="a", rows_per_series=3).problems()) == 1
    assert len(SeriesReading(window=8, past=8).problems()) == 1
    assert SeriesReading(every="30min", window=8, past=4).problems() == []


def test_unsorted_rows_are_sorted_and_said() -> None:
    frame = daily(20).iloc[::-1]
    data, notes = prepared(frame)
    assert "sorted" in notes
    assert data.raw[:, 0].tolist() == list(range(1, 21))


# --------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("dates", "kind", "size"),
    [
        (pd.date_range("2020-01-01", periods=50, freq="30min"), "seconds", 1800),
        (pd.date_range("2020-01-01", periods=50, freq="D"), "seconds", DAY),
        (pd.bdate_range("2020-01-01", periods=50), "business days", 1),
        (pd.date_range("2020-01-31", periods=50, freq="ME"), "months", 1),
        (pd.date_range("2020-01-01", periods=20, freq="QS"), "months", 3),
        (pd.date_range("2020-01-05", periods=50, freq="W"), "seconds", 7 * DAY),
    ],
)
def test_frequencies(dates: pd.DatetimeIndex, kind: str, size: float) -> None:
    seconds = (dates - pd.Timestamp(0)).total_seconds().to_numpy()
    found, share = find_frequency([seconds[:-5]])
    assert (found.kind, found.size) == (kind, size)
    assert share == 1
    np.testing.assert_array_equal(found.after(seconds[-6], 5), seconds[-5:])
    assert Frequency.from_json(found.to_json()) == found


def test_seasons_and_intervals() -> None:
    assert Frequency("seconds", 1800).season == 48
    assert Frequency("seconds", DAY).season == 7
    assert Frequency("business days").season == 5
    assert Frequency("months", 3).season == 4
    assert Frequency("steps").season is None
    assert [interval_seconds(text) for text in ("30min", "1 h", "2 days", "1w", "90s", "soon", "0h")] == [
        1800, 3600, 2 * DAY, 7 * DAY, 90, None, None,
    ]  # fmt: skip
    assert [interval_text(seconds) for seconds in (1800, 3600, DAY, 14 * DAY, 90)] == [
        "30 minutes", "hour", "day", "2 weeks", "90 seconds",
    ]  # fmt: skip


def test_calendar_features_by_hand() -> None:
    noon_on_a_thursday = np.array([DAY / 2])  # 1970-01-01
    found = calendar_features(("time of day", "day of week"), noon_on_a_thursday, None)
    np.testing.assert_allclose(found[0], [-1, 0, 1, 0], atol=1e-6)
    season = calendar_features(("season",), np.array([0.0, 1.0, 4.0]), 4.0)
    np.testing.assert_allclose(season, [[1, 0], [0, 1], [1, 0]], atol=1e-6)


def test_resampling_takes_means() -> None:
    frame = pd.DataFrame({"t": pd.to_datetime(["2020-01-01 00:10", "2020-01-01 00:50", "2020-01-01 03:00"]), "x": [1.0, 3.0, 7.0]})
    raw = read_series(frame, SeriesReading(every="1h"))
    assert raw.values[:, 0].tolist() == [2.0, pytest.approx(np.nan, nan_ok=True), pytest.approx(np.nan, nan_ok=True), 7.0]
    assert raw.frequency == Frequency("seconds", 3600.0)


def test_irregular_times_are_said() -> None:
    random = np.random.default_rng(0)
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.cumsum(random.integers(3600, 90_000, 60)), unit="s")
    _, notes = prepared(pd.DataFrame({"t": dates, "x": random.normal(size=60)}))
    assert "irregular" in notes
    assert "--every" in notes


# ------------------------------------------------------------------------------------------------------------- scaling


def test_normal_scores_are_ranks() -> None:
    values = np.random.default_rng(0).exponential(size=2001)
    scaling = fit_scaling(values, "normal scores", open_ended=False)
    scores = scaling.forward(values)
    assert abs(scores.mean()) < 0.01
    assert abs(scores.std() - 1) < 0.01
    assert scaling.forward(np.array([np.median(values)])) == pytest.approx(0, abs=0.01)
    assert scaling.forward(np.quantile(values, [0.975])) == pytest.approx(NormalDist().inv_cdf(0.975), abs=0.03)
    np.testing.assert_allclose(scaling.inverse(scores), values, rtol=0.02, atol=0.01)
    assert scaling.inverse(np.array([-9.0, 9.0])).tolist() == [values.min(), values.max()]
    assert Scaling.from_json(scaling.to_json()) == scaling


def test_many_equal_values_come_back_exactly() -> None:
    values = np.concatenate([np.zeros(500), np.random.default_rng(0).exponential(size=500)])
    scaling = fit_scaling(values, "normal scores", open_ended=False)
    zero = scaling.forward(np.zeros(1))
    assert scaling.inverse(zero).tolist() == [0.0]
    drawn = scaling.inverse(np.random.default_rng(1).normal(size=20_000))
    assert abs((drawn == 0).mean() - 0.5) < 0.01


def test_tails_go_on_where_they_may() -> None:
    values = np.random.default_rng(0).standard_t(3, size=5000)
    scaling = fit_scaling(values, "normal scores", open_ended=True)
    beyond = scaling.inverse(np.array([-4.5, 4.5]))
    assert beyond[0] < values.min()
    assert beyond[1] > values.max()
    np.testing.assert_allclose(scaling.forward(beyond), [-4.5, 4.5])


@pytest.mark.parametrize(("kind", "expected"), [("range", [-1, 0, 1]), ("standard", [-np.sqrt(1.5), 0, np.sqrt(1.5)])])
def test_straight_scalings_by_hand(kind: str, expected: list[float]) -> None:
    scaling = fit_scaling(np.array([1.0, 2.0, 3.0]), kind, open_ended=True)  # pyright: ignore
    np.testing.assert_allclose(scaling.forward(np.array([1.0, 2.0, 3.0])), expected, atol=1e-12)
    np.testing.assert_allclose(scaling.forward(np.array([5.0])), [2 * (expected[2] - expected[1]) + expected[2]])
    np.testing.assert_allclose(scaling.inverse(scaling.forward(np.array([-4.0, 9.0]))), [-4, 9])


# ------------------------------------------------------------------------------------------------- what is known, holdout


def test_statics_calendar_and_regimes_are_channels() -> None:
    frames = [daily(60).assign(id=name, kind=kind) for name, kind in (("a", "x"), ("b", "y"), ("c", "x"))]
    frame = pd.concat(frames)
    frame["value"] = np.random.default_rng(0).normal(size=180) * np.repeat([0.1, 1, 10], 60)
    data, _ = prepared(frame, id="id", value=("value",), static=("kind",), past=4, known=("calendar", "statics", "regime"))
    spec = data.spec
    assert spec.calendar == ("day of week",)
    assert spec.shape == (1 + 2 + 2 + 3, 10)
    assert spec.profiles == ((0,), (1,))
    assert spec.profile_counts == (2, 1)
    windows = data.windows(np.array([0, len(data) // 2, len(data) - 1]))
    assert windows[:, 3:5, 0].tolist() == [[1, 0], [0, 1], [1, 0]]
    assert windows[[0, 2], 5:, 0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert (windows[:, 3:] == windows[:, 3:, :1]).all()
    angle = 2 * np.pi * np.arange(7) / 7
    thursdays = np.argmin(np.abs(windows[0, 1, :7] - 1))
    np.testing.assert_allclose(np.roll(windows[0, 1, :7], -thursdays), np.cos(angle), atol=1e-5)
    again = SeriesSpec.from_json(spec.to_json())
    assert again == spec
    assert again.shape == spec.shape


def test_few_series_hold_out_their_end() -> None:
    data, _ = prepared(daily(100))
    kept, held_out = split_holdout(data, None, 0)
    assert kept.starts.max() + 10 <= held_out.starts.min()
    assert held_out.starts.max() == 90
    assert len(held_out) == 10
    with pytest.raises(SettingsError, match="leaves no window"):
        split_holdout(data, 89, 0)
    assert len(split_holdout(data, 0, 0)[1]) == 0


def test_many_series_hold_out_whole_ones() -> None:
    frame = pd.concat([daily(15).assign(id=f"s{number}") for number in range(20)])
    data, _ = prepared(frame, id="id")
    kept, held_out = split_holdout(data, None, 3)
    assert len(held_out.used) == 2
    assert not set(kept.used) & set(held_out.used)
    assert len(kept) + len(held_out) == len(data)
    assert split_holdout(data, None, 3)[1].starts.tolist() == held_out.starts.tolist()
    assert split_holdout(data, 13, 3)[1].used.shape == (3,)


# ------------------------------------------------------------------------------------------------------ clocks and gaps


@pytest.mark.parametrize("first", ["2024-03-28", "2024-10-24"])
def test_hours_run_on_where_clocks_are_changed(first: str) -> None:
    moments = pd.date_range(first, periods=240, freq="h", tz="Europe/Paris")
    frame = pd.DataFrame({"at": moments, "x": np.arange(240.0)})
    data, notes = prepared(frame, known=("calendar",), window=24)
    assert "missing" not in notes
    assert len(data) == 240 - 24 + 1
    assert data.raw[:, 0].tolist() == list(range(240))
    turn = np.angle(data.windows(np.array([120]))[0, 1] + 1j * data.windows(np.array([120]))[0, 2]) / (2 * np.pi) * 24 % 24
    assert np.allclose(np.round(turn) % 24, moments.hour[120:144])  # the calendar is of local clocks
    means, _ = prepared(frame, every="2h")
    assert np.diff(means.raw[:, 0]).tolist() == [2.0] * 119


def test_days_are_those_of_local_clocks() -> None:
    moments = pd.date_range("2024-03-28", periods=40, freq="D", tz="Europe/Paris")
    raw = read_series(pd.DataFrame({"at": moments, "x": np.arange(40.0)}), SeriesReading())
    assert raw.frequency == Frequency("seconds", DAY)
    assert (np.diff(raw.times) == DAY).all()


def test_no_window_goes_across_a_long_gap() -> None:
    hours = pd.date_range("2022-01-01", periods=100, freq="h").append(pd.date_range("2023-06-01", periods=100, freq="h"))
    days = pd.bdate_range("2015-01-01", periods=250).delete(range(100, 150))
    for times, rows in ((hours, 200), (days, 200)):
        for gaps in ("leave out", "fill"):
            frame = pd.DataFrame({"at": times, "x": np.random.default_rng(0).normal(size=rows)})
            data, notes = prepared(frame, gaps=gaps)
            assert "1 gap in time" in notes
            assert len(data) == 2 * (100 - 10 + 1)


def test_missing_months_are_gaps() -> None:
    months = pd.date_range("2015-01-31", periods=60, freq="ME").delete([20, 21, 22])
    frame = pd.DataFrame({"at": months, "x": np.arange(57.0) + np.repeat([0, 3], [20, 37])})
    data, notes = prepared(frame)
    assert "3 steps are missing in between" in notes
    assert len(data) == 11 + 28
    filled, _ = prepared(frame, gaps="fill")
    assert np.allclose(np.diff(filled.raw[:, 0]), 1)
    assert len(filled) == 51


@pytest.mark.parametrize("days", [28, 30])
def test_steps_of_as_many_days_are_no_months(days: int) -> None:
    found, _ = find_frequency([np.arange(60.0) * days * DAY])
    assert found == Frequency("seconds", days * DAY)


def test_what_is_held_out_says_nothing_of_scaling_regimes_times_or_statics() -> None:
    """The held-out end of a series that rises is unknown to what the training windows give."""
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=400, freq="h"), "x": np.arange(400.0) ** 2})
    data, _ = prepare_series(frame, SeriesReading(), window=20, past=8, scaling="normal scores", known=("calendar", "regime"))
    trained_on, held_out = split_holdout(data, None, 0)
    last = int(trained_on.starts.max()) + 19
    found = refit(data, trained_on, "normal scores")
    assert found.spec.values[0].scaling.values[-1] == last**2 < data.spec.values[0].scaling.values[-1] == 399**2
    assert found.spec.times[1] == data.times[last]
    assert found.spec.regime_bounds != data.spec.regime_bounds
    assert [each.starts.tolist() for each in split_holdout(found, None, 0)] == [trained_on.starts.tolist(), held_out.starts.tolist()]
    assert found.fingerprint == data.fingerprint
    np.testing.assert_allclose(found.scaled[: last + 1, 0], found.spec.values[0].scaling.forward(data.raw[: last + 1, 0]), rtol=1e-6)

    changed = frame.assign(x=np.where(np.arange(400) > last, -7.0, frame["x"]))
    other, _ = prepare_series(changed, SeriesReading(), window=20, past=8, scaling="normal scores", known=("calendar", "regime"))
    again = refit(other, split_holdout(other, None, 0)[0], "normal scores").spec
    assert (again.values, again.regime_bounds, again.times) == (found.spec.values, found.spec.regime_bounds, found.spec.times)
