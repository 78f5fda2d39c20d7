"""Equalized layers, resampling, StyleGAN2's fast forms, growing networks, and the game of styles."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import plain_stylegan2 as plain
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.step_context import StepContext
from sparring.games.stylegan import StyleGame, path_lengths
from sparring.nets import progressive_growing, stylegan, stylegan2
from sparring.nets.biggan import Attention
from sparring.nets.blocks import resampling
from sparring.nets.blocks.equalized_lr import Convolution, Linear, pixel_norm
from sparring.nets.blocks.layers import MinibatchDeviation
from sparring.nets.progressive_growing import Growth, downsample_to_level
from sparring.nets.style_generator import Mapping, label_rows
from sparring.recipes.progan import ProGAN
from sparring.recipes.stylegan import StyleGAN
from sparring.recipes.stylegan2 import StyleGAN2


@pytest.mark.parametrize(("name", "generator", "discriminator"), [("progan", 23.1, 23.1), ("stylegan", 26.2, 23.1)])
def test_networks_for_the_largest_images_have_as_many_weights_as_in_the_papers(name: str, generator: float, discriminator: float) -> None:
    """Millions at 1024x1024: table 2 of Karras et al. 2018 and section 2 of Karras et al. 2019."""
    with torch.device("meta"):
        game = recipes.get(name)().build(ImageSpec(1024, 1024, 3))
    for network, millions in ((game.generator, generator), (game.discriminator, discriminator)):
        assert round(sum(weight.numel() for weight in network.parameters()) / 1e6, 1) == millions


@pytest.mark.parametrize("name", ["dcgan", "sngan", "fastgan", "progan", "stylegan", "stylegan2", "sagan", "biggan"])
def test_first_and_second_derivatives_of_whole_networks(name: str) -> None:
    torch.manual_seed(0)
    own = {"channel_base": 64, "channel_max": 4} if name in {"fastgan", "progan", "stylegan", "stylegan2"} else {"width": 1}
    styled = {"style_size": 4, "mapping_layers": 1} if "style" in name else {}
    told = name in {"sagan", "biggan"}
    game = recipes.get(name)(latent_size=8, **own, **styled).build(ImageSpec(16, 16, 1, ("a", "b", "c") if told else ())).double().eval()
    label = torch.tensor([0, 2]) if told else None
    inputs = {game.generator: torch.randn(2, 8), game.discriminator: torch.randn(2, 1, 16, 16)}
    for network, seen in inputs.items():
        given = (seen.double().requires_grad_(),)
        assert torch.autograd.gradcheck(lambda x, network=network: network(x, label), given, fast_mode=True)
        assert torch.autograd.gradgradcheck(lambda x, network=network: network(x, label), given, fast_mode=True, atol=1e-4)


@pytest.mark.parametrize(("name", "side", "attended"), [("sagan", 128, 32), ("sagan", 32, 16), ("biggan", 128, 64), ("biggan", 32, 16)])
def test_self_attention_is_where_the_papers_have_it(name: str, side: int, attended: int) -> None:
    """SAGAN's at 32x32 (its table 1), BigGAN's at 64x64 (its tables 4 to 9); at half the side of smaller images."""
    game = recipes.get(name)(width=1, latent_size=8, condition="none").build(ImageSpec(side, side, 1)).eval()
    seen: list[int] = []
    for module in game.modules():
        if isinstance(module, Attention):
            module.register_forward_hook(lambda _, shown, __: seen.append(shown[0].shape[2]))
    game.discriminator(game.generator(torch.randn(2, 8)))
    assert seen == [attended, attended]


def test_labels_of_every_kind() -> None:
    numbers = torch.tensor([2, 0])
    rows = torch.tensor([[0.0, 0, 1], [1, 0, 0]])
    kinds = [numbers.to(kind) for kind in (torch.int64, torch.int32, torch.uint8)]
    for label in [*kinds, *(rows.to(kind) for kind in (torch.int64, torch.bool, torch.float64, torch.float32))]:
        found = label_rows(label, 3)
        assert found is not None
        assert (found.dtype, found.tolist()) == (torch.float32, rows.tolist())
    assert label_rows(torch.zeros(4, 0), 0) is None
    for label, words in ((torch.tensor([3]), "from 3 to 3; the network has classes 0 to 2"), (torch.tensor([-1, 0]), "from -1")):
        with pytest.raises(ValueError, match=words):
            label_rows(label, 3)


def test_resampling_is_zeros_between_padding_and_the_filter() -> None:
    torch.manual_seed(0)
    x, square = torch.randn(2, 3, 6, 8), plain.square_filter()
    for kind in (torch.float32, torch.float64):  # computed in two ways
        for maps in (x.to(kind), x[:, :, :1, :1].to(kind)):
            torch.testing.assert_close(resampling.upsample(maps), plain.upfirdn(maps, square.to(kind), 2, 1, 2, 1, 4))
        larger, weights = torch.zeros(2, 3, 12, 16, dtype=kind, requires_grad=True), x.to(kind)
        (gradient,) = torch.autograd.grad((resampling.downsample(larger) * weights).sum(), larger)
        torch.testing.assert_close(gradient, plain.upfirdn(weights, square.to(kind), 2, 1, 2, 1, 1))
    torch.testing.assert_close(resampling.downsample(x), plain.upfirdn(x, square, 1, 2, 1, 1, 1))
    torch.testing.assert_close(resampling.smooth(x, 2, gain=4), plain.upfirdn(x, square, 1, 1, 2, 2, 4))
    constant = torch.ones(1, 1, 8, 8)
    assert torch.allclose(resampling.upsample(constant)[..., 3:-3, 3:-3], torch.tensor(1.0)), "brightness stays"
    assert torch.allclose(resampling.downsample(constant)[..., 1:-1, 1:-1], torch.tensor(1.0))


@pytest.mark.parametrize(
    "change",
    [lambda x: resampling.smooth(x, 2, 4.0), lambda x: resampling.smooth(x, 1), resampling.downsample, resampling.upsample],
)
def test_resampling_has_the_right_gradients_of_both_orders(change: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 8).double().requires_grad_()
    assert torch.autograd.gradcheck(change, (x,))
    assert torch.autograd.gradgradcheck(change, (x,))


def test_equalized_layers_start_with_variance_one_out_for_variance_one_in() -> None:
    torch.manual_seed(0)
    x = torch.randn(4000, 50)
    assert Linear(50, 40)(x).var().item() == pytest.approx(1, rel=0.05)
    slow = Linear(50, 40, rate=0.01)
    assert slow(x).var().item() == pytest.approx(1, rel=0.1), "the rate changes how fast it learns, not what it gives"
    slow(x).square().sum().backward()
    fast = Linear(50, 40)
    with torch.no_grad():
        fast.weight.copy_(slow.weight * 0.01)
    fast(x).square().sum().backward()
    assert slow.weight.grad is not None
    assert fast.weight.grad is not None
    torch.testing.assert_close(slow.weight.grad, 0.01 * fast.weight.grad, rtol=1e-4, atol=1e-2)
    # an activated layer keeps the mean square: E[lrelu(x)^2] = (1 + 0.04) / 2, times the gain's square 2
    assert Linear(50, 40, activated=True)(x).square().mean().item() == pytest.approx(1.04, rel=0.05)
    maps = Convolution(16, 300, 3, bias=False, activated=False)(torch.randn(8, 16, 12, 12))
    assert maps[..., 1:-1, 1:-1].var().item() == pytest.approx(1, rel=0.05)
    assert torch.allclose(pixel_norm(torch.tensor([[3.0, 4.0]])), torch.tensor([[3.0, 4.0]]) / math.sqrt(12.5))


def test_minibatch_deviation_by_hand() -> None:
    x = torch.tensor([[0.0, 10.0], [2.0, 10.0], [4.0, 30.0], [6.0, 30.0]])
    # a group of two is samples j and j + 2: deviations (2, 10) and (2, 10)
    assert torch.allclose(MinibatchDeviation(2)(x)[:, 2], torch.full((4,), 6.0), atol=1e-4)
    both = MinibatchDeviation(0, channels=2)(x)
    assert both.shape == (4, 4)
    assert torch.allclose(both[:, 2:], torch.tensor([math.sqrt(5), 10.0]).expand(4, 2), atol=1e-4)


@pytest.mark.parametrize("up", [False, True])
def test_a_styled_convolution_has_the_right_second_derivatives(up: bool) -> None:
    """As path length and unrolling need them; in float64 against finite differences."""
    torch.manual_seed(0)
    layer = stylegan2.StyledConvolution(3, 4, 5, (8, 8) if up else (4, 4), up=up, clamp=None).double()
    nn.init.constant_(layer.noise_strength, 0.3)
    x, w = torch.randn(2, 3, 4, 4).double().requires_grad_(), torch.randn(2, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: layer(x, w, "const"), (x, w))
    assert torch.autograd.gradgradcheck(lambda x, w: layer(x, w, "const"), (x, w))


def test_the_discriminator_has_the_right_second_derivatives() -> None:
    """As R1 needs them."""
    torch.manual_seed(0)
    discriminator = stylegan2.Discriminator((3, 3), 1).double()
    images = torch.randn(4, 1, 8, 8).double().requires_grad_()
    assert torch.autograd.gradgradcheck(discriminator, (images,), atol=1e-4)


def test_the_mapping_keeps_a_running_mean_for_truncation() -> None:
    torch.manual_seed(0)
    generator = stylegan2.Generator((6, 6), 3, 5, 7, mapping_layers=2)
    latent = torch.randn(50, 5)
    generator.train()
    w = generator.map(latent)
    torch.testing.assert_close(generator.mean, 0.005 * w[:, 0].mean(dim=0).detach())
    before = generator.mean.clone()
    with torch.no_grad():
        generator.map(latent)
    generator.eval().map(latent)
    assert torch.equal(generator.mean, before), "it moves in the generator's own training alone"
    half = generator.map(latent, truncation=0.5)
    torch.testing.assert_close(half, (w.detach() + before) / 2, rtol=1e-4, atol=1e-5)
    some = generator.map(latent, truncation=0.5, truncated_layers=1)
    torch.testing.assert_close(some[:, :1], half[:, :1])
    torch.testing.assert_close(some[:, 1:], w[:, 1:])


def test_labels_of_the_wrong_kind_are_refused() -> None:
    generator = stylegan2.Generator((6, 6), 3, 5, 7, classes=4)
    with pytest.raises(ValueError, match="4 classes; no labels were given"):
        generator.map(torch.randn(2, 5))
    with pytest.raises(ValueError, match="rows of 3 numbers"):
        generator.map(torch.randn(2, 5), torch.eye(3)[:2])
    with pytest.raises(ValueError, match="0 classes; labels were given"):
        stylegan2.Generator((6, 6), 3, 5, 7).map(torch.randn(2, 5), torch.tensor([1, 2]))
    mapping = Mapping(0, 4, 6, layers=1)
    assert mapping(None, torch.eye(4)).shape == (4, 6)


# ------------------------------------------------------------------------------------------------ the game of styles


def game_of(**settings: object) -> StyleGame:
    torch.manual_seed(0)
    small = {"channel_max": 8, "latent_size": 6, "style_size": 6, "mapping_layers": 2, "batch_size": 8}
    return StyleGAN2(**{**small, **settings}).build(ImageSpec(16, 16, 1)).train()  # pyright: ignore[reportArgumentType]


def context(step: int, images: Tensor) -> StepContext:
    return StepContext(lambda: Batch(images), lambda: None, len(images), Streams(0, step, scope="test"), step, step * len(images))


def test_style_mixing_takes_the_first_layers_of_one_latent_and_the_rest_of_another() -> None:
    game, images = game_of(style_mixing=0.9), torch.zeros(8, 1, 16, 16)
    places = []
    for step in range(200):
        w = game.styles(context(step, images), 8, None)
        same = (w[:, 1:] == w[:, :1]).all(dim=2)
        changed = (~same).any(dim=0)
        places.append(int(changed.nonzero()[0]) + 1 if changed.any() else 0)
        assert not changed.any() or changed[places[-1] - 1 :].all(), "from there on, all are of the other"
    assert 160 < sum(place > 0 for place in places) < 195, "nine in ten batches"
    assert set(places) == set(range(game.generator.layers)), "at every layer"
    assert all(torch.equal(a, b) for a, b in [(game.styles(context(3, images), 8, None), game.styles(context(3, images), 8, None))])


def test_path_lengths_of_a_linear_generator() -> None:
    """Images A w have the lengths |Aᵀ noise|, whatever w is."""
    torch.manual_seed(0)
    matrix = torch.randn(12, 5)

    w, noise = torch.randn(4, 1, 5).requires_grad_(), torch.randn(4, 3, 2, 2)
    wanted = (noise.flatten(1) / 2 @ matrix).norm(dim=1)  # the noise is divided by the side
    images = (w[:, 0] @ matrix.t()).view(4, 3, 2, 2)
    torch.testing.assert_close(path_lengths(images, w, noise), wanted)


def test_the_path_penalty_comes_every_fourth_step_and_follows_its_mean() -> None:
    game, images = game_of(path_length=2.0), torch.rand(8, 1, 16, 16)
    with_path = game.play_generator(first := context(4, images))
    assert "path_length" not in game.play_generator(context(5, images))
    lengths = first.metrics["path_length"]
    assert len(lengths) == 4, "on half of the batch"
    torch.testing.assert_close(game.path_mean, 0.01 * lengths.mean())
    torch.testing.assert_close(with_path["path_length"], 4 * 2.0 * (lengths - game.path_mean).square(), rtol=1e-4, atol=1e-4)


def test_gamma_follows_side_and_batch_unless_it_is_given() -> None:
    assert game_of(batch_size=8).r1 == pytest.approx(0.0002 * 16 * 16 / 8)
    assert game_of(r1=3.0).r1 == 3.0
    images = torch.rand(8, 1, 16, 16)
    game = game_of()
    assert "r1" in game.play_discriminator(context(16, images))
    assert "r1" not in game.play_discriminator(context(15, images))


# --------------------------------------------------------------------------------------------------------- growing


def test_when_a_network_grows() -> None:
    growth = Growth(first=4, last=16, stable=100, fading=50)
    levels = [growth.level(images) for images in (0, 99, 100, 125, 149, 150, 249, 275, 300, 10**6)]
    assert levels == [0, 0, 0, 0.5, 0.98, 1, 1, 1.5, 2, 2]
    assert [growth.side(level) for level in (0, 0.02, 0.5, 1, 1.5, 2)] == [4, 8, 8, 8, 16, 16]
    assert Growth(8, 8, 1, 1).level(10**6) == 0
    assert Growth(4, 8, 10, 0).level(10) == 1, "without fading, a side is there at once"


def test_real_images_of_a_level() -> None:
    growth, images = Growth(4, 16, 100, 100), torch.rand(2, 3, 16, 16)
    mean = nn.functional.avg_pool2d
    torch.testing.assert_close(downsample_to_level(images, growth, 0), mean(images, 4))
    torch.testing.assert_close(downsample_to_level(images, growth, 2), images)
    blurred = mean(images, 4).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(downsample_to_level(images, growth, 0.25), 0.75 * blurred + 0.25 * mean(images, 2))


def networks(kind: str, growth: Growth) -> tuple[nn.Module, progressive_growing.Discriminator]:
    torch.manual_seed(0)
    widths = (8, 7, 6)
    generator = (
        progressive_growing.Generator(widths, 3, 5, growth)
        if kind == "progan"
        else stylegan.Generator(widths, 3, 5, 5, growth, mapping_layers=2)
    )
    return generator, progressive_growing.Discriminator(widths, 3, growth, smoothly=kind == "stylegan")


def at(level: float, *of: nn.Module) -> None:
    for network in of:
        for module in network.modules():
            if isinstance(module, progressive_growing.Growing):
                module.training_level = level


@pytest.mark.parametrize("kind", ["progan", "stylegan"])
@torch.no_grad()
def test_a_new_side_comes_in_without_a_jump(kind: str) -> None:
    growth = Growth(4, 16, 100, 100)
    generator, discriminator = networks(kind, growth)
    for module in generator.modules():  # fresh noise would hide what is the same
        if isinstance(module, stylegan.StyledLayer):
            nn.init.zeros_(module.noise_strength)
    latent, images = torch.randn(4, 5), torch.rand(4, 3, 16, 16)
    drawn, judged = [], []
    for level in (0, 1e-6, 0.5, 1 - 1e-6, 1):
        at(level, generator, discriminator)
        drawn.append(generator(latent))
        judged.append(discriminator(downsample_to_level(images, growth, level)))
    assert [image.shape[2] for image in drawn] == [4, 8, 8, 8, 8]
    doubled = drawn[0].repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(drawn[1], doubled, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(drawn[3], drawn[4], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(drawn[2], (drawn[1] + drawn[4]) / 2, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(judged[1], judged[0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(judged[3], judged[4], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [ProGAN, StyleGAN])
def test_in_use_images_have_the_last_side_at_the_level_reached(kind: type[ProGAN] | type[StyleGAN]) -> None:
    torch.manual_seed(0)
    recipe = kind(channel_max=8, latent_size=5, start_side=4, stable_samples=100, fading_samples=100, batch_size=4)
    game = recipe.build(ImageSpec(16, 16, 1)).train()
    images = torch.rand(4, 1, 16, 16)
    shown = StepContext(lambda: Batch(images), lambda: None, 4, Streams(0, 0), 0, real_samples=150)
    game.play_discriminator(shown)
    assert shown.used_data
    game.play_generator(shown)
    assert [network.level for network in game.growing] == [0.5, 0.5]
    drawn = game.sample(5)
    assert drawn.shape == (5, 1, 16, 16)
    assert torch.equal(drawn[..., ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3), drawn), "of 8x8 as yet"
    assert drawn.abs().max() <= 1
    # whoever has the weights knows the level
    other = recipe.build(ImageSpec(16, 16, 1))
    other.load_state_dict(game.state_dict())
    assert torch.equal(other.sample(5), drawn)


def test_gradients_reach_every_layer_of_the_level_and_none_beyond() -> None:
    generator, discriminator = networks("progan", Growth(4, 16, 100, 100))
    at(0.5, generator, discriminator)
    discriminator(generator(torch.randn(4, 5))).sum().backward()
    touched = {name for name, weight in generator.named_parameters() if weight.grad is not None}
    assert {name for name, _ in generator.named_parameters()} - touched == {
        name for name, _ in generator.named_parameters() if name.startswith(("blocks.1.", "to_image.2."))
    }
    touched = {name for name, weight in discriminator.named_parameters() if weight.grad is not None}
    assert {name for name, _ in discriminator.named_parameters()} - touched == {
        name for name, _ in discriminator.named_parameters() if name.startswith(("blocks.1.", "from_image.2."))
    }


def test_adaptive_instance_norm_by_its_equation() -> None:
    """Equation 1 of the paper, after noise, offset and rectifier."""
    torch.manual_seed(0)
    layer = stylegan.StyledLayer(3, 4, 6)
    nn.init.normal_(layer.noise_strength)
    nn.init.normal_(layer.bias)
    x, w = torch.randn(2, 3, 6, 6), torch.randn(2, 4)
    y = nn.functional.leaky_relu(x + layer.noise_strength[:, None, None] * layer.noise + layer.bias[:, None, None], 0.2).detach().numpy()
    style = layer.affine(w).detach().numpy()
    for n in range(2):
        for c in range(3):
            wanted = (style[n, c] + 1) * (y[n, c] - y[n, c].mean()) / y[n, c].std() + style[n, 3 + c]
            np.testing.assert_allclose(layer(x, w, "const")[n, c].detach().numpy(), wanted, rtol=1e-4, atol=1e-5)
