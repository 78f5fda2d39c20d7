"""Windows of real and generated series side by side, as they are judged and measured: the steps after the past, in their units."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from sparring.data.series.season_phases import phases_of, whole_steps
from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.series.series_store import numbers_of
from sparring.games.capabilities import Samples, SimulatesSeries
from sparring.games.game import Game

PIECE = 512
"""Number of windows that are generated at a time."""
SEASON_FEATURES = {"time of day": 86_400.0, "day of week": 7 * 86_400.0}
"""Features of the calendar that tell a season, and its length in seconds."""


@dataclass(frozen=True, eq=False)
class GeneratedWindows:
    """Windows of a game."""

    seen: Float32[np.ndarray, "n values steps"]
    """Values as networks see them."""
    phases: Int64[np.ndarray, "n steps"] | None
    """Where in the season each step is; None: not known."""
    continued: Int64[np.ndarray, " n"] | None
    """The number of the real window whose past each window continues; None: they are generated whole."""


def generate_windows(game: Game, real: SeriesDataset, n: int, seed: int) -> GeneratedWindows:
    """`n` windows of a game. A game that continues a past is given those of `real`, evenly spread and, if there are fewer, several times;
    regimes are not told, for they are about what comes.
    """
    spec = real.spec
    if spec.past and isinstance(game, SimulatesSeries):
        chosen = np.sort(np.resize(np.unique(np.linspace(0, len(real) - 1, min(len(real), n)).astype(np.int64)), n))
        return GeneratedWindows(continue_windows(game, real, chosen, seed), window_phases(real, chosen), chosen)
    pieces = [cast(Samples, game).sample(min(PIECE, n - first), seed, None, first) for first in range(0, n, PIECE)]
    windows = torch.cat(pieces).float().cpu().numpy()
    return GeneratedWindows(windows[:, : len(spec.values)], phases_in_calendar(spec, windows), None)


def continue_windows(
    game: SimulatesSeries, real: SeriesDataset, numbers: Int64[np.ndarray, " n"], seed: int
) -> Float32[np.ndarray, "n values steps"]:
    """Real windows with what a game makes of the steps after their past."""
    spec, found = real.spec, []
    for first in range(0, len(numbers), PIECE):
        some = numbers[first : first + PIECE]
        rows = real.starts[some, None] + np.arange(spec.steps)
        known = spec.known_of(real.local_times[rows], real.codes[real.series_of(rows[:, 0])], np.full(len(some), -1))
        past = np.ascontiguousarray(real.windows(some)[:, : len(spec.values), : spec.past])
        made = game.simulate(len(some), spec.steps - spec.past, seed, first, past, known)
        found.append(np.concatenate([past, made.float().cpu().numpy()], axis=2))
    return np.concatenate(found)


def window_phases(dataset: SeriesDataset, numbers: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n steps"] | None:
    """Where in the season each step of these windows is; None if no season is known."""
    spec = dataset.spec
    if spec.season is None:
        return None
    return phases_of(dataset.local_times[dataset.starts[numbers, None] + np.arange(spec.steps)], spec.frequency, spec.season)


def phases_in_calendar(spec: SeriesSpec, windows: Float32[np.ndarray, "n channels steps"]) -> Int64[np.ndarray, "n steps"] | None:
    """Where in the season each step of generated windows is, by the features of the calendar in them; None if these do not tell."""
    if spec.season is None or windows.shape[1] != spec.shape[0]:
        return None
    for place, name in enumerate(spec.calendar):
        seconds = spec.season * spec.frequency.size
        if name == "season" or (spec.frequency.kind == "seconds" and SEASON_FEATURES.get(name) == seconds):
            cosine, sine = np.moveaxis(windows[:, len(spec.values) + 2 * place : len(spec.values) + 2 * place + 2], 1, 0)
            turn = np.arctan2(sine, cosine) / (2 * np.pi) % 1
            return whole_steps(turn.astype(np.float64) * spec.season) % spec.season
    return None


def to_units(spec: SeriesSpec, seen: Float32[np.ndarray, "n _ steps"]) -> Float64[np.ndarray, "n values steps"]:
    """Values as networks see them in their units; log returns where these are learned."""
    return np.stack([column.scaling.inverse(seen[:, place].astype(np.float64)) for place, column in enumerate(spec.values)], axis=1)


def numbers_in_units(dataset: SeriesDataset) -> Float64[np.ndarray, "rows values"]:
    """The numbers of all rows in their units: values, or the log returns that lead to them (none in the first row of a series)."""
    return numbers_of(dataset.raw, dataset.begins, dataset.spec.values[0].returns)


def real_windows(dataset: SeriesDataset, numbers: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n values steps"]:
    """Windows of the data in their units."""
    rows = dataset.starts[numbers, None] + np.arange(dataset.spec.steps)
    return np.moveaxis(numbers_in_units(dataset)[rows], 2, 1)
