"""What is measured of series while they are learned: memory, season, how much windows differ, and how far values go."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float64

from sparring.core.formatting import rounded
from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_store import windows_apart
from sparring.games.capabilities import SimulatesSeries
from sparring.games.game import Game
from sparring.metrics.series.autocorrelation import autocorrelation
from sparring.metrics.series.seasons_and_values import phase_strength, strength_within
from sparring.metrics.series.window_distances import mean_pairwise_distance
from sparring.modalities.series_windows import GeneratedWindows, continue_windows, generate_windows, to_units, window_phases

PROBED = 128
"""Number of windows that are generated for a measurement."""
COMPARED = 1024
"""Number of real windows that they are compared with."""
LAGS = tuple(range(1, 11))
"""Lags of the memory, in steps; fewer of short windows."""
PASTS = 32
"""Number of pasts that are continued twice."""


def series_probe(data: SeriesDataset, holdout: SeriesDataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of series once, and of games on them. Games that continue a past get that of held-out windows."""
    spec, continued = data.spec, holdout if holdout is not None and len(holdout) > 1 else data
    numbers = np.unique(np.linspace(0, len(data) - 1, min(len(data), COMPARED)).astype(np.int64))
    seen = data.windows(numbers)[:, : len(spec.values), spec.past :]
    units, phases = to_units(spec, seen), window_phases(data, numbers)
    largest = float(np.abs(seen).max())
    lags = [lag for lag in LAGS if lag < seen.shape[2]]
    facts: dict[str, Any] = {
        "memory/data": memory_of(units[:, 0], lags, spec.values[0].returns),
        "separate_windows": separate_windows(data),
        "separate_windows/holdout": 0 if holdout is None else separate_windows(holdout),
    }
    by_phase = phases is not None and spec.past > 0
    if phases is not None and (by_phase or sees_season(spec.season, seen.shape[2])):
        facts["season_strength/data"] = season_strength(units[:, 0], phases[:, spec.past :] if by_phase else None, spec.season or 1)
    spread_out = np.unique(np.linspace(0, len(seen) - 1, min(len(seen), PROBED)).astype(np.int64))
    distance = max(mean_pairwise_distance(seen[spread_out].reshape(len(spread_out), -1).astype(np.float64)), 1e-12)

    def measure(game: Game) -> dict[str, Any]:
        made = generate_windows(game, continued, PROBED, seed)
        future = made.seen[:, :, spec.past if made.continued is not None else 0 :]
        values = to_units(spec, future)[:, 0]
        found: dict[str, Any] = {
            "memory": memory_of(values, [lag for lag in lags if lag < future.shape[2]], spec.values[0].returns),
            "windows_apart": mean_pairwise_distance(future.reshape(len(future), -1).astype(np.float64)) / distance,
            "largest_value": float(np.abs(future).max()) / max(largest, 1e-12),
        }
        if "season_strength/data" in facts:
            of_phase = made.phases[:, spec.past :] if by_phase and made.phases is not None else None
            found["season_strength"] = season_strength(values, of_phase, spec.season or 1)
        if made.continued is not None and isinstance(game, SimulatesSeries):
            found["futures_apart"] = futures_apart(game, continued, made, seed) / distance
        return found

    return facts, measure


def memory_of(values: Float64[np.ndarray, "n steps"], lags: list[int], returns: bool) -> list[float]:
    """Autocorrelations of values, or of absolute returns."""
    return [rounded(float(each)) for each in autocorrelation(np.abs(values) if returns else values, lags)]


def sees_season(season: int | None, steps: int) -> bool:
    """Whether a season can be seen within windows of so many steps."""
    return season is not None and season <= steps and steps > 6


def season_strength(values: Float64[np.ndarray, "n steps"], phases: np.ndarray | None, season: int) -> float:
    """Share of the variance that the season explains: by the phase of each step or, where windows do not say theirs, by waves in each."""
    return strength_within(values, season) if phases is None else phase_strength(values, phases, season)


def separate_windows(dataset: SeriesDataset) -> int:
    """The largest number of windows of which no two overlap, in their order."""
    return windows_apart(dataset.starts, dataset.spec.steps)


def futures_apart(game: SimulatesSeries, real: SeriesDataset, made: GeneratedWindows, seed: int) -> float:
    """Mean distance of two futures of the same past: root mean squared difference."""
    assert made.continued is not None, "a past is continued"
    some = np.unique(np.linspace(0, len(made.seen) - 1, PASTS).astype(np.int64))
    other = continue_windows(game, real, made.continued[some], seed + 1)
    differences = (made.seen[some] - other)[:, :, real.spec.past :]
    return float(np.sqrt((differences.astype(np.float64) ** 2).mean(axis=(1, 2))).mean())
