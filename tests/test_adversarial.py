import copy
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.data.store import Store
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame, pack_samples
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.optimizers.differentiable_steps import DifferentiableSteps
from sparring.optimizers.optimizers import maker
from sparring.training import checkpoints
from sparring.training.loop import TrainingContext, TurnRunner
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings

SPEC = ImageSpec(16, 16, 1, ("bright", "dark"))
SMALL = {"width": 4, "batch_size": 8, "latent_size": 5}


def build(name: str = "dcgan", **settings: object) -> TwoPlayerGame:
    torch.manual_seed(0)
    small = {setting: value for setting, value in SMALL.items() if name != "gan" or setting != "width"}
    recipe = recipes.get(name)(**{**small, **settings})
    check(recipe, SPEC)
    return recipe.build(SPEC).train()


def context(
    images: torch.Tensor, labels: torch.Tensor | None = None, *, step: int = 0, shown: int = 0, **optimizers: object
) -> StepContext:
    return StepContext(lambda: Batch(images, labels), lambda: labels, len(images), Streams(0, step), step, shown, optimizers=optimizers)


def real_images(n: int = 8) -> torch.Tensor:
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


LABELS = torch.tensor([0, 1, 0, 1, 1, 0, 0, 1])


def state_and_table(store: Store, recipe: AdversarialRecipe, **settings: object) -> tuple[object, TrainingContext]:
    table_settings = resolve(TrainSettings(steps=9, threads=1, device="cpu", precision="float32", **settings))
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    return state, TrainingContext(store, recipe, table_settings, fabric_for(table_settings))


def play(store: Store, steps: int, name: str = "dcgan", **settings: object) -> dict[str, torch.Tensor]:
    """The weights after so many steps of every turn."""
    recipe = recipes.get(name)(**{**SMALL, **settings})
    state, table = state_and_table(store, recipe)
    takers = [TurnRunner(state.game, turn) for turn in state.game.turns]
    for _ in range(steps):
        for taker in takers:
            for repeat in range(taker.turn.repeat):
                taker.run(state, table, repeat, state.progress.real_samples)
        state.progress.step += 1
    return {name: tensor.clone() for name, tensor in state.game.state_dict().items()}


# --------------------------------------------------------------------------------------- every setting does something

