"""Scores of orders, against numbers by hand, scipy, and failures made on purpose."""

import numpy as np
import pytest
from scipy import stats

from sparring.metrics.orders.baskets import (
    MOST_LINES,
    basket_sizes,
    distribution_distance,
    gaps_between,
    lines_per_customer,
    pair_shares,
    shares_distance,
)
from sparring.metrics.orders.joint_shares import dependence, expected_distance, few_groups, joint_distance, share_distance, unevenness


def test_distances_of_shares_by_hand() -> None:
    assert share_distance(np.array([0, 0, 1, 1]), np.array([0, 2]), 3) == pytest.approx(0.5)
    assert shares_distance(np.array([0.5, 0.5, 0]), np.array([0.5, 0, 0.5])) == pytest.approx(0.5)
    one, other = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    assert joint_distance([one, other], [one, other]) == 0
    assert joint_distance([one, other], [one, other[::-1]]) == pytest.approx(1), "the same shares alone, and no pair in common"


def test_the_rarest_groups_are_one() -> None:
    shares = np.array([0.1, 0.5, 0.15, 0.25])
    assert few_groups(np.array([0, 1, 2, 3]), shares, 3).tolist() == [2, 0, 2, 1]


def test_the_distance_by_chance_is_that_of_samples() -> None:
    random, shares = np.random.default_rng(0), np.array([0.5, 0.3, 0.15, 0.05])
    found = [share_distance(random.choice(4, 300, p=shares), random.choice(4, 500, p=shares), 4) for _ in range(400)]
    assert expected_distance(shares, 300, 500) == pytest.approx(np.mean(found), rel=0.07)


def test_dependence_is_cramers_v_without_its_bias() -> None:
    random = np.random.default_rng(1)
    one = random.integers(0, 4, 500)
    other = np.where(random.random(500) < 0.6, one, random.integers(0, 4, 500))
    counts = np.bincount(one * 4 + other, minlength=16).reshape(4, 4)
    plain = stats.contingency.association(counts, method="cramer")
    phi = plain**2 * 3 - 9 / 499
    assert dependence(one, other) == pytest.approx(np.sqrt(max(0, phi) / (4 - 9 / 499 - 1)), rel=1e-9)
    assert dependence(one, random.permutation(other)) < 0.08
    assert dependence(one, one) == pytest.approx(1)
    assert dependence(one, np.zeros(500, np.int64)) == 0


def test_even_months_have_no_season() -> None:
    random = np.random.default_rng(2)
    assert unevenness(random.integers(0, 12, 5000), 12) < 0.01
    assert unevenness(np.repeat(np.arange(3), 400), 12) == pytest.approx(0.75, abs=0.05)


BASKETS = np.array([0, 0, 0, 1, 2, 2])
KINDS = np.array([0, 0, 1, 1, 0, 1])


def test_baskets_by_hand() -> None:
    sizes = basket_sizes(BASKETS)
    assert sizes[:3].tolist() == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert len(sizes) == MOST_LINES
    assert basket_sizes(np.zeros(40, np.int64))[-1] == 1
    # The basket of three (kinds 0, 0, 1) has pairs 00, 01, 01, a line each; the basket of two has two lines of 01; one line is alone.
    pairs = pair_shares(BASKETS, KINDS, 2)
    assert pairs.tolist() == pytest.approx([1 / 6, 4 / 6, 0, 1 / 6])
    assert pairs.sum() == pytest.approx(1)


def test_customers_that_come_back_by_hand() -> None:
    customers, days = np.array([5, 5, 5, 7, 9, 9]), np.array([10, 10, 14, 3, 1, 31])
    assert lines_per_customer(customers)[:3].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert gaps_between(customers, days).tolist() == [4, 30], "two lines of a day are one purchase"


def test_distances_of_distributions_are_scipys() -> None:
    random = np.random.default_rng(3)
    one, other = random.integers(0, 20, 80).astype(float), random.integers(3, 25, 50).astype(float)
    assert distribution_distance(one, other) == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert distribution_distance(one, np.zeros(0)) == 1
    assert distribution_distance(np.zeros(0), np.zeros(0)) == 0
