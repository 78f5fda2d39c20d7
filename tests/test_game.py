import numpy as np
import pytest
import torch
from torch import nn

from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.images.image_spec import ImageSpec
from sparring.data.store import Store
from sparring.games.adversarial import AdversarialRecipe, TwoPlayerGame
from sparring.games.game import Turn
from sparring.games.latent_game import SAMPLE_CHUNK, LatentGame
from sparring.games.recipe import check
from sparring.games.step_context import StepContext
from sparring.media.pixel_range import pixels_to_float
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.loop import TrainingContext, TurnRunner, train
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State

OF_NOISE = [name for name in recipes.names() if issubclass(recipes.get(name), AdversarialRecipe)]
"""Recipes that make images of noise."""
SMALL: dict[str, dict[str, object]] = {
    **{name: {"channel_max": 16, "latent_size": 16} for name in ("fastgan", "progan", "stylegan", "stylegan2")},
    **{name: {"width": 4} for name in ("biggan", "sagan")},
    "sngan": {"width": 8},
}
"""For recipes whose networks are large."""


def build(name: str, spec: ImageSpec, **settings: object) -> TwoPlayerGame:
    torch.manual_seed(0)
    return recipes.get(name)(**{**SMALL.get(name, {}), **settings}).build(spec)


def context(game: LatentGame, images: torch.Tensor, labels: torch.Tensor | None = None) -> StepContext:
    return StepContext(lambda: Batch(images, labels), lambda: labels, len(images), Streams(0, 0, scope="test"), 0, 0)


