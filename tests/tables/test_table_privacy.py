"""Attacks on tables: copies made on purpose are caught, honest generators are not accused."""

import numpy as np
import pytest

from sparring.core.errors import DataError
from sparring.evaluation.table_findings import ACCUSED
from sparring.metrics.tables.nearest_rows import column_ranges
from sparring.metrics.tables.privacy_attacks import (
    CopyTest,
    attribute_disclosure,
    copy_test,
    density_ratio_scores,
    match_rows,
    membership_attack,
    nearest_row_scores,
)
from support.synthetic_tables import Table, arrays, people, with_column, with_copies

ROWS, TRIES = 2000, 20


def run_copy_test(synthetic: Table, training: Table, held_out: Table, seed: int) -> CopyTest:
    real, unseen = arrays(training), arrays(held_out)
    return copy_test(arrays(synthetic), real, unseen, column_ranges(real, unseen), np.random.default_rng(seed))


def rounded(table: Table) -> Table:
    """The table with numbers so coarse that rows coincide by chance."""
    for name, step in (("age", 5), ("pay", 500), ("seen", 1e7)):
        table = with_column(table, name, lambda values, step=step: np.round(values / step) * step)
    return table


def test_one_percent_of_copies_is_caught_every_time() -> None:
    caught = 0
    for i in range(TRIES):
        training, held_out = people(ROWS, 3 * i), people(ROWS, 3 * i + 1)
        leaky = with_copies(people(ROWS, 3 * i + 2), training, ROWS // 100, i)
        caught += run_copy_test(leaky, training, held_out, i).p_value < ACCUSED
    assert caught == TRIES


def test_one_percent_of_copies_is_caught_with_few_held_out_rows() -> None:
    caught = 0
    for i in range(TRIES):
        training, held_out = people(ROWS, 3 * i), people(ROWS // 10, 3 * i + 1)
        leaky = with_copies(people(ROWS, 3 * i + 2), training, ROWS // 100, i)
        caught += run_copy_test(leaky, training, held_out, i).p_value < ACCUSED
    assert caught == TRIES


def test_one_percent_of_slightly_changed_copies_is_caught() -> None:
    training, held_out = people(ROWS, 0), people(ROWS, 1)
    leaky = with_copies(people(ROWS, 2), training, ROWS // 100, 0)
    for name, noise in (("age", 0.001), ("pay", 0.1)):
        leaky = with_column(leaky, name, lambda x, noise=noise: x + np.random.default_rng(0).normal(0, noise, len(x)))
    assert run_copy_test(leaky, training, held_out, 0).p_value < ACCUSED


@pytest.mark.parametrize("coarse", [False, True])
def test_honest_generators_are_not_accused(coarse: bool) -> None:
    accused = 0
    for i in range(TRIES):
        tables = [people(rows, 100 + 3 * i + j) for j, rows in enumerate((ROWS, ROWS // 2, ROWS))]
        training, held_out, honest = (rounded(table) for table in tables) if coarse else tables
        accused += run_copy_test(honest, training, held_out, i).p_value < ACCUSED
    assert accused <= 1


def test_a_collapsed_generator_is_not_taken_for_a_copier() -> None:
    training, held_out = people(ROWS, 0), people(ROWS, 1)
    collapsed = {name: values.take(np.zeros(ROWS, int)) for name, values in people(ROWS, 2).items()}
    assert run_copy_test(collapsed, training, held_out, 0).p_value > ACCUSED


def test_p_value_of_copies_by_hand() -> None:
    training, held_out = [np.arange(100.0)], [np.arange(100.0) + 0.5]
    near = np.arange(100.0) + 0.1
    found = copy_test([near], training, held_out, np.array([100.0]), np.random.default_rng(0))
    assert (found.nearest_training, found.nearest_held_out, found.nearer, found.expected) == (5, 0, 1, 0.5)  # 5 % of the rows
    assert found.p_value == pytest.approx(0.5**5 * 9)  # nine tests
    found = copy_test([np.arange(0, 100, 10.0)], training, held_out, np.array([100.0]), np.random.default_rng(0))
    assert (found.equal_rows, found.equal_by_chance) == (10, 0)
    assert found.equal_p == pytest.approx((15 / 215) ** 10)


def test_membership_attacks_on_an_overfitted_and_on_an_honest_generator() -> None:
    training, held_out, reference, fresh = (people(1000, i) for i in range(4))
    noisy = with_column(training, "pay", lambda x: x + np.random.default_rng(0).normal(0, 5, len(x)))
    rows, unseen = arrays(training), arrays(held_out)
    ranges = column_ranges(rows, unseen)
    for synthetic, leaks in ((noisy, True), (fresh, False)):
        table = arrays(synthetic)
        near = membership_attack("nearest row", nearest_row_scores(rows, table, ranges), nearest_row_scores(unseen, table, ranges))
        ratios = [density_ratio_scores(each, table, arrays(reference), ranges) for each in (rows, unseen)]
        density = membership_attack("density ratio", *ratios)
        if leaks:
            assert near.auc.bounds[0] > 0.9
            assert near.true_positive_bounds[0] > 0.5
            assert near.true_positive_p < 1e-6
            assert density.auc.bounds[0] > 0.5
        else:
            assert all(abs(attack.auc.value - 0.5) < 4 * attack.auc.standard_error for attack in (near, density))
            assert min(near.true_positive_p, density.true_positive_p) > 0.001


def test_true_positives_of_an_attack_by_hand() -> None:
    attack = membership_attack("given", np.array([0.5] * 90 + [2.0] * 10), np.linspace(0, 1, 100))
    assert attack.true_positives == 0.1
    assert attack.true_positive_bounds == pytest.approx((0.0490, 0.1762), abs=1e-4)
    with pytest.raises(DataError):
        membership_attack("given", np.array([np.nan, 1]), np.array([0.0, 1]))


def test_exact_p_value_of_true_positives_is_honest() -> None:
    random = np.random.default_rng(0)
    found = [membership_attack("given", random.random(300), random.random(300)).true_positive_p for _ in range(300)]
    assert 0.01 < np.mean(np.array(found) < 0.1) < 0.15


def test_attributes_of_copied_rows_are_disclosed() -> None:
    training, held_out, fresh = (arrays(people(600, i)) for i in range(3))
    ranges = column_ranges(training, held_out)
    copied, honest = (attribute_disclosure(2, table, training, held_out, ranges) for table in (training, fresh))
    assert copied.training == 1
    assert copied.leak > 4 * copied.error
    assert abs(honest.leak) < 4 * honest.error
    assert honest.training > honest.guessing - 0.1
    assert copied.guessing == np.bincount(training[2]).max() / 600


def test_equal_rows_are_counted() -> None:
    rows = [np.array([1.0, np.nan, 3.0]), np.array([0, 1, -1], np.int32)]
    assert match_rows(rows, [np.array([np.nan, 3.0]), np.array([1, 0], np.int32)]).tolist() == [False, True, False]