SETTINGS = [
    {"objective": "relativistic-average"},
    {"label_smoothing": 0.1},
    {"optimizer": "rmsprop"},
    {"optimizer": "sgd"},
    {"discriminator_learning_rate": 1e-3},
    {"gradient_penalty": 10.0, "discriminator_norm": "none"},
    {"gradient_penalty": 10.0, "discriminator_norm": "image"},
    {"dragan": 10.0, "discriminator_norm": "none"},
    {"r1": 10.0, "r2": 10.0, "penalty_every": 2, "discriminator_norm": "none"},
    {"weight_clip": 0.01},
    {"spectral_norm": True},
    {"orthogonal": 1e-4},
    {"discriminator_weight_decay": 0.1},
    {"input_noise": 0.1, "input_noise_samples": 1000},
    {"packing": 4},
    {"minibatch_deviation": True},
    {"discriminator_steps": 2},
    {"unroll": 2},
    {"condition": "concatenate", "packing": 2},
    {"condition": "projection", "packing": 2},
    {"condition": "auxiliary"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=[" ".join(map(str, each.items())) for each in SETTINGS])
def test_every_setting_plays_and_changes_the_game(settings: dict[str, object], store: Store) -> None:
    plain = play(store, 2, discriminator_norm=settings.get("discriminator_norm", "batch"))
    changed = play(store, 2, **settings)
    assert all(tensor.isfinite().all() for tensor in changed.values())
    same = [name for name in plain.keys() & changed.keys() if plain[name].shape == changed[name].shape and plain[name].is_floating_point()]
    assert any(not torch.equal(plain[name], changed[name]) for name in same)


@pytest.mark.parametrize("setting", ["gradient_penalty", "dragan", "r1", "r2", "weight_clip", "orthogonal", "input_noise", "unroll"])
def test_zero_is_the_plain_game_to_the_bit(setting: str, store: Store) -> None:
    plain, zero = play(store, 2), play(store, 2, **{setting: 0})
    assert all(torch.equal(plain[name], zero[name]) for name in plain)


# -------------------------------------------------------------------------------------------------- penalties


def test_penalties_are_those_of_a_linear_critic() -> None:
    # A linear critic w . x has the same gradient w everywhere: every penalty is known.
    game = build("gan", gradient_penalty=10.0, dragan=3.0, r1=4.0, r2=6.0, penalty_every=2, discriminator_hidden=(), input_dropout=0.0)
    length = game.discriminator.head.weight.norm().item()
    losses = game.play_discriminator(context(real_images()))
    for name, expected in {
        "gradient_penalty": 2 * 10 * (length - 1) ** 2,
        "dragan": 2 * 3 * (length - 1) ** 2,
        "r1": 2 * 2 * length**2,
        "r2": 2 * 3 * length**2,
    }.items():
        assert losses[name].tolist() == pytest.approx([expected] * 8, rel=1e-5)
    assert length < 1
    forgiving = build("gan", gradient_penalty=10.0, gradient_penalty_sides="one", discriminator_hidden=(), input_dropout=0.0)
    assert forgiving.play_discriminator(context(real_images()))["gradient_penalty"].tolist() == [0.0] * 8
    between = game.play_discriminator(context(real_images(), step=1))
    assert sorted(between) == ["generated", "real"], "lazily: only in every second step"


def test_clipped_weights_stay_within() -> None:
    game = build(weight_clip=0.01)
    first, *rest = game.discriminator.parameters()
    frozen = first.requires_grad_(False).clone()
    assert max(weight.abs().max() for weight in game.discriminator.parameters()) > 0.01
    game.players[1].after_step()
    assert max(weight.detach().abs().max() for weight in rest) == pytest.approx(0.01)
    assert torch.equal(first, frozen), "what is frozen stays"


def test_a_trained_critic_is_clipped_and_the_generator_is_not(store: Store) -> None:
    weights = play(store, 1, "wgan")
    of = {player: [w.abs().max() for name, w in weights.items() if name.startswith(player) and "running" not in name and w.ndim] for player in ("generator", "discriminator")}  # fmt: skip  # noqa: E501
    assert max(of["discriminator"]) <= 0.01
    assert max(of["generator"]) > 0.01


def test_noise_fades_to_nothing() -> None:
    recipe = recipes.get("dcgan")(input_noise=0.5, input_noise_samples=1000)
    assert [recipe.noise_at(images) for images in (0, 250, 1000, 9999)] == pytest.approx([0.5, 0.375, 0, 0])
    assert recipes.get("dcgan")(input_noise=0.5).noise_at(10**9) == 0.5
    game = build(input_noise=0.5, input_noise_samples=1000)
    images = torch.zeros(8, 1, 16, 16)
    assert game.discriminator_input(images, "real", context(images)).std().item() == pytest.approx(0.5, rel=0.05)
    assert not torch.equal(
        game.discriminator_input(images, "real", context(images)), game.discriminator_input(images, "generated", context(images))
    )
    assert game.discriminator_input(images, "real", context(images, shown=1000)).equal(images)


def test_packing_puts_neighbors_into_one() -> None:
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    joined = pack_samples(images, 2)
    assert joined.shape == (2, 6, 2, 2)
    assert joined[:, :, 0, 0].tolist() == [[0, 0, 0, 1, 1, 1], [2, 2, 2, 3, 3, 3]]
    assert build(packing=4).play_discriminator(context(real_images()))["real"].shape == (2,)
    assert build(packing=4).play_generator(context(real_images()))["adversarial"].shape == (2,)


def test_spectral_norms_estimate_moves_in_the_discriminators_turn_alone(store: Store) -> None:
    state, table = state_and_table(store, recipes.get("dcgan")(**SMALL, spectral_norm=True, discriminator_norm="none"))
    discriminate, generate = (TurnRunner(state.game, turn) for turn in state.game.turns)
    vectors = {name: tensor for name, tensor in state.game.named_buffers() if name.endswith("._v")}
    assert vectors
    before = {name: tensor.clone() for name, tensor in vectors.items()}
    generate.run(state, table, 0, 0)
    assert all(torch.equal(before[name], vectors[name]) for name in vectors)
    discriminate.run(state, table, 0, 0)
    assert not all(torch.equal(before[name], vectors[name]) for name in vectors)


# -------------------------------------------------------------------------------------------------- conditions


def test_the_auxiliary_classifier_pays_for_wrong_names() -> None:
    game = build(condition="auxiliary")
    with torch.no_grad():
        game.discriminator.head.weight[1:] = 0  # both classes equally likely
    losses = game.play_discriminator(context(real_images(), LABELS))
    assert losses["class/real"].tolist() == pytest.approx([math.log(2)] * 8)
    assert losses["class/generated"].tolist() == pytest.approx([math.log(2)] * 8)
    losses = game.play_generator(context(real_images(), LABELS))
    assert losses["class"].tolist() == pytest.approx([math.log(2)] * 8)


@pytest.mark.parametrize(
    ("recipe", "settings", "spec", "words"),
    [
        ("acgan", {}, ImageSpec(16, 16, 1), ["'auxiliary' needs data with classes", "labels.csv"]),
        ("dcgan", {"packing": 3}, SPEC, ["packing must divide the batch of 128; 3 does not"]),
        ("acgan", {"packing": 2}, SPEC, ["packing=1"]),
        ("wgan", {"label_smoothing": 0.1}, SPEC, ["'wasserstein' has none"]),
        ("dcgan", {"r1": 1.0}, SPEC, ["discriminator_norm='none'"]),
        ("dcgan", {"input_noise_samples": 9}, SPEC, ["input_noise_samples ", "without input_noise."]),
        ("dcgan", {"gradient_penalty_sides": "one"}, SPEC, ["gradient_penalty_sides='one'", "without gradient_penalty."]),
    ],
)
def test_wrong_combinations_say_what_to_change(recipe: str, settings: dict[str, object], spec: ImageSpec, words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        check(recipes.get(recipe)(**settings), spec)
    for word in words:
        assert word in str(error.value)


def test_a_batch_is_not_split_within_a_pack() -> None:
    settings = TrainSettings(parts=4)
    assert settings.problems(8, 2) == []
    assert settings.problems(8, 4) == ["parts must divide the batch of 8 into packs of 4; 4 does not."]


# --------------------------------------------------------------------------------------------------- unrolling

OPTIMIZERS = [
    {"name": "adam", "betas": (0.5, 0.9), "momentum": 0.0},
    {"name": "adam", "betas": (0.5, 0.9), "momentum": 0.0, "weight_decay": 0.1},
    {"name": "rmsprop", "betas": (0.5, 0.9), "momentum": 0.0},
    {"name": "sgd", "betas": (0.5, 0.9), "momentum": 0.7},
    {"name": "sgd", "betas": (0.5, 0.9), "momentum": 0.0},
]


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=[f"{each['name']} {i}" for i, each in enumerate(OPTIMIZERS)])
@pytest.mark.parametrize("taken", [0, 3])
def test_differentiable_steps_are_those_of_torchs_optimizers(settings: dict[str, object], taken: int) -> None:
    random = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.randn(3, 2, generator=random, dtype=torch.float64)) for _ in range(2)]
    optimizer = maker(rate=0.1, **settings)(weights)

    def gradients() -> list[torch.Tensor]:
        return [torch.randn(3, 2, generator=random, dtype=torch.float64) for _ in weights]

    for _ in range(taken):
        for weight, gradient in zip(weights, gradients(), strict=True):
            weight.grad = gradient
        optimizer.step()
    before = [weight.detach().clone() for weight in weights]
    steps, ours = DifferentiableSteps(optimizer), [weight.detach() for weight in before]
    for _ in range(4):
        new = gradients()
        ours = steps.step(ours, new)
        assert all(torch.equal(weight, first) for weight, first in zip(weights, before, strict=True)), "nothing is moved"
        before = [weight.detach().clone() for weight in weights]
        for weight, gradient in zip(weights, new, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
        torch.testing.assert_close(ours, [weight.detach() for weight in weights])
        before = [weight.detach().clone() for weight in weights]


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=[f"{each['name']} {i}" for i, each in enumerate(OPTIMIZERS)])
def test_differentiable_steps_can_be_differentiated(settings: dict[str, object]) -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))
    optimizer = maker(rate=0.1, **settings)([weight])
    weight.grad = torch.tensor([0.3, 0.2, -0.4], dtype=torch.float64)
    optimizer.step()

    def moved(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        steps = DifferentiableSteps(optimizer)
        return steps.step(steps.step([weight.detach()], [first]), [second])[0]

    inputs = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_().unbind()
    assert torch.autograd.gradcheck(moved, inputs)


def test_adam_is_torchs_to_the_bit_and_copies_no_weights() -> None:
    torch.manual_seed(0)
    shapes = ((8, 6, 4, 4), (5, 3, 3, 3), (1, 17, 4, 4), (7, 9, 1, 1), (12, 5), (3,))

    def as_in_training(tensor: Tensor) -> Tensor:
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    torchs, ours = ([nn.Parameter(as_in_training(torch.linspace(-1, 1, math.prod(shape)).view(shape))) for shape in shapes] for _ in "ab")
    settings = {"betas": (0.5, 0.9), "momentum": 0.0, "weight_decay": 0.01}
    optimizer = maker("adam", 0.1, **settings)(ours)
    reference = torch.optim.Adam(torchs, lr=0.1, betas=(0.5, 0.9), weight_decay=0.01, fused=True)
    for _ in range(3):
        for one, other in zip(torchs, ours, strict=True):
            one.grad = as_in_training(torch.randn(one.shape))
            other.grad = one.grad.clone(memory_format=torch.preserve_format)
        reference.step()
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(torchs, ours, strict=True))
    assert all(other.stride() == one.stride() for one, other in zip(torchs, ours, strict=True))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        optimizer.step()
    assert "aten::clone" not in {event.name for event in profile.events()}


