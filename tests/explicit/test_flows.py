"""Reversible networks: determinants against autograd, back and forth, and densities."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sparring.nets.flows import (
    ActNorm,
    Coupling,
    Flow,
    InvertibleConvolution,
    Reversible,
    Squeeze,
    glow,
    real_nvp,
)

SHAPE = (2, 4, 4)


def shaken(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """With weights that are no longer those of the identity."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.3 * torch.randn_like(weight) / max(1, weight[0].numel() if weight.ndim else 1) ** 0.5)
    return network


PARTS = {
    "actnorm": lambda: ActNorm(2),
    "convolution": lambda: InvertibleConvolution(2),
    "channels": lambda: Coupling(2, "channels", 8, 0),
    "channels, swapped": lambda: Coupling(2, "channels, swapped", 8, 1),
    "checkerboard": lambda: Coupling(2, "checkerboard", 8, 1),
    "checkerboard, swapped": lambda: Coupling(2, "checkerboard, swapped", 8, 0),
    "squeeze": Squeeze,
}


@pytest.mark.parametrize("name", PARTS)
def test_log_determinants_are_those_of_the_jacobian(name: str) -> None:
    torch.manual_seed(1)
    part: Reversible = shaken(PARTS[name]()).double().eval()
    x = torch.randn(3, *SHAPE, dtype=torch.float64)
    y, found = part(x)
    for row in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda one: part(one[None])[0][0], x[row]).reshape(32, 32)
        assert found[row].item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-9)
    assert torch.allclose(part.inverse(y), x, atol=1e-12)


def flows() -> dict[str, Flow]:
    return {
        "glow": shaken(glow((2, 8, 8), 2, 2, 8, 0)),
        "glow with classes": shaken(glow((1, 8, 8), 2, 1, 8, 3)),
        "realnvp": shaken(real_nvp((1, 8, 8), 2, 8, 1)),
    }  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize("name", ["glow", "glow with classes", "realnvp"])
def test_a_whole_flow_goes_back_and_forth_and_knows_its_density(name: str) -> None:
    flow = flows()[name].eval()
    torch.manual_seed(2)
    images = torch.randn(4, *flow.shape)
    condition = torch.eye(3)[[0, 1, 2, 0]] if name.endswith("classes") else None
    latents, log_density = flow(images, condition)
    assert latents.shape == (4, math.prod(flow.shape))
    assert torch.allclose(flow.inverse(latents, condition), images, atol=1e-5)
    exact = flow.double()
    one, of_class = images[:1].double(), None if condition is None else condition[:1].double()
    size = math.prod(flow.shape)
    jacobian = torch.autograd.functional.jacobian(lambda x: exact(x, of_class)[0][0], one).reshape(size, size)
    latent, found = exact(one, of_class)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(latent).sum()
    assert found.item() == pytest.approx((normal + torch.linalg.slogdet(jacobian)[1]).item(), abs=1e-8)
    assert log_density[0].item() == pytest.approx(found.item(), rel=1e-4)
    if condition is not None:
        others = condition[[1, 1, 1, 1]].double()
        assert not torch.allclose(flow.double()(images.double(), condition.double())[1], flow(images.double(), others)[1])


def test_a_density_of_two_numbers_integrates_to_one() -> None:
    torch.manual_seed(3)
    coupling = shaken(Coupling(2, "channels", 8, 0), 5).double()
    other = shaken(Coupling(2, "channels, swapped", 8, 0), 6).double()
    side = torch.linspace(-12, 12, 801, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)[:, :, None, None]
    with torch.no_grad():
        y, first = coupling(grid)
        z, second = other(y)
    density = (torch.distributions.Normal(0.0, 1.0).log_prob(z).flatten(1).sum(dim=1) + first + second).exp()
    assert (density.sum() * (side[1] - side[0]) ** 2).item() == pytest.approx(1.0, abs=1e-3)


def test_actnorm_normalizes_its_first_batch_alone() -> None:
    norm = ActNorm(3).train()
    x = torch.randn(64, 3, 8, 8) * torch.tensor([1.0, 5.0, 0.1])[None, :, None, None] + 7
    y, _ = norm(x)
    assert torch.allclose(y.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(y.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-2)
    before = norm.shift.clone()
    norm(x + 100)
    assert torch.equal(norm.shift, before)


def test_autocast_does_not_touch_a_flow() -> None:
    flow = flows()["glow"].eval()
    images = torch.randn(2, *flow.shape)
    plain = flow(images)
    with torch.autocast("cpu", torch.bfloat16):
        cast: tuple[Tensor, Tensor] = flow(images)
    assert torch.equal(plain[0], cast[0])
    assert torch.equal(plain[1], cast[1])


def test_flows_are_built_on_the_meta_device() -> None:
    with torch.device("meta"):
        assert next(glow((1, 8, 8), 2, 1, 8, 0).parameters()).is_meta


def test_likelihoods_are_those_of_nflows() -> None:
    """tools/make_flow_golden.py made the file, with nflows 0.14."""
    golden = load_file(Path(__file__).parent / "golden" / "nflows-glow.safetensors")
    network = glow((1, 8, 8), levels=1, steps=2, width=6, classes=0).double().eval()
    network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in golden.items() if name.startswith("network.")})
    latents, density = network(golden["images"])
    assert torch.allclose(density, golden["log_density"], atol=1e-9)
    assert torch.allclose(latents, golden["latents"].flatten(1), atol=1e-9)
    assert density.std() > 0.1
