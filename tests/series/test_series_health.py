"""Diagnosis of models of series: windows with a failure made on purpose, and real ones, which have none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_store import prepare_series
from sparring.games.game import Game
from sparring.health.diagnosis.all_rules import NAMES, diagnose
from sparring.health.diagnosis.remedies import against_weak_discriminator
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import SEPARATE_WINDOWS, SEPARATE_WINDOWS_OF_HOLDOUT, declared
from sparring.modalities.series_probe import separate_windows, series_probe
from support.fake_series import FakeGame

STEPS, ROWS = 48, 3000
FAILURES = {"no memory", "seasonality lost", "paths alike", "explodes"}


def prices() -> pd.DataFrame:
    """Prices whose returns are GARCH(1,1): calm and wild times follow each other."""
    random, variance, found = np.random.default_rng(0), 1.0, []
    for _ in range(ROWS):
        found.append(np.sqrt(variance) * random.normal())
        variance = 0.02 + 0.28 * found[-1] ** 2 + 0.7 * variance
    return pd.DataFrame({"date": pd.bdate_range("2010-01-01", periods=ROWS), "price": 100 * np.exp(0.01 * np.cumsum(found))})


def demand() -> pd.DataFrame:
    """Hours with a season of a day."""
    rest, random = np.zeros(ROWS), np.random.default_rng(1)
    for row in range(1, ROWS):
        rest[row] = 0.6 * rest[row - 1] + random.normal()
    load = 50 + 3 * np.sin(2 * np.pi * np.arange(ROWS) / 24) + rest
    return pd.DataFrame({"date": pd.date_range("2024-01-01", periods=ROWS, freq="h"), "load": load})


def dataset(frame: pd.DataFrame, *, past: int = 0, **reading: object) -> SeriesDataset:
    chosen = SeriesReading(window=STEPS, past=past, **reading)  # pyright: ignore[reportArgumentType]
    return prepare_series(frame, chosen, window=STEPS, past=past, scaling="normal scores", known=())[0]


RETURNS, DEMAND = dataset(prices(), returns=True), dataset(demand())


class Fixed(Game):
    """A game whose windows are given."""

    def __init__(self, windows: np.ndarray) -> None:
        super().__init__(RETURNS.spec)
        self.windows = torch.from_numpy(windows)

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0) -> torch.Tensor:
        return self.windows[(first + torch.arange(n)) % len(self.windows)]


def diagnosed(data: SeriesDataset, game: Game, holdout: SeriesDataset | None = None) -> list[tuple[str, str]]:
    """Findings about a game, and how severe they are."""
    facts, measure = series_probe(data, holdout, 0)
    line = measure(game)
    lines = tuple({"step": step, "real_samples": 500 * step, **line} for step in (1000, 1100, 1200))
    about = Record(Path("run"), "run", measurements=lines, data=facts, data_config={"spec": data.spec.to_json()})
    return [(finding.name, finding.severity) for finding in diagnose(about)]


def real(data: SeriesDataset) -> np.ndarray:
    return data.windows(np.arange(0, len(data), 23))


def shuffled(windows: np.ndarray) -> np.ndarray:
    """The steps of all windows in random order. (Within a window alone, wild windows would stay wild.)"""
    return np.random.default_rng(2).permutation(windows.ravel()).reshape(windows.shape)


@pytest.mark.parametrize("data", [RETURNS, DEMAND])
def test_real_windows_have_no_failure(data: SeriesDataset) -> None:
    assert diagnosed(data, Fixed(real(data))) == []


def test_returns_in_random_order_have_lost_their_memory() -> None:
    assert diagnosed(RETURNS, Fixed(shuffled(real(RETURNS)))) == [("no memory", "warning")]


def test_demand_in_random_order_has_lost_memory_and_season() -> None:
    assert set(diagnosed(DEMAND, Fixed(shuffled(real(DEMAND))))) == {("no memory", "warning"), ("seasonality lost", "warning")}


def test_demand_whose_season_is_flattened_keeps_its_memory() -> None:
    random, windows = np.random.default_rng(3), np.zeros((128, 1, STEPS), np.float32)
    for step in range(1, STEPS):
        windows[:, 0, step] = 0.97 * windows[:, 0, step - 1] + 0.25 * random.normal(size=128)
    assert diagnosed(DEMAND, Fixed(windows)) == [("seasonality lost", "warning")]


def test_one_window_again_and_again_is_told() -> None:
    alike = real(RETURNS)[:1] + 0.05 * np.random.default_rng(4).normal(size=(128, 1, STEPS)).astype(np.float32)
    assert diagnosed(RETURNS, Fixed(alike)) == [("paths alike", "severe")]


def test_values_far_beyond_the_data_are_told() -> None:
    windows = real(RETURNS)
    assert diagnosed(RETURNS, Fixed(windows * np.linspace(1, 60, STEPS, dtype=np.float32)))[0] == ("explodes", "severe")
    assert "explodes" not in dict(diagnosed(RETURNS, Fixed(2 * windows)))


def test_futures_that_ignore_noise_are_told() -> None:
    """Pasts differ, and so do futures of different pasts; those of one past do not."""
    data = dataset(demand(), past=24)

    def futures(seed_matters: bool) -> Game:
        game = FakeGame(data.spec)
        source = data.windows(np.arange(len(data)))[:, :, 24:]

        def simulate(n: int, steps: int, seed: int, first: int, past: np.ndarray, known: object) -> torch.Tensor:
            chosen = (np.abs(past.sum(axis=(1, 2)) * 1000).astype(int) + 991 * seed * seed_matters) % len(source)
            return torch.from_numpy(source[chosen][:, :, :steps])

        game.simulate = simulate  # pyright: ignore[reportAttributeAccessIssue]
        return game

    assert ("paths alike", "severe") in diagnosed(data, futures(seed_matters=False), data)
    assert "paths alike" not in dict(diagnosed(data, futures(seed_matters=True), data))


def test_every_rule_of_series_has_a_failure_here() -> None:
    assert set(NAMES) >= FAILURES
    declared_here = {signal.name for signal in declared("series data", "series game")}
    facts, measure = series_probe(dataset(demand(), past=24), None, 0)
    assert set(facts) | set(measure(FakeGame(dataset(demand(), past=24).spec))) == declared_here


def test_windows_that_overlap_are_counted_once() -> None:
    assert separate_windows(DEMAND) == ROWS // STEPS
    facts, _ = series_probe(DEMAND, None, 0)
    assert SEPARATE_WINDOWS.of(facts) == ROWS // STEPS
    assert SEPARATE_WINDOWS_OF_HOLDOUT.of(facts) == 0


def test_what_a_run_plays_already_is_no_remedy() -> None:
    """The relativistic game with R1 and R2 is the default of series; its weights for points and images need not be better."""
    settings = {"discriminator_steps": 1, "objective": "relativistic", "r1": 0.1, "r2": 0.1, "gradient_penalty": 0.0}
    config = {"spec": {"kind": "series"} | RETURNS.spec.to_json()}

    def actions(**changed: object) -> str:
        about = Record(Path("run"), "run", settings=settings | changed, data_config=config)
        return " ".join(remedy.action for remedy in against_weak_discriminator(about))

    assert "relativistic" not in actions()
    assert "relativistic" in actions(objective="hinge")
