"""Health records for tests, and settings with which their recipes train in moments."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sparring.data.records.patient_records import PatientRecords, from_dense

SMALL: dict[str, Any] = {
    "batch_size": 16, "latent_size": 8, "discriminator_hidden": (8,), "autoencoder_steps": 2, "threads": 1, "log_every": 1,
    "precision": "float32",
}  # fmt: skip
CODES = tuple(f"{number:03d}" for number in range(12))
"""Written with leading zeros."""


def present(patients: int = 400, seed: int = 0) -> np.ndarray:
    """Patients of two kinds: the first six codes go together, and so do the others, but for the last, which everybody has."""
    random = np.random.default_rng(seed)
    kind = random.random(patients) < 0.4
    chances = np.where(kind[:, None], [0.8] * 6 + [0.05] * 5, [0.05] * 6 + [0.7] * 5)
    return np.concatenate([random.random((patients, 11)) < chances, np.ones((patients, 1), bool)], axis=1)


def records(patients: int = 400, seed: int = 0, *, visits: bool = False) -> PatientRecords:
    """`present` as records; visits are as many as the codes, and one more."""
    found = present(patients, seed)
    return from_dense(CODES, found.astype(np.int32), found.sum(axis=1).astype(np.int32) + 1 if visits else None)


def long_frame(patients: int = 60, seed: int = 0) -> pd.DataFrame:
    """`present` as a long table with dates: each patient has a code on one to three days."""
    random, found = np.random.default_rng(seed), present(patients, seed)
    rows = [
        (f"p{patient:02d}", CODES[code], pd.Timestamp("2020-01-01") + pd.Timedelta(days=int(day)))
        for patient, code in np.argwhere(found)
        for day in random.integers(0, 9, random.integers(1, 4))
    ]
    return pd.DataFrame(rows, columns=["person", "code", "day"])


def write_long(folder: Path, patients: int = 60) -> Path:
    """`long_frame` as a CSV file."""
    path = folder / "long.csv"
    long_frame(patients).to_csv(path, index=False)
    return path


def shuffled(records: PatientRecords, seed: int = 1) -> PatientRecords:
    """Every code given to other patients: frequencies stay, and nothing goes together."""
    random = np.random.default_rng(seed)
    return from_dense(records.codes, np.stack([random.permutation(column) for column in records.dense().T], axis=1), records.visits)
