"""FastGAN: its networks against a plain reading of the paper and its authors' code, its game against hand calculations."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, leaky_relu

from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.step_context import StepContext
from sparring.nets.fastgan import Discriminator, Generator, Noise, SkipLayerExcitation, quadrants_of, widths
from sparring.recipes.fastgan import FastGAN, FastGANGame

SMALL = FastGAN(channel_base=256, channel_max=8, latent_size=5, batch_size=4)
SPEC = ImageSpec(16, 16, 3)


def randomized(network: nn.Module) -> nn.Module:
    """With weights and statistics that are nowhere zero or one."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
        for statistic in network.buffers():
            if statistic.is_floating_point():
                statistic.add_(torch.rand_like(statistic) * 0.2)
    return network.eval()


def built(settings: FastGAN = SMALL, spec: ImageSpec = SPEC) -> FastGANGame:
    torch.manual_seed(0)
    return settings.build(spec)


def context_of(images: Tensor, step: int = 0, **optimizers: torch.optim.Optimizer) -> StepContext:
    streams = Streams(0, step, scope="here")
    return StepContext(lambda: Batch(images, None), lambda: None, len(images), streams, step, 0, optimizers=optimizers)


def images_of(n: int = 4, side: int = 16) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


# ------------------------------------------------------------------------------------------------------ networks

Weights = dict[str, Tensor]


def plain_norm(x: Tensor, own: Weights, place: str) -> Tensor:
    names = (f"{place}.{name}" for name in ("running_mean", "running_var", "weight", "bias"))
    return batch_norm(x, *(own[name] for name in names))


def plain_gated(x: Tensor, own: Weights, block: str, first: int, noisy: bool) -> Tensor:
    """Convolution, noise, norm and gated linear unit: layers number `first` and those after it."""
    x = conv2d(x, own[f"{block}.{first}.weight"], padding=1)
    if noisy:
        x = x + own[f"{block}.{first + 1}.strength"] * own[f"{block}.{first + 1}.constant"]
    x = plain_norm(x, own, f"{block}.{first + 1 + noisy}")
    half = x.shape[1] // 2
    return x[:, :half] * torch.sigmoid(x[:, half:])


