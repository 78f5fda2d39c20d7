"""Attacks on the training rows of a synthetic table, with held-out rows as control."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sparring.data.tables.columns import TableValues
from sparring.data.tables.privacy import PrivacyBudget
from sparring.evaluation.aligned_tables import AlignedTables, choose_rows, random_numbers, take_table_rows
from sparring.evaluation.table_judgment import TablePrivacy
from sparring.metrics.tables.column_arrays import TableArrays, missing, take_rows
from sparring.metrics.tables.nearest_rows import column_ranges, nearest_rows
from sparring.metrics.tables.privacy_attacks import (
    AttributeDisclosure,
    attribute_disclosure,
    density_ratio_scores,
    membership_attack,
    nearest_row_scores,
)
from sparring.metrics.tables.privacy_audit import DOUBT, audit_privacy

ATTACKED_ROWS = 5_000
"""Largest number of training rows, and of held-out rows, that are attacked."""
SYNTHETIC_ROWS = 50_000
"""Largest number of synthetic rows that an attacker uses."""
GUESSED_ROWS = 1_000
"""Largest number of training rows, and of held-out rows, in which columns are guessed."""


@dataclass(frozen=True)
class AttackedModel:
    """What an attacker has beside the synthetic rows: the model."""

    attack: str = ""
    """Name of the attack by `score`."""
    score: Callable[[TableValues], Float[np.ndarray, " n"]] | None = None
    """A score of each row, high for rows that it takes for training rows."""
    privacy: PrivacyBudget | None = None
    """What its training promises."""


def attack_tables(
    aligned: AlignedTables, real: TableValues, held_out: TableValues, *, model: AttackedModel | None, seed: int
) -> TablePrivacy:
    """Attack the rows of the real table: by the nearest synthetic row, by the ratio of densities, and by what the model says of them.

    `aligned` holds real, synthetic and held-out rows. Half of the held-out rows are the reference of the density ratio; the other half is
    what the training rows are to be told from.
    """
    training, synthetic, control = aligned.tables
    ranges = column_ranges(training, control)
    synthetic = choose_rows(synthetic, SYNTHETIC_ROWS, random_numbers(seed, "attacker's rows"))
    members = np.sort(random_numbers(seed, "members").permutation(len(training[0]))[:ATTACKED_ROWS])
    order = random_numbers(seed, "non-members").permutation(len(control[0]))
    reference, others = take_rows(control, np.sort(order[: len(order) // 2])), np.sort(order[len(order) // 2 :][:ATTACKED_ROWS])
    rows = take_rows(training, members), take_rows(control, others)
    scores = {
        "nearest row": [nearest_row_scores(table, synthetic, ranges) for table in rows],
        "density ratio": [density_ratio_scores(table, synthetic, reference, ranges) for table in rows],
    }
    if model is not None and model.score is not None:
        scores[model.attack] = [np.asarray(model.score(take_table_rows(*each)), float) for each in ((real, members), (held_out, others))]
    attacks = [membership_attack(name, *sides) for name, sides in scores.items()]
    promised = None if model is None else model.privacy
    half, other = tossed(len(members), len(others), random_numbers(seed, "audited"))
    delta = promised.delta if promised else 0.0
    audits = [audit_privacy(trained[half], unseen[other], delta, DOUBT / len(scores)) for trained, unseen in scores.values()]
    distances = [
        float(np.median(nearest_rows(choose_rows(table, GUESSED_ROWS, random_numbers(seed, "distances")), training, ranges).distances))
        for table in (synthetic, control)
    ]
    disclosures = _disclose_columns(aligned, synthetic, ranges, seed)
    audit = max(audits, key=lambda each: each.epsilon)
    return TablePrivacy((distances[0], distances[1]), tuple(attacks), disclosures, audit, promised.epsilon if promised else None)


def tossed(members: int, others: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of rows that were trained on and of held-out rows, as many of each as if a fair coin had chosen the side of every row. There
    are so few in all that five standard deviations more of one side could be had.
    """
    most = min(members, others)
    rows = max(0, 2 * most - math.ceil(5 * (2 * most) ** 0.5))
    trained = min(int(random.binomial(rows, 0.5)), most)
    return np.sort(random.permutation(members)[:trained]), np.sort(random.permutation(others)[: min(rows - trained, most)])


def _disclose_columns(
    aligned: AlignedTables, synthetic: TableArrays, ranges: np.ndarray, seed: int
) -> tuple[tuple[str, AttributeDisclosure], ...]:
    """Guess every column of some training and held-out rows, if there are others to guess it from. The largest leak comes first."""
    training, _, control = aligned.tables
    known, unseen = (choose_rows(table, GUESSED_ROWS, random_numbers(seed, "guessed rows")) for table in (training, control))
    found = []
    for i, column in enumerate(aligned.columns):
        if len(aligned.columns) > 1 and not any(missing(table[i]).all() for table in (synthetic, known, unseen)):
            found.append((column.name, attribute_disclosure(i, synthetic, known, unseen, ranges)))
    return tuple(sorted(found, key=lambda each: -each[1].leak))
