"""R3GAN: its networks against a plain reading of the authors' code, its game against the paper's losses."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, softplus

import sparring
from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.step_context import StepContext
from sparring.health.diagnosis.remedies import against_mode_collapse, against_non_convergence, gamma_of
from sparring.health.diagnosis.training_record import Record
from sparring.nets import compact_r3gan as compact
from sparring.nets.r3gan import Discriminator, Generator, ResidualBlock, widths
from sparring.recipes.r3gan import R3GAN
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from support.runs import same_run

SMALL = R3GAN(channel_base=128, channel_max=16, latent_size=5, class_size=3, batch_size=6)
PAPER = replace(SMALL, architecture="paper", channel_base=256, group_size=8)
SPEC = ImageSpec(16, 16, 3, ("a", "b"))


def randomized(network: nn.Module) -> nn.Module:
    """With weights that are nowhere zero."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


KERNEL = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
"""The authors' filter (1, 2, 1), convolved with (1, 1) and normalized."""


def plain_up(x: Tensor) -> Tensor:
    """As in the authors' code: each channel by itself, with the filter times four."""
    n, c, h, w = x.shape
    return conv_transpose2d(x.reshape(n * c, 1, h, w), 4 * KERNEL[None, None], stride=2, padding=1).view(n, c, 2 * h, 2 * w)


