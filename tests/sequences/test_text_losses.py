"""Gradients through choices of tokens, against enumeration and closed forms."""

import itertools
import math

import pytest
import torch

from sparring.losses.gumbel import gumbel_of, sharpness_at, straight_through, without_gradient_after_end
from sparring.losses.policy_gradient import reinforce_loss, returns_of
from sparring.losses.token_candidates import loss_of_candidates


def test_gumbel_numbers_draw_as_the_softmax_says() -> None:
    logits = torch.tensor([1.5, 0.0, -1.0, 0.3])
    n = 40_000
    uniform = torch.rand(n, 4, generator=torch.Generator().manual_seed(0))
    drawn = torch.bincount((logits + gumbel_of(uniform)).argmax(dim=1), minlength=4)
    expected = n * logits.softmax(dim=0)
    chi_squared = ((drawn - expected) ** 2 / expected).sum().item()
    assert chi_squared < 16.27  # the 99.9 % quantile with three degrees of freedom
    assert (((torch.bincount((logits + uniform).argmax(dim=1), minlength=4) - expected) ** 2) / expected).sum() > 100, (
        "uniform numbers fail"
    )


def test_gumbel_numbers_are_finite_at_both_ends() -> None:
    assert gumbel_of(torch.tensor([0.0, 1 - 2**-24, 1.0])).isfinite().all()


def test_straight_through_has_one_hot_values_and_the_softmax_jacobian() -> None:
    scores = torch.tensor([[0.3, -1.2, 0.9]], dtype=torch.float64, requires_grad=True)
    sharpness = 2.5
    one_hots = straight_through(scores, torch.tensor([2]), sharpness)
    assert one_hots.tolist() == [[0.0, 0.0, 1.0]]
    p = (sharpness * scores[0]).softmax(dim=0).detach()
    jacobian = sharpness * (torch.diag(p) - torch.outer(p, p))  # d p_i / d score_j
    for token in range(3):
        (gradient,) = torch.autograd.grad(one_hots[0, token], scores, retain_graph=True)
        torch.testing.assert_close(gradient[0], jacobian[token], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("drawn", [2, 3])
def test_the_mean_gradient_of_candidates_is_that_of_the_expected_cost(drawn: int) -> None:
    """Three tokens: all ways to draw two or three of them independently, weighted by their chances."""
    logits = torch.tensor([0.4, -0.8, 1.1], dtype=torch.float64, requires_grad=True)
    costs = torch.tensor([2.0, -1.0, 0.5], dtype=torch.float64)
    chances = logits.softmax(dim=0)
    (truth,) = torch.autograd.grad((chances * costs).sum(), logits, retain_graph=True)
    every = torch.tensor(list(itertools.product(range(3), repeat=drawn)))
    weights = chances.detach()[every].prod(dim=1)
    assert weights.sum().item() == pytest.approx(1)
    (estimate,) = torch.autograd.grad((weights * loss_of_candidates(logits[every], costs[every])).sum(), logits)
    torch.testing.assert_close(estimate, truth, rtol=1e-12, atol=1e-14)


def test_places_after_the_end_have_values_but_no_gradient() -> None:
    scores = torch.zeros(1, 3, 2, requires_grad=True)
    one_hots = without_gradient_after_end(straight_through(scores, torch.tensor([[1, 0, 0]]), 1.0), torch.tensor([[1.0, 1.0, 0.0]]))
    assert one_hots[0, :, 0].tolist() == [0, 1, 1]
    one_hots[:, :, 0].sum().backward()
    assert scores.grad is not None
    assert (scores.grad[0, :2] != 0).all()
    assert (scores.grad[0, 2] == 0).all()


def test_sharpness_rises_by_equal_factors() -> None:
    assert [sharpness_at(step, 2, 100.0) for step in (0, 1, 2, 5)] == pytest.approx([1, 10, 100, 100])


def test_returns_by_hand() -> None:
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    assert returns_of(rewards, 0.5).tolist() == [[1 + 1 + 1, 2 + 2, 4]]
    assert returns_of(rewards, 0.0).tolist() == rewards.tolist()


@pytest.mark.parametrize("baseline", [0.0, 3.0])
def test_the_mean_gradient_of_reinforce_is_that_of_the_mean_reward(baseline: float) -> None:
    """Two places, three tokens: all nine sequences, weighted by their chances, with a reward of the whole sequence."""
    logits = torch.tensor([[0.2, -0.4, 0.9], [1.0, 0.1, -0.7]], dtype=torch.float64, requires_grad=True)
    sequences = torch.tensor(list(itertools.product(range(3), repeat=2)))
    rewards = torch.arange(9, dtype=torch.float64).square() / 10
    log_chances = logits.log_softmax(dim=1)[torch.arange(2), sequences]
    chances = log_chances.sum(dim=1).exp()
    (truth,) = torch.autograd.grad((chances * rewards).sum(), logits, retain_graph=True)
    at_the_end = torch.stack([torch.zeros(9, dtype=torch.float64), rewards], dim=1)
    loss = reinforce_loss(log_chances, returns_of(at_the_end, 1.0), torch.tensor(baseline, dtype=torch.float64), torch.ones(9, 2).double())
    (estimate,) = torch.autograd.grad((chances.detach() * loss).sum(), logits)
    torch.testing.assert_close(-estimate, truth, rtol=1e-10, atol=1e-12)


def test_reinforce_leaves_out_places_after_the_end() -> None:
    log_chances = torch.full((1, 3), math.log(0.5), requires_grad=True)
    reinforce_loss(log_chances, torch.ones(1, 3), torch.tensor(0.0), torch.tensor([[1.0, 1.0, 0.0]])).sum().backward()
    assert log_chances.grad is not None
    assert log_chances.grad.tolist() == [[-1, -1, 0]]
