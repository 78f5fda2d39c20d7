"""What one patient's record is, as networks see it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from sparring.core.data_spec import Spec
from sparring.data.records.patient_records import PatientRecords

MOST_PATIENTS = 10**7
"""Shares of more patients than these are taken for the nearest ones of fewer."""
VISITS = "visits"
"""What the column of the number of visits is called where the source has none."""


@dataclass(frozen=True)
class Item:
    """One number of a record: how often a patient has a code, or the number of visits. Networks see which of its thresholds it reaches."""

    name: str
    thresholds: tuple[int, ...]
    """Rising. Of a code the first is 1: the patient has it."""
    shares: tuple[float, ...]
    """Share of the patients that reach each threshold."""
    values: tuple[tuple[int, ...], ...]
    """For each number of thresholds that are reached (0 to all), numbers that are drawn from, all equally likely."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Item":
        """The inverse of `asdict`. KeyError, TypeError or ValueError for what is no item."""
        thresholds, shares = tuple(value["thresholds"]), tuple(value["shares"])
        item = cls(str(value["name"]), thresholds, shares, tuple(map(tuple, value["values"])))
        if not item.thresholds or len(item.shares) != len(item.thresholds) or len(item.values) != len(item.thresholds) + 1:
            raise ValueError(f"{item.name} is no item of a record")
        return item


@dataclass(frozen=True)
class RecordsSpec(Spec):
    """Patients by codes."""

    kind: ClassVar[str] = "records"

    items: tuple[Item, ...]
    """The codes in the order of the source, and the number of visits after them, if it is known."""
    has_visits: bool
    counted: bool
    """Whether counts are learned, and not only which codes a patient has."""
    source: Mapping[str, Any]
    """How records were read, for models to write and read records like them (see `read_records.RawRecords`)."""
    classes: tuple[str, ...] = ()
    """Empty: patients have no classes."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes, as the source writes them."""
        return tuple(item.name for item in self.items[: len(self.items) - self.has_visits])

    def label(self, code: str) -> str:
        """A code with its name, where that is known."""
        name = self.source.get("labels", {}).get(code)
        return code if name is None else f"{name} ({code})"

    @property
    def shape(self) -> tuple[int]:
        """(width,): for each item, an indicator for each of its thresholds."""
        return (sum(len(item.thresholds) for item in self.items),)

    @cached_property
    def firsts(self) -> Int64[np.ndarray, " items"]:
        """The place of each item's first indicator."""
        return np.concatenate([[0], np.cumsum([len(item.thresholds) for item in self.items])])[:-1].astype(np.int64)

    @cached_property
    def previous(self) -> Int64[np.ndarray, " width"]:
        """For each indicator, the place of the one below it, which it needs; -1 for the first ones."""
        found = np.arange(self.shape[0], dtype=np.int64) - 1
        found[self.firsts] = -1
        return found

    @property
    def shares(self) -> Float64[np.ndarray, " width"]:
        """Share of the patients that have each indicator."""
        return np.array([share for item in self.items for share in item.shares])

    @cached_property
    def patients(self) -> int:
        """Number of patients that the shares are of: the least common denominator of these. (Were all numbers of patients multiples of one
        number, it would be as many times less.)
        """
        return math.lcm(*(Fraction(share).limit_denominator(MOST_PATIENTS).denominator for item in self.items for share in item.shares))

    def to_json(self) -> dict[str, Any]:
        """See Spec."""
        about = {"has_visits": self.has_visits, "counted": self.counted, "source": dict(self.source)}
        return {"kind": self.kind, "items": [asdict(item) for item in self.items], **about}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RecordsSpec":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what are no records."""
        spec = cls(tuple(map(Item.from_json, value["items"])), bool(value["has_visits"]), bool(value["counted"]), value["source"])
        if not spec.codes:
            raise ValueError("records have codes")
        return spec

    def __str__(self) -> str:
        return f"{len(self.codes):,} codes"

    # ------------------------------------------------------------------------------------------------ records and indicators

    @cached_property
    def _ladder(self) -> Int64[np.ndarray, "items levels"]:
        """The thresholds of each item, one row each; where an item has fewer, numbers that none reaches."""
        most = max(len(item.thresholds) for item in self.items)
        found = np.full((len(self.items), most), np.iinfo(np.int64).max)
        for number, item in enumerate(self.items):
            found[number, : len(item.thresholds)] = item.thresholds
        return found

    def encode(self, records: PatientRecords) -> Float32[np.ndarray, "n width"]:
        """Patients as networks see them: indicators, 0 or 1."""
        found = np.zeros((len(records), self.shape[0]), np.float32)
        rows, items, numbers = records.rows, records.indices.astype(np.int64), records.counts.astype(np.int64)
        if self.has_visits:
            assert records.visits is not None
            patients = np.arange(len(records))
            rows, items = np.concatenate([rows, patients]), np.concatenate([items, np.full(len(records), len(self.items) - 1)])
            numbers = np.concatenate([numbers, records.visits.astype(np.int64)])
        entries, levels = np.nonzero(numbers[:, None] >= self._ladder[items])
        found[rows[entries], self.firsts[items[entries]] + levels] = 1
        return found

    def decode(
        self, indicators: Bool[np.ndarray, "n width"], draws: Float64[np.ndarray, "n items"]
    ) -> tuple[Int32[np.ndarray, "n codes"], Int32[np.ndarray, " n"] | None]:
        """How often patients have codes, and their numbers of visits, from indicators. `draws`: numbers in [0, 1) that choose among the
        numbers between two thresholds.
        """
        found = np.add.reduceat(indicators, self.firsts, axis=1, dtype=np.int32)
        for number, item in enumerate(self.items):
            if any(values != (level,) for level, values in enumerate(item.values)):
                found[:, number] = _chosen(item, found[:, number], draws[:, number])
        return (found[:, :-1], found[:, -1]) if self.has_visits else (found, None)


def _chosen(item: Item, reached: Int32[np.ndarray, " n"], draws: Float64[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    sizes = np.array([len(values) for values in item.values])
    begins = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    flat = np.array([value for values in item.values for value in values], np.int32)
    return flat[begins[reached] + np.minimum((draws * sizes[reached]).astype(np.int64), sizes[reached] - 1)]
