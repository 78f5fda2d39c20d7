import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from sparring.data.images.image_spec import ImageSpec
from sparring.nets.blocks.layers import spectrally_normalized
from sparring.nets.sngan import Discriminator, DownBlock, Generator, UpBlock, discriminator_widths, generator_widths
from sparring.recipes.sngan import SNGAN


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
def test_every_resolution(resolution: int) -> None:
    generator, discriminator = Generator(resolution, 3, 10, 2), Discriminator(resolution, 3, 2)
    images = generator(torch.randn(2, 10))
    assert images.shape == (2, 3, resolution, resolution)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (2, 1)
    assert discriminator.blocks(images).shape[2:] == ((8, 8) if resolution <= 32 else (4, 4))


def test_widths_of_the_papers() -> None:
    assert generator_widths(32, 64) == [256, 256, 256, 256]
    assert discriminator_widths(32, 64) == [128, 128, 128, 128]
    assert generator_widths(128, 64) == [1024, 1024, 512, 256, 128, 64]
    assert discriminator_widths(128, 64) == [64, 128, 256, 512, 1024, 1024]
    # 16x16: 32x32 with a block less
    assert generator_widths(16, 64) == [256] * 3
    assert discriminator_widths(16, 64) == [128] * 3


def test_weights_at_32_counted_by_hand() -> None:
    project = 128 * (4 * 4 * 256) + 4 * 4 * 256
    wide, narrow = 3 * 3 * 256 * 256 + 256, 3 * 3 * 128 * 128 + 128
    up_block = 2 * (256 + 256) + 2 * wide + (256 * 256 + 256)
    draw = (256 + 256) + 3 * 3 * 256 * 3 + 3
    assert count(Generator(32, 3, 128, 64)) == project + 3 * up_block + draw == 4_276_739
    # two scales and two offsets of each block, and the last ones, once for each class
    assert count(Generator(32, 3, 128, 64, normalized=10)) == 4_276_739 + 9 * (3 * 4 * 256 + 2 * 256)

    first = (3 * 3 * 3 * 128 + 128) + narrow + (3 * 128 + 128)
    second = 2 * narrow + (128 * 128 + 128)
    assert count(Discriminator(32, 3, 64)) == first + second + 2 * (2 * narrow) + (128 + 1) == 1_053_825
    assert count(Discriminator(32, 3, 64, projected=10)) == 1_053_825 + 10 * 128
    assert count(Discriminator(32, 3, 64, named=10)) == 1_053_825 + 10 * 129


def test_first_weights_are_glorots() -> None:
    torch.manual_seed(0)
    block = UpBlock(40, 20, 0)
    for layer, gain_squared, fans in [(block.first, 2, 9 * (40 + 20)), (block.second, 2, 9 * (20 + 20)), (block.shortcut, 1, 40 + 20)]:
        assert layer.weight.abs().max().item() == pytest.approx((6 * gain_squared / fans) ** 0.5, rel=0.02)
        assert not layer.bias.any()


