"""Patients as a dataset: sparse in memory or mapped from disk, and dense batch by batch."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.records.patient_records import PatientRecords
from sparring.data.records.records_spec import RecordsSpec

HOLDOUT_ONE_IN, LARGEST_HOLDOUT = 5, 10_000
"""Patients held out: scores predict each code of held-out patients, which takes more of them than a table's rows do."""


@dataclass(frozen=True, eq=False)
class RecordsDataset:
    """Patients, all those that were read or some of them."""

    spec: RecordsSpec
    everybody: PatientRecords
    """All patients that were read."""
    patients: Int64[np.ndarray, " n"]
    """Numbers of those that are in this dataset."""
    fingerprint: str
    """A digest of the content."""

    @property
    def labels(self) -> None:
        """Patients have no labels."""

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def counts(self) -> tuple[int]:
        """Number of patients, as a tuple: all are of one kind."""
        return (len(self),)

    def records(self, indices: Int64[np.ndarray, " n"] | None = None) -> PatientRecords:
        """The patients with these numbers; None: all."""
        return self.everybody.take(self.patients if indices is None else self.patients[indices])

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """The patients with these numbers, as networks see them."""
        return Batch(torch.from_numpy(self.spec.encode(self.records(np.asarray(indices)))))


def split_holdout(dataset: RecordsDataset, count: int | None, seed: int) -> tuple[RecordsDataset, RecordsDataset]:
    """The training set, and a holdout of `count` patients that the seed chooses (None: one in five, at most 10,000)."""
    count = min(LARGEST_HOLDOUT, len(dataset) // HOLDOUT_ONE_IN) if count is None else count
    if count >= len(dataset):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(dataset)} patients does not.")
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "patients holdout", 0))).permutation(dataset.patients)
    return tuple(replace(dataset, patients=np.sort(some)) for some in (order[count:], order[:count]))  # pyright: ignore[reportReturnType] (two)
