"""GANs with a way back from images to latents: bigan, vaegan and flowgan."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor, nn

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.games.autoencoder_gan import AutoencoderGANGame
from sparring.games.bidirectional_gan import BidirectionalGame
from sparring.games.capabilities import Encodes, HasLikelihood
from sparring.games.flow import FlowGame
from sparring.games.flow_gan import FlowGANGame
from sparring.games.step_context import StepContext
from sparring.latent.projection import project_images
from sparring.losses.likelihoods import levels_of
from sparring.nets.flows import ActNorm
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from support.cli import call
from support.runs import same_run

SMALL: dict[str, dict[str, Any]] = {
    "bigan": {"width": 4, "latent_size": 4, "hidden": 8, "batch_size": 8},
    "vaegan": {"width": 4, "latent_size": 4, "batch_size": 8},
    "flowgan": {"width": 4, "levels": 2, "blocks": 1, "flow_width": 4, "batch_size": 8},
}
COMMON: dict[str, Any] = {"threads": 1, "holdout": 4, "log_every": 1, "size": 16, "channels": 1}
SPEC = ImageSpec(16, 16, 1)


def context_of(images: Tensor, labels: Tensor | None = None) -> StepContext:
    batch = Batch(images, labels)
    return StepContext(lambda: batch, lambda: labels, len(images), Streams(0, 0), 0, 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encoders")
    for name, small in SMALL.items():
        sparring.train(name, squares, folder / name, steps=3, console=Console(quiet=True), **small, **COMMON)
    return {name: folder / name for name in SMALL}


@pytest.mark.parametrize("name", SMALL)
def test_they_resume_reconstruct_project_and_pack(
    name: str, runs: dict[str, Path], squares: Path, tmp_path: Path, quiet: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    sparring.train(name, squares, tmp_path / "run", steps=1, console=quiet, **SMALL[name], **COMMON)
    sparring.resume(tmp_path / "run", steps=3, console=quiet)
    assert same_run(tmp_path / "run", runs[name])
    packed = sparring.pack(runs[name], tmp_path / "model.safetensors")
    model = sparring.load(packed)
    assert isinstance(model.game, Encodes)
    assert torch.equal(model.sample(3, seed=1), sparring.load(runs[name]).sample(3, seed=1))
    for source in (runs[name], packed):
        assert call("reconstruct", source, squares, tmp_path / f"back-{source.name}", "-n", 4) == 0
    assert call("sample", runs[name], "-n", 2, "--out", tmp_path / "images") == 0
    assert call("latent", "project", packed, tmp_path / "images" / "00000.png", "--steps", 2, "--out", tmp_path / "found") == 0
    images = model.sample(3, seed=2)
    projected = project_images(model, images, steps=0)
    assert torch.allclose(projected.points, model.game.encode(images), atol=1e-5), "it begins at what the encoder finds"
    if name == "flowgan":
        assert torch.allclose(projected.images, images, atol=5e-3), "but for whole levels"
    assert call("interpolate", runs[name], "--frames", 2, "--out", tmp_path / "walk.gif") == 0
    capsys.readouterr()
    assert call("diagnose", runs[name]) in {0, 3, 4}
    assert call("density", runs[name]) == (0 if name == "flowgan" else 1)


# ---------------------------------------------------------------------------------------------------------------- bigan


class ToyGenerator(nn.Module):
    """One of two images, by the sign of the latent; a fifth of them the wrong one, so that all pairs occur."""

    def forward(self, latents: Float[Tensor, "n 1"], condition: None) -> Float[Tensor, "n 1 16 16"]:
        sign = torch.where((latents[:, 0].abs() * 1000).long() % 5 == 0, -latents[:, 0], latents[:, 0]).sign()
        return sign.view(-1, 1, 1, 1).expand(-1, 1, 16, 16)


class ToyEncoder(nn.Module):
    """A latent with the sign of the image, with a deviation so that the sign is often another."""

    def __init__(self, mean: float) -> None:
        super().__init__()
        self.mean = mean

    def forward(self, images: Float[Tensor, "n 1 16 16"]) -> tuple[Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
        mean = self.mean * images[:, :1, 0, 0]
        return mean, torch.zeros_like(mean)


class Table(nn.Module):
    """A logit for each of the four pairs of an image and a sign."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(2, 2))

    def forward(self, images: Float[Tensor, "n 1 16 16"], latents: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
        return self.logits[(images[:, 0, 0, 0] > 0).long(), (latents[:, 0] > 0).long()][:, None]


@pytest.mark.parametrize("mean", [0.0, 0.5, 1.2])
def test_the_best_discriminator_of_a_toy_is_the_one_that_is_known(mean: float) -> None:
    """Theorem 1 of Donahue et al. 2017: its logits are the logarithms of the ratios of the two joint distributions, and the value of the
    game is then twice their Jensen-Shannon divergence less log 4.
    """
    settings = recipes.get("bigan")(
        latent_size=1, encoder="stochastic", batch_size=40_000, objective="non-saturating", r1=0.0, r2=0.0, discriminator_norm="batch"
    )
    game = BidirectionalGame(SPEC, ToyGenerator(), ToyEncoder(mean), Table(), settings)
    images = torch.where(torch.arange(40_000) % 4 == 0, 1.0, -1.0).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    with torch.no_grad():
        sides = game.pairs(context_of(images))
    joint = []
    for pictures, latents in sides:
        cells = 2 * (pictures[:, 0, 0, 0] > 0).long() + (latents[:, 0] > 0).long()
        joint.append(torch.bincount(cells, minlength=4).double() / len(cells))
    by_encoder, by_generator = joint
    up = 0.5 * (1 + math.erf(mean / math.sqrt(2)))  # the chance that a normal number around the mean is above 0
    assert torch.allclose(by_encoder, torch.tensor([0.75 * up, 0.75 * (1 - up), 0.25 * (1 - up), 0.25 * up]).double(), atol=0.01)
    optimizer = torch.optim.LBFGS(game.discriminator.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = game.play_discriminator(context_of(images))
        total = torch.stack([loss.mean() for loss in losses.values()]).sum()
        total.backward()
        return total

    optimizer.step(closure)  # pyright: ignore[reportArgumentType] (its stubs want a float)
    wanted = (by_encoder / by_generator).log().view(2, 2).float()
    assert torch.allclose(game.discriminator.logits, wanted, atol=2e-3)
    middle = (by_encoder + by_generator) / 2
    divergence = sum(0.5 * (each * (each / middle).log()).sum() for each in joint)
    assert -closure().item() == pytest.approx(2 * float(divergence) - math.log(4), abs=1e-4)
    chance = torch.sigmoid(wanted.flatten().double())  # that a pair is the encoder's
    exchanged = sum(loss.mean().item() for loss in game.play_generator(context_of(images)).values())
    assert exchanged == pytest.approx(float(-(by_encoder * (1 - chance).log() + by_generator * chance.log()).sum()), abs=1e-3)


@pytest.mark.parametrize("encoder", ["deterministic", "stochastic"])
def test_generator_and_encoder_move_together(encoder: str) -> None:
    torch.manual_seed(0)
    game = recipes.get("bigan")(**SMALL["bigan"], encoder=encoder).build(SPEC)
    assert isinstance(game, BidirectionalGame)
    context = context_of(torch.rand(8, 1, 16, 16) * 2 - 1)
    sum(loss.mean() for loss in game.play_generator(context).values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    for network in (game.generator, game.encoder):
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())
    assert not isinstance(game, HasLikelihood)


def test_r1_and_r2_are_of_images_and_latents() -> None:
    """Of a discriminator that is linear in both, the squared gradient is known; every fourth step has them, four times as strong."""

    class Linear(nn.Module):
        def forward(self, images: Float[Tensor, "n 1 16 16"], latents: Float[Tensor, "n 4"]) -> Float[Tensor, "n 1"]:
            return 2 * images.flatten(1).sum(dim=1, keepdim=True) + 3 * latents.sum(dim=1, keepdim=True)

    recipe = recipes.get("bigan")(**SMALL["bigan"], r1=10.0, r2=5.0, penalty_every=4)
    game = recipe.build(SPEC)
    assert isinstance(game, BidirectionalGame)
    game.discriminator = Linear()
    context = context_of(torch.zeros(8, 1, 16, 16))
    losses = game.play_discriminator(context)
    assert losses["r1"].tolist() == pytest.approx([4 * 10 / 2 * (4 * 256 + 9 * 4)] * 8)
    assert losses["r2"].tolist() == pytest.approx([4 * 5 / 2 * (4 * 256 + 9 * 4)] * 8)
    assert set(game.play_discriminator(replace(context, step=3))) == {"relative"}
    for penalties in ({"r2": 0.0}, {"r1": 0.0}):
        (problem,) = replace(recipe, discriminator_norm="batch", **penalties).problems(SPEC)
        assert "batch norm" in problem
    assert not replace(recipe, discriminator_norm="batch", r1=0.0, r2=0.0).problems(SPEC)


PAPERS: dict[str, dict[str, Any]] = {
    "bigan": {"objective": "non-saturating", "r1": 0.0, "r2": 0.0, "discriminator_norm": "batch", "betas": (0.5, 0.999)},
    "vaegan": {"objective": "saturating", "r1": 0.0, "r2": 0.0, "discriminator_norm": "batch", "optimizer": "rmsprop"},
}


@pytest.mark.parametrize("name", PAPERS)
def test_a_norm_hides_contrast_from_the_discriminator(name: str) -> None:
    """Convolutions without biases and leaky ReLUs give half as much of half an image, and a norm makes it the same again. This is why
    backgrounds turn gray in the papers' games, and why the usual ones have no norm.
    """
    torch.manual_seed(0)
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    changes = {}
    for norm, settings in {"batch": PAPERS[name], "image": {"discriminator_norm": "image"}, "none": {}}.items():
        game: Any = recipes.get(name)(**SMALL[name], **settings).build(SPEC).double()
        for module in game.discriminator.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data.mul_(20)  # so that what a norm adds to variances is small beside them
        rest = [torch.zeros(8, 4).double()] if name == "bigan" else []
        with torch.no_grad():
            whole, half = (game.discriminator(each.double(), *rest) for each in (images, images / 2))
        changes[norm] = ((whole - half).norm() / whole.norm()).item()
    assert max(changes["batch"], changes["image"]) < 1e-3
    assert changes["none"] > 0.2


@pytest.mark.parametrize("name", PAPERS)
def test_the_paper_s_settings_train_and_resume(name: str, squares: Path, tmp_path: Path, quiet: Console) -> None:
    for run, steps in {"whole": 2, "part": 1}.items():
        sparring.train(name, squares, tmp_path / run, steps=steps, console=quiet, **SMALL[name], **PAPERS[name], **COMMON)
    sparring.resume(tmp_path / "part", steps=2, console=quiet)
    assert same_run(tmp_path / "part", tmp_path / "whole")


def test_older_runs_of_bigan_go_on_without_r2(squares: Path, tmp_path: Path, quiet: Console) -> None:
    """Their config.json and their checkpoints name neither r2 nor penalty_every."""
    settings = {**SMALL["bigan"], **COMMON, "r1": 1.0, "r2": 0.0, "penalty_every": 1}
    sparring.train("bigan", squares, tmp_path / "whole", steps=2, console=quiet, **settings)
    sparring.train("bigan", squares, tmp_path / "run", steps=1, console=quiet, **settings)
    run = RunDirectory(tmp_path / "run")
    config, (tensors, facts) = json.loads(run.config.read_text()), checkpoints.read(run.checkpoints, 1)
    for name in ("r2", "penalty_every"):
        del config["recipe_settings"][name], facts["identity"][name]
    run.config.write_text(json.dumps(config))
    checkpoints.write(run.checkpoints, 1, tensors, facts)
    sparring.resume(tmp_path / "run", steps=2, console=quiet)
    assert same_run(tmp_path / "run", tmp_path / "whole")
    packed = sparring.load(sparring.pack(tmp_path / "run", tmp_path / "model.safetensors"))
    recipe: Any = packed.recipe
    assert (recipe.r1, recipe.r2, recipe.penalty_every) == (1, 0, 1)


# --------------------------------------------------------------------------------------------------------------- vaegan


def test_losses_of_the_autoencoder_by_hand() -> None:
    torch.manual_seed(0)
    game = recipes.get("vaegan")(**SMALL["vaegan"], beta=2.0, likeness=0.5).build(SPEC)
    assert isinstance(game, AutoencoderGANGame)
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    context = context_of(images)
    losses = game.play_encoder(context)
    mean, log_variance = game.encoder(images)
    latents = mean + (log_variance / 2).exp() * Streams(0, 0).normal("encoder", 8, 4)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    divergence = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    assert torch.allclose(losses["divergence"], 2 * divergence, atol=1e-4)
    made = game.generator(latents)
    first = game.discriminator.layers[:2]  # the convolution to 8x8, and its leaky ReLU

    def distance(ours: Tensor, wanted: Tensor) -> Tensor:
        deviation = wanted.transpose(0, 1).flatten(1).std(dim=1)[:, None, None]  # of each channel
        return ((ours - wanted) / (deviation + 1e-3)).flatten(1).square().sum(dim=1) / 2

    assert torch.allclose(losses["features"], distance(first(made), first(images)), rtol=1e-3)
    assert set(losses) == {"divergence", "features"}
    ours = game.play_generator(context)
    fakes = game.generate_fakes(context, None)
    assert torch.allclose(ours["features"], 0.5 * distance(first(fakes[:4]), first(images[:4])), rtol=1e-3)
    pairs = game.discriminator(images)[:, 0] - game.discriminator(fakes)[:, 0]
    assert torch.allclose(ours["adversarial"], nn.functional.softplus(pairs), atol=1e-4)


def test_features_with_a_norm_have_its_scale() -> None:
    """In the paper's game their distance is the plain one."""
    torch.manual_seed(0)
    game = recipes.get("vaegan")(**SMALL["vaegan"], **PAPERS["vaegan"]).build(ImageSpec(32, 32, 1))
    assert isinstance(game, AutoencoderGANGame)
    images, wanted = torch.rand(2, 8, 1, 32, 32) * 2 - 1
    first = game.discriminator.layers[:5]  # to 16x16, to 8x8 with batch norm, and its leaky ReLU
    plain = (first(images) - first(wanted)).flatten(1).square().sum(dim=1) / 2
    assert torch.allclose(game.feature_distance(images, wanted, None), plain, rtol=1e-3)


def test_no_turn_moves_what_is_not_its_own() -> None:
    """Weights and statistics of batch norms, of vaegan and of bigan."""
    torch.manual_seed(0)
    context = context_of(torch.rand(8, 1, 16, 16) * 2 - 1)
    game = recipes.get("vaegan")(**SMALL["vaegan"]).build(SPEC)
    assert isinstance(game, AutoencoderGANGame)
    assert [(turn.name, turn.player) for turn in game.turns] == [
        ("encoder", "encoder"),
        ("discriminator", "discriminator"),
        ("generator", "generator"),
    ]
    before = {name: tensor.clone() for name, tensor in game.state_dict().items()}
    sum(loss.mean() for loss in game.play_encoder(context).values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    moved = {name.partition(".")[0] for name, tensor in game.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {"encoder"}, "its own batch norms"
    assert all(weight.grad is not None for weight in game.encoder.parameters())
    game.zero_grad()
    sum(loss.mean() for loss in game.play_generator(context).values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
    assert all(weight.grad is None for weight in game.encoder.parameters())
    both = recipes.get("bigan")(**SMALL["bigan"]).build(SPEC)
    assert isinstance(both, BidirectionalGame)
    norms = [name for name, _ in both.named_buffers() if name.startswith("generator.") and name.endswith("num_batches_tracked")]
    both.play_generator(context)
    assert {int(both.get_buffer(name)) for name in norms} == {1}, "batch norms saw what was generated once, and nothing else"


def test_half_of_what_the_discriminator_sees_is_reconstructed(squares: Path, tmp_path: Path, quiet: Console) -> None:
    torch.manual_seed(0)
    game = recipes.get("vaegan")(**SMALL["vaegan"]).build(SPEC).eval()
    assert isinstance(game, AutoencoderGANGame)
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    context = context_of(images)
    with torch.no_grad():
        fakes = game.generate_fakes(context, None)
        found = game.drawn_latents(context, *game.encoder(images))
        wanted = game.generator(torch.cat([found[:4], game.latents(context.streams, 8)[4:]]))
    assert torch.allclose(fakes, wanted, atol=1e-6)
    model = sparring.train(
        "vaegan", squares, tmp_path / "run", steps=2, condition="concatenate", console=quiet, **SMALL["vaegan"], **COMMON
    )
    assert model.sample(2, label=model.spec.classes[1]).shape == (2, 1, 16, 16)
    assert call("reconstruct", tmp_path / "run", squares, tmp_path / "back", "-n", 4) == 0
    (problem,) = recipes.get("vaegan")(latent="uniform").problems(SPEC)
    assert "normal" in problem


@pytest.mark.parametrize("condition", ["projection", "auxiliary"])
def test_what_papers_add_works_with_an_encoder(condition: str, squares: Path, tmp_path: Path, quiet: Console) -> None:
    settings = SMALL["vaegan"] | COMMON | {"augment": "diffaugment", "input_noise": 0.1, "condition": condition}
    settings |= {"packing": 2} if condition == "projection" else {}
    model = sparring.train("vaegan", squares, tmp_path / "run", steps=2, console=quiet, **settings)
    assert torch.isfinite(model.sample(2)).all()


# -------------------------------------------------------------------------------------------------------------- flowgan


def test_by_likelihood_alone_it_is_realnvp_to_the_bit(squares: Path, tmp_path: Path, quiet: Console) -> None:
    flow = {"levels": 2, "blocks": 1, "batch_size": 8, "learning_rate": 1e-3, "betas": (0.9, 0.999), "warmup_samples": 100}
    ours = sparring.train("flowgan", squares, tmp_path / "ours", steps=4, console=quiet, adversarial=False, flow_width=4, **flow, **COMMON)
    theirs = sparring.train("realnvp", squares, tmp_path / "theirs", steps=4, console=quiet, width=4, **flow, **COMMON)
    assert isinstance(ours.game, FlowGame)
    tensors, others = ours.game.state_dict(), theirs.game.state_dict()
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())
    assert torch.equal(ours.sample(3, seed=1), theirs.sample(3, seed=1))


def test_the_game_has_both_terms_and_a_likelihood() -> None:
    torch.manual_seed(0)
    game = recipes.get("flowgan")(**SMALL["flowgan"], likelihood=3.0).build(SPEC).eval()  # so that no first batch is normalized in between
    assert isinstance(game, FlowGANGame)
    images = torch.randint(0, 256, (8, 1, 16, 16)) / 127.5 - 1
    context = context_of(images)
    losses = game.play_generator(context)
    assert set(losses) == {"adversarial", "likelihood"}
    nats = context.metrics["bits_per_dimension"] * 256 * math.log(2)
    assert torch.allclose(losses["likelihood"], 3 * nats)
    fakes = game.generate(game.latents(context.streams, 8), None)
    assert torch.allclose(losses["adversarial"], -game.discriminator(fakes)[:, 0], atol=1e-4)
    alone = recipes.get("flowgan")(**SMALL["flowgan"], likelihood=0.0).build(SPEC)
    assert isinstance(alone, FlowGANGame)
    assert set(alone.play_generator(context_of(images))) == {"adversarial"}
    back = game.generate(game.encode(images), None)
    assert torch.equal(levels_of(back), levels_of(images))
    assert game.log_likelihood(images).shape == (8,)


def test_the_critic_cannot_tell_real_images_by_their_whole_levels() -> None:
    torch.manual_seed(0)
    game = recipes.get("flowgan")(**SMALL["flowgan"]).build(SPEC)
    assert isinstance(game, FlowGANGame)
    images = torch.randint(0, 256, (8, 1, 16, 16)) / 127.5 - 1
    shown = game.discriminator_input(images, "real", context_of(images))
    gap = (shown - images) * 127.5
    assert -0.5 <= gap.min() < -0.45
    assert 0.45 < gap.max() <= 0.5
    assert torch.equal(game.discriminator_input(images, "generated", context_of(images)), images)
    assert [turn.name for turn in game.turns] == ["generator", "discriminator"]
    game.play_generator(context_of(images))
    assert all(int(part.begun) == 1 for part in game.modules() if isinstance(part, ActNorm)), "before the critic sees what is generated"
    before = {name: tensor.clone() for name, tensor in game.state_dict().items()}
    game.play_discriminator(context_of(images))
    assert all(torch.equal(tensor, before[name]) for name, tensor in game.state_dict().items())


def test_what_cannot_work_is_refused() -> None:
    spec = ImageSpec(16, 16, 1, ("a", "b"))
    recipe = recipes.get("flowgan")
    problems = recipe(latent_size=7, condition="concatenate").problems(spec)
    assert [word in " ".join(problems) for word in ("as many normal latents", "no classes")] == [True] * 2
    problems = recipe(adversarial=False, likelihood=0.0, objective="hinge", augment="ada").problems(spec)
    assert [problem.split()[0] for problem in problems] == ["augment", "likelihood", "objective"]
    (problem,) = recipe(levels=5).problems(spec)
    assert "multiples of 32" in problem
    (problem,) = recipes.get("bigan")(objective="wasserstein", r1=0.0, r2=0.0).problems(spec)
    assert "slope must be bounded" in problem
    (problem,) = recipe(discriminator_norm="batch").problems(spec)
    assert "batch norm" in problem