def plain_down(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return conv2d(x.reshape(n * c, 1, h, w), KERNEL[None, None], stride=2, padding=1).view(n, c, h // 2, w // 2)


def plain_block(x: Tensor, weights: dict[str, Tensor], place: str, groups: int) -> Tensor:
    """Convolutions without biases; biases are of the activations, as there."""
    y = conv2d(x, weights[f"{place}.expand.weight"])
    y = leaky_relu(y + weights[f"{place}.expand.bias"][:, None, None], 0.2)
    y = conv2d(y, weights[f"{place}.mix.weight"], padding=1, groups=groups)
    y = leaky_relu(y + weights[f"{place}.mix.bias"][:, None, None], 0.2)
    return x + conv2d(y, weights[f"{place}.reduce.weight"])


@pytest.mark.parametrize("classes", [0, 4])
@torch.no_grad()
def test_networks_are_those_of_the_authors_code(classes: int) -> None:
    generator = randomized(Generator((16, 16, 8), 3, 5, 2, 2, 8, classes, 3))
    discriminator = randomized(Discriminator((16, 16, 8), 3, 2, 2, 8, classes, 3))
    z, y = torch.randn(2, 5), torch.eye(4)[[1, 3]]
    ours = generator(z, y) if classes else generator(z)
    own = dict(generator.named_parameters())
    x = torch.cat([z, y @ own["embed.weight"].t()], dim=1) if classes else z
    x = own["basis"][None] * (x @ own["project.weight"].t())[:, :, None, None]
    for stage in range(3):
        if stage:
            weight = own.get(f"transitions.{stage - 1}.weight")
            x = plain_up(x if weight is None else conv2d(x, weight))
        for block in range(2):
            x = plain_block(x, own, f"stages.{stage}.{block}", 2 * x.shape[1] // 8)
    x = conv2d(x, own["to_image.weight"])
    assert torch.allclose(ours, x, atol=1e-5)
    assert ours.abs().max() > 1, "not bounded"

    ours = discriminator(x, y) if classes else discriminator(x)
    own = dict(discriminator.named_parameters())
    x = conv2d(x, own["from_image.weight"])
    for stage in range(3):
        if stage:
            x = plain_down(x)
            weight = own.get(f"transitions.{stage - 1}.weight")
            x = x if weight is None else conv2d(x, weight)
        for block in range(2):
            x = plain_block(x, own, f"stages.{stage}.{block}", 2 * x.shape[1] // 8)
    x = (x * own["basis.weight"][:, 0]).sum(dim=(2, 3)) @ own["head.weight"].t()
    x = (x * (y @ own["embed.weight"].t())).sum(dim=1, keepdim=True) if classes else x
    assert torch.allclose(ours, x, atol=1e-4)


def plain_norm(x: Tensor, weights: dict[str, Tensor], place: str) -> Tensor:
    """Batch norm over the batch, as in training."""
    mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
    normal = (x - mean[:, None, None]) / (variance + 1e-5).sqrt()[:, None, None]
    return normal * weights[f"{place}.weight"][:, None, None] + weights[f"{place}.bias"][:, None, None]


@pytest.mark.parametrize("classes", [0, 4])
@torch.no_grad()
def test_compact_networks_by_plain_operations(classes: int) -> None:
    """A block at each side but the full one, which has a 3x3 convolution; batch norm in the generator alone."""
    generator = randomized(compact.Generator((16, 16, 8), 3, 5, 1, classes, 3)).train()
    discriminator = randomized(compact.Discriminator((16, 16, 8), 3, 1, classes, 3))
    z, y = torch.randn(2, 5), torch.eye(4)[[1, 3]]
    ours = generator(z, y) if classes else generator(z)
    own = dict(generator.named_parameters())

    def active(x: Tensor, norm: str) -> Tensor:
        return leaky_relu(plain_norm(x, own, norm), 0.2)

    x = torch.cat([z, y @ own["embed.weight"].t()], dim=1) if classes else z
    x = (x @ own["project.weight"].t()).view(2, 4, 4, 16).permute(0, 3, 1, 2)
    for stage in range(3):
        if stage:
            weight = own.get(f"transitions.{stage - 1}.weight")
            x = plain_up(x if weight is None else conv2d(x, weight))
        block = f"stages.{stage}.0"
        inner = conv2d(active(x, f"{block}.norms.0"), own[f"{block}.mix.weight"], padding=1)
        x = active(x + conv2d(active(inner, f"{block}.norms.1"), own[f"{block}.reduce.weight"]), f"stages.{stage}.1")
    x = active(plain_up(conv2d(x, own["to_image.reduce.weight"])), "to_image.norm")
    x = conv2d(x, own["to_image.mix.weight"], own["to_image.mix.bias"], padding=1).tanh()
    assert x.shape == (2, 3, 32, 32)
    assert torch.allclose(ours, x, atol=1e-5)

    ours = discriminator(x, y) if classes else discriminator(x)
    own = dict(discriminator.named_parameters())
    x = plain_down(leaky_relu(conv2d(x, own["from_image.mix.weight"], own["from_image.mix.bias"], padding=1), 0.2))
    x = conv2d(x, own["from_image.expand.weight"], own["from_image.expand.bias"])
    for stage in range(3):
        if stage:
            weight = own.get(f"transitions.{stage - 1}.weight")
            x = plain_down(x) if weight is None else conv2d(plain_down(x), weight)
        x = plain_block(x, own, f"stages.{stage}.0", 1)
    x = x.permute(0, 2, 3, 1).reshape(2, -1) @ own["head.weight"].t()
    x = (x * (y @ own["embed.weight"].t())).sum(dim=1, keepdim=True) if classes else x
    assert torch.allclose(ours, x, atol=1e-4)


@pytest.mark.parametrize("sides", [(8, 8), (32, 32), (256, 256), (8, 12), (24, 64)])
@torch.no_grad()
def test_compact_networks_of_all_sizes(sides: tuple[int, int]) -> None:
    spec = ImageSpec(*sides, 3, ("a", "b"))
    recipe = replace(SMALL, condition="projection")
    assert recipe.problems(spec) == []
    game = recipe.build(spec)
    images = game.generator(torch.randn(1, 5), torch.eye(2)[:1])
    assert images.shape == (1, 3, *sides)
    assert game.discriminator(images, torch.eye(2)[:1]).shape == (1, 1)


def test_older_runs_go_on_with_the_paper_s_networks(squares: Path, tmp_path: Path, quiet: Console) -> None:
    """Their config.json, checkpoints and packed models name no architecture, and no number of images from which rates fall."""
    settings: dict[str, Any] = {"architecture": "paper", "channel_base": 64, "channel_max": 8, "batch_size": 4, "threads": 1}
    settings["constant_rate_samples"] = None
    sparring.train("r3gan", squares, tmp_path / "whole", steps=2, console=quiet, **settings)
    sparring.train("r3gan", squares, tmp_path / "run", steps=1, console=quiet, **settings)
    run = RunDirectory(tmp_path / "run")
    config, (tensors, facts) = json.loads(run.config.read_text()), checkpoints.read(run.checkpoints, 1)
    for name in ("architecture", "constant_rate_samples"):
        del config["recipe_settings"][name], facts["identity"][name]
    run.config.write_text(json.dumps(config))
    checkpoints.write(run.checkpoints, 1, tensors, facts)
    sparring.resume(tmp_path / "run", steps=2, console=quiet)
    assert same_run(tmp_path / "run", tmp_path / "whole")
    packed: Any = sparring.load(sparring.pack(tmp_path / "run", tmp_path / "model.safetensors")).recipe
    assert packed.architecture == "paper"
    assert packed.rate_factor(10**9) == 1, "their rates were constant"


def test_rates_fall_with_the_root_of_the_images() -> None:
    assert [R3GAN().rate_factor(images) for images in (0, 50_000, 200_000, 5_000_000)] == pytest.approx([1, 1, 0.5, 0.1])


def test_first_weights() -> None:
    """Blocks do nothing at first, and the variance of what goes in comes out of the layers within them (times 1 / sqrt(blocks))."""
    torch.manual_seed(0)
    block = ResidualBlock(256, 2, 16, blocks=16)
    x = torch.randn(4, 256, 8, 8)
    assert torch.equal(block(x), x)
    gain = math.sqrt(2 / 1.04) / 2  # 16 ** -(1 / 4)
    assert block.expand.weight.std().item() == pytest.approx(gain / 16, rel=0.05)
    assert block.mix.weight.std().item() == pytest.approx(gain / 12, rel=0.05), "16 channels of a group, 9 places"
    assert block.mix.groups == 32


def test_widths() -> None:
    assert widths(256, 24576, 768) == (768, 768, 768, 768, 384, 192, 96), "the authors' for 256x256"
    assert widths(8, 4, 128) == (1, 1), "at least one"


def test_gamma_follows_the_batch_and_in_the_paper_the_side_and_is_said() -> None:
    assert R3GAN().r1_for(ImageSpec(32, 32, 3)) == R3GAN().r1_for(ImageSpec(128, 128, 3)) == pytest.approx(0.2)
    assert R3GAN(architecture="paper").r1_for(ImageSpec(32, 32, 3)) == pytest.approx(0.05)
    assert R3GAN(architecture="paper").r2_for(ImageSpec(64, 64, 1)) == pytest.approx(0.2)
    assert R3GAN(batch_size=256).r1_for(ImageSpec(32, 32, 3)) == pytest.approx(0.1)
    assert R3GAN(r1=2.0).r2_for(ImageSpec(32, 32, 3)) == 2.0
    (said,) = R3GAN().remarks(ImageSpec(64, 64, 3))
    assert said == "R1 and R2 have a weight (gamma) of 0.2, unless you choose: --r1 VALUE."
    assert R3GAN(r1=1.0).remarks(ImageSpec(64, 64, 3)) == []


def test_that_the_papers_networks_want_a_lower_rate_is_said() -> None:
    (said,) = R3GAN(r1=1.0, architecture="paper").remarks(ImageSpec(64, 64, 3))
    assert said == "The paper's networks want a learning rate of 0.001 or less; this is 0.002."
    assert R3GAN(r1=1.0, architecture="paper", learning_rate=1e-3).remarks(ImageSpec(64, 64, 3)) == []


@pytest.mark.parametrize(("recipe", "gamma"), [(SMALL, 0.2), (PAPER, 0.05 * (16 / 32) ** 2)])
def test_the_game_is_the_papers(recipe: R3GAN, gamma: float) -> None:
    """Pairs of a real and a generated image, and both penalties, by hand."""
    game = recipe.build(SPEC)
    randomized(game)
    images = torch.rand(6, 3, 16, 16) * 2 - 1
    streams = Streams(0, 0, scope="here")
    context = StepContext(lambda: Batch(images, None), lambda: None, 6, streams, 0, 0)
    losses = game.play_discriminator(context)
    with torch.no_grad():
        generated = game.generate_fakes(context, None)
    found: dict[str, Tensor] = {}
    for name, samples in (("r1", images), ("r2", generated)):
        shown = samples.clone().requires_grad_()
        logits = game.discriminator(shown)
        (gradient,) = torch.autograd.grad(logits.sum(), shown)
        found[name] = 4 * gamma * math.sqrt(64 / 6) / 2 * gradient.square().sum(dim=(1, 2, 3))
        found[f"logits of {name}"] = logits[:, 0]
    assert torch.allclose(losses["r1"], found["r1"], rtol=1e-4)
    assert torch.allclose(losses["r2"], found["r2"], rtol=1e-4)
    adversarial = [value for name, value in losses.items() if name not in {"r1", "r2"}]
    assert len(adversarial) == 1
    assert torch.allclose(adversarial[0], softplus(found["logits of r2"] - found["logits of r1"]), atol=1e-5)
    samples = game.sample(4, seed=0)
    assert samples.abs().max() <= 1


@pytest.mark.parametrize("recipe", [SMALL, PAPER])
def test_every_weight_moves_once_blocks_do_something(recipe: R3GAN) -> None:
    """At first nothing reaches what lies within a block, for its last convolution is zero."""
    torch.manual_seed(0)
    game = recipe.build(SPEC).train()
    optimizer = torch.optim.Adam(game.parameters(), lr=1e-2)
    images = torch.rand(6, 3, 16, 16) * 2 - 1
    for step in range(2):
        before = [weight.clone() for weight in game.parameters()]
        context = StepContext(lambda: Batch(images, None), lambda: None, 6, Streams(0, step, scope="here"), 0, 0)
        losses = [*game.play_discriminator(context).values(), *game.play_generator(context).values()]
        optimizer.zero_grad()
        torch.stack([loss.mean() for loss in losses]).sum().backward()
        optimizer.step()
    assert not any(torch.equal(weight, old) for weight, old in zip(game.parameters(), before, strict=True))


def test_gamma_is_what_remedies_move(tmp_path: Path) -> None:
    """Raised fourfold against oscillation, lowered against collapse, from what was chosen for the data: here by an older run."""
    spec = {"kind": "images", "height": 64, "width": 64, "channels": 3, "classes": []}
    settings = {name: value for name, value in asdict(R3GAN(architecture="paper")).items() if name != "architecture"}
    record = Record(tmp_path, "run", recipe="r3gan", settings=settings, defaults=settings, data_config={"spec": spec})
    assert gamma_of(record) == pytest.approx(0.2)
    raised = next(remedy for remedy in against_non_convergence(record) if "Raise gamma" in remedy.action)
    assert raised.settings == {"r1": pytest.approx(0.8), "r2": pytest.approx(0.8)}
    lowered = next(remedy for remedy in against_mode_collapse(record) if "Lower gamma" in remedy.action)
    assert lowered.settings["r1"] == pytest.approx(0.05)
    assert not any("Use the relativistic objective" in remedy.action for remedy in against_mode_collapse(record)), "which it plays"
    replace(R3GAN(), **raised.settings).build(ImageSpec(64, 64, 3))


def test_what_does_not_fit_is_said() -> None:
    assert SMALL.problems(SPEC) == []
    assert SMALL.problems(ImageSpec(8, 8, 1)) == []
    assert any("need no tricks" in problem for problem in R3GAN(minibatch_deviation=True).problems(SPEC))
    assert any("divide by zero" in problem for problem in R3GAN(spectral_norm=True).problems(SPEC))
    assert any("condition='projection'" in problem for problem in R3GAN(condition="auxiliary").problems(SPEC))
    assert any("group_size must divide" in problem for problem in R3GAN(architecture="paper", group_size=48).problems(SPEC))
    for name, problem in zip(("expansion", "group_size"), R3GAN(expansion=3, group_size=8).problems(SPEC), strict=True):
        assert problem.startswith(f"{name} only works with architecture='paper'")
    assert any("--size" in problem for problem in SMALL.problems(ImageSpec(25, 25, 3)))
    assert R3GAN(condition="projection").problems(SPEC) == []
    packed = replace(SMALL, condition="projection", packing=2).build(SPEC)
    labels = torch.tensor([0, 1, 1, 0, 0, 1])
    context = StepContext(lambda: Batch(torch.zeros(6, 3, 16, 16), labels), lambda: labels, 6, Streams(0, 0, scope="here"), 0, 0)
    assert {loss.shape for loss in packed.play_discriminator(context).values()} == {(3,)}, "a logit for each pack"
