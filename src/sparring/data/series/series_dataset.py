"""Windows of series as a dataset: only the series are in memory, and windows are cut when they are asked for."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.series.series_spec import SeriesSpec

HOLDOUT_SERIES, HOLDOUT_SHARE = 10, 0.1
"""With at least so many series, whole ones are held out (one in ten); with fewer, the last tenth of each."""


@dataclass(frozen=True, eq=False)
class SeriesDataset:
    """Series one after the other, and the windows that are used of them."""

    spec: SeriesSpec
    names: tuple[str, ...]
    """What each series is called."""
    begins: Int64[np.ndarray, " series_and_one"]
    """The row at which each series begins, and the number of all rows."""
    times: Float64[np.ndarray, " rows"]
    """Time of each row, in seconds since 1970 (see `Frequency.by_local_clocks`; without times: numbers of steps)."""
    raw: Float64[np.ndarray, "rows values"]
    """Values in their units; NaN: missing. (Of returns: the prices at each row; the first row of a series has no return.)"""
    scaled: Float32[np.ndarray, "rows values"]
    """Numbers that networks see; NaN where there is none."""
    codes: Int64[np.ndarray, "series statics"]
    """Codes of the statics of each series."""
    starts: Int64[np.ndarray, " n"]
    """The first row of each window, all of whose rows have values."""
    fingerprint: str
    """A digest of the content."""

    @property
    def labels(self) -> None:
        """Windows have no labels."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def counts(self) -> tuple[int]:
        """Number of windows, as a tuple: all are of one kind."""
        return (len(self),)

    def series_of(self, rows: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The number of the series that each row is of."""
        return np.searchsorted(self.begins, rows, side="right") - 1

    @cached_property
    def local_times(self) -> Float64[np.ndarray, " rows"]:
        """Time of each row by local clocks."""
        return self.spec.local(self.times)

    def windows(self, indices: Int64[np.ndarray, " n"]) -> Float32[np.ndarray, "n channels steps"]:
        """The windows with these numbers, as networks see them."""
        spec = self.spec
        rows = self.starts[indices, None] + np.arange(spec.steps)
        values = np.ascontiguousarray(np.moveaxis(self.scaled[rows], 2, 1))
        if not spec.known_width:
            return values
        known = spec.known_of(self.local_times[rows], self.codes[self.series_of(rows[:, 0])], spec.regimes_of(values))
        return np.concatenate([values, known], axis=1)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """The windows with these numbers."""
        return Batch(torch.from_numpy(self.windows(np.asarray(indices))))

    @cached_property
    def used(self) -> Int64[np.ndarray, " m"]:
        """Numbers of the series that have windows here."""
        return np.unique(self.series_of(self.starts))

    def of_series(self, numbers: Int64[np.ndarray, " m"]) -> "SeriesDataset":
        """The windows of some series."""
        return replace(self, starts=self.starts[np.isin(self.series_of(self.starts), numbers)])


def split_holdout(dataset: SeriesDataset, count: int | None, seed: int) -> tuple[SeriesDataset, SeriesDataset]:
    """The training set, and a holdout: of many series whole ones, that the seed chooses; of few the windows at the end of each, and none
    that overlaps with them is trained on. `count`: at least so many windows are held out (0: none).
    """
    if count == 0:
        return dataset, replace(dataset, starts=dataset.starts[:0])
    if count is not None and count >= len(dataset):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(dataset)} windows does not.")
    if len(dataset.used) >= HOLDOUT_SERIES:
        return _by_series(dataset, count, seed)
    return _by_time(dataset, count)


def _by_series(dataset: SeriesDataset, count: int | None, seed: int) -> tuple[SeriesDataset, SeriesDataset]:
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "series holdout", 0))).permutation(dataset.used)
    if count is None:
        taken = max(1, round(HOLDOUT_SHARE * len(order)))
    else:
        windows = np.bincount(dataset.series_of(dataset.starts), minlength=len(dataset.names))[order]
        taken = min(int(np.searchsorted(windows.cumsum(), count)) + 1, len(order) - 1)
    return dataset.of_series(np.sort(order[taken:])), dataset.of_series(np.sort(order[:taken]))


def _by_time(dataset: SeriesDataset, count: int | None) -> tuple[SeriesDataset, SeriesDataset]:
    share = HOLDOUT_SHARE if count is None else count / len(dataset)
    kept, held_out = [], []
    for number in dataset.used:
        starts = dataset.starts[dataset.series_of(dataset.starts) == number]
        first = starts[min(len(starts) - 1, int(np.floor((1 - share) * len(starts))))]
        held_out.append(starts[starts >= first])
        kept.append(starts[starts + dataset.spec.steps <= first])
    if not any(map(len, kept)):
        if count is not None:
            raise SettingsError(
                f"holdout leaves no window of {dataset.spec.steps} steps before the {count} that are held out. Hold out fewer, or take "
                "shorter windows (--window)."
            )
        return dataset, replace(dataset, starts=dataset.starts[:0])
    return replace(dataset, starts=np.concatenate(kept)), replace(dataset, starts=np.concatenate(held_out))
