"""Metrics of health records against hand numbers, scikit-learn and scipy."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from sparring.metrics.records.code_frequencies import (
    frequencies,
    frequency_correlation,
    frequency_error,
    frequency_error_by_chance,
    lost_codes,
    numbers_distance,
)
from sparring.metrics.records.code_pairs import frequent_codes, pairs_distance, phi
from sparring.metrics.records.code_prediction import predict_codes, predictable_codes, predicted_chances
from sparring.metrics.records.patient_distances import code_disclosure, copied_patients, density_ratios, nearest_patients
from support.records import present

HAND = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]], bool)


def test_frequencies_and_their_error_by_hand() -> None:
    other = np.array([[1, 1, 0], [0, 1, 0]], bool)
    assert frequencies(HAND).tolist() == [0.75, 0.25, 0.25]
    assert frequency_error(HAND, other) == pytest.approx(((0.25**2 + 0.75**2 + 0.25**2) / 3) ** 0.5)
    assert frequency_correlation(HAND, HAND) == pytest.approx(1)
    assert frequency_correlation(HAND, other) == pytest.approx(np.corrcoef([0.75, 0.25, 0.25], [0.5, 1, 0])[0, 1])
    assert lost_codes(HAND, other, 0.2).tolist() == [2]
    assert lost_codes(HAND, other, 0.3).tolist() == []


def test_the_error_by_chance_is_what_other_patients_have() -> None:
    random, chances = np.random.default_rng(0), np.linspace(0.01, 0.9, 50)
    errors = []
    for _ in range(200):
        one, other = random.random((300, 50)) < chances, random.random((100, 50)) < chances
        errors.append((frequency_error(one, other) ** 2, frequency_error_by_chance(one, 100) ** 2))
    measured, told = np.mean(errors, axis=0)
    assert told == pytest.approx(measured, rel=0.05)


def test_distances_of_numbers_are_those_of_scipy() -> None:
    random = np.random.default_rng(1)
    one, other = random.poisson(30, 500), random.poisson(33, 800)
    assert numbers_distance(one, other) == pytest.approx(wasserstein_distance(one, other) / one.std(), rel=0.02)
    assert numbers_distance(one, one) == 0


def test_phi_is_the_correlation_of_codes() -> None:
    codes = present(300)[:, :11]
    assert np.allclose(phi(codes), np.corrcoef(codes.T))
    constant = phi(present(300))
    assert np.allclose(constant[11, :11], 0)  # a code that everybody has goes with nothing


def test_pairs_of_other_real_patients_are_no_distance_and_those_of_shuffled_codes_are() -> None:
    real, others = present(3000, 0), present(700, 1)
    codes = frequent_codes(real)
    assert 11 not in codes
    known, random = phi(real[:, codes]), np.random.default_rng(2)
    apart = np.stack([random.permutation(column) for column in others.T], axis=1)
    above = np.triu_indices(len(codes), 1)
    assert pairs_distance(known, len(real), others[:, codes]) < 0.02
    assert pairs_distance(known, len(real), apart[:, codes]) == pytest.approx(np.sqrt(np.square(known[above]).mean()), rel=0.05)


def test_predictions_are_those_of_logistic_regressions_one_by_one() -> None:
    training, test = present(500, 0), present(300, 1)
    codes = predictable_codes(training, test)
    assert codes.tolist() == list(range(11))
    found = predict_codes(training, test, codes, np.random.default_rng(0))
    chances = predicted_chances(training, test, codes)
    for place, code in enumerate(codes):
        others = [other for other in range(12) if other != code]
        model = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(training[:, others], training[:, code])
        expected = model.predict_proba(test[:, others])[:, 1]
        assert np.abs(chances[:, place] - expected).max() < 0.01
        assert found.f1[place] == pytest.approx(f1_score(test[:, code], expected > 0.5), abs=0.02)
        assert found.auc[place] == pytest.approx(roc_auc_score(test[:, code], expected), abs=0.01)
    assert 0.003 < found.f1_error < 0.05
    assert 0.001 < found.auc_error < 0.05


def test_independent_codes_predict_nothing() -> None:
    training, test, random = present(500, 0), present(300, 1), np.random.default_rng(2)
    apart = np.stack([random.permutation(column) for column in training.T], axis=1)
    codes = predictable_codes(training, test)
    real, floor = (predict_codes(side, test, codes, np.random.default_rng(0)) for side in (training, apart))
    assert real.auc.mean() > max(0.85, floor.auc.mean() + 0.15)
    assert real.f1.mean() > floor.f1.mean() + 0.3


def test_nearest_patients_are_those_of_scipy() -> None:
    one, other = present(40, 0), present(90, 1)
    distances, numbers = nearest_patients(one, other, 3)
    expected = cdist(one.astype(float), other.astype(float), "cityblock")
    assert np.array_equal(distances, np.sort(expected, axis=1)[:, :3])
    assert np.array_equal(np.take_along_axis(expected, numbers, axis=1), distances)


def test_copies_are_found_exactly() -> None:
    real, made = present(200, 0)[:, :11], present(50, 1)[:, :11]
    made[:7] = real[40:47]
    found = copied_patients(made, real)
    assert found[:7].all()
    assert np.array_equal(found, (cdist(made.astype(float), real.astype(float), "cityblock") == 0).any(axis=1))


def test_a_denser_neighborhood_of_generated_patients_is_suspected() -> None:
    random = np.random.default_rng(0)
    reference, person = random.random((200, 40)) < 0.5, random.random((1, 40)) < 0.5
    around = np.repeat(person, 10, axis=0) ^ (random.random((10, 40)) < 0.05)
    assert density_ratios(person, np.concatenate([reference, around]), reference)[0] > 1
    assert abs(density_ratios(person, random.random((200, 40)) < 0.5, reference)[0]) < 0.3


def test_codes_are_guessed_from_others_where_they_go_together_and_leaks_show() -> None:
    training, held_out, known = present(300, 0)[:, :11], present(300, 1)[:, :11], np.array([0, 1, 2, 6, 7, 8])
    fresh = code_disclosure(present(600, 2)[:, :11], training, held_out, known, np.random.default_rng(0))
    assert fresh.guessing < fresh.held_out - 0.1  # knowing who is of which kind helps
    assert abs(fresh.leak) < 3 * fresh.error + 0.01
    random = np.random.default_rng(3)
    crowd, unseen = random.random((100, 30)) < 0.3, random.random((100, 30)) < 0.3
    copied = code_disclosure(np.repeat(crowd, 5, axis=0), crowd, unseen, np.arange(20), random)
    assert copied.training > 0.95
    assert copied.leak > 5 * copied.error
