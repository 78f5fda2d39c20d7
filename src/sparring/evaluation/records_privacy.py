"""Attacks on the patients that a model of records was trained on, with held-out patients as control."""

import numpy as np

from sparring.evaluation.aligned_tables import random_numbers
from sparring.evaluation.records_judgment import RecordsPrivacy
from sparring.metrics.records.code_frequencies import Present
from sparring.metrics.records.patient_distances import code_disclosure, copied_patients, density_ratios, nearest_patients
from sparring.metrics.tables.privacy_attacks import membership_attack

ATTACKED = 5_000
"""Largest number of training patients, and of held-out ones, that are attacked."""


def attack_records(training: Present, synthetic: Present, held_out: Present, seed: int) -> RecordsPrivacy:
    """Tell training patients from held-out ones by the nearest generated patient, and by the ratio of densities; and guess half of their
    codes from the other half. For the ratio, one half of the held-out patients is the reference, and the other half is attacked.
    """
    members, others = (some(side, seed, name) for side, name in ((training, "members"), (held_out, "non-members")))
    halves = np.array_split(random_numbers(seed, "reference").permutation(len(held_out)), 2)
    reference, unseen = (held_out[np.sort(half)] for half in halves)
    near = [nearest_patients(side, synthetic)[0][:, 0] for side in (members, others)]
    attacks = (
        membership_attack("nearest patient", *(-each.astype(np.float64) for each in near)),
        membership_attack("density ratio", *(density_ratios(side, synthetic, reference) for side in (members, unseen))),
    )
    known = np.sort(random_numbers(seed, "known codes").permutation(training.shape[1])[: max(1, training.shape[1] // 2)])
    return RecordsPrivacy(
        attacks,
        code_disclosure(synthetic, members, others, known, random_numbers(seed, "disclosure")),
        float(copied_patients(synthetic, training).mean()),
        float(copied_patients(held_out, training).mean()),
        float(np.median(nearest_patients(some(synthetic, seed, "distances"), training)[0])),
        float(np.median(nearest_patients(others, training)[0])),
    )


def some(side: Present, seed: int, name: str) -> Present:
    """Random patients, if there are too many."""
    return side[np.sort(random_numbers(seed, name).permutation(len(side))[:ATTACKED])]
