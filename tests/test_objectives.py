import math

import pytest
import torch

from sparring.losses.objectives import HAVE_TARGETS, OBJECTIVES, Objective, objective

LOG_2 = math.log(2)
EVERY = pytest.mark.parametrize("pair", OBJECTIVES.values(), ids=OBJECTIVES)


def total(losses: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(losses.values())).sum(dim=0)


# By hand, for two real samples with logits log 9 and 0 (D = 0.9, 0.5), two generated ones with -log 4 and 0 (D = 0.2, 0.5).
REAL = (math.log(9), 0.0)
GENERATED = (-math.log(4), 0.0)


def log_sigmoid(logit: float) -> float:
    return -math.log(1 + math.exp(-logit))


MEAN_REAL, MEAN_GENERATED = math.log(9) / 2, -math.log(4) / 2
BY_HAND = {
    "non-saturating": ([-math.log(0.9) - math.log(0.8), 2 * LOG_2], [-math.log(0.2), LOG_2]),
    "saturating": ([-math.log(0.9) - math.log(0.8), 2 * LOG_2], [math.log(0.8), -LOG_2]),
    "least-squares": ([(math.log(9) - 1) ** 2 / 2 + math.log(4) ** 2 / 2, 0.5], [(math.log(4) + 1) ** 2 / 2, 0.5]),
    "hinge": ([0.0, 2.0], [math.log(4), 0.0]),
    "wasserstein": ([-math.log(9) - math.log(4), 0.0], [math.log(4), 0.0]),
    # D(x) - D(G(z)) = log 36 and 0
    "relativistic": ([-math.log(36 / 37), LOG_2], [-math.log(1 / 37), LOG_2]),
    "relativistic-average": (
        [-log_sigmoid(r - MEAN_GENERATED) - log_sigmoid(MEAN_REAL - g) for r, g in zip(REAL, GENERATED, strict=True)],
        [-log_sigmoid(g - MEAN_REAL) - log_sigmoid(MEAN_GENERATED - r) for r, g in zip(REAL, GENERATED, strict=True)],
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_by_hand(name: str) -> None:
    pair, (discriminator, generator) = OBJECTIVES[name], BY_HAND[name]
    real, generated = torch.tensor(REAL, dtype=torch.float64), torch.tensor(GENERATED, dtype=torch.float64)
    assert total(pair.discriminator(real, generated)).tolist() == pytest.approx(discriminator)
    assert total(pair.generator(real, generated)).tolist() == pytest.approx(generator)


# What a discriminator that cannot tell the two apart (all logits equal) loses at best, and at which logit.
FIXED_POINTS = {
    "non-saturating": (0.0, math.log(4)),  # Goodfellow et al. 2014, theorem 1
    "saturating": (0.0, math.log(4)),
    "least-squares": (0.5, 0.25),
    "hinge": (0.0, 2.0),
    "wasserstein": (0.0, 0.0),
    "relativistic": (0.0, LOG_2),
    "relativistic-average": (0.0, math.log(4)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_fixed_point(name: str) -> None:
    best_logit, cost = FIXED_POINTS[name]
    logits = torch.full((4,), best_logit, dtype=torch.float64, requires_grad=True)
    losses = total(OBJECTIVES[name].discriminator(logits, logits))
    assert losses.tolist() == pytest.approx([cost] * 4)
    losses.sum().backward()
    assert logits.grad.tolist() == pytest.approx([0.0] * 4), "no discriminator gains by moving both alike"


@EVERY
def test_signs(pair: Objective) -> None:
    real = torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)
    generated = torch.tensor([0.1, 0.4], dtype=torch.float64, requires_grad=True)
    total(pair.discriminator(real, generated)).sum().backward()
    assert (real.grad < 0).all(), "the discriminator raises the logits of real samples"
    assert (generated.grad > 0).all(), "and lowers those of generated ones"
    real.grad = generated.grad = None
    total(pair.generator(real, generated)).sum().backward()
    assert (generated.grad < 0).all(), "the generator raises its own"
    assert (real.grad is not None) == pair.compares


@EVERY
def test_gradcheck_and_extreme_logits(pair: Objective) -> None:
    torch.manual_seed(0)
    real, generated = (torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda r, g: total(pair.discriminator(r, g)), (real, generated))
    assert torch.autograd.gradcheck(lambda r, g: total(pair.generator(r, g)), (real, generated))
    for dtype in (torch.float32, torch.float64):
        for one, other in [(1e4, 1e4), (1e4, -1e4), (-1e4, 1e4), (-1e4, -1e4)]:
            real = torch.tensor([one, 0.0], dtype=dtype, requires_grad=True)
            generated = torch.tensor([other, 0.0], dtype=dtype, requires_grad=True)
            losses = total(pair.discriminator(real, generated)) + total(pair.generator(real, generated))
            losses.sum().backward()
            assert torch.isfinite(losses).all()
            assert torch.isfinite(real.grad).all()
            assert torch.isfinite(generated.grad).all()


def test_gradients_where_the_discriminator_wins() -> None:
    # With D(G(z)) = sigmoid(-8): the saturating gradient is -D, the non-saturating one D - 1.
    gradients = []
    for name in ("saturating", "non-saturating"):
        logits = torch.tensor([-8.0], dtype=torch.float64, requires_grad=True)
        OBJECTIVES[name].generator(logits.detach(), logits)["adversarial"].sum().backward()
        gradients.append(logits.grad.item())
    probability = 1 / (1 + math.exp(8))
    assert gradients == pytest.approx([-probability, probability - 1])


@pytest.mark.parametrize("name", [name for name, pair in OBJECTIVES.items() if pair.zero_sum])
def test_zero_sum_pairs_are(name: str) -> None:
    real, generated = torch.randn(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_().unbind()
    pair = OBJECTIVES[name]
    (gain,) = torch.autograd.grad(total(pair.discriminator(real, generated)).sum(), generated, retain_graph=True)
    (loss,) = torch.autograd.grad(total(pair.generator(real, generated)).sum(), generated)
    torch.testing.assert_close(loss, -gain)


@pytest.mark.parametrize(
    ("name", "best_logit"), [("non-saturating", math.log(0.9 / 0.1)), ("saturating", math.log(0.9 / 0.1)), ("least-squares", 0.9)]
)
def test_label_smoothing_moves_the_best_answer_on_real_samples_alone(name: str, best_logit: float) -> None:
    real = torch.tensor([best_logit], dtype=torch.float64, requires_grad=True)
    generated = torch.zeros(1, dtype=torch.float64)
    smoothed = objective(name, label_smoothing=0.1)
    smoothed.discriminator(real, generated)["real"].sum().backward()
    assert real.grad.item() == pytest.approx(0, abs=1e-12)
    whole = objective(name)
    assert smoothed.discriminator(real, generated)["generated"].equal(whole.discriminator(real, generated)["generated"])
    assert smoothed.generator is whole.generator


def test_those_with_targets_are_those_that_can_be_smoothed() -> None:
    for name in OBJECTIVES:
        if name in HAVE_TARGETS:
            objective(name, 0.1)
        else:
            with pytest.raises(AssertionError):
                objective(name, 0.1)
