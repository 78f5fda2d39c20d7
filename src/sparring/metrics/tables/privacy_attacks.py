"""Attacks on the rows that a synthetic table was made from: are they copied, can they be told from unseen rows, do they betray a column?

All of them compare training rows with held-out rows of the same source, which the generator has not seen. What works on both alike is
knowledge about the population; only what works better on training rows is a leak. An attack that fails proves nothing about others.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from sparring.core.errors import DataError
from sparring.metrics.tables.column_arrays import (
    TableArrays,
    bin_numbers,
    check_tables,
    holds_numbers,
    match_ids,
    missing,
    quantile_edges,
    take_rows,
)
from sparring.metrics.tables.confidence_bounds import Auc, auc, binomial_tail, clopper_pearson, true_positives_at
from sparring.metrics.tables.nearest_rows import nearest_rows

FALSE_POSITIVES = 0.01
"""Share of held-out rows that an attack may take for training rows where its true positives are counted (Carlini et al. 2022)."""
DENSITY_NEIGHBORS = 5
"""Number of neighbors that a density is estimated from."""
CLOSEST = (0.002, 0.01, 0.05)
"""Shares of the synthetic rows, those that lie closest to a real row, in which copies are looked for."""
RARELY_EQUAL = 0.002
"""Real rows of a table are rarely equal if so small a share of them is equal to a training row by chance."""
OFTENER = 1.5
"""A generator that draws what is common too often, and copies nothing, may repeat real rows so many times as often as real rows do."""
MOST_PAIRS = 1_000_000_000
"""Number of pairs of rows whose distances are computed to find copies: some five seconds."""
TENTHS = 10
"""A guessed number is right if it lies in the same tenth of the real rows as the true one."""


def match_rows(rows: TableArrays, to: TableArrays) -> Bool[np.ndarray, " n"]:
    """Which rows stand in the table `to`, too, equal in every column (missing values equal each other)."""
    check_tables(rows, to)
    n, ids = len(rows[0]), match_ids([np.concatenate(sides) for sides in zip(rows, to, strict=True)])
    return np.isin(ids[:n], ids[n:])


@dataclass(frozen=True)
class CopyTest:
    """Whether synthetic rows lie closer to training rows than to held-out rows."""

    nearer: float
    """Share of the synthetic rows whose nearest real row is a training row."""
    expected: float
    """That share if nothing was copied: the share of training rows among the real rows."""
    nearest_training: int
    """Among the closest synthetic rows, in the selection where copying shows most: different training rows that are nearest to one."""
    nearest_held_out: int
    """In the same selection: different held-out rows."""
    equal_rows: int
    """Different training rows that stand in the synthetic table as they are."""
    equal_by_chance: int
    """Real rows that are equal to another training row."""
    equal_p: float
    """Probability of so many equal rows by chance, by an exact binomial test; 1 where real rows coincide often."""
    p_value: float
    """Probability of the most suspicious of all counts by chance, by exact binomial tests, times the number of tests; at most 1."""


def copy_test(
    synthetic: TableArrays,
    training: TableArrays,
    held_out: TableArrays,
    ranges: Float[np.ndarray, " d"],
    random: np.random.Generator,
) -> CopyTest:
    """Test whether the synthetic rows closest to real rows lie nearest to training rows more often than chance explains.

    A generator that has learned only the distribution cannot know which real rows were trained on: each real row that is nearest to a
    synthetic one is a training row with the probability of `expected`. A generator that copies some rows is betrayed by the smallest
    distances, and by the smallest ratios of the nearest to the second nearest distance (of equal ratios, by the largest second
    distance): a copy may lie alone, a coincidence in a dense region does not. Each real row counts once, however many synthetic rows
    collapsed onto it. Ties are broken at random. No more synthetic rows are searched than make `MOST_PAIRS` pairs with real ones.

    With few held-out rows, chance explains much of that. So in tables whose real rows are rarely equal, training rows that stand in the
    synthetic table as they are are compared with real rows that are equal to another training row, too.
    """
    check_tables(synthetic, training, held_out)
    n, m = len(training[0]), len(held_out[0])
    order = random.permutation(n + m)
    pool = [np.concatenate(sides)[order] for sides in zip(training, held_out, strict=True)]
    searched = take_rows(synthetic, np.sort(random.permutation(len(synthetic[0]))[: max(1, MOST_PAIRS // (n + m))]))
    found = nearest_rows(searched, pool, ranges, k=2)
    nearest, trained = found.indices[:, 0], order < n
    near, second = found.distances[:, 0], found.distances[:, -1]
    ratio = np.divide(near, second, out=np.ones_like(near), where=second > 0)
    shuffled = random.permutation(len(near))  # before sorting, so that equal distances are chosen from at random
    selections = [near == 0, (near == 0) & (second > 0)]
    for values, isolation in ((near, np.zeros_like(near)), (ratio, second)):
        ranked = shuffled[np.lexsort((-isolation[shuffled], values[shuffled]))]
        for share in CLOSEST:
            selection = np.zeros(len(near), bool)
            selection[ranked[: int(np.ceil(share * len(near)))]] = True
            selections.append(selection)
    expected = n / (n + m)
    tests = []
    for selection in selections:
        rows = np.unique(nearest[selection])
        ours = int(trained[rows].sum())
        tests.append((binomial_tail(ours, len(rows), expected), ours, len(rows) - ours))
    chance, ours, others = min(tests)
    equal, natural, equal_p = _equal_rows(synthetic, training, held_out)
    p_value = min(1.0, min(chance, equal_p) * (len(tests) + 1))
    return CopyTest(float(trained[nearest].mean()), expected, ours, others, equal, natural, equal_p, p_value)


def _equal_rows(synthetic: TableArrays, training: TableArrays, held_out: TableArrays) -> tuple[int, int, float]:
    """Training rows that stand in the synthetic table, real rows that are equal to another training row, and how likely that is."""
    n, m = len(synthetic[0]), len(training[0])
    ids = match_ids([np.concatenate(sides) for sides in zip(synthetic, training, held_out, strict=True)])
    drawn, known, others = ids[:n], ids[n : n + m], ids[n + m :]
    different = np.unique(known)
    equal = len(np.intersect1d(drawn, different))
    natural = m - len(different) + int(np.isin(others, different).sum())
    real = m + len(others)
    if natural > RARELY_EQUAL * real:
        return equal, natural, 1.0
    return equal, natural, binomial_tail(equal, equal + natural, OFTENER * n / (OFTENER * n + real))


@dataclass(frozen=True)
class MembershipAttack:
    """How well a score of rows tells training rows from held-out ones."""

    name: str
    auc: Auc
    """0.5: not at all."""
    true_positives: float
    """Share of training rows found while 1 % of the held-out rows are taken for training rows; 0.01 is chance."""
    true_positive_bounds: tuple[float, float]
    """95 % bounds (Clopper and Pearson), with the threshold fixed."""
    true_positive_p: float
    """Probability of so many true positives if training and held-out rows have equal scores, by an exact test that allows for the threshold
    being found from the same held-out rows."""


def membership_attack(name: str, training: Float[np.ndarray, " n"], held_out: Float[np.ndarray, " m"]) -> MembershipAttack:
    """Attack by a score of each row, given for training and for held-out rows: high where the attacker suspects a training row.

    Raises a DataError for scores that are not finite, or fewer than two on a side.
    """
    if not (np.isfinite(training).all() and np.isfinite(held_out).all()):
        raise DataError(f"The attack {name!r} has scores that are not finite.")
    area = auc(training, held_out)
    hits = true_positives_at(training, held_out, FALSE_POSITIVES)
    n, m = len(training), len(held_out)
    # so many hits stand above the (allowed + 1)-th held-out row just if, of the highest hits + allowed rows, so many are training rows
    chance = binomial_tail(hits, hits + int(FALSE_POSITIVES * m), n / (n + m))
    return MembershipAttack(name, area, hits / n, clopper_pearson(hits, n), chance)


def nearest_row_scores(rows: TableArrays, synthetic: TableArrays, ranges: Float[np.ndarray, " d"]) -> Float[np.ndarray, " n"]:
    """Minus the distance of each row to its nearest synthetic row."""
    return -nearest_rows(rows, synthetic, ranges).distances[:, 0]


def density_ratio_scores(
    rows: TableArrays, synthetic: TableArrays, reference: TableArrays, ranges: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " n"]:
    """Logarithm of the synthetic density over the density of reference rows, real ones that are neither trained on nor attacked, at each
    row (DOMIAS, van Breugel et al. 2023), up to a constant: densities are estimated from the distance to the fifth nearest row.
    """
    near, usual = (nearest_rows(rows, table, ranges, DENSITY_NEIGHBORS).distances[:, -1] for table in (synthetic, reference))
    least = 1e-3 * usual.mean() + 1e-12
    return np.log((usual + least) / (near + least))


@dataclass(frozen=True)
class AttributeDisclosure:
    """How often a column of a row is guessed from the nearest synthetic row, found by the other columns."""

    training: float
    """Share of right guesses on training rows."""
    held_out: float
    """Share of right guesses on held-out rows: what anybody can know about a person who is not in the table."""
    guessing: float
    """Share of right guesses on training rows by the most common value."""
    error: float
    """Standard error of `training` - `held_out`."""

    @property
    def leak(self) -> float:
        """How much better training rows are guessed than unseen ones."""
        return self.training - self.held_out


def attribute_disclosure(
    column: int, synthetic: TableArrays, training: TableArrays, held_out: TableArrays, ranges: Float[np.ndarray, " d"]
) -> AttributeDisclosure:
    """Guess a column of training and held-out rows. Numbers are right in the right tenth. Raises a DataError if it is the only column, or
    missing in all rows of a table.
    """
    others = [i for i in range(len(synthetic)) if i != column]
    tables = [take_rows(table, ~missing(table[column])) for table in (synthetic, training, held_out)]
    if not others or not all(len(table[column]) for table in tables):
        raise DataError("Attribute disclosure needs values of the column in all tables, and another column.")
    edges = quantile_edges(tables[1][column], TENTHS) if holds_numbers(tables[1][column]) else None
    values = [table[column] if edges is None else bin_numbers(table[column], edges) for table in tables]
    known = [[table[i] for i in others] for table in tables]
    right = []
    for rows, truth in zip(known[1:], values[1:], strict=True):
        right.append(values[0][nearest_rows(rows, known[0], ranges[others]).indices[:, 0]] == truth)
    variance = sum((hits.mean() * (1 - hits.mean()) + 1 / len(hits)) / len(hits) for hits in right)
    most = np.bincount(values[1]).max() / len(values[1])
    return AttributeDisclosure(float(right[0].mean()), float(right[1].mean()), float(most), float(np.sqrt(variance)))
