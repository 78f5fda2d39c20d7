"""Patients that a game generates."""

from typing import cast

import numpy as np

from sparring.core.random_streams import Streams
from sparring.data.records.patient_records import PatientRecords, from_dense
from sparring.data.records.records_spec import RecordsSpec
from sparring.games.capabilities import Samples
from sparring.games.game import Game

CHUNK = 2048
"""Number of patients whose numbers between thresholds are drawn together, whatever is asked for."""


def generated_records(game: Game, spec: RecordsSpec, n: int, seed: int, first: int = 0) -> PatientRecords:
    """Patients `first` to `first + n - 1` of `seed`: the same however they are split into calls."""
    parts = []
    for chunk in range(first // CHUNK, -(-(first + n) // CHUNK)):
        low, high = max(first, chunk * CHUNK), min(first + n, (chunk + 1) * CHUNK)
        samples = cast(Samples, game).sample(high - low, seed, None, low).cpu().numpy() > 0.5
        draws = (Streams(seed, chunk, scope="records").uniform("values", CHUNK, len(spec.items)).double().numpy() + 1) / 2
        parts.append(from_dense(spec.codes, *spec.decode(samples, draws[low - chunk * CHUNK : high - chunk * CHUNK])))
    return joined(parts)


def joined(parts: list[PatientRecords]) -> PatientRecords:
    """Patients one after the other, of the same codes."""
    begins = np.cumsum([0, *(len(part.indices) for part in parts)])
    indptr = np.concatenate([[0], *(part.indptr[1:] + begin for part, begin in zip(parts, begins, strict=False))]).astype(np.int64)
    visits = [part.visits for part in parts if part.visits is not None]
    return PatientRecords(
        parts[0].codes,
        indptr,
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate(visits) if visits else None,
    )