def doubled(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


@torch.no_grad()
def test_the_generator_is_that_of_the_paper() -> None:
    sizes = (8, 6, 7, 5, 4, 3)  # at 4 to 128
    generator = randomized(Generator(sizes, 3, 5))
    z = torch.randn(2, 5)
    own = generator.state_dict()
    # a transposed 4x4 convolution of a single place; its places are in rows of channels here
    weight = own["project.weight"].view(4, 4, 16, 5).permute(3, 2, 0, 1)
    x = plain_norm(nn.functional.conv_transpose2d(z[:, :, None, None], weight), own, "start.0")
    maps = [x[:, :8] * torch.sigmoid(x[:, 8:])]
    for place in range(5):
        noisy = place in {0, 2, 4}  # at 8, 32 and 128
        x = plain_gated(doubled(maps[-1]), own, f"blocks.{place}", 0, noisy)
        if noisy:
            x = plain_gated(x, own, f"blocks.{place}", 4, noisy)
        if place in {3, 4}:  # at 64 from 4, at 128 from 8
            small = nn.functional.adaptive_avg_pool2d(maps[place - 3], 4)
            first, second = (own[f"excitations.{place - 3}.gates.{layer}.weight"] for layer in (0, 2))
            y = conv2d(small, first.view(len(first), -1, 4, 4))
            x = x * torch.sigmoid(conv2d(y * torch.sigmoid(y), second[:, :, None, None]))
        maps.append(x)
    wanted = torch.tanh(conv2d(maps[-1], own["to_image.0.weight"], padding=1))
    assert wanted.shape == (2, 3, 128, 128)
    assert wanted.std() > 0.01
    assert torch.allclose(generator(z), wanted, atol=1e-5)


@pytest.mark.parametrize("side", [16, 32, 64])
@torch.no_grad()
def test_the_discriminator_is_that_of_the_paper(side: int) -> None:
    sizes = (9, 8, 7, 6, 5)[: side.bit_length() - 2]
    discriminator = randomized(Discriminator(sizes, 3, "batch", decodes=True))
    images, own = images_of(4, side), discriminator.state_dict()
    stride = 2 if side > 16 else 1
    x = leaky_relu(conv2d(images, own["to_16.0.weight"], stride=stride, padding=1), 0.2)
    blocks = [f"to_16.{place}" for place in range(2, 2 + side // 64)] + ["to_8"]
    fine = x
    for block in blocks:
        fine = x
        y = conv2d(x, own[f"{block}.convolved.0.weight"], stride=2, padding=1)
        y = leaky_relu(plain_norm(y, own, f"{block}.convolved.1"), 0.2)
        y = conv2d(y, own[f"{block}.convolved.3.weight"], padding=1)
        y = leaky_relu(plain_norm(y, own, f"{block}.convolved.4"), 0.2)
        pooled = conv2d(avg_pool2d(x, 2), own[f"{block}.pooled.1.weight"])
        x = (y + leaky_relu(plain_norm(pooled, own, f"{block}.pooled.2"), 0.2)) / 2
    assert (fine.shape[2], x.shape[2]) == (16, 8)
    y = leaky_relu(plain_norm(conv2d(x, own["head.0.weight"]), own, "head.1"), 0.2)
    patches = conv2d(y, own["head.3.weight"])
    assert patches.shape == (4, 1, 5, 5)
    ours = discriminator(images)
    assert ours.shape == (4, 1)
    assert torch.allclose(ours[:, 0], patches.mean(dim=(1, 2, 3)), atol=1e-5)

    corners = [fine[0, :, :8, :8], fine[1, :, :8, 8:], fine[2, :, 8:, :8], fine[3, :, 8:, 8:]]
    logits, *found = discriminator(images, None, torch.arange(4))
    assert torch.equal(logits, ours)
    stages = {16: 0, 32: 1, 64: 2}[side]
    for made, name, maps in zip(found, ("decode_whole", "decode_quadrant"), (x, torch.stack(corners)), strict=True):
        y = maps
        for stage in range(stages):
            y = plain_gated(doubled(y), own, name, 3 * stage, noisy=False)
        wanted = torch.tanh(conv2d(y, own[f"{name}.{3 * stages}.weight"], padding=1))
        assert wanted.shape == (4, 3, side // 2, side // 2)
        assert torch.allclose(made, wanted, atol=1e-5)


def test_channels_are_the_authors() -> None:
    """Of the discriminator from 256x256 to 8x8, and of the generator up to 32x32."""
    assert widths(256, 4096, 1024) == (1024, 512, 256, 128, 64, 32, 16)
    assert widths(16, 8, 128) == (2, 1, 1), "at least one"


@torch.no_grad()
def test_excitation_scales_channels_by_gates_that_are_known() -> None:
    excite = SkipLayerExcitation(1, 2)
    first, second = (layer.weight for layer in excite.gates if isinstance(layer, nn.Linear))
    first.copy_(torch.stack([torch.full((16,), 1 / 16), torch.full((16,), 1 / 8)]))  # the mean, and twice the mean
    second.copy_(torch.tensor([[3.0, 0.0], [0.0, -1.0]]))
    small, large = torch.rand(2, 1, 8, 8), torch.randn(2, 2, 5, 5)
    found = excite(small, large)
    for row, mean in enumerate(small.mean(dim=(1, 2, 3)).tolist()):
        swish, twice = mean / (1 + math.exp(-mean)), 2 * mean / (1 + math.exp(-2 * mean))
        assert torch.allclose(found[row, 0], large[row, 0] / (1 + math.exp(-3 * swish)), atol=1e-6)
        assert torch.allclose(found[row, 1], large[row, 1] / (1 + math.exp(twice)), atol=1e-6)


def test_quadrants_are_numbered_by_rows() -> None:
    squares = torch.arange(16.0).view(1, 1, 4, 4).expand(4, 1, 4, 4)
    found = quadrants_of(squares, torch.tensor([3, 0, 2, 1]))
    assert found.flatten(1).tolist() == [[10, 11, 14, 15], [0, 1, 4, 5], [8, 9, 12, 13], [2, 3, 6, 7]]


@torch.no_grad()
def test_noise_is_each_images_own_in_training_and_constant_after_it() -> None:
    noise = Noise((8, 8))
    maps = torch.randn(2, 3, 8, 8)
    assert torch.equal(noise(maps), maps), "it begins at zero"
    noise.strength.fill_(0.5)
    added = (noise(maps) - maps)[:, 0]
    assert not torch.allclose(added[0], added[1])
    assert torch.allclose((noise(maps) - maps)[:, 2].std(), torch.tensor(0.5), rtol=0.3)
    noise.eval()
    assert torch.allclose(noise(maps), maps + 0.5 * noise.constant)


# ---------------------------------------------------------------------------------------------------------- game


def test_the_game_reconstructs_what_it_sees() -> None:
    """Halves of the augmented images, and one quadrant of each, with features that are computed once."""
    game = built(replace(SMALL, reconstruction=3.0), ImageSpec(32, 32, 3)).eval()
    images = images_of(side=32)
    context = context_of(images)
    passes: list[int] = []
    game.discriminator.to_16.register_forward_hook(lambda _, seen, __: passes.append(len(seen[0])))
    losses = game.play_discriminator(context)
    assert passes == [4, 4], "the real images, and the generated ones"
    assert sorted(losses) == ["generated", "real", "reconstruction/quadrant", "reconstruction/whole"]
    shown = game.discriminator_input(images, "real", context)
    assert not torch.equal(shown, images), "which are augmented"
    quadrants = context.streams.integers("quadrant", 4, 4)
    logits, whole, quadrant = game.discriminator(shown, None, quadrants)
    halved = (shown[:, :, ::2, ::2] + shown[:, :, 1::2, ::2] + shown[:, :, ::2, 1::2] + shown[:, :, 1::2, 1::2]) / 4
    assert torch.allclose(losses["reconstruction/whole"], 3 * (whole - halved).abs().flatten(1).mean(dim=1), atol=1e-6)
    for row, number in enumerate(quadrants.tolist()):
        top, left = 16 * (number // 2), 16 * (number % 2)
        wanted = shown[row, :, top : top + 16, left : left + 16]
        assert losses["reconstruction/quadrant"][row].item() == pytest.approx(3 * (quadrant[row] - wanted).abs().mean().item(), rel=1e-5)
    assert torch.allclose(losses["real"], (1 - logits[:, 0]).relu(), atol=1e-6)
    again = game.play_discriminator(context_of(images))
    assert all(torch.equal(again[name], losses[name]) for name in losses), "quadrants are a function of the streams"
    drawn = [context_of(images, step).streams.integers("quadrant", 4, 4).tolist() for step in range(20)]
    assert {number for row in drawn for number in row} == {0, 1, 2, 3}


def test_decoders_learn_from_maps_that_stand_still() -> None:
    game = built(replace(SMALL, augment="none"), ImageSpec(32, 32, 3)).train()
    network = game.discriminator
    images = nn.functional.interpolate(images_of(4, 2), size=32, mode="bilinear")
    decoders = [weight for name, weight in network.named_parameters() if name.startswith("decode_")]
    rest = {name: weight.clone() for name, weight in network.named_parameters() if not name.startswith("decode_")}
    assert decoders
    assert rest
    optimizer = torch.optim.Adam(decoders, lr=0.01)
    found = []
    for _ in range(80):
        losses = game.play_discriminator(context_of(images))
        total = losses["reconstruction/whole"].mean() + losses["reconstruction/quadrant"].mean()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        found.append(total.item())
    assert found[-1] < found[0] / 2
    assert all(torch.equal(weight, rest[name]) for name, weight in network.named_parameters() if name in rest)


def test_reconstruction_teaches_the_discriminators_own_maps() -> None:
    game = built().train()
    losses = game.play_discriminator(context_of(images_of()))
    (losses["reconstruction/whole"] + losses["reconstruction/quadrant"]).mean().backward()
    reached = {name for name, weight in game.discriminator.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert any(name.startswith("to_16") for name in reached)
    assert any(name.startswith("to_8") for name in reached)
    assert not any(name.startswith("head") for name in reached)
    assert all(weight.grad is None for weight in game.generator.parameters())


def test_without_reconstruction_nothing_decodes() -> None:
    game = built(replace(SMALL, reconstruction=0.0))
    assert not any(name.startswith("decode_") for name, _ in game.discriminator.named_parameters())
    assert sorted(game.play_discriminator(context_of(images_of()))) == ["generated", "real"]


def test_packs_are_reconstructed_together() -> None:
    game = built(replace(SMALL, packing=2))
    losses = game.play_discriminator(context_of(images_of()))
    assert {loss.shape for loss in losses.values()} == {(2,)}


def test_unrolled_steps_reconstruct_too() -> None:
    """The discriminator that the generator looks ahead to is another one where reconstruction weighs more."""
    found = []
    for weight in (1.0, 100.0):
        game = built(replace(SMALL, unroll=1, reconstruction=weight)).train()
        weights = [parameter for parameter in game.discriminator.parameters() if parameter.requires_grad]
        losses = game.play_generator(context_of(images_of(), discriminator=torch.optim.Adam(weights, 1e-3)))
        assert sorted(losses) == ["adversarial"]
        found.append(losses["adversarial"].detach())
    assert not torch.allclose(*found)


def test_penalties_without_batch_norm_leave_what_is_reconstructed_alone() -> None:
    game = built(replace(SMALL, r1=1.0, discriminator_norm="none")).train()
    losses = game.play_discriminator(context_of(images_of()))
    torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in game.discriminator.parameters())


def test_what_does_not_fit_is_said() -> None:
    assert SMALL.problems(SPEC) == []
    assert any("--size" in problem for problem in SMALL.problems(ImageSpec(8, 8, 3)))
    assert any("--size" in problem for problem in SMALL.problems(ImageSpec(512, 512, 3)))
    assert any("batch norm mixes" in problem for problem in FastGAN(r1=1.0).problems(SPEC))
    assert FastGAN(r1=1.0, discriminator_norm="image").problems(SPEC) == []
    assert any("Leave condition out" in problem for problem in FastGAN(condition="projection").problems(ImageSpec(16, 16, 3, ("a", "b"))))
    assert any("minibatch_deviation" in problem for problem in FastGAN(minibatch_deviation=True).problems(SPEC))
    assert any("reconstruction=0" in problem for problem in FastGAN(weight_clip=0.1).problems(SPEC))
    assert FastGAN(weight_clip=0.1, reconstruction=0.0).problems(SPEC) == []
