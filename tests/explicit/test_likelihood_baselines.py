"""Baselines of likelihoods, against numbers that are known."""

import math

import numpy as np
import pytest
import torch

from sparring.evaluation.likelihood_baselines import kernel_bits, mean_bits_around, mixture_bits
from sparring.losses.likelihoods import images_of, log_discretized_logistic


def test_bits_around_kernels_by_hand() -> None:
    kernels, images = torch.tensor([[0, 128, 255], [10, 20, 30]]), torch.tensor([[0, 100, 200]])
    logs = [
        log_discretized_logistic(images_of(images[0].float()), images_of(kernel.float()), torch.full((3,), -2.0)).double().sum()
        for kernel in kernels
    ]
    wanted = -float(torch.stack(logs).exp().mean().log()) / (3 * math.log(2))
    assert mean_bits_around(kernels, images, -2.0) == pytest.approx(wanted, rel=1e-5)


def test_a_kernel_density_of_equal_levels_has_about_eight_bits() -> None:
    """Nothing can be learned of noise: what is fitted on it must not promise less than 8 bits for other noise."""
    levels = torch.randint(0, 256, (400, 16), generator=torch.Generator().manual_seed(0))
    found = kernel_bits(levels[:300], levels[300:330], levels[330:])
    assert 7.95 < found < 9
    assert mixture_bits(levels[:300], levels[330:]) > 7.95


def test_kernels_know_the_images_that_they_are() -> None:
    levels = torch.randint(0, 256, (50, 16), generator=torch.Generator().manual_seed(0))
    assert mean_bits_around(levels, levels, -4.5) < 5 < mean_bits_around(levels[:25], levels[25:], -4.5)


def test_a_mixture_of_one_is_a_normal_distribution() -> None:
    """With one component, the density is known: that of a normal distribution with the mean and variance of the data."""
    random = np.random.default_rng(1)
    levels = torch.from_numpy(random.normal(128, 12, (15, 4)).round().astype(np.int64))
    shares = (levels.numpy() + np.random.default_rng(0).random(levels.shape)) / 256
    others = torch.from_numpy(random.normal(128, 12, (500, 4)).round().astype(np.int64))
    mean, variance = shares.mean(axis=0), shares.var(axis=0) + 1e-5
    noise = np.random.default_rng(0)
    noise.random(levels.shape)
    unseen = (others.numpy() + noise.random(others.shape)) / 256
    logs = -0.5 * ((unseen - mean) ** 2 / variance + np.log(2 * np.pi * variance)).sum(axis=1)
    assert mixture_bits(levels, others) == pytest.approx(8 - logs.mean() / (4 * math.log(2)), rel=1e-6)
