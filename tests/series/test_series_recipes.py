"""Recipes of series: what they make, that runs resume, and that samples do not depend on how they are asked for."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.series.series_dataset import SeriesDataset, split_holdout
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.series.series_store import prepare_series
from sparring.games.capabilities import HasDiscriminator, Samples, SimulatesSeries
from sparring.games.recipe import Recipe
from sparring.games.step_context import StepContext
from sparring.health.measurements import HealthMeasurements
from sparring.nets.doppelganger import likeliest, normalized_by_range, with_given
from sparring.training.session import first_state
from support.runs import same_run, tensors_of
from support.series import COMMON, PAST, SMALL, WINDOW, demand, write_demand

STEPS = 6


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demand(tmp_path_factory.mktemp("demand"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, table: Path) -> dict[str, Path]:
    """A run of each recipe, after six steps."""
    folder = tmp_path_factory.mktemp("series-runs")
    for name, settings in SMALL.items():
        sparring.train(name, table, folder / name, steps=STEPS, console=Console(quiet=True), **settings, **COMMON)
    return {name: folder / name for name in SMALL}


def recipe_of(name: str, **settings: object) -> Recipe:
    own = {key: value for key, value in SMALL[name].items() if key != "past"}
    return recipes.get(name)(**own | settings)  # pyright: ignore[reportArgumentType]


def dataset_of(name: str) -> SeriesDataset:
    kind: Any = recipes.get(name)
    reading = SeriesReading(id="name", static=("region",), window=WINDOW, period=6, past=PAST if kind.usual_past else 0)
    return prepare_series(demand(), reading, window=WINDOW, past=0, scaling=kind.scaling, known=kind.known)[0]


def game_of(name: str, seed: int = 0, **settings: object) -> tuple[Any, SeriesDataset]:
    torch.manual_seed(seed)
    data = dataset_of(name)
    return recipe_of(name, **settings).build(data.spec), data


def context_of(data: SeriesDataset, n: int = 8, step: int = 0) -> StepContext:
    return StepContext(lambda: data.batch(np.arange(n)), lambda: None, n, Streams(0, step), step, 0)


# -------------------------------------------------------------------------------------------------------- every recipe


def test_these_are_all_recipes_of_series() -> None:
    assert {name for name in recipes.names() if recipes.get(name).modality == "series"} == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_resumed_run_is_the_uninterrupted_run(name: str, trained: dict[str, Path], table: Path, tmp_path: Path, quiet: Console) -> None:
    sparring.train(name, table, tmp_path / "run", steps=1, console=quiet, **SMALL[name], **COMMON)
    sparring.resume(tmp_path / "run", steps=3, console=quiet)
    sparring.resume(tmp_path / "run", steps=STEPS, console=quiet)
    assert same_run(tmp_path / "run", trained[name])


@pytest.mark.parametrize("name", SMALL)
def test_windows_have_the_shape_and_do_not_depend_on_how_they_are_asked_for(name: str, trained: dict[str, Path]) -> None:
    game = sparring.load(trained[name]).game
    assert isinstance(game, Samples)
    spec = game.spec
    assert isinstance(spec, SeriesSpec)
    whole = game.sample(130, seed=3)
    assert whole.shape == (130, *spec.shape)
    assert whole.isfinite().all()
    assert torch.equal(game.sample(30, seed=3, first=50), whole[50:80])
    assert len({tuple(window.flatten().tolist()) for window in whole}) == 130
    if spec.known_width:  # what is known is as in the data: one category of each static in every step
        statics = whole[:, len(spec.values) + 2 * len(spec.calendar) :][:, : spec.static_width]
        assert torch.equal(statics.sum(dim=1), torch.ones(130, spec.steps))
        assert torch.equal(statics, statics[:, :, :1].expand_as(statics))


@pytest.mark.parametrize("name", SMALL)
def test_paths_do_not_depend_on_how_they_are_asked_for(name: str, trained: dict[str, Path], tmp_path: Path) -> None:
    model = sparring.load(trained[name])
    game = model.game
    assert isinstance(game, SimulatesSeries)
    spec = game.series_spec
    steps = 2 * WINDOW if game.longest_path is None else game.longest_path
    past = np.random.default_rng(0).normal(size=(90, len(spec.values), spec.past)).astype(np.float32) if spec.past else None
    known = np.zeros((90, spec.known_width, spec.past + steps), np.float32)
    whole = game.simulate(90, steps, 5, 0, past, known)
    assert whole.shape == (90, len(spec.values), steps)
    assert whole.isfinite().all()
    part = game.simulate(20, steps, 5, 60, None if past is None else past[60:80], known[60:80])
    assert torch.equal(part, whole[60:80])
    assert not torch.equal(game.simulate(20, steps, 6, 60, None if past is None else past[60:80], known[60:80]), part)
    packed: Any = sparring.load(sparring.pack(model, tmp_path / "model.safetensors")).game
    assert torch.equal(packed.simulate(20, steps, 5, 60, None if past is None else past[60:80], known[60:80]), part)


@pytest.mark.parametrize("name", SMALL)
def test_runs_are_measured_and_diagnosed(name: str, trained: dict[str, Path]) -> None:
    assert sparring.diagnose(trained[name]) is not None
    assert list((trained[name] / "samples").glob("*.png"))
    data, recipe = dataset_of(name), recipe_of(name)
    state = first_state(recipe, lambda: recipe.build(data.spec), 0)
    measured = HealthMeasurements(*split_holdout(data, 10, 0), 0).measure_game(state)
    assert ({"auc/real_vs_generated", "auc/training_vs_holdout"} <= measured.keys()) == (name != "timevae")
    assert all(math.isfinite(value) for value in measured.values() if isinstance(value, float))


@pytest.mark.parametrize("name", SMALL)
def test_defaults_fit_and_networks_are_built_without_memory(name: str) -> None:
    recipe, spec = recipes.get(name)(), dataset_of(name).spec
    assert recipe.problems(spec) == []
    with torch.device("meta"):
        game = recipe.build(spec)
    assert all(tensor.is_meta for tensor in (*game.parameters(), *game.buffers()))


@pytest.mark.parametrize("name", sorted({*SMALL} - {"timevae"}))
def test_discriminators_score_windows(name: str) -> None:
    game, data = game_of(name)
    assert isinstance(game, HasDiscriminator)
    with torch.no_grad():
        logits, classes = game.discriminate(data.batch(np.arange(8)).samples, None)
    assert logits.shape == (8,)
    assert len(classes) == 8


@pytest.mark.parametrize("name", SMALL)
def test_every_matrix_of_a_player_is_reached_by_its_losses(name: str) -> None:
    game, data = game_of(name)
    for player in game.players:
        turn = [turn for turn in game.turns if turn.player == player.name][-1]
        game.zero_grad()
        losses = turn.play(context_of(data))
        torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
        named = [pair for network in player.networks for pair in game.get_submodule(network).named_parameters(network)]
        # biases may have none: of losses that compare, they cancel
        assert [weight for weight, each in named if each.grad is None or (each.ndim > 1 and not each.grad.any())] == []


# ------------------------------------------------------------------------------------------------------------- timegan


def test_the_phases_of_timegan(trained: dict[str, Path]) -> None:
    game, _ = game_of("timegan")
    joint = ["generator", "autoencoder", "discriminator"]
    played = [[turn.name for turn in game.turns if turn.due(step)] for step in range(STEPS)]
    assert played == [["embedding"]] * 2 + [["supervision"]] * 2 + [joint] * 2
    lines = [json.loads(line) for line in (trained["timegan"] / "log.jsonl").read_text().splitlines()]
    logged = [{name.split("/")[1] for name in line if name.startswith("loss/")} for line in lines]
    assert logged == [set(names) for names in played]
    assert [line["real_samples"] for line in lines] == [8, 16, 24, 32, 48, 64]


def test_each_phase_moves_its_own_networks(table: Path, tmp_path: Path, quiet: Console) -> None:
    found = []
    for steps in (1, 2, 4, 5):
        sparring.train("timegan", table, tmp_path / str(steps), steps=steps, console=quiet, **SMALL["timegan"], **COMMON)
        found.append(tensors_of(tmp_path / str(steps)))
    phases = {
        "embedder": [True, False, True],
        "recovery": [True, False, True],
        "supervisor": [False, True, True],
        "generator": [False, False, True],
        "discriminator": [False, False, True],
    }
    for network, moves in phases.items():
        weights = [torch.cat([each[name].flatten() for name in each if name.startswith(f"game/{network}.")]) for each in found]
        assert [not torch.equal(one, other) for one, other in itertools.pairwise(weights)] == moves, network


def test_timegans_losses_by_hand() -> None:
    game, data = game_of("timegan")
    context = context_of(data)
    real = (context.batch.samples.double() + 1) / 2
    game.double()
    vars(context)["batch"] = Batch(context.batch.samples.double())
    noise = (context.streams.uniform("latent", 8, 2, WINDOW).double() + 1) / 2
    with torch.no_grad():
        states, generated = game.embedder(real), game.generator(noise)
        supervised = game.supervisor(generated)
        windows, recovered = game.recovery(supervised).numpy(), game.recovery(states).numpy()
        following = game.supervisor(states).numpy()
        logits = [game.discriminator(each).numpy() for each in (states, supervised, generated)]
    error = np.square(states.numpy()[:, :, 1:] - following[:, :, :-1]).mean()
    reconstruction = 10 * np.sqrt(np.square(recovered - real.numpy()).mean())
    assert means(game.play_embedding(context)) == {"reconstruction": pytest.approx(reconstruction)}
    assert means(game.play_supervision(context)) == {"supervised": pytest.approx(error)}
    assert means(game.play_autoencoder(context)) == {
        "reconstruction": pytest.approx(reconstruction),
        "supervised": pytest.approx(0.1 * error),
    }
    of_real, of_supervised, of_generated = logits
    moments = np.abs(windows.mean(0) - real.numpy().mean(0)).mean()
    moments += np.abs(np.sqrt(windows.var(0) + 1e-6) - np.sqrt(real.numpy().var(0) + 1e-6)).mean()
    game.noise = lambda *_: noise  # in double precision
    assert means(game.play_generator(context)) == {
        "adversarial": pytest.approx(-np.log(sigmoid(of_supervised)).mean()),
        "adversarial_unsupervised": pytest.approx(-np.log(sigmoid(of_generated)).mean()),
        "supervised": pytest.approx(100 * np.sqrt(error)),
        "moments": pytest.approx(100 * moments),
    }
    assert means(game.play_discriminator(context)) == {
        "real": pytest.approx(-np.log(sigmoid(of_real)).mean()),
        "generated": pytest.approx(-np.log(1 - sigmoid(of_supervised)).mean()),
        "unsupervised": pytest.approx(-np.log(1 - sigmoid(of_generated)).mean()),
    }


def test_a_discriminator_that_wins_rests() -> None:
    for rest, moves in ((0.0, True), (100.0, False)):
        game, data = game_of("timegan", discriminator_rest=rest)
        weights = list(game.discriminator.parameters())
        before = [weight.detach().clone() for weight in weights]
        player = next(each for each in game.players if each.name == "discriminator")
        optimizer = player.optimizer(weights)
        losses = game.play_discriminator(context_of(data))
        torch.stack([loss.mean() for loss in losses.values()]).sum().backward()
        assert all((weight.grad is not None) == moves for weight in weights)
        optimizer.step()
        assert all(torch.equal(*pair) != moves for pair in zip(before, weights, strict=True))
        assert bool(optimizer.state) == moves


def test_the_second_phase_begins_where_the_first_has_no_steps() -> None:
    game, _ = game_of("timegan", embedding_steps=0, supervised_steps=0)
    assert [turn.name for turn in game.turns if turn.due(0)] == ["generator", "autoencoder", "discriminator"]


# -------------------------------------------------------------------------------------------------------- doppelganger


def test_windows_are_stretched_by_their_own_range() -> None:
    values = torch.tensor([[[1.0, 3.0, 2.0], [5.0, 5.0, 5.0]]], dtype=torch.float64)
    stretched, middle, half = normalized_by_range(values)
    assert middle.tolist() == [[2.0, 5.0]]
    assert half.tolist() == [[pytest.approx(1.0001), pytest.approx(0.0001)]]
    assert stretched.tolist() == [[[pytest.approx(-1 / 1.0001), pytest.approx(1 / 1.0001), 0.0], [0.0, 0.0, 0.0]]]
    torch.testing.assert_close(middle[:, :, None] + half[:, :, None] * stretched, values)


def test_critics_see_attributes_then_ranges_then_steps() -> None:
    game, data = game_of("doppelganger")
    windows = data.batch(np.arange(4)).samples
    values, statics = windows[:, :2].double().numpy(), windows[:, 2:, 0]
    seen = game.seen(windows)
    assert seen.shape == (4, 1, 2 + 4 + 2 * WINDOW)
    assert torch.equal(seen[:, 0, :2], statics)
    low, high = values.min(2), values.max(2)
    np.testing.assert_allclose(seen[:, 0, 2:4], (low + high) / 2, atol=1e-5)
    np.testing.assert_allclose(seen[:, 0, 4:6], (high - low) / 2 + 1e-4, rtol=1e-5)
    stretched = (values - ((low + high) / 2)[..., None]) / ((high - low) / 2 + 1e-4)[..., None]
    np.testing.assert_allclose(seen[:, 0, 6:].reshape(4, 2, WINDOW), stretched, atol=1e-4)
    two = game_of("doppelganger", packing=2)[0]
    packed = two.seen(windows.reshape(2, -1, WINDOW))
    assert torch.equal(packed.reshape(4, 1, -1), seen)


def test_gradient_norms_are_of_what_critics_see() -> None:
    """Of a linear critic they are the length of its weights, for windows that hardly move, too."""

    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.arange(1.0, 31.0))

        def forward(self, seen: torch.Tensor, condition: None = None) -> torch.Tensor:
            logits = seen.flatten(1) @ self.weight
            return torch.stack([logits, 2 * seen[:, 0, :6] @ self.weight[:6]], dim=1)

    game, data = game_of("doppelganger")
    game.discriminator = Linear()
    windows = data.batch(np.arange(3)).samples
    windows[0, :2] = 0.5  # constant
    length = np.sqrt(np.square(np.arange(1, 31)).sum())
    np.testing.assert_allclose(game.gradient_norms(windows, None, None).detach(), [length] * 3, rtol=1e-5)
    losses = game.discriminator_losses(context_of(data, 3), windows, windows.flip(0), None)
    assert losses["gradient_penalty"].tolist() == [pytest.approx(10 * (length - 1) ** 2)] * 3
    of_attributes = 2 * np.sqrt(np.square(np.arange(1, 7)).sum())
    assert losses["attributes/gradient_penalty"].tolist() == [pytest.approx(10 * (of_attributes - 1) ** 2)] * 3
    logits = 2 * game.seen(windows)[:, 0, :6] @ torch.arange(1.0, 7.0)
    torch.testing.assert_close(losses["attributes/real"], -logits)
    torch.testing.assert_close(losses["attributes/generated"], logits.flip(0))
    made = game.generator_penalties(context_of(data, 3), None, windows)
    torch.testing.assert_close(made["attributes/adversarial"], -logits)


def test_generated_windows_keep_to_their_range_and_attributes_are_one_of_each() -> None:
    game, _ = game_of("doppelganger")
    noise = game.latents(Streams(0, 0), 64)
    values, shares, chosen = game.generator(noise)
    assert values.shape == (64, 2, WINDOW)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(64))
    assert torch.equal(chosen.argmax(dim=1), shares.argmax(dim=1))
    assert set(chosen.unique().tolist()) == {0.0, 1.0}
    assert shares.requires_grad
    assert not chosen.requires_grad
    assert game.generator.passes == 3  # of five steps; the last three are left out


def test_paths_are_made_for_the_attributes_that_are_known() -> None:
    game, data = game_of("doppelganger")
    spec = data.spec
    free = game.simulate(70, WINDOW, 1, 0, None, None)
    unknown = np.zeros((70, spec.known_width, WINDOW), np.float32)
    assert torch.equal(game.simulate(70, WINDOW, 1, 0, None, unknown), free)
    codes = np.zeros((70, 1), np.int64)
    made = []
    for code in (0, 1):
        known = spec.known_of(np.zeros((70, WINDOW)), codes + code, np.full(70, -1))
        made.append(game.simulate(70, WINDOW, 1, 0, None, known))
        assert torch.equal(game.simulate(9, WINDOW, 1, 61, None, known[61:]), made[-1][61:])
    assert not torch.equal(*made)
    _, _, chosen = game.generator(game.latents(Streams(1, 0, scope="simulate"), 64))
    expected = torch.where(chosen[:, :1, None] > 0, made[0][:64], made[1][:64])
    torch.testing.assert_close(free[:64], expected)


def test_attributes_that_are_given_take_the_place_of_those_that_were_drawn() -> None:
    shares = torch.tensor([[0.2, 0.8, 0.5, 0.3, 0.2], [0.6, 0.4, 0.1, 0.1, 0.8]])
    drawn = likeliest(shares, (2, 3))
    assert drawn.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]
    given = torch.tensor([[0.0, 0, 0, 0, 1], [0, 1, 0, 0, 0]])
    assert with_given(drawn, given, (2, 3)).tolist() == [[0, 1, 0, 0, 1], [0, 1, 0, 0, 1]]


def test_doppelganger_without_attributes() -> None:
    reading = SeriesReading(id="name", window=WINDOW)
    data = prepare_series(demand(), reading, window=WINDOW, past=0, scaling="normal scores", known=("statics",))[0]
    game: Any = recipe_of("doppelganger").build(data.spec)
    assert game.sample(3).shape == (3, 2, WINDOW)
    assert game.play_discriminator(context_of(data)).keys() == {
        "real", "generated", "gradient_penalty", "attributes/real", "attributes/generated", "attributes/gradient_penalty",
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- timevae


def test_timevaes_bound_is_the_closed_form() -> None:
    game, data = game_of("timevae", beta=2.0)
    with torch.no_grad():
        game.decoder.log_deviation.copy_(torch.tensor([0.01, -0.07]))
        context = context_of(data)
        windows = context.batch.samples
        mean, log_variance = game.encoder(windows)
        posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
        latents = posterior.mean + posterior.stddev * context.streams.normal("latent", 8, 3)
        values = torch.distributions.Normal(game.decoder(latents), torch.tensor([0.1, -0.7]).exp()[:, None])
        found = game.play(context)
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(torch.zeros(3), torch.ones(3))).sum(dim=1)
    torch.testing.assert_close(found["divergence"], 2 * divergence / (2 * WINDOW))
    torch.testing.assert_close(found["reconstruction"], -values.log_prob(windows).sum(dim=(1, 2)) / (2 * WINDOW))


def test_trend_and_season_by_hand() -> None:
    game, data = game_of("timevae")
    decoder = game.decoder
    latent = Streams(0, 0).normal("latent", 4, 3)
    with torch.no_grad():
        factors = decoder.trend(latent).view(4, 2, 3).numpy()
        trend = decoder.trends(latent).numpy()
        season = decoder.seasons(latent)
        assert torch.equal(decoder(latent), decoder.trends(latent) + decoder.rest(latent)[:, :, :WINDOW] + season)
    share = np.arange(WINDOW) / WINDOW
    for row, column in np.ndindex(4, 2):
        np.testing.assert_allclose(trend[row, column], np.polyval(factors[row, column][::-1], share), atol=1e-6)
    assert data.spec.season == 6
    assert torch.equal(season[:, :, :6], season[:, :, 6:])
    assert season[0, 0, :6].unique().numel() == 6
    assert game_of("timevae", season=False)[0].decoder.season is None


def test_timevae_draws_from_what_it_decodes() -> None:
    game, _ = game_of("timevae")
    with torch.no_grad():
        game.decoder.log_deviation.copy_(torch.tensor([0.3, 0.05]).log() / 10)
        latents = game.latents(Streams(0, 0), 4000)
        noise = game.generate(latents, None) - game.decoder(latents[:, :3])
    np.testing.assert_allclose(noise.std(dim=(0, 2)), [0.3, 0.05], rtol=0.02)


# -------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("doppelganger", {"r1": 1.0}, "r1 and r2"),
        ("doppelganger", {"unroll": 2}, "unroll"),
        ("doppelganger", {"steps_at_once": 13}, "at most the 12 steps"),
        ("doppelganger", {"augment": "ada"}, "augment is for images"),
        ("timevae", {"channels": ()}, "channels"),
        ("timegan", {"layers": 0}, "layers"),
        ("timegan", {"embedding_steps": -1}, "embedding_steps"),
        ("quantgan", {"condition": "projection"}, "condition"),
    ],
)
def test_settings_that_do_not_work_are_named(name: str, settings: dict[str, object], words: str) -> None:
    problems = recipe_of(name, **settings).problems(dataset_of(name).spec)
    assert any(words in problem for problem in problems)


def means(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    assert all(loss.shape == (8,) for loss in losses.values())
    return {name: loss.mean().item() for name, loss in losses.items()}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_training_ends_by_itself_after_some_passes_and_not_too_early() -> None:
    recipe = recipe_of("quantgan", passes=3)
    spec = dataset_of("quantgan").spec
    assert [recipe.enough_samples(spec, count) for count in (10, 20_000)] == [50_000, 60_000]
    assert recipe_of("ganslicing").enough_samples(spec, 20_000) == 300_000
    assert recipe_of("timevae").enough_samples(spec, 10) is None
    assert recipe_of("doppelganger").enough_samples(spec, 10) is None
