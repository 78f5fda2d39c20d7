"""The rows of a table as a dataset: codes and positions in memory or mapped from disk, made into rows batch by batch."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32, Int64

from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams, stream_seed
from sparring.data.tables.columns import TableValues
from sparring.data.tables.table_spec import TableBatch, TableSpec

HOLDOUT_ONE_IN, LARGEST_HOLDOUT = 10, 4096


@dataclass(frozen=True, eq=False)
class TableDataset:
    """Rows of a table."""

    spec: TableSpec
    codes: Int32[np.ndarray, "n c"]
    """The code of each column of each row."""
    positions: Float32[np.ndarray, "n c"]
    """The position of each column of each row, in [-1, 1]."""
    fingerprint: str
    """A digest of the table's content."""

    @property
    def labels(self) -> None:
        """Tables have no labels: classes are a column like others."""

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def counts(self) -> tuple[int]:
        """Number of rows, as a tuple: a table has one kind of items."""
        return (len(self),)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> TableBatch:
        """The rows with these numbers."""
        codes = torch.from_numpy(self.codes[indices].astype(np.int64))
        positions = torch.from_numpy(np.ascontiguousarray(self.positions[indices]))
        return TableBatch(self.spec.rows_of(codes, positions), codes=codes, positions=positions)

    def values(self, indices: Int64[np.ndarray, " n"]) -> TableValues:
        """The values of the rows with these numbers, decoded."""
        return self.spec.decode(self.codes[indices], self.positions[indices])

    def subset(self, indices: Int64[np.ndarray, " n"]) -> "TableDataset":
        """Some of the rows."""
        return type(self)(self.spec, self.codes[indices], self.positions[indices], self.fingerprint)


class RowsByCategory(TableDataset):
    """Rows that are chosen by a category: of a column of categories that is chosen evenly, a category by the logarithm of its frequency,
    and any row that has it (Xu et al. 2019, section 4.3, training by sampling).
    """

    @cached_property
    def columns(self) -> list[int]:
        """Numbers of the columns of categories."""
        return [number for number, encoding in enumerate(self.spec.encodings) if encoding.categories]

    @cached_property
    def by_code(self) -> list[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " begins"], Float64[np.ndarray, " k"]]]:
        """For each of these columns: all rows by code, where those of each code begin, and the cumulated chances of the codes."""
        found = []
        for number in self.columns:
            codes = np.asarray(self.codes[:, number])
            counts = np.bincount(codes, minlength=self.spec.encodings[number].codes)
            chances = np.log1p(counts)
            begins = np.concatenate([[0], np.cumsum(counts)])
            found.append((np.argsort(codes, kind="stable"), begins, np.cumsum(chances / chances.sum())))
        return found

    def choose(self, streams: Streams, n: int) -> TableBatch:
        """See ChoosesSamples. `condition` has an indicator of what each row was chosen by."""
        if not self.columns:
            return self.batch(streams.integers("row", len(self), n).numpy())
        which = streams.integers("column", len(self.columns), n).numpy()
        of_code, of_row = ((streams.uniform("category", n, 2).double().numpy() + 1) / 2).T
        rows = np.zeros(n, np.int64)
        condition = torch.zeros(n, sum(self.spec.encodings[number].codes for number in self.columns))
        start = 0
        for place, (order, begins, upto) in enumerate(self.by_code):
            mine = np.flatnonzero(which == place)
            code = np.minimum(np.searchsorted(upto, of_code[mine], side="right"), len(upto) - 1)
            counts = begins[code + 1] - begins[code]
            rows[mine] = order[begins[code] + np.minimum((of_row[mine] * counts).astype(np.int64), counts - 1)]
            condition[mine, start + code] = 1
            start += self.spec.encodings[self.columns[place]].codes
        return replace(self.batch(rows), condition=condition)


def split_holdout(dataset: TableDataset, count: int | None, seed: int) -> tuple[TableDataset, TableDataset]:
    """The training set, and a holdout of `count` rows that the seed chooses (None: one in ten, at most 4,096)."""
    kept, held_out = holdout_rows(len(dataset), count, seed)
    return dataset.subset(kept), dataset.subset(held_out)


def holdout_rows(rows: int, count: int | None, seed: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
    """Numbers of the rows that are trained on, and of those that are held out."""
    count = min(LARGEST_HOLDOUT, rows // HOLDOUT_ONE_IN) if count is None else count
    if count >= rows:
        raise SettingsError(f"holdout must leave something to train on; {count} of {rows} rows does not.")
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "table holdout", 0))).permutation(rows)
    return np.sort(order[count:]), np.sort(order[:count])
