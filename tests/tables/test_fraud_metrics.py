"""Scores of scores: ranking, alerts, money and calibration, against hand numbers and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from sparring.core.errors import DataError
from sparring.metrics.tables.alerts import (
    alert_scores,
    average_precision,
    excess_of_frauds,
    money_saved,
    paired_difference,
    reliability,
)
from sparring.metrics.tables.fraud_baselines import boosted_tree_scores, isolation_scores

LABELS = np.array([True, False, True, False, False])
SCORES = np.array([0.9, 0.8, 0.7, 0.1, 0.1])


def test_average_precision_by_hand() -> None:
    # frauds are found first and third: precision 1 and 2/3
    assert average_precision(LABELS, SCORES) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(LABELS, -SCORES) == pytest.approx((1 / 3 + 2 / 5) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_scikit_learn_with_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.random(500) < 0.05
    labels[0] = True
    scores = np.round(random.random(500) + 0.3 * labels, 1)
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)


def test_one_kind_of_rows_cannot_be_rated() -> None:
    with pytest.raises(DataError):
        average_precision(np.zeros(5, bool), SCORES)
    with pytest.raises(DataError):
        alert_scores(np.ones(5, bool), SCORES, 0.1)


def test_alerts_by_hand() -> None:
    two = alert_scores(LABELS, SCORES, 0.4)
    assert (two.alerts, two.recall, two.precision) == (2, 0.5, 0.5)
    assert alert_scores(LABELS, SCORES, 1e-9).alerts == 1
    assert alert_scores(LABELS, SCORES, 1.0).recall == 1


def test_money_by_hand() -> None:
    amounts = np.array([100.0, 5.0, 30.0, 1.0, 1.0])
    assert money_saved(LABELS, SCORES, amounts, 2.0).tolist() == [98, 96, 124, 122, 120]


def test_reliability_by_hand() -> None:
    found = reliability(LABELS, np.array([0.9, 0.7, 0.6, 0.05, 0.15]), np.array([0.2, 0.5]))
    assert found.predicted == pytest.approx([0.1, 2.2 / 3])
    assert found.observed == pytest.approx([0, 2 / 3])
    assert found.counts.tolist() == [2, 3]
    assert found.expected_frauds == pytest.approx(2.4)


def test_probabilities_that_are_right_wrong_high_and_low() -> None:
    random = np.random.default_rng(0)
    probabilities = random.beta(0.2, 4, 20_000)
    labels = random.random(20_000) < probabilities
    assert abs(excess_of_frauds(labels, probabilities)) < 2.5
    assert excess_of_frauds(labels, probabilities / 2) > 10
    assert excess_of_frauds(labels, np.minimum(1, 2 * probabilities)) < -10


def test_a_difference_is_more_certain_than_its_parts_where_they_agree() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(2000) < 40
    scores = labels + random.normal(0, 1, 2000)
    same = paired_difference(labels, scores, scores, 50, random)
    assert same[0] > 0.01
    assert same[2] == 0
    near = paired_difference(labels, scores, scores + random.normal(0, 0.05, 2000), 50, random)
    assert 0 < near[2] < near[0] / 3


def test_baselines_find_what_is_there_to_be_found() -> None:
    random = np.random.default_rng(0)
    numbers, codes = random.normal(size=4000), random.integers(0, 3, 4000).astype(np.int32)
    labels = (numbers > 1) & (codes == 2)
    numbers[::9] = np.nan
    labels &= ~np.isnan(numbers)
    table, half = [numbers, codes], slice(2000, None)
    unseen = [column[half] for column in table]
    trees = boosted_tree_scores([column[:2000] for column in table], labels[:2000], unseen, 0)
    assert average_precision(labels[half], trees) > 0.95
    unseen[0][7] = 30.0
    assert 7 in np.argsort(-isolation_scores([column[:2000] for column in table], unseen, 0))[:20]
