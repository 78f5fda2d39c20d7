import itertools

import pytest
import torch
from torch import nn

from sparring.nets import dcgan, mlp
from sparring.nets.blocks import convolution
from sparring.nets.blocks.convolution import Convolution, TransposedConvolution, _Convolve, _ConvolveNarrow, convolve_narrow
from sparring.nets.blocks.group_norm import GroupNorm
from sparring.nets.blocks.layers import ConditionalBatchNorm


def reference_generator(resolution: int, channels: int, latent: int, width: int) -> nn.Sequential:
    """The public PyTorch example's generator, written out for any resolution."""
    widths = [width * 2**power for power in range(resolution.bit_length() - 4, -1, -1)]
    layers: list[nn.Module] = [nn.ConvTranspose2d(latent, widths[0], 4, 1, 0, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for before, after in itertools.pairwise(widths):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh())


def reference_discriminator(resolution: int, channels: int, width: int) -> nn.Sequential:
    widths = [width * 2**power for power in range(resolution.bit_length() - 3)]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))


@pytest.mark.parametrize(("resolution", "channels"), [(16, 4), (32, 1), (64, 3)])
def test_dcgan_is_the_public_network_with_the_ends_as_linear_maps(resolution: int, channels: int) -> None:
    torch.manual_seed(0)
    ours, theirs = dcgan.Generator(resolution, channels, 7, 8), reference_generator(resolution, channels, 7, 8)
    state = dict(zip(theirs.state_dict(), list(ours.state_dict().values()), strict=True))
    first = next(iter(state))
    # (4, 4, c) by latent, as the linear map has it, is (latent, c, 4, 4) for the transposed convolution
    state[first] = state[first].view(4, 4, -1, 7).permute(3, 2, 0, 1)
    theirs.load_state_dict(state)
    latent = torch.randn(6, 7)
    torch.testing.assert_close(ours(latent), theirs(latent[:, :, None, None]), rtol=1e-4, atol=1e-5)

    ours, theirs = dcgan.Discriminator(resolution, channels, 8), reference_discriminator(resolution, channels, 8)
    state = dict(zip(theirs.state_dict(), list(ours.state_dict().values()), strict=True))
    last = list(state)[-1]
    state[last] = state[last].view(1, 4, 4, -1).permute(0, 3, 1, 2)
    theirs.load_state_dict(state)
    images = torch.rand(6, channels, resolution, resolution) * 2 - 1
    torch.testing.assert_close(ours(images).flatten(), theirs(images).flatten(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
def test_dcgan_draws_every_resolution(resolution: int) -> None:
    generator, discriminator = dcgan.Generator(resolution, 3, 10, 4), dcgan.Discriminator(resolution, 3, 4)
    images = generator(torch.randn(2, 10))
    assert images.shape == (2, 3, resolution, resolution)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (2, 1)


def test_dcgan_starts_as_the_paper_says() -> None:
    torch.manual_seed(0)
    generator = dcgan.Generator(64, 3, 100, 32)
    assert generator.project.weight.std().item() == pytest.approx(0.02, rel=0.02)
    norm = generator.layers[0]
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert norm.bias.abs().max() == 0
    images = dcgan.Discriminator(64, 3, 32)
    assert images.layers[0].weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_a_class_changes_the_image_and_the_logit() -> None:
    torch.manual_seed(0)
    conditions = torch.eye(3)
    for generator, discriminator in [
        (dcgan.Generator(16, 1, 4, 4, concatenated=3), dcgan.Discriminator(16, 1, 4, concatenated=3)),
        (dcgan.Generator(16, 1, 4, 4, normalized=3), dcgan.Discriminator(16, 1, 4, projected=3)),
        (mlp.Generator((1, 16, 16), 4, (20,), concatenated=3), mlp.Discriminator((1, 16, 16), (20,), pieces=2, concatenated=3)),
        (mlp.Generator((1, 16, 16), 4, (20,), normalized=3), mlp.Discriminator((1, 16, 16), (20,), projected=3)),
    ]:
        with torch.no_grad():  # conditional norms start alike for all classes
            for module in generator.modules():
                if isinstance(module, ConditionalBatchNorm):
                    module.offset.normal_()
        generator.eval()
        discriminator.eval()
        images = generator(torch.ones(3, 4), conditions)
        assert not torch.allclose(images[0], images[1])
        logits = discriminator(images[:1].expand(3, -1, -1, -1), conditions)
        assert logits.shape == (3, 1)
        assert len(set(logits.flatten().tolist())) == 3


def test_projection_is_the_inner_product_of_class_and_features() -> None:
    torch.manual_seed(0)
    network = mlp.Discriminator((1, 2, 2), (5,), projected=3)
    images, condition = torch.randn(4, 1, 2, 2), torch.eye(3)[[0, 2, 1, 0]]
    features = network.layers(images.flatten(1)).detach().numpy()
    embedded = network.project.weight.detach().numpy().T[[0, 2, 1, 0]]
    plain = features @ network.head.weight.detach().numpy().T + network.head.bias.item()
    expected = plain + (embedded * features).sum(1, keepdims=True)
    torch.testing.assert_close(network(images, condition).detach(), torch.from_numpy(expected))


def test_conditional_batch_norm_scales_by_class() -> None:
    norm = ConditionalBatchNorm(2, 3)
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([[1.0, 1], [2, 3], [0, 0]]))
        norm.offset.copy_(torch.tensor([[0.0, 0], [10, 20], [5, 6]]))
    x = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    expected = normal * norm.scale[labels][:, :, None, None] + norm.offset[labels][:, :, None, None]
    torch.testing.assert_close(norm(x, torch.eye(3)[labels]), expected)


def test_discriminators_that_name_classes_have_an_output_for_each() -> None:
    images = torch.randn(4, 1, 16, 16)
    assert dcgan.Discriminator(16, 1, 4, named=3)(images).shape == (4, 4)
    assert mlp.Discriminator((1, 16, 16), (5,), named=3, minibatch_deviation=True)(images).shape == (4, 4)
    assert dcgan.Discriminator(16, 1, 4, norm="image", minibatch_deviation=True)(images).shape == (4, 1)


def test_maxout_by_hand() -> None:
    layer = mlp.Maxout(1, 2, 2)
    with torch.no_grad():
        layer.linear.weight.copy_(torch.tensor([[1.0], [-1.0], [2.0], [0.5]]))
        layer.linear.bias.copy_(torch.tensor([0.0, 0.0, 1.0, 5.0]))
    # unit 0: max(x, -x); unit 1: max(2x + 1, x / 2 + 5)
    assert layer(torch.tensor([[-3.0], [4.0]])).tolist() == [[3.0, 3.5], [4.0, 9.0]]


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("side", [1, 2, 4])
def test_convolutions_by_product_are_torchs(few: bool, transposed: bool, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weight gradient alone, or (where there are few places) everything."""
    monkeypatch.setattr(convolution, "MANY_WEIGHTS", 0 if few else 10**9)
    torch.manual_seed(0)
    x = torch.randn(3, 5, side if transposed else 2 * side, side if transposed else 2 * side, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(*((5, 4) if transposed else (4, 5)), 4, 4, dtype=torch.float64, requires_grad=True)
    function = nn.functional.conv_transpose2d if transposed else nn.functional.conv2d
    upstream = torch.randn_like(function(x, weight, None, 2, 1))
    wanted = torch.autograd.grad(function(x, weight, None, 2, 1), (x, weight), upstream)
    torch.testing.assert_close(_Convolve.apply(x, weight, 2, 1, transposed), function(x, weight, None, 2, 1))
    found = torch.autograd.grad(_Convolve.apply(x, weight, 2, 1, transposed), (x, weight), upstream)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_first_and_second_derivatives_of_the_convolution(few: bool, transposed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "MANY_WEIGHTS", 0 if few else 10**9)
    torch.manual_seed(0)
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: _Convolve.apply(x, w, 2, 1, transposed), (x, weight))


def test_wide_layers_take_the_product_under_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    calls: list[bool] = []
    real = _Convolve.apply
    monkeypatch.setattr(_Convolve, "apply", lambda *arguments: calls.append(arguments[-1]) or real(*arguments))
    for layer, x in [
        (Convolution(128, 16, 4, 2, 1), torch.randn(8, 128, 8, 8)),
        (TransposedConvolution(16, 128, 4, 2, 1), torch.randn(8, 16, 4, 4)),
    ]:
        exact = torch.autograd.grad(layer(x).square().sum(), layer.weight)[0]
        with torch.autocast("cpu", torch.bfloat16):
            loss = layer(x).float().square().sum()
        near = torch.autograd.grad(loss, layer.weight)[0]
        assert near.dtype == torch.float32
        assert ((near - exact).norm() / exact.norm()).item() < 0.01
    assert calls == [False, True]


@pytest.mark.parametrize(("before", "after"), [(2, 24), (24, 4), (8, 8)])
def test_narrow_convolutions_are_torchs(before: int, after: int) -> None:
    torch.manual_seed(0)
    size = {"memory_format": torch.channels_last}
    x = torch.randn(3, before, 16, 12).contiguous(**size).requires_grad_()
    weight = torch.randn(after, before, 3, 3).contiguous(**size).requires_grad_()
    bias, gradient = torch.randn(after, requires_grad=True), torch.randn(3, after, 16, 12)
    found = []
    for function in (lambda: convolve_narrow(x, weight, bias), lambda: nn.functional.conv2d(x, weight, bias, padding=1)):
        y = function()
        found.append([y, *torch.autograd.grad(y, (x, weight, bias), gradient)])
    for ours, torchs in zip(*found, strict=True):
        assert torch.allclose(ours, torchs, rtol=1e-4, atol=1e-4)
    by_product = "ConvolveNarrow" in type(convolve_narrow(x, weight, bias).grad_fn).__name__
    assert by_product == (min(before, after) <= 4)
    with torch.no_grad():
        wanted = nn.functional.conv2d(x, weight, bias, padding=1)
        assert torch.equal(convolve_narrow(x, weight, bias), wanted), "models in use stay as they are"


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_first_and_second_derivatives_of_narrow_convolutions(before: int, after: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((2, before, 3, 2), (after, before, 3, 3), (after,))
    )
    assert torch.autograd.gradcheck(_ConvolveNarrow.apply, (x, weight, bias))
    assert torch.autograd.gradgradcheck(_ConvolveNarrow.apply, (x, weight, bias))


def test_group_norm_is_torchs() -> None:
    """Values and gradients of channels-last maps, in float64; near it in bfloat16, of maps with a mean that is far from zero."""
    torch.manual_seed(0)
    ours, torchs = GroupNorm(4, 8).double(), nn.GroupNorm(4, 8).double()
    for weight in ours.parameters():
        nn.init.normal_(weight)
    torchs.load_state_dict(ours.state_dict())
    exact = (2 * torch.randn(3, 8, 9, 8, dtype=torch.float64) + 3).contiguous(memory_format=torch.channels_last)
    gradient = torch.randn(3, 8, 9, 8, dtype=torch.float64)
    for kind, close in ((torch.float64, 1e-12), (torch.bfloat16, 0.05)):
        found = []
        for norm in (ours.to(kind), torchs.double()):
            own = next(norm.parameters()).dtype
            x = exact.to(kind).to(own).requires_grad_()
            y = norm(x)
            found.append([y, *torch.autograd.grad(y, (x, *norm.parameters()), gradient.to(own))])
        assert ["_Normalize" in type(y.grad_fn).__name__ for y, *_ in found] == [True, False]
        for one, other in zip(*found, strict=True):
            assert (one.double() - other).abs().max() < close * other.abs().max()
    torchs.load_state_dict(ours.double().state_dict())
    with torch.no_grad():
        assert torch.equal(ours(exact), torchs(exact)), "models in use stay as they are"