@pytest.mark.parametrize("classes", [0, 3])
def test_an_up_block_written_out(classes: int) -> None:
    torch.manual_seed(0)
    block = UpBlock(6, 5, classes).double()
    for weight in block.parameters():
        nn.init.normal_(weight)
    state = block.state_dict()
    x, labels = torch.randn(4, 6, 3, 5, dtype=torch.float64), torch.tensor([0, 2, 1, 2])

    def norm(x: Tensor, name: str) -> Tensor:
        deviation = (x.var(dim=(0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        x = (x - x.mean(dim=(0, 2, 3), keepdim=True)) / deviation
        if classes:
            return x * state[f"{name}.scale"][labels][:, :, None, None] + state[f"{name}.offset"][labels][:, :, None, None]
        return x * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    def convolve(x: Tensor, name: str, padding: int) -> Tensor:
        return functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    def twice(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)

    residual = convolve(twice(norm(x, "first_norm").clamp(min=0)), "first", 1)
    residual = convolve(norm(residual, "second_norm").clamp(min=0), "second", 1)
    wanted = residual + convolve(twice(x), "shortcut", 0)
    condition = functional.one_hot(labels, 3).double() if classes else None
    torch.testing.assert_close(block(x, condition), wanted)


@pytest.mark.parametrize(("after", "halves", "images"), [(5, True, True), (5, True, False), (5, False, False), (6, False, False)])
def test_a_down_block_written_out(after: int, halves: bool, images: bool) -> None:
    torch.manual_seed(0)
    block = DownBlock(6, after, halves=halves, images=images).double()
    for weight in block.parameters():
        nn.init.normal_(weight)
    state = block.state_dict()
    x = torch.randn(2, 6, 4, 8, dtype=torch.float64)
    before = x.clone()

    def convolve(x: Tensor, name: str, padding: int) -> Tensor:
        return functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    def pooled(x: Tensor) -> Tensor:
        return x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean(dim=(3, 5)) if halves else x

    residual = convolve(convolve(x if images else x.clamp(min=0), "first", 1).clamp(min=0), "second", 1)
    shortcut = x if after == 6 else convolve(x, "shortcut", 0)
    torch.testing.assert_close(block(x), pooled(residual) + pooled(shortcut))
    assert x.equal(before)  # no rectifier works in place on what the shortcut still needs


def test_logit_by_the_formula_of_projection() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(16, 1, 3, projected=4, named=2)
    images, labels = torch.randn(5, 1, 16, 16), torch.tensor([3, 0, 1, 1, 2])
    features = discriminator.blocks(images).clamp(min=0).flatten(2).sum(dim=2)
    judge, embeddings = discriminator.head, discriminator.project.weight  # (features, classes)
    wanted = torch.stack(
        [
            torch.stack([judge.weight[output] @ phi + judge.bias[output] + embeddings[:, label] @ phi for output in range(3)])
            for phi, label in zip(features, labels, strict=True)
        ]
    )
    torch.testing.assert_close(discriminator(images, functional.one_hot(labels, 4).float()), wanted)


def test_every_way_of_telling_the_class_changes_the_outcome() -> None:
    torch.manual_seed(0)
    conditions = torch.eye(3)
    for keyword in ["concatenated", "normalized"]:
        generator = Generator(16, 1, 4, 2, **{keyword: 3})
        for name, weight in generator.named_parameters():
            if name.endswith(("scale", "offset")):  # all classes start alike
                nn.init.normal_(weight)
        images = generator.eval()(torch.ones(3, 4), conditions)
        assert (images[0] - images[1]).abs().max() > 1e-3
    for keyword in ["concatenated", "projected"]:
        logits = Discriminator(16, 1, 2, **{keyword: 3})(torch.ones(3, 1, 16, 16), conditions)
        assert len(set(logits[:, 0].tolist())) == 3
    assert Discriminator(16, 1, 2, named=3, minibatch_deviation=True)(torch.ones(3, 1, 16, 16)).shape == (3, 4)


def test_largest_singular_values_are_one() -> None:
    torch.manual_seed(0)
    discriminator = spectrally_normalized(Discriminator(32, 3, 8, projected=10))
    images, condition = torch.randn(4, 3, 32, 32), torch.eye(10)[:4]
    with torch.no_grad():
        for weight in discriminator.parameters():
            weight.mul_(3)
        for _ in range(10):
            discriminator(images, condition)
    discriminator.eval()
    layers = [module for module in discriminator.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 3 + 3 + 2 + 2 + 2
    for layer in layers:
        assert parametrize.is_parametrized(layer, "weight")
        largest = np.linalg.svd(layer.weight.detach().flatten(1).numpy(), compute_uv=False)[0]
        assert largest == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("projection", [False, True])
def test_gradients_reach_every_weight(projection: bool) -> None:
    torch.manual_seed(0)
    classes = 3 if projection else 0
    generator = Generator(32, 1, 6, 2, normalized=classes)
    discriminator = spectrally_normalized(Discriminator(32, 1, 2, projected=classes))
    condition = torch.eye(3).repeat(3, 1) if projection else None
    discriminator(generator(torch.randn(9, 6), condition), condition).square().sum().backward()
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            # offsets of the generator's convolutions are taken away again by the next batch norm
            assert weight.grad.abs().max() > 1e-6 or (network is generator and name.endswith("bias")), name


def test_the_recipe_builds_the_papers_networks() -> None:
    spec = ImageSpec(32, 32, 3, tuple("abcdefghij"))
    game = SNGAN(condition="projection").build(spec)
    assert count(game.generator) == 4_276_739 + 9 * (3 * 4 * 256 + 2 * 256)
    assert count(game.discriminator) == 1_053_825 + 10 * 128
    assert parametrize.is_parametrized(game.discriminator.head, "weight")
    assert SNGAN(r1=1.0).incompatibilities(spec) == []
    (problem,) = SNGAN().incompatibilities(ImageSpec(25, 25, 3, ()))
    assert "--size, for example 24 or" in problem
    assert [SNGAN().size_for(native) for native in [(28, 28), (33, 40), (500, 400)]] == [32, 64, 64]
