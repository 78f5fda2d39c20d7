"""Networks of series: no output depends on a later input, and how far back each reaches."""

import pytest
import torch
from torch import nn

from sparring.nets.temporal import (
    FutureGenerator,
    PathGenerator,
    Recurrent,
    TemporalNetwork,
    WindowDiscriminator,
    at_scales,
    blocks_for,
    blocks_to_see,
)


def reach(network: nn.Module, inputs: torch.Tensor, output: int) -> list[int]:
    """The steps of the inputs that one step of the outputs depends on."""
    inputs = inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs)[:, :, output].sum(), inputs)
    return gradient.abs().sum(dim=(0, 1)).nonzero()[:, 0].tolist()


@pytest.mark.parametrize(("blocks", "field"), [(1, 3), (2, 7), (3, 15)])
def test_each_output_depends_on_its_receptive_field_alone(blocks: int, field: int) -> None:
    torch.manual_seed(0)
    network = TemporalNetwork(2, 3, 5, blocks)
    assert network.receptive_field == field
    inputs = torch.randn(4, 2, field + 6)
    assert network(inputs).shape == (4, 3, 7)
    for output in (0, 3, 6):
        assert reach(network, inputs, output) == list(range(output, output + field))
    with pytest.raises(AssertionError, match="receptive field"):
        network(inputs[:, :, : field - 1])


@pytest.mark.parametrize("steps", [3, 6, 7, 8, 14, 15, 127])
def test_numbers_of_blocks(steps: int) -> None:
    fields = {blocks: 2 ** (blocks + 1) - 1 for blocks in range(1, 9)}
    assert blocks_for(steps) == max(blocks for blocks, field in fields.items() if field <= steps)
    assert blocks_to_see(steps) == min(blocks for blocks, field in fields.items() if field >= steps)


def test_generators_of_paths_and_futures_look_back_only() -> None:
    torch.manual_seed(0)
    paths = PathGenerator(3, 2, 4, 20)
    assert paths.lead == 15 + 15  # the receptive field of three blocks, and means over sixteen steps
    noise = torch.randn(2, 3, 10 + paths.lead)
    assert paths(noise).shape == (2, 2, 10)
    assert max(reach(paths, noise, 4)) == 4 + paths.lead
    futures = FutureGenerator(3, 2, 1, 4, 12)
    assert futures.lead == 3
    inputs = [torch.randn(2, width, 12) for width in (2, 1, 1)]
    inputs = [torch.randn(2, 3, 15), inputs[0], (inputs[1] > 0).float(), inputs[2]]
    before = futures(*inputs)
    for each in inputs:
        each[:, :, -5:] += 1
    after = futures(*inputs)
    assert torch.equal(before[:, :, :7], after[:, :, :7])
    assert not torch.equal(before[:, :, 7:], after[:, :, 7:])


def test_noise_at_scales_is_of_unit_variance_and_of_the_steps_until_then() -> None:
    noise = torch.randn(500, 2, 40, generator=torch.Generator().manual_seed(0))
    found = at_scales(noise, [4, 16])
    assert found.shape == (500, 6, 25)
    assert torch.equal(found[:, :2], noise[:, :, 15:])
    for place, scale in ((2, 4), (4, 16)):
        by_hand = torch.stack([noise[:, :, step - scale + 1 : step + 1].mean(dim=2) for step in range(15, 40)], dim=2) * scale**0.5
        assert torch.allclose(found[:, place : place + 2], by_hand, atol=1e-5)
        assert abs(float(found[:, place : place + 2].std()) - 1) < 0.05
    assert torch.equal(at_scales(noise, []), noise)


def test_values_that_are_not_given_are_not_looked_at() -> None:
    torch.manual_seed(0)
    futures = FutureGenerator(3, 2, 1, 4, 12)
    given, known = (torch.randn(2, width, 12) for width in (2, 1))
    noise = torch.randn(2, 3, 12 + futures.lead)
    mask = torch.zeros(2, 1, 12)
    mask[:, :, :5] = 1
    other = torch.cat([given[:, :, :5], torch.randn(2, 2, 7)], dim=2)
    assert torch.equal(futures(noise, given, mask, known), futures(noise, other, mask, known))


def test_recurrent_networks_look_back_to_the_beginning() -> None:
    torch.manual_seed(0)
    network = Recurrent(2, 3, 4, 2, nn.Sigmoid())
    inputs = torch.randn(3, 2, 9)
    outputs = network(inputs)
    assert outputs.shape == (3, 3, 9)
    assert ((outputs > 0) & (outputs < 1)).all()
    assert reach(network, inputs, 5) == list(range(6))


def test_discriminators_see_whole_windows() -> None:
    torch.manual_seed(0)
    for steps in (7, 20):
        network = WindowDiscriminator(2, 4, steps)
        windows = torch.randn(3, 2, steps)
        assert network(windows).shape == (3, 1)
        windows.requires_grad_()
        (gradient,) = torch.autograd.grad(network(windows).sum(), windows)
        assert (gradient.abs().sum(dim=(0, 1)) > 0).all()
