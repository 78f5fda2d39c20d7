"""Rows of a table with a rare label, such as transactions of which a few are known to be frauds: chosen by label, and split by time."""

import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sparring.core.errors import DataError, SettingsError, did_you_mean, listed
from sparring.core.random_streams import Streams
from sparring.data.tables.columns import Column
from sparring.data.tables.encoding import Encoding, fit_encoding
from sparring.data.tables.table_dataset import TableDataset, split_holdout
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableBatch, TableSpec
from sparring.data.tables.table_store import whole_values

HELD_OUT_ONE_IN = 5
"""Without a number, the last fifth of the rows is held out."""
RECENT_ONE_IN, FEWEST_RECENT, FEWEST_FRAUDS = 8, 5, 20
"""The recent rows begin with the last eighth of the frauds, and with at least five of them; below 20 frauds all rows are recent."""
RECENT_SHARE, RECENT_FRAUDS = 0.2, 0.125
"""Share of the rows of a batch that are recent ones, and share of frauds among these."""
TOMORROW = 86_400.0
"""Seconds that a date may be ahead of the clock, for clocks of other time zones."""


@dataclass(frozen=True)
class Labeling:
    """Which columns have a part of their own."""

    target: int
    """Number of the encoded column with the labels."""
    time: str | None
    """The column that orders the rows; None: they are in no order."""
    frauds_in_batch: float
    """Share of the labeled rows of a batch that are frauds."""


def target_codes(encoding: Encoding) -> tuple[int, int]:
    """The codes of a fraud (the rarer label) and of an ordinary row."""
    shares = encoding.shares[:2]
    return (0, 1) if shares[0] < shares[1] else (1, 0)


def label_name(encoding: Encoding, code: int) -> str:
    """A label as the table has it."""
    return encoding.categories[code] if encoding.categories else f"{encoding.atoms[code]:g}"


@dataclass(frozen=True)
class LabeledBatch(TableBatch):
    """Rows, of which some are set apart for the calibration of probabilities."""

    recent_weights: Float[Tensor, " n"] = None  # pyright: ignore[reportAssignmentType] (required: it follows a field with a default)
    """Of recent rows, which are for calibration alone, how many rows each stands for, in relation to the mean; 0 of the others."""

    @property
    def is_recent(self) -> Bool[Tensor, " n"]:
        """Which rows are recent ones."""
        return self.recent_weights > 0


@dataclass(frozen=True, eq=False)
class LabeledRows(TableDataset):
    """Rows with labels, in order of time."""

    labeling: Labeling
    row_numbers: Int64[np.ndarray, " n"]
    """Of each row, its number in the file, from 0."""

    def subset(self, indices: Int64[np.ndarray, " n"]) -> "LabeledRows":
        """Some of the rows."""
        return replace(self, codes=self.codes[indices], positions=self.positions[indices], row_numbers=self.row_numbers[indices])

    @cached_property
    def is_fraud(self) -> Bool[np.ndarray, " n"]:
        """Which rows are known frauds."""
        return np.asarray(self.codes[:, self.labeling.target]) == target_codes(self.spec.encodings[self.labeling.target])[0]

    @cached_property
    def is_labeled(self) -> Bool[np.ndarray, " n"]:
        """Which rows have a label."""
        return np.asarray(self.codes[:, self.labeling.target]) < self.spec.encodings[self.labeling.target].kinds

    @cached_property
    def recent(self) -> Bool[np.ndarray, " n"]:
        """The last rows, on which probabilities are calibrated. All of them where frauds are too few to set some apart."""
        frauds = np.flatnonzero(self.is_fraud)
        if len(frauds) < FEWEST_FRAUDS:
            return np.ones(len(self), bool)
        first = frauds[-max(FEWEST_RECENT, len(frauds) // RECENT_ONE_IN)]
        return np.arange(len(self)) >= first

    @cached_property
    def groups(self) -> tuple[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]], ...]:
        """Frauds, and all other rows; of the rows that networks learn from, then of the recent ones."""
        learned = ~self.recent if not self.recent.all() else self.recent
        pairs = [(self.is_fraud & rows, ~self.is_fraud & rows) for rows in (learned, self.recent & self.is_labeled)]
        return tuple((np.flatnonzero(frauds), np.flatnonzero(others)) for frauds, others in pairs)

    def choose(self, streams: Streams, n: int) -> LabeledBatch:
        """See ChoosesSamples: rows to learn from, followed by recent ones; of both, a fixed share are frauds."""
        recent = max(2, round(RECENT_SHARE * n))
        rows, weights = [], []
        for name, count, share, (frauds, others) in zip(
            ("learned", "recent"), (n - recent, recent), (self.labeling.frauds_in_batch, RECENT_FRAUDS), self.groups, strict=True
        ):
            of_frauds = min(count - 1, max(1, round(share * count)))
            for kind, group, size in (("frauds", frauds, of_frauds), ("others", others, count - of_frauds)):
                rows.append(group[streams.integers(f"{name}/{kind}", len(group), size).numpy()])
                stands_for = len(group) / (len(frauds) + len(others)) * count / size
                weights.append(torch.full((size,), stands_for if name == "recent" else 0.0))
        batch = self.batch(np.concatenate(rows))
        return LabeledBatch(batch.samples, codes=batch.codes, positions=batch.positions, recent_weights=torch.cat(weights))


