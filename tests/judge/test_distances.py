"""Distances on arrays of features: closed forms, hand-computed numbers, torch-fidelity, and what each must and must not notice."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from sparring.core.errors import DataError
from sparring.metrics.frechet_distance import (
    Gaussian,
    blocks_have_full_rank,
    extrapolate_distance,
    frechet_distance,
    gaussian_frechet_distance,
)
from sparring.metrics.inception_score import inception_score
from sparring.metrics.kernel_distance import kernel_distance
from sparring.metrics.nearest_neighbors import OwnNeighbors, density_coverage, expected_coverage, memorization, precision_recall


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_moments(n: int, mean: Tensor, covariance: Tensor, seed: int = 0) -> Tensor:
    """A sample whose mean and (n - 1) covariance are exactly these."""
    rows = torch.randn(n, len(mean), generator=generator(seed), dtype=torch.float64)
    rows -= rows.mean(dim=0)
    whitening = torch.linalg.inv(torch.linalg.cholesky(torch.cov(rows.T)))
    return rows @ whitening.T @ torch.linalg.cholesky(covariance).T + mean


def clouds(n: int, m: int, d: int) -> tuple[Tensor, Tensor]:
    """Two samples that differ, as rectified features do."""
    draws = generator(n + m + d)
    real = torch.randn(n, d, generator=draws, dtype=torch.float64).relu()
    return real, (1.2 * torch.randn(m, d, generator=draws, dtype=torch.float64) + 0.1).relu()


# ------------------------------------------------------------------------------------------------- Fréchet


def test_frechet_distance_of_gaussians_with_equal_axes_is_that_of_means_and_deviations() -> None:
    deviations = torch.tensor([[1.0, 2.0, 0.5], [3.0, 1.0, 0.5]], dtype=torch.float64)
    means = torch.tensor([[0.0, 0.0, 1.0], [1.0, -2.0, 1.0]], dtype=torch.float64)
    a, b = (with_moments(50, mean, torch.diag(each**2), seed) for seed, (mean, each) in enumerate(zip(means, deviations, strict=True)))
    assert frechet_distance(a, b) == pytest.approx(5 + (4 + 1 + 0), rel=1e-12)


def test_frechet_distance_of_gaussians_that_do_not_commute() -> None:
    # For two dimensions tr (A B)^(1/2) = (tr A B + 2 (det A B)^(1/2))^(1/2).
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, -0.5], [-0.5, 4.0]], dtype=torch.float64)
    cross = math.sqrt((a @ b).trace() + 2 * math.sqrt(torch.linalg.det(a @ b)))
    mean = torch.zeros(2, dtype=torch.float64)
    found = frechet_distance(with_moments(40, mean, a), with_moments(30, mean + 1, b, seed=1))
    assert found == pytest.approx(2 + 5 + 5 - 2 * cross, rel=1e-12)


def test_frechet_distance_of_two_points_each_by_hand() -> None:
    # Covariances are u u^T and v v^T with u = (1, 1, 0) * sqrt(2), v = (2, 0, 0) * sqrt(2): the root's trace is |u v|.
    a = np.array([[-1.0, -1, 0], [1, 1, 0]])
    b = np.array([[-2.0, 0, 3], [2, 0, 3]])
    assert frechet_distance(a, b) == pytest.approx(9 + 4 + 8 - 2 * 4, rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(600, 500, 32), (40, 50, 64), (60, 200, 100), (300, 60, 100), (101, 300, 100)])
def test_scores_agree_with_torch_fidelity(n: int, m: int, d: int) -> None:
    real, fake = clouds(n, m, d)
    theirs = fid_statistics_to_metric(fid_features_to_statistics(real), fid_features_to_statistics(fake), False)
    assert frechet_distance(real, fake) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    settings = {
        "kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1,
        "rng_seed": 2020, "verbose": False,
    }  # fmt: skip
    size = min(n, m)
    theirs = kid_features_to_metric(fake[:size], real[:size], kid_subsets=1, kid_subset_size=size, **settings)
    assert kernel_distance(real[:size], fake[:size]) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    theirs = kid_features_to_metric(fake, real, kid_subsets=7, kid_subset_size=30, **settings)
    ours = kernel_distance(real, fake, subsets=7, subset_size=30)
    assert ours == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert ours.standard_error == pytest.approx(theirs["kernel_inception_distance_std"] / math.sqrt(6), rel=1e-9)
    theirs = prc_features_to_metric(fake, real, prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=False, verbose=False)
    score = precision_recall(real, fake)
    assert (score.precision, score.recall) == pytest.approx((theirs["precision"], theirs["recall"]), rel=1e-6)
    theirs = isc_features_to_metric(fake, splits=10, shuffle=False)
    score = inception_score(fake.softmax(dim=1))
    assert (score.mean, score.std) == pytest.approx((theirs["inception_score_mean"], theirs["inception_score_std"]), rel=1e-6)


def test_a_covariance_without_full_rank_is_no_trouble() -> None:
    real, fake = clouds(300, 300, 20)
    real[:, 3] = 0  # a feature that never fires
    fake[:, 7] = fake[:, 8]
    # The same with the two features that say nothing turned into none at all, by torch-fidelity's general eigenvalues.
    theirs = fid_statistics_to_metric(fid_features_to_statistics(real), fid_features_to_statistics(fake), False)
    assert frechet_distance(real, fake) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)


def test_the_extrapolated_distance_stays_where_the_plain_one_drifts() -> None:
    d = 40
    mixing = torch.randn(d, d, generator=generator(1), dtype=torch.float64) / d**0.5
    covariance, mean = mixing @ mixing.T + 0.1 * torch.eye(d), torch.full((d,), 0.1, dtype=torch.float64)
    real = Gaussian(10**9, torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64), None)
    truth = gaussian_frechet_distance(real, Gaussian(10**9, mean, covariance, None))
    factor = torch.linalg.cholesky(covariance)
    errors, drifts = [], []
    for seed, n in enumerate([80, 80, 80, 200, 200, 200, 600, 600, 600]):
        fake = torch.randn(n, d, generator=generator(seed), dtype=torch.float64) @ factor.T + mean
        plain = gaussian_frechet_distance(real, Gaussian.fit(fake))
        found = extrapolate_distance(real, fake, plain)
        errors.append((found.infinite - truth) / found.infinite_error)
        drifts.append((plain - truth) / found.standard_error)
    assert max(map(abs, errors)) < 4
    assert sum(error**2 for error in errors) / len(errors) < 2  # about 1 for errors of the size that is claimed
    assert min(drifts[:3]) > 3  # and at 80 samples the plain one is many of its errors too large


def test_without_full_rank_the_extrapolation_is_rough_and_says_so() -> None:
    assert blocks_have_full_rank(127, 100)  # 101 are left without two blocks of 13
    assert not blocks_have_full_rank(126, 100)
    d = 60
    real = Gaussian(10**9, torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64), None)
    for n in (20, 40, 60):
        fake = 0.5 + torch.randn(n, d, generator=generator(n), dtype=torch.float64)  # the truth is d / 4 = 15
        plain = gaussian_frechet_distance(real, Gaussian.fit(fake))
        found = extrapolate_distance(real, fake, plain)
        assert plain > 1.5 * 15
        assert abs(found.infinite - 15) < min(2 * found.infinite_error, plain - 15)


# -------------------------------------------------------------------------------------------------- kernel


def test_kernel_distance_by_hand() -> None:
    # (x y + 1)^3: within real 1, within fake 27, across 1, 1, 8 and 27.
    assert kernel_distance(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])) == pytest.approx(1 + 27 - 2 * 37 / 4)


def test_kernel_distance_has_no_bias_and_knows_its_error() -> None:
    found = [
        kernel_distance(*torch.randn(2, 60, 8, generator=generator(seed), dtype=torch.float64).add(torch.tensor([0.0, 0.4])[:, None, None]))
        for seed in range(200)
    ]
    values = torch.tensor([float(each) for each in found])
    # E k of Gaussians N(m, 1), N(m', 1) in d = 8 with k = (x y / 8 + 1)^3, by a very large sample
    large = kernel_distance(torch.randn(8000, 8, generator=generator(999)), torch.randn(8000, 8, generator=generator(998)) + 0.4)
    assert values.mean().item() == pytest.approx(float(large), abs=4 * values.std().item() / 200**0.5)
    claimed = sum(each.standard_error for each in found) / len(found)
    assert claimed == pytest.approx(values.std().item(), rel=0.25)


# ---------------------------------------------------------------------------------------------- neighbors


def test_neighbor_scores_by_hand() -> None:
    real, fake = torch.tensor([[0.0], [1.0], [2.0], [3.0]]), torch.tensor([[0.4], [10.0], [10.2]])
    score = precision_recall(real, fake, k=1)
    assert score.precision == pytest.approx(1 / 3)
    assert score.recall == 1  # all real ones lie within 9.6 of 0.4
    score = density_coverage(real, fake, k=1)
    assert score.density == pytest.approx(2 / 3)  # 0.4 lies in the balls of 0 and 1
    assert score.coverage == pytest.approx(2 / 4)
    assert OwnNeighbors.find(real, 2).radii.sqrt().tolist() == [[1, 2], [1, 1], [1, 1], [1, 2]]
    assert OwnNeighbors.find(real, 2).mean_distance == pytest.approx((1 + 2 + 3 + 1 + 2 + 1) / 6)


def test_coverage_of_the_same_distribution_is_what_theory_expects() -> None:
    for n, m in [(300, 300), (300, 60)]:
        found = [
            density_coverage(torch.randn(n, 4, generator=generator(seed)), torch.randn(m, 4, generator=generator(seed + 500))).coverage
            for seed in range(50)
        ]
        assert sum(found) / 50 == pytest.approx(expected_coverage(n, m, 5), abs=0.015)
    assert expected_coverage(2, 1, 1) == pytest.approx(1 / 2)


def test_identical_sets_are_perfect_and_distant_ones_hopeless() -> None:
    real = torch.randn(200, 10, generator=generator())
    again = precision_recall(real, real.clone())
    assert (again.precision, again.recall) == (1, 1)
    assert density_coverage(real, real.clone()).coverage == 1
    assert frechet_distance(real, real.clone()) == pytest.approx(0, abs=1e-9)
    far = precision_recall(real, real + 100)
    assert (far.precision, far.recall) == (0, 0)
    assert density_coverage(real, real + 100).density == 0


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = clouds(70, 50, 6)
    whole = precision_recall(real, fake), density_coverage(real, fake), kernel_distance(real, fake), OwnNeighbors.find(real, 3)
    monkeypatch.setattr("sparring.metrics.nearest_neighbors.CHUNK", 16)
    monkeypatch.setattr("sparring.metrics.kernel_distance.CHUNK", 16)
    parts = precision_recall(real, fake), density_coverage(real, fake), kernel_distance(real, fake), OwnNeighbors.find(real, 3)
    assert parts[:2] == whole[:2]
    assert parts[2] == pytest.approx(whole[2], rel=1e-12)
    assert torch.allclose(parts[3].radii, whole[3].radii)


def test_memorization_by_hand() -> None:
    found = memorization(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 3.0]))
    assert found.nearer == pytest.approx(3 / 4)
    assert memorization(torch.tensor([1.0]), torch.tensor([1.0])).nearer == 0.5
    assert memorization(torch.zeros(50), torch.ones(50)).copies == 1
    assert memorization(torch.ones(50), torch.linspace(0, 1, 50)).copies == 0


# ----------------------------------------------------------------------------------------- Inception Score


def test_inception_score_by_hand() -> None:
    sure = torch.eye(5).repeat(4, 1)
    assert inception_score(sure, splits=1).mean == pytest.approx(5)
    assert inception_score(sure, splits=4).std == pytest.approx(0, abs=1e-12)
    assert inception_score(torch.full((20, 5), 0.2)).mean == pytest.approx(1)
    # Two rows (1, 0), (1/2, 1/2): the mean is (3/4, 1/4); divergences log 4/3 and 1/2 log 4/3.
    assert inception_score(np.array([[1.0, 0], [0.5, 0.5]]), splits=1).mean == pytest.approx(math.exp((1.5 * math.log(4 / 3)) / 2))


# ---------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        (np.zeros((3, 2)), np.array([[0, np.nan], [0, 0], [np.inf, 0]]), "fake: 2 of 3 rows .* row 0"),
        (np.zeros((3, 2)), np.zeros((3, 4)), "real has 2 features and fake has 4"),
        (np.zeros((1, 2)), np.zeros((3, 2)), "real has the shape .* at least 2"),
        (np.zeros(3), np.zeros((3, 2)), "shape \\(n, d\\)"),
        (np.zeros((3, 2), int), np.zeros((3, 2)), "floating-point"),
    ],
)
def test_unusable_arrays_are_refused(real: np.ndarray, fake: np.ndarray, words: str) -> None:
    for distance in (frechet_distance, kernel_distance, precision_recall, density_coverage):
        with pytest.raises(DataError, match=words):
            distance(real, fake)


def test_too_few_rows_and_wrong_numbers_are_refused() -> None:
    rows = torch.zeros(3, 2)
    with pytest.raises(DataError, match="at least 4 are needed"):
        precision_recall(rows, rows, k=3)
    with pytest.raises(DataError, match="k must be at least 1"):
        density_coverage(rows, rows, k=0)
    with pytest.raises(DataError, match="subsets"):
        kernel_distance(rows, rows, subsets=2, subset_size=4)
    with pytest.raises(DataError, match="sum to 1"):
        inception_score(rows)
    with pytest.raises(DataError, match="splits"):
        inception_score(torch.full((3, 2), 0.5), splits=4)
