"""Which codes patients have, and how often: sparse."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Int32, Int64, Num


@dataclass(frozen=True, eq=False)
class PatientRecords:
    """The codes of patients, in compressed rows: those of patient i are `indices[indptr[i]:indptr[i + 1]]`."""

    codes: tuple[str, ...]
    """As the source writes them."""
    indptr: Int64[np.ndarray, " patients_and_one"]
    indices: Int32[np.ndarray, " n"]
    """Numbers of codes, rising for each patient."""
    counts: Int32[np.ndarray, " n"]
    """How often a patient has each of these codes, 1 or more."""
    visits: Int32[np.ndarray, " patients"] | None = None
    """Number of visits of each patient; None: not known."""

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def take(self, rows: Int64[np.ndarray, " k"]) -> "PatientRecords":
        """Some of the patients."""
        sizes = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        places = np.repeat(self.indptr[rows] - indptr[:-1], sizes) + np.arange(indptr[-1])
        visits = None if self.visits is None else np.asarray(self.visits[rows])
        return PatientRecords(self.codes, indptr, np.asarray(self.indices[places]), np.asarray(self.counts[places]), visits)

    @property
    def rows(self) -> Int64[np.ndarray, " n"]:
        """The number of the patient of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def dense(self) -> Int32[np.ndarray, "patients codes"]:
        """How often each patient has each code, zeros included."""
        found = np.zeros((len(self), len(self.codes)), np.int32)
        found[self.rows, self.indices] = self.counts
        return found

    def present(self) -> Bool[np.ndarray, "patients codes"]:
        """Whether each patient has each code."""
        return self.dense() > 0

    def patients_of_codes(self) -> Int64[np.ndarray, " codes"]:
        """Number of patients that have each code."""
        return np.bincount(self.indices, minlength=len(self.codes))

    def with_codes(self, codes: Sequence[str]) -> "PatientRecords":
        """The same patients by another list of codes. Entries of codes that are not in it are left out."""
        place = {code: number for number, code in enumerate(codes)}
        moved = np.array([place.get(code, -1) for code in self.codes], np.int32)[self.indices]
        kept = moved >= 0
        return from_entries(tuple(codes), len(self), self.rows[kept], moved[kept], self.counts[kept], self.visits)


def from_entries(
    codes: tuple[str, ...],
    patients: int,
    rows: Int[np.ndarray, " n"],
    indices: Int32[np.ndarray, " n"],
    counts: Num[np.ndarray, " n"],
    visits: Int32[np.ndarray, " patients"] | None,
) -> PatientRecords:
    """Records from entries in any order, those of the same patient and code summed, and those that sum to 0 left out."""
    keys, where = np.unique(rows.astype(np.int64) * max(1, len(codes)) + indices, return_inverse=True)
    sums = np.bincount(where, counts, minlength=len(keys)).astype(np.int32)
    keys, sums = keys[sums > 0], sums[sums > 0]
    owner = keys // max(1, len(codes))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=patients))]).astype(np.int64)
    return PatientRecords(codes, indptr, (keys % max(1, len(codes))).astype(np.int32), sums, visits)


def from_dense(
    codes: tuple[str, ...], counts: Int32[np.ndarray, "patients codes"], visits: Int32[np.ndarray, " patients"] | None
) -> PatientRecords:
    """Records from how often each patient has each code."""
    rows, indices = np.nonzero(counts)
    return from_entries(codes, len(counts), rows, indices.astype(np.int32), counts[rows, indices], visits)
