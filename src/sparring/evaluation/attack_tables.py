"""Attacks on the training rows of a synthetic table, with held-out rows as control."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from sparring.data.tables.columns import TableValues
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

ATTACKED_ROWS = 5_000
"""Largest number of training rows, and of held-out rows, that are attacked."""
SYNTHETIC_ROWS = 50_000
"""Largest number of synthetic rows that an attacker uses."""
GUESSED_ROWS = 1_000
"""Largest number of training rows, and of held-out rows, in which columns are guessed."""
LogitsOfRows = Callable[[TableValues], Float[np.ndarray, " n"]]
"""A score of each row, high for rows that it takes for training rows."""


def attack_tables(
    aligned: AlignedTables, real: TableValues, held_out: TableValues, *, logits: LogitsOfRows | None, seed: int
) -> TablePrivacy:
    """Attack the rows of the real table: by the nearest synthetic row, by the ratio of densities, and by `logits` if given.

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
    near = [nearest_row_scores(table, synthetic, ranges) for table in rows]
    ratio = [density_ratio_scores(table, synthetic, reference, ranges) for table in rows]
    attacks = [membership_attack("nearest row", *near), membership_attack("density ratio", *ratio)]
    if logits is not None:
        scores = [np.asarray(logits(take_table_rows(*each)), float) for each in ((real, members), (held_out, others))]
        attacks.append(membership_attack("discriminator", *scores))
    distances = [
        float(np.median(nearest_rows(choose_rows(table, GUESSED_ROWS, random_numbers(seed, "distances")), training, ranges).distances))
        for table in (synthetic, control)
    ]
    disclosures = _disclose_columns(aligned, synthetic, ranges, seed)
    return TablePrivacy((distances[0], distances[1]), tuple(attacks), disclosures)


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