def test_shapes_in_the_types_are_checked_where_that_is_asked_for(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("jaxtyping_packages"):
        pytest.skip("shapes are checked by make test-shapes")
    with pytest.raises(Exception, match="pixels"):
        pixels_to_float(torch.zeros(2, 3, 4, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("turn", "wanted"),
    [
        (Turn("t", "p", lambda context: {}), [0, 1, 2, 3, 4, 5, 6]),
        (Turn("t", "p", lambda context: {}, start=1, stop=5), [1, 2, 3, 4]),
    ],
)
def test_when_a_turn_is_due(turn: Turn, wanted: list[int]) -> None:
    assert [step for step in range(7) if turn.due(step)] == wanted


@pytest.mark.parametrize("recipe", OF_NOISE)
def test_sample_i_of_a_seed_is_the_same_image_however_it_is_asked_for(recipe: str, gray16: ImageSpec) -> None:
    game = build(recipe, gray16)
    whole = game.sample(2 * SAMPLE_CHUNK + 5, seed=3)
    assert whole.shape == (37, 1, 16, 16)
    assert whole.abs().max() <= 1
    assert torch.equal(game.sample(1, seed=3), whole[:1])
    assert torch.equal(game.sample(7, seed=3), whole[:7])
    assert torch.equal(game.sample(10, seed=3, first=11), whole[11:21])
    for i in (0, 1, SAMPLE_CHUNK - 1, SAMPLE_CHUNK, 2 * SAMPLE_CHUNK - 1, 2 * SAMPLE_CHUNK, 36):
        assert torch.equal(game.sample(1, seed=3, first=i), whole[i : i + 1])
    assert not torch.equal(game.sample(7, seed=4), whole[:7])
    assert len({tuple(image.flatten().tolist()) for image in whole}) == 37


@pytest.mark.parametrize("recipe", sorted({*OF_NOISE} - {"fastgan", "flowgan"}))  # which have no classes
def test_classes_are_asked_for(recipe: str, gray16: ImageSpec) -> None:
    game = build(recipe, gray16, condition="concatenate")
    first = game.sample(4, labels=torch.zeros(4, dtype=torch.long))
    second = game.sample(4, labels=torch.ones(4, dtype=torch.long))
    assert not torch.allclose(first, second)
    in_turn = game.sample(4, seed=0)
    assert torch.equal(in_turn[::2], first[::2])
    assert torch.equal(in_turn[1::2], second[1::2])


ALL_OF_IT: dict[str, dict[str, object]] = {
    # attention begins as the identity, hinge losses of equal parts leave the last offset alone, and small sides come first
    "biggan": {"attention": 0, "objective": "non-saturating"},
    "sagan": {"attention": 0, "objective": "non-saturating"},
    "progan": {"start_side": 16},
    "stylegan": {"start_side": 16, "r1": 0.1},
}
"""Settings with which every weight moves in the first step."""


# flowgan's couplings and r3gan's blocks begin as the identity: tests/explicit, tests/test_r3gan.py
@pytest.mark.parametrize("recipe", sorted({*OF_NOISE} - {"flowgan", "r3gan"}))
def test_every_recipe_takes_its_turns_and_learns(recipe: str, store: Store) -> None:
    settings = resolve(TrainSettings(steps=1, threads=1, device="cpu"))
    made = recipes.get(recipe)(batch_size=16, **SMALL.get(recipe, {}), **ALL_OF_IT.get(recipe, {}))
    state = first_state(made, lambda: made.build(store.spec), 0)
    table = TrainingContext(store, made, settings, fabric_for(settings))
    takers = {turn.name: TurnRunner(state.game, turn) for turn in state.game.turns}
    for taker in takers.values():
        player = taker.player
        before = {name: tensor.clone() for name, tensor in state.game.state_dict().items()}
        signals = taker.run(state, table, 0, 0)
        changed = {name for name, tensor in state.game.state_dict().items() if not torch.equal(tensor, before[name])}
        others = {network for other in state.game.players if other is not player for network in other.networks}
        own = {name for name in before if name.partition(".")[0] not in others}
        assert changed <= own, "a turn moved another player's weights or statistics"
        assert {name for name, _ in state.game.named_parameters()} & own <= changed, "a weight of the player did not move"
        assert all(torch.isfinite(value).all() for values in signals.values() for value in values)
    assert all(weight.requires_grad for weight in state.game.parameters())
    discriminator = takers["discriminator"]
    losses = []
    for _ in range(40):
        found = discriminator.run(state, table, 0, 0)
        losses.append(sum(value.item() for name, (value,) in found.items() if name.startswith("loss/")))
    assert losses[-1] < losses[0] / 2, "forty steps against a generator that stands still must win"


def test_the_discriminators_gradient_is_the_sum_of_a_real_and_a_generated_batch(gray16: ImageSpec) -> None:
    game = build("dcgan", gray16, width=4).train()
    images = torch.rand(8, 1, 16, 16) * 2 - 1
    now = context(game, images)
    losses = game.play_discriminator(now)
    assert sorted(losses) == ["generated", "real"]
    assert all(loss.shape == (8,) for loss in losses.values())
    weights = list(game.discriminator.parameters())
    together = torch.autograd.grad(sum(loss.mean() for loss in losses.values()), weights)
    generated = game.generator(game.latents(now.streams, 8)).detach()
    ones, zeros = torch.ones(8), torch.zeros(8)
    cost = nn.functional.binary_cross_entropy_with_logits
    real_part = torch.autograd.grad(cost(game.discriminator(images).flatten(), ones), weights)
    generated_part = torch.autograd.grad(cost(game.discriminator(generated).flatten(), zeros), weights)
    for whole, one, other in zip(together, real_part, generated_part, strict=True):
        torch.testing.assert_close(whole, one + other, rtol=1e-4, atol=1e-6)


def test_a_turn_that_needs_no_data_fetches_none(gray16: ImageSpec) -> None:
    game = build("dcgan", gray16, width=4)
    now = context(game, torch.zeros(4, 1, 16, 16))
    game.play_generator(now)
    assert not now.used_data
    game.play_discriminator(now)
    assert now.used_data


def test_k_discriminator_steps_see_k_batches_and_log_their_mean(store: Store) -> None:
    drawn: list[list[int]] = []

    class Watched:
        labels = store.labels
        counts = (len(store),)

        def __len__(self) -> int:
            return len(store)

        def batch(self, indices: np.ndarray) -> Batch:
            drawn.append(indices.tolist())
            return store.batch(indices)

    settings = resolve(TrainSettings(steps=2, threads=1, device="cpu"))
    recipe = recipes.get("gan")(batch_size=10, discriminator_steps=3, condition="concatenate")
    state = first_state(recipe, lambda: recipe.build(store.spec), 0)
    seen: list[float] = []
    real_run = TurnRunner.run
    with pytest.MonkeyPatch.context() as patch:

        def run(self: TurnRunner, *arguments: object) -> dict[str, list[torch.Tensor]]:
            found = real_run(self, *arguments)
            if "loss/discriminator/real" in found:
                seen.append(found["loss/discriminator/real"][0].item())
            return found

        patch.setattr(TurnRunner, "run", run)
        logged: list[float] = []

        class Recorder(Callback):
            def on_step_end(self, state: State, metrics: Metrics) -> None:
                logged.append(torch.stack(metrics["loss/discriminator/real"]).mean().item())

        train(state, TrainingContext(Watched(), recipe, settings, fabric_for(settings)), [Recorder()], lambda: False)
    assert (state.progress.step, state.progress.batches, state.progress.real_samples) == (2, 6, 60)
    assert sorted(index for batch in drawn for index in batch) == list(range(60)), "one pass shows every image once"
    assert logged == pytest.approx([np.mean(seen[:3]), np.mean(seen[3:])])


@pytest.mark.parametrize(
    ("settings", "spec", "words"),
    [
        ({}, ImageSpec(50, 50, 1), ["16 to 256 pixels", "50x50", "--size"]),
        (
            {"batch_size": 0, "condition": "concatenate"},
            ImageSpec(32, 32, 1),
            ["batch_size must be at least 1, not 0", "needs data with classes"],
        ),
        ({"decay_from_samples": 5}, ImageSpec(32, 32, 1), ["decay_from_samples", "decay_until_samples", "both or neither"]),
        (
            {"decay_from_samples": 5, "decay_until_samples": 5},
            ImageSpec(32, 32, 1),
            ["decay_from_samples (5) must be less than decay_until_samples (5)"],
        ),
    ],
)
def test_wrong_settings_are_all_named(settings: dict[str, object], spec: ImageSpec, words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        check(recipes.get("dcgan")(**settings), spec)
    assert all(word in str(error.value) for word in words)


def test_learning_rates_warm_up_and_decay() -> None:
    recipe = recipes.get("dcgan")(batch_size=10, warmup_samples=100, decay_from_samples=200, decay_until_samples=400)
    assert [recipe.rate_factor(images) for images in (0, 40, 90, 200, 300, 350, 400, 999)] == pytest.approx(
        [0.1, 0.5, 1, 1, 0.5, 0.25, 0, 0]
    )
    rooted = recipes.get("dcgan")(batch_size=10, warmup_samples=100, constant_rate_samples=100)
    assert [rooted.rate_factor(images) for images in (0, 90, 100, 400, 10_000)] == pytest.approx([0.1, 1, 1, 0.5, 0.1])


@pytest.mark.parametrize(("native", "size"), [((28, 28), 32), ((64, 64), 64), ((500, 500), 64), ((10, 10), 16), (None, 64), ((64, 48), 64)])
def test_the_size_dcgan_asks_for(native: tuple[int, int] | None, size: int) -> None:
    assert recipes.get("dcgan")().size_for(native) == size


def test_recipes_by_name() -> None:
    assert {"acgan", "cgan", "dcgan", "gan", "lsgan", "pacgan", "sngan", "unrolled", "wgan", "wgan-gp"} <= set(recipes.names())
    assert all(recipes.name_of(recipes.get(name)) == name for name in recipes.names())
    assert recipes.name_of(recipes.get("DCGAN")) == "dcgan"
    with pytest.raises(SettingsError, match="Did you mean 'dcgan'"):
        recipes.get("dcgann")
    with pytest.raises(SettingsError, match="no recipe"):
        recipes.get("os.path")
