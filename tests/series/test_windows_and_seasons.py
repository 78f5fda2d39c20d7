"""Distances between windows, seasons within them, and where in a season a step is: by hand."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from sparring.data.series.frequency import DAY, Frequency
from sparring.data.series.season_phases import phases_of
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_store import prepare_series
from sparring.metrics.series.seasons_and_values import aligned_phases, phase_means, phase_strength, quantile_distance, strength_within
from sparring.metrics.series.window_distances import mean_pairwise_distance, nearest_windows
from sparring.modalities.series_windows import phases_in_calendar, window_phases


def seconds(*dates: str) -> np.ndarray:
    return np.array([datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() for date in dates])


def test_a_distance_of_distributions_is_what_has_to_be_moved() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    assert quantile_distance(values, values) == 0
    assert quantile_distance(values, values + 2) == pytest.approx(2)
    assert quantile_distance(np.array([0.0, 1]), np.array([0.0, 0, 1, 1])) == 0, "of different sizes"
    assert quantile_distance(np.zeros(100), np.where(np.arange(100) < 10, 5.0, 0.0)) == pytest.approx(0.5, rel=0.02), "a tenth moves by 5"


def test_means_and_shares_by_phase() -> None:
    values, phases = np.array([[1.0, 5, 1, 5], [3.0, 7, 3, 7]]), np.array([[0, 1, 0, 1], [0, 1, 0, 1]])
    assert phase_means(values, phases, 2).tolist() == [2, 6]
    assert phase_means(values, phases, 3).tolist() == [2, 6, 4], "a phase that no step has"
    # variance 5, of which 4 is between phases: R2 = 0.8, adjusted 1 - 0.2 * 7 / 6
    assert phase_strength(values, phases, 2) == pytest.approx(1 - 0.2 * 7 / 6)
    assert phase_strength(np.ones((2, 4)), phases, 2) == 0


def test_windows_are_aligned_with_a_profile_where_they_fit_best() -> None:
    profile = np.array([0.0, 1, 5, 1])
    windows = np.stack([np.roll(np.tile(profile, 3), -shift)[:9] for shift in range(4)])
    assert aligned_phases(windows, profile)[:, 0].tolist() == [0, 1, 2, 3]
    assert (phase_means(windows, aligned_phases(windows, profile), 4) == profile).all()


def test_a_season_within_windows_is_seen_wherever_they_begin() -> None:
    random = np.random.default_rng(0)
    wave = np.sin(2 * np.pi * (np.arange(48) + random.integers(0, 12, (200, 1))) / 12)
    assert strength_within(wave, 12) == pytest.approx(1)
    assert strength_within(wave + random.normal(size=wave.shape) * 0.5**0.5, 12) == pytest.approx(0.5, abs=0.02)
    assert strength_within(random.normal(size=(500, 48)), 12) == pytest.approx(0, abs=0.01)
    assert strength_within(np.tile([1.0, -1.0], (3, 10)), 2) == pytest.approx(1)
    assert strength_within(np.ones((3, 24)), 12) == 0


def test_copies_are_near_a_single_window_and_others_are_not() -> None:
    random = np.random.default_rng(0)
    series = random.normal(size=400)
    starts = np.arange(400 - 20 + 1)
    training = series[starts[:, None] + np.arange(20)]
    copied = training[[30, 200]] + 0.01
    found = nearest_windows(np.concatenate([copied, random.normal(size=(50, 20))]), training, starts, 20)
    assert found.index[:2].tolist() == [30, 200]
    assert found.distance[:2] == pytest.approx(0.01)
    assert (found.ratio[:2] < 0.05).all()
    assert (found.ratio[2:] > 0.5).all()
    assert found.copies == pytest.approx(2 / 52)
    own = nearest_windows(training, training, starts, 20, own_starts=starts)
    assert (np.abs(starts[own.index] - starts) >= 20).all(), "what overlaps with a window is not compared with it"
    assert own.copies == 0


def test_what_repeats_exactly_is_no_copy() -> None:
    series = np.tile(np.arange(10.0), 20)
    starts = np.arange(0, 190, 10)
    training = series[starts[:, None] + np.arange(10)]
    assert nearest_windows(training, training, starts, 10).ratio.tolist() == [1] * len(training)
    assert nearest_windows(training, training[:1], starts[:1], 10).ratio.tolist() == [1] * len(training), "there is no other"


def test_distances_are_of_all_pairs() -> None:
    windows = np.array([[0.0, 0], [3, 3], [0, 0]])
    assert mean_pairwise_distance(windows) == pytest.approx(2)
    assert mean_pairwise_distance(windows[:1]) == 0


def test_the_phase_of_a_step_is_that_of_its_calendar() -> None:
    half_hours = Frequency("seconds", 1800.0)
    assert phases_of(seconds("2024-03-05T00:00", "2024-03-05T13:30"), half_hours, 48).tolist() == [0, 27]
    business = Frequency("business days")
    assert phases_of(seconds("2024-03-04", "2024-03-08", "2024-03-11"), business, 5).tolist() == [0, 4, 0]
    assert np.diff(phases_of(seconds("2024-03-08", "2024-03-11"), business, 21)).tolist() == [1], "no weekend is counted"
    assert phases_of(seconds("2024-01-31", "2024-12-31"), Frequency("months"), 12).tolist() == [0, 11]
    weeks = phases_of(seconds("2024-01-02", "2024-12-30"), Frequency("seconds", 7 * DAY), 52)
    assert weeks[0] == 0
    assert weeks[1] == 51
    assert phases_of(np.array([0.0, 7, 8]), Frequency("steps"), 8).tolist() == [0, 7, 0]


@pytest.mark.parametrize(
    ("first", "frequency", "season"),
    [
        ("2024-01-01T12:00", Frequency("seconds", DAY), 7),
        ("2024-01-01T16:00", Frequency("seconds", DAY), 7),
        ("2024-01-01T00:30", Frequency("seconds", 3600.0), 24),
        ("2024-02-01T00:00", Frequency("months", 2.0), 6),
    ],
)
def test_phases_come_in_turn_wherever_steps_begin(first: str, frequency: Frequency, season: int) -> None:
    times = np.concatenate([seconds(first), frequency.after(seconds(first)[0], 2 * season)])
    phases = phases_of(times, frequency, season)
    assert (np.diff(phases) % season == 1).all()


@pytest.mark.parametrize(("first", "every", "rows"), [("2024-01-01 16:00", "D", 800), ("2024-01-01 00:30", "h", 800)])
def test_generated_windows_tell_the_phases_that_real_ones_have(first: str, every: str, rows: int) -> None:
    values = np.random.default_rng(0).normal(size=rows)
    frame = pd.DataFrame({"at": pd.date_range(first, periods=rows, freq=every), "x": values})
    data, _ = prepare_series(frame, SeriesReading(), window=30, past=0, scaling="standard", known=("calendar",))
    numbers = np.arange(0, len(data), 50)
    told = phases_in_calendar(data.spec, data.windows(numbers))
    assert told is not None
    assert np.array_equal(told, window_phases(data, numbers))
