import math

import pytest
import torch

from sparring.objectives import NON_SATURATING, SATURATING, Objective

OBJECTIVES = {"non-saturating": NON_SATURATING, "saturating": SATURATING}


def total(losses: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(losses.values())).sum(dim=0)


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_discriminator_pays_the_negated_value_of_the_game(objective: Objective) -> None:
    # Goodfellow et al. 2014, equation 1, with D = 0.9 on real and 0.2 on generated; log(0.9 / 0.1) and log(0.2 / 0.8) as logits
    losses = objective.discriminator(torch.tensor([math.log(9)]), torch.tensor([math.log(0.25)]))
    assert losses["real"].item() == pytest.approx(-math.log(0.9))
    assert losses["generated"].item() == pytest.approx(-math.log(1 - 0.2), rel=1e-6)


def test_generator_losses_by_hand() -> None:
    logits = torch.tensor([math.log(0.25)])  # D(G(z)) = 0.2
    assert NON_SATURATING.generator(logits)["adversarial"].item() == pytest.approx(-math.log(0.2))
    assert SATURATING.generator(logits)["adversarial"].item() == pytest.approx(math.log(0.8))


def test_the_fixed_point_costs_log_four() -> None:
    # Where D = 1/2 everywhere the game's value is -log 4 (theorem 1).
    zeros = torch.zeros(3)
    assert total(NON_SATURATING.discriminator(zeros, zeros)).tolist() == pytest.approx([math.log(4)] * 3)


def test_gradients_where_the_discriminator_wins() -> None:
    # With D(G(z)) = sigmoid(-8): the saturating gradient is -D, the non-saturating one D - 1.
    gradients = []
    for objective in (SATURATING, NON_SATURATING):
        logits = torch.tensor([-8.0], dtype=torch.float64, requires_grad=True)
        objective.generator(logits)["adversarial"].sum().backward()
        gradients.append(logits.grad.item())
    probability = 1 / (1 + math.exp(8))
    assert gradients == pytest.approx([-probability, probability - 1])


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_gradcheck_and_extreme_logits(objective: Objective) -> None:
    torch.manual_seed(0)
    real, generated = (torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda r, g: total(objective.discriminator(r, g)), (real, generated))
    assert torch.autograd.gradcheck(lambda g: total(objective.generator(g)), (generated,))
    extreme = torch.tensor([-1e4, 1e4], requires_grad=True)
    loss = total(objective.discriminator(extreme, extreme)).sum() + total(objective.generator(extreme)).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(extreme.grad).all()
