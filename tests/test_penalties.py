import math

import numpy as np
import pytest
import torch
from torch import nn

from sparring.losses import penalties
from sparring.nets.blocks.layers import ImageLayerNorm, MinibatchDeviation, spectrally_normalized


def test_gradients_of_a_known_function() -> None:
    # D(x) = (a . x)^2 / 2 has the gradient (a . x) a, of length |a . x| |a|
    a = torch.tensor([3.0, 4.0], dtype=torch.float64)
    x = torch.tensor([[1.0, 0.0], [0.0, -2.0], [0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    logits = (x @ a).square() / 2
    squares = penalties.squared_gradients(logits, x)
    assert squares.tolist() == pytest.approx([(3 * 5) ** 2, (8 * 5) ** 2, 0])
    norms = penalties.gradient_norms(logits, x)
    assert norms.tolist() == pytest.approx([15, 40, 0], abs=1e-9)
    assert penalties.two_sided_penalty(norms).tolist() == pytest.approx([14**2, 39**2, 1])
    assert penalties.one_sided_penalty(norms).tolist() == pytest.approx([14**2, 39**2, 0])
    # The squared length is (a . x)^2 |a|^2, whose gradient is 2 (a . x) |a|^2 a
    (second,) = torch.autograd.grad(squares.sum(), x)
    torch.testing.assert_close(second, 2 * (x @ a)[:, None] * 25 * a)


def test_one_sided_forgives_short_gradients() -> None:
    norms = torch.tensor([0.25, 1.0, 1.5])
    assert penalties.one_sided_penalty(norms).tolist() == [0.0, 0.0, 0.25]
    assert penalties.two_sided_penalty(norms).tolist() == [0.5625, 0.0, 0.25]


def test_a_gradient_of_zero_does_not_make_the_penalty_infinite() -> None:
    weight = torch.zeros(3, requires_grad=True)
    x = torch.ones(2, 3, requires_grad=True)
    penalties.two_sided_penalty(penalties.gradient_norms(x @ weight, x)).mean().backward()
    assert torch.isfinite(weight.grad).all()


@pytest.mark.parametrize("penalty", [penalties.squared_gradients, penalties.gradient_norms])
def test_second_derivatives(penalty: object) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 1)).double()
    images = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weights = dict(network.named_parameters())
    names = list(weights)

    def by_weights(*values: torch.Tensor) -> torch.Tensor:
        logits = torch.func.functional_call(network, dict(zip(names, values, strict=True)), (images,)).squeeze(1)
        return penalty(logits, images)

    assert torch.autograd.gradcheck(by_weights, tuple(weights.values()))


def test_points_between_and_around() -> None:
    real, generated = torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2)
    share = torch.tensor([0.0, 0.25, 1.0])
    assert penalties.interpolated(real, generated, share)[:, 0, 0, 0].tolist() == [0, 0.25, 1]
    images = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(4, 1, 1, 1)
    deviation = math.sqrt(4 / 3)
    noise = torch.tensor([0.0, 1.0, -1.0, 2.0]).view(4, 1, 1, 1)
    expected = [1, -1 + deviation / 2, 1 - deviation / 2, -1 + deviation]
    assert penalties.perturbed(images, noise).flatten().tolist() == pytest.approx(expected)


def test_orthogonal_by_hand() -> None:
    # rows (1, 2) and (3, -1): their product is 1, counted for both orders; lengths do not matter; offsets are no filters
    weights = [torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([5.0, 7.0])]
    assert penalties.orthogonal(weights).item() == pytest.approx(2.0)
    kernel = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    rows = kernel.reshape(4, -1).numpy()
    products = rows @ rows.T
    assert penalties.orthogonal([kernel]).item() == pytest.approx((products**2).sum() - (np.diag(products) ** 2).sum(), rel=1e-5)
    orthonormal = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)))[0]
    assert penalties.orthogonal([3 * orthonormal]).item() == pytest.approx(0, abs=1e-9)


# ------------------------------------------------------------------------------------ layers that stabilize


def test_spectral_norm_against_singular_values() -> None:
    torch.manual_seed(0)
    network = spectrally_normalized(nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(), nn.Linear(24, 5)))
    for _ in range(30):
        network(torch.randn(2, 2, 4, 4))
    for layer in (network[0], network[2]):
        original = layer.parametrizations.weight.original.detach()
        largest = np.linalg.svd(original.flatten(1).numpy(), compute_uv=False)[0]
        torch.testing.assert_close(layer.weight.detach(), original / largest, rtol=1e-3, atol=1e-4)


def test_minibatch_deviation_by_hand() -> None:
    # two groups of four: samples 0, 2, 4, 6 and 1, 3, 5, 7; deviations of {0, 2, 4, 6} and of equal numbers
    x = torch.tensor([0.0, 5, 2, 5, 4, 5, 6, 5])[:, None]
    joined = MinibatchDeviation()(x)
    assert joined[:, :1].equal(x)
    assert joined[:, 1].tolist() == pytest.approx([math.sqrt(5), 1e-4] * 4)
    maps = MinibatchDeviation()(torch.zeros(3, 2, 4, 4))
    assert maps.shape == (3, 3, 4, 4)
    assert maps[:, 2].flatten().tolist() == pytest.approx([1e-4] * 48)


def test_image_norm_against_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = ImageLayerNorm(6), nn.GroupNorm(1, 6)
    state = {"weight": torch.randn(6), "bias": torch.randn(6)}
    ours.load_state_dict(state)
    theirs.load_state_dict(state)
    x = torch.randn(3, 6, 4, 4).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(ours(x), theirs(x))