def label_rows(dataset: TableDataset, target: str | None, time_column: str | None, frauds_in_batch: float) -> LabeledRows:
    """The rows with their labels, in order of time (of the file, without such a column). DataError and SettingsError name all that is wrong
    with the two columns.
    """
    plan = TablePlan.from_json(dataset.spec.plan)
    names = [encoding.name for encoding in dataset.spec.encodings]
    problems = target_problems(dataset.spec, plan, target) + time_problems(plan, time_column)
    if time_column is not None and time_column == target:
        problems.append(f"time and target are the same column, {target!r}.")
    if problems:
        raise SettingsError(listed("These columns do not work:", problems))
    assert target is not None
    labeling = Labeling(names.index(target), time_column, frauds_in_batch)
    found = LabeledRows(dataset.spec, dataset.codes, dataset.positions, dataset.fingerprint, labeling, np.arange(len(dataset)))
    if time_column is None:
        return found
    times = whole_values(plan, dataset.values(np.arange(len(dataset))), len(dataset), 0)[time_column].numbers
    assert times is not None
    refuse_bad_times(times, plan.column(time_column))
    return found.subset(np.argsort(times, kind="stable"))


def target_problems(spec: TableSpec, plan: TablePlan, target: str | None) -> list[str]:
    """What is wrong with a column as the one with the labels."""
    if target is None:
        return [f"target: name the column that says which rows are frauds. There are: {', '.join(each.name for each in plan.columns)}."]
    encoding = next((each for each in spec.encodings if each.name == target), None)
    if encoding is None:
        return [f"target: {absence(plan, target)}"]
    if encoding.pieces or encoding.kinds > 2:
        return [f"target: {target!r} has more than two values. It must say yes or no of each row (or nothing, where nobody knows)."]
    if encoding.kinds < 2:
        return [f"target: {target!r} has one value in all rows, so there is nothing to learn."]
    return []


def time_problems(plan: TablePlan, name: str | None) -> list[str]:
    """What is wrong with a column as the one that orders rows."""
    if name is None:
        return []
    column = next((each for each in plan.columns if each.name == name), None)
    if column is None or not column.is_modeled:
        return [f"time: {absence(plan, name)}"]
    return [] if column.is_numeric else [f"time: {name!r} has no dates or numbers ({column.reason})."]


def absence(plan: TablePlan, name: str) -> str:
    """Why a column cannot be used that is not among those to learn."""
    column: Column | None = next((each for each in plan.columns if each.name == name), None)
    if column is None:
        return f"there is no column {name!r}. {did_you_mean(name, [each.name for each in plan.columns])}"
    if column.is_modeled:
        return f"{name!r} follows from other columns, so that it tells nothing new. Leave those out (--drop)."
    kind = "the same in every row" if column.kind == "constant" else f"a column of kind {column.kind}"
    return f"{name!r} is {kind} ({column.reason}). Another kind can be said in a table.json (--table)."


def refuse_bad_times(times: np.ndarray, column: Column) -> None:
    """Raise a DataError for rows without a time, or of the future."""
    problems = []
    if missing := int(np.isnan(times).sum()):
        problems.append(f"{missing:,} of {len(times):,} rows have none.")
    now = time.time()
    if column.kind == "datetime" and (later := int((times > now + TOMORROW).sum())):
        problems.append(f"{later:,} of {len(times):,} rows are of the future, up to {np.datetime64(int(np.nanmax(times)), 's')}.")
    if problems:
        raise DataError(listed(f"Rows cannot be ordered by {column.name!r}. Correct these, or leave time out:", problems))


def split_labeled(dataset: LabeledRows, count: int | None, seed: int) -> tuple[LabeledRows, LabeledRows]:
    """What is trained on, and the last rows, which are held out (None: a fifth). Without times, the seed chooses them."""
    count = len(dataset) // HELD_OUT_ONE_IN if count is None else count
    if dataset.labeling.time is None:
        kept, held_out = split_holdout(dataset, count, seed)
        assert isinstance(kept, LabeledRows)
        assert isinstance(held_out, LabeledRows)
        return kept, held_out
    if count >= len(dataset):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(dataset)} rows does not.")
    rows = np.arange(len(dataset))
    return dataset.subset(rows[: len(rows) - count]), dataset.subset(rows[len(rows) - count :])


def fit_labeled(dataset: LabeledRows, holdout: int | None, seed: int) -> LabeledRows:
    """The rows with encodings that were found from what is trained on alone. (Numbers are decoded ranks, which single precision rounds: by
    at most 1e-4 of the range between two of a thousand quantiles.) DataError if no fraud, or nothing else, is there.
    """
    trained_on, held_out = split_labeled(dataset, holdout, seed)
    frauds, ordinary = int(trained_on.is_fraud.sum()), int((trained_on.is_labeled & ~trained_on.is_fraud).sum())
    if not frauds or not ordinary:
        what = "frauds" if not frauds else "rows that are none"
        name, later = dataset.spec.encodings[dataset.labeling.target].name, int(held_out.is_fraud.sum()) if not frauds else 0
        raise DataError(
            f"There are no {what} by {name!r} among the {len(trained_on):,} rows to train on"
            f"{f'; {later} are among those held out' if later else ''}. Hold out fewer (--holdout)."
        )
    everything = dataset.values(np.arange(len(dataset)))
    known = trained_on.values(np.arange(len(trained_on)))
    encodings = tuple(fit_encoding(each.name, known[each.name], step=each.step) for each in dataset.spec.encodings)
    spec = replace(dataset.spec, encodings=encodings)
    codes, positions = spec.encode(everything)
    return replace(dataset, spec=spec, codes=codes, positions=positions)
