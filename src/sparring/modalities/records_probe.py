"""What is measured of health records while they are learned: codes, pairs of codes, codes of each patient, and copies."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sparring.data.records.records_dataset import RecordsDataset
from sparring.games.game import Game
from sparring.metrics.records.code_frequencies import frequencies, frequency_error
from sparring.metrics.records.code_pairs import frequent_codes, pairs_distance, phi
from sparring.metrics.records.patient_distances import copied_patients
from sparring.modalities.generated_records import generated_records
from sparring.modalities.tables import spread

PROBED = 2048
"""Number of patients that are generated for a measurement, and of real ones that they are compared with."""
EXPECTED = 10
"""A code is lost if so many patients with it were due, and none came."""


def records_probe(
    data: RecordsDataset, holdout: RecordsDataset | None, seed: int
) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of records once, and of games on them."""
    spec = data.spec
    real = data.records(spread(len(data), PROBED)).present()
    everybody = data.records().present()
    others = real if holdout is None or len(holdout) < EXPECTED else holdout.records(spread(len(holdout), PROBED)).present()
    codes = frequent_codes(real)
    known, random = phi(real[:, codes]), np.random.default_rng(seed)
    apart = np.stack([random.permutation(column) for column in real.T], axis=1)
    facts = {
        "code_frequencies/holdout": frequency_error(real, others),
        "code_pairs/holdout": pairs_distance(known, len(real), others[:, codes]),
        "code_pairs/independent": pairs_distance(known, len(real), apart[:, codes]),
        "codes_per_patient/data": float(real.sum(axis=1).mean()),
        "codes_per_patient/data/deviation": float(real.sum(axis=1).std()),
        "copied_patients/holdout": 0.0 if others is real else float(copied_patients(others, everybody).mean()),
    }
    due = frequencies(everybody) * PROBED

    def measure(game: Game) -> dict[str, Any]:
        made = generated_records(game, spec, PROBED, seed).present()
        lost = np.flatnonzero((due >= EXPECTED) & ~made.any(axis=0))
        return {
            "code_frequencies": frequency_error(real, made),
            "code_pairs": pairs_distance(known, len(real), made[:, codes]),
            "codes_per_patient": float(made.sum(axis=1).mean()),
            "codes_per_patient/deviation": float(made.sum(axis=1).std()),
            "lost_codes": [spec.label(spec.codes[code]) for code in lost],
            "copied_patients": float(copied_patients(made, everybody).mean()),
        }

    return facts, measure
