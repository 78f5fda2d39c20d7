"""Real and generated series as they are judged: windows, and the long stretches that real windows are cut from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.random_streams import stream_seed
from sparring.evaluation.bounded_scores import Estimate
from sparring.metrics.series.seasons_and_values import aligned_phases, phase_means

GROUPS = 10
"""Number of groups of successive windows that a jackknife leaves out one by one."""
TEST_BLOCKS = 4
"""Every fourth block of windows is tested on."""
MOST_FACT_STEPS = 50_000
"""Largest number of real steps, of all paths together, that facts and bands are computed of."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one kind."""

    values: Float64[np.ndarray, "n values steps"]
    """In units; log returns where these are learned."""
    phases: Int64[np.ndarray, "n steps"] | None = None
    """Where in the season each step is; None: not known."""
    starts: Int64[np.ndarray, " n"] | None = None
    """Rising, the first row of each window in the series (of generated windows, of the past that each continues); None: windows have no
    rows in common."""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, numbers: Int64[np.ndarray, " m"]) -> "Windows":
        """Those windows."""
        phases, starts = (None if each is None else each[numbers] for each in (self.phases, self.starts))
        return Windows(self.values[numbers], phases, starts)

    def after(self, past: int) -> "Windows":
        """The windows without their first steps."""
        return Windows(self.values[:, :, past:], None if self.phases is None else self.phases[:, past:], self.starts)


@dataclass(frozen=True, eq=False)
class RealPaths:
    """Long stretches of a real series, of the same length."""

    values: Float64[np.ndarray, "paths values steps"]
    independent: bool
    """Whether paths are of different times (or of one series with gaps), so that the bootstrap draws whole paths."""


@dataclass(frozen=True, eq=False)
class JudgedSeries:
    """Everything that a judgment of series is made of."""

    names: tuple[str, ...]
    """Of the columns of values."""
    returns: bool
    """Whether values are log returns."""
    past: int
    """Number of steps at the beginning of each window that generated windows have from real ones, and that are not scored by themselves."""
    season: int | None
    """Number of steps after which a season comes round; None: none is known."""
    training: Windows
    held_out: Windows | None
    """Windows that the generator has not seen; None: there are none."""
    generated: Windows
    paths: RealPaths
    """Of what was trained on."""
    held_out_paths: RealPaths | None
    continues_held_out: bool = False
    """Whether generated windows continue the pasts of held-out windows."""

    def profile(self, windows: Windows, column: int, real: Float64[np.ndarray, " season"] | None = None) -> Float64[np.ndarray, " season"]:
        """The mean of a column at each phase of the season. Where generated windows have no times, all windows are aligned with the profile
        `real`; None: it is this profile that is asked for.
        """
        assert self.season is not None, "profiles are of series with a season"
        values, phases = windows.values[:, column], windows.phases
        if real is not None and self.generated.phases is None:
            phases = aligned_phases(values, real)
        assert phases is not None, "training windows have times"
        return phase_means(values, phases, self.season)