def test_a_gradient_of_zero_can_be_differentiated_through_adam() -> None:
    weight = nn.Parameter(torch.zeros(2))
    gradient = torch.zeros(2, requires_grad=True)
    steps = DifferentiableSteps(maker("adam", 0.1, betas=(0.5, 0.9), momentum=0)([weight]))
    steps.step([weight], [gradient])[0].sum().backward()
    assert gradient.grad.isfinite().all()


@pytest.mark.parametrize("objective", ["non-saturating", "saturating"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_unrolled_gradient_against_finite_differences(objective: str, optimizer: str) -> None:
    """Moving one of the generator's weights, playing the discriminator's steps for real, and looking at the loss."""
    settings = {
        "discriminator_hidden": (6,), "generator_hidden": (6,), "pieces": 2, "dropout": 0.0, "input_dropout": 0.0,
        "objective": objective, "optimizer": optimizer, "unroll": 3, "learning_rate": 0.05,
    }  # fmt: skip
    torch.manual_seed(0)
    game = recipes.get("gan")(**settings, batch_size=8, latent_size=3).build(SPEC).double().train()
    images = real_images().double()
    optimizer_of = game.players[1].optimizer
    own = optimizer_of(list(game.discriminator.parameters()))
    for weight in game.discriminator.parameters():  # so that Adam has moments
        weight.grad = torch.randn_like(weight) * 0.1
    own.step()

    class DoubleStreams(Streams):
        def uniform(self, name: str, *shape: int) -> torch.Tensor:
            return super().uniform(name, *shape).double()

    def now(optimizer: torch.optim.Optimizer) -> StepContext:
        return replace(context(images, discriminator=optimizer), streams=DoubleStreams(0, 0))

    def loss_after_real_steps() -> float:
        played = copy.deepcopy(game)
        playing = optimizer_of(list(played.discriminator.parameters()))
        playing.load_state_dict(copy.deepcopy(own.state_dict()))
        for _ in range(3):
            losses = played.play_discriminator(now(playing))
            playing.zero_grad()
            sum(loss.mean() for loss in losses.values()).backward()
            playing.step()
        if objective == "saturating":  # the whole game, losses on real images included
            return -sum(loss.mean().item() for loss in played.play_discriminator(now(playing)).values())
        generated = played.generator(played.latents(now(playing).streams, 8), None)
        return nn.functional.softplus(-played.discriminator(generated, None)).mean().item()

    weight = game.generator.layers[0].weight
    losses = game.play_generator(now(own))
    (gradient,) = torch.autograd.grad(sum(loss.mean() for loss in losses.values()), weight)
    for place in [(0, 0), (3, 1), (5, 2)]:
        differences = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * 1e-5
            differences.append(loss_after_real_steps())
            with torch.no_grad():
                weight[place] -= sign * 1e-5
        assert gradient[place].item() == pytest.approx((differences[0] - differences[1]) / 2e-5, rel=1e-3, abs=1e-9)


def test_unrolling_leaves_the_discriminator_and_its_optimizer_alone(store: Store) -> None:
    state, table = state_and_table(store, recipes.get("unrolled")(**SMALL))
    discriminate, generate = (TurnRunner(state.game, turn) for turn in state.game.turns)
    discriminate.run(state, table, 0, 0)
    before = copy.deepcopy((state.game.discriminator.state_dict(), state.optimizers["discriminator"].state_dict()["state"]))
    generate.run(state, table, 0, 0)
    after = (state.game.discriminator.state_dict(), state.optimizers["discriminator"].state_dict()["state"])
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert all(torch.equal(before[1][i][key], after[1][i][key]) for i in before[1] for key in before[1][i])
    assert all(weight.grad is None for weight in state.game.discriminator.parameters())


@pytest.mark.parametrize("settings", [{"spectral_norm": True}, {"packing": 2, "condition": "projection"}, {"objective": "relativistic"}])
def test_unrolling_joins_with_the_rest(settings: dict[str, object], store: Store) -> None:
    weights = play(store, 2, "dcgan", unroll=2, **settings)
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_rows_of_the_unrolled_discriminator_see_real_data_once() -> None:
    drawn = []

    def draw() -> Batch:
        drawn.append(1)
        return Batch(real_images(), None)

    game = build("unrolled")
    optimizer = game.players[1].optimizer(list(game.discriminator.parameters()))
    now = replace(context(real_images(), discriminator=optimizer), draw=draw)
    losses = game.play_generator(now)
    assert len(drawn) == 1
    assert sorted(losses) == ["generated", "real"]
    assert all(np.isfinite(loss.detach().numpy()).all() for loss in losses.values())


@pytest.mark.parametrize(
    "settings",
    [
        {"spectral_norm": True, "discriminator_norm": "none", "r1": 1.0, "penalty_every": 2, "condition": "projection", "packing": 2},
        {"unroll": 2, "optimizer": "rmsprop", "input_noise": 0.1, "input_noise_samples": 40, "discriminator_steps": 2},
    ],
)
def test_resume_is_exact_whatever_is_joined(
    settings: dict[str, object], tmp_path: Path, squares: Path, quiet: Console, tiny: dict[str, object]
) -> None:
    def tensors(run: Path) -> dict[str, torch.Tensor]:
        return checkpoints.read_newest(run / "checkpoints", say=print)[0]

    chosen = {**tiny, **settings, "console": quiet}
    sparring.train("dcgan", squares, tmp_path / "whole", steps=7, **chosen)
    sparring.train("dcgan", squares, tmp_path / "parts", steps=4, **chosen)
    sparring.resume(tmp_path / "parts", steps=7, console=quiet)
    whole, parts = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "whole" / "log.jsonl").read_bytes() == (tmp_path / "parts" / "log.jsonl").read_bytes()