def series_numbers(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and on what it is for, and on nothing drawn before."""
    return np.random.default_rng(stream_seed(seed, f"judge series/{name}", 0))


def spread(windows: Windows, most: int) -> Windows:
    """At most so many windows, evenly spread."""
    if len(windows) <= most:
        return windows
    return windows.take(np.unique(np.linspace(0, len(windows) - 1, most).astype(np.int64)))


def estimate(windows: Windows, statistic: Callable[[Windows], float]) -> Estimate:
    """A statistic of windows with its standard error. See `estimates_of`."""
    return estimates_of(windows, lambda some: np.array([statistic(some)]))[0]


def estimates_of(windows: Windows, statistics: Callable[[Windows], Float64[np.ndarray, " k"]]) -> list[Estimate]:
    """Statistics of windows with their standard errors: a jackknife that leaves out ten groups of successive windows, which overlap within
    groups rather than between them.
    """
    values = statistics(windows)
    groups = np.array_split(np.arange(len(windows)), min(GROUPS, len(windows)))
    if len(groups) < 2:
        return [Estimate(float(value)) for value in values]
    without = np.stack([statistics(windows.take(np.setdiff1d(np.arange(len(windows)), group))) for group in groups])
    errors = np.sqrt((len(groups) - 1) * without.var(axis=0))
    return [Estimate(float(value), float(error)) for value, error in zip(values, errors, strict=True)]


def split_apart(windows: Windows) -> tuple[Windows, Windows]:
    """Three quarters of the windows to learn from, and a quarter to test on: blocks of successive windows in turn. Of the first, those that
    overlap with one of the second are left out; if too few were left, only those that begin with the same row.
    """
    n, steps = len(windows), windows.values.shape[2]
    overlapping = windows.starts is not None and n > 1 and float(np.median(np.diff(windows.starts))) < steps
    block = max(1, min(2 * steps, n // (2 * TEST_BLOCKS))) if overlapping else 1
    tested = np.arange(n) // block % TEST_BLOCKS == TEST_BLOCKS - 1
    if n < 2 * TEST_BLOCKS:
        tested = np.arange(n) >= n - max(1, n // TEST_BLOCKS)
    fit, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    if overlapping and windows.starts is not None and len(test):
        at = windows.starts[test]
        place = np.searchsorted(at, windows.starts[fit])
        before, after = at[np.maximum(place - 1, 0)], at[np.minimum(place, len(at) - 1)]
        apart = np.minimum(np.abs(windows.starts[fit] - before), np.abs(after - windows.starts[fit]))
        enough = next((least for least in (steps, 1) if (apart >= least).sum() >= len(fit) / 3), 0)
        fit = fit[apart >= enough]
    return windows.take(fit), windows.take(test)


def paths_of(
    numbers: Float64[np.ndarray, "rows values"],
    times: Float64[np.ndarray, " rows"],
    owner: Int64[np.ndarray, " rows"],
    starts: Int64[np.ndarray, " n"],
    steps: int,
) -> RealPaths:
    """The stretches of rows that windows cover, as paths of one length. Stretches of much the same length lose their beginnings; of others,
    pieces as long as a window are cut. `owner`: the series of each row.
    """
    breaks = np.flatnonzero((np.diff(starts) >= steps) | (np.diff(owner[starts]) != 0))
    firsts, lasts = starts[np.concatenate([[0], breaks + 1])], starts[np.concatenate([breaks, [len(starts) - 1]])] + steps
    firsts = np.maximum(firsts, lasts - MOST_FACT_STEPS)
    lengths = lasts - firsts
    shortest = int(lengths.min())
    if 2 * shortest < lengths.max():
        firsts = np.concatenate([np.arange(a, b - steps + 1, steps) for a, b in zip(firsts, lasts, strict=True)])
        lasts, shortest = firsts + steps, steps
    keep = np.unique(np.linspace(0, len(lasts) - 1, max(1, min(len(lasts), MOST_FACT_STEPS // shortest))).astype(np.int64))
    lasts = lasts[keep]
    together = len(lasts) == 1 or bool(
        (times[lasts - 1] == times[lasts[0] - 1]).all() and (times[lasts - shortest] == times[lasts[0] - shortest]).all()
    )
    rows = lasts[:, None] - shortest + np.arange(shortest)
    return RealPaths(np.moveaxis(numbers[rows], 2, 1), not together)


def drawn_steps(training: Windows, n: int, phases: Int64[np.ndarray, "n steps"] | None, random: np.random.Generator) -> Windows:
    """The floor: windows of training steps that are drawn independently, all columns of a step together."""
    _, _, steps = training.values.shape
    rows, places = random.integers(len(training), size=(n, steps)), random.integers(steps, size=(n, steps))
    return Windows(np.moveaxis(training.values[rows, :, places], 2, 1), phases)


def in_groups(windows: Windows, real_steps: int) -> Sequence[Windows]:
    """Windows in groups that have about as many steps as the real series: statistics such as a kurtosis grow with the size of a sample."""
    count = max(1, round(len(windows) * windows.values.shape[2] / real_steps))
    return [windows.take(np.arange(first, len(windows), count)) for first in range(min(count, len(windows)))]
