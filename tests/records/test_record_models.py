"""medgan and medwgan: what their game does, that samples are what they are asked for, and that runs go on to the bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import Streams
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_store import prepare_records
from sparring.games.record_gan import RecordGame, chances_of
from sparring.games.step_context import StepContext
from sparring.inference.patients import draw_patients
from sparring.nets.records import Indicators, beside_mean
from support.records import CODES, SMALL, long_frame, write_long
from support.runs import same_run, tensors_of

READING: dict[str, Any] = {"patient": "person", "code": "code", "time": "day"}


def game_of(name: str = "medgan", *, values: str = "counts", **settings: object) -> RecordGame:
    dataset, _ = prepare_records(long_frame(), RecordsReading(**READING, values=values))  # pyright: ignore[reportArgumentType]
    torch.manual_seed(0)
    own = {key: value for key, value in SMALL.items() if key not in {"threads", "log_every", "precision"}}
    return recipes.get(name)(**{**own, **settings}).build(dataset.spec)  # pyright: ignore[reportReturnType]


def context(game: RecordGame, records: torch.Tensor, step: int = 2) -> StepContext:
    return StepContext(lambda: Batch(records), lambda: None, len(records), Streams(0, step), step, 0)


def real_records(n: int = 16, values: str = "counts") -> torch.Tensor:
    dataset, _ = prepare_records(long_frame(), RecordsReading(**READING, values=values))  # pyright: ignore[reportArgumentType]
    return dataset.batch(np.arange(n)).samples


def train(data: Any, out: Path, quiet: Console, name: str = "medgan", **settings: object) -> sparring.Model:  # noqa: ANN401
    return sparring.train(name, data, out, console=quiet, **{**SMALL, **READING, **settings})  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------------------------------------------------------------- networks


def test_indicators_come_as_often_as_their_chances_and_only_above_those_below() -> None:
    """Two items: one of a single threshold, one of three."""
    drawn = Indicators(torch.tensor([-1, -1, 1, 2]), 0.5)
    chances = torch.tensor([0.3, 0.8, 0.5, 0.5])
    records = drawn(torch.logit(chances).expand(20000, 4), Streams(0, 0).uniform("u", 20000, 4))
    assert set(records.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(records.mean(dim=0), torch.tensor([0.3, 0.8, 0.4, 0.2]), atol=0.015)
    assert (records[:, 1] >= records[:, 2]).all()
    assert (records[:, 2] >= records[:, 3]).all()
    assert torch.allclose(drawn.chances(torch.logit(chances)[None]), torch.tensor([[0.3, 0.8, 0.4, 0.2]]))


def test_gradients_of_drawn_indicators_point_to_more_of_what_is_wanted() -> None:
    logits = torch.zeros(4000, 1, requires_grad=True)
    Indicators(torch.tensor([-1]), 0.5)(logits, Streams(0, 0).uniform("u", 4000, 1)).mean().backward()
    assert logits.grad is not None
    noise = np.linspace(-15, 15, 30001)  # of the logistic distribution
    bell = np.exp(-np.abs(noise)) / (1 + np.exp(-np.abs(noise))) ** 2
    slope = np.exp(-2 * np.abs(noise)) / (1 + np.exp(-2 * np.abs(noise))) ** 2 / 0.5
    assert logits.grad.sum() == pytest.approx(np.trapezoid(bell * slope, noise), abs=0.01)


def test_the_discriminator_sees_the_mean_of_its_batch() -> None:
    records = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert beside_mean(records).tolist() == [[1, 0, 0.5, 0], [0, 0, 0.5, 0]]


def test_a_decoder_begins_as_frequent_as_the_data() -> None:
    game = game_of(rounds=1)
    begun = game.indicators.chances(3 * game.decoder.layer.bias[None] + game.certain)[0]  # pyright: ignore[reportCallIssue, reportOptionalSubscript, reportIndexIssue, reportAttributeAccessIssue]
    assert np.allclose(begun.detach().numpy(), game.records_spec.shares, atol=2e-3)
    assert chances_of(game.records_spec).max() == 1  # the code that all have


def test_the_loss_of_the_autoencoder_is_the_likelihood_of_what_could_come() -> None:
    """By hand: each first indicator counts, and those above one that is there."""
    game, records = game_of(rounds=1), real_records(4)
    losses = game.play_autoencoder(context(game, records))["reconstruction"]
    assert game.encoder is not None
    chances = torch.sigmoid(game.decoder(game.encoder(records)))
    for row in range(4):
        expected = 0.0
        for place, below in enumerate(game.records_spec.previous.tolist()):
            if below < 0 or records[row, below]:
                chance = chances[row, place].item()
                expected -= np.log(chance if records[row, place] else 1 - chance)
        assert losses[row].item() == pytest.approx(expected, rel=1e-4)


def test_the_autoencoder_learns_alone_first_and_then_rests() -> None:
    game = game_of(autoencoder_steps=5, rounds=1)
    assert [[turn.name for turn in game.turns if turn.due(step)] for step in (0, 4, 5)] == [
        ["autoencoder"], ["autoencoder"], ["discriminator", "generator"],
    ]  # fmt: skip
    moved = {player.name: player.networks for player in game.players}
    assert moved["generator"] == ("generator", "decoder")
    frozen = {player.name: player.networks for player in game_of(decoder_learns=False, rounds=1).players}
    assert frozen["generator"] == ("generator",)


@pytest.mark.parametrize("rounds", [1, 4])
def test_what_the_discriminator_sees_of_generated_patients(rounds: int) -> None:
    records = real_records()
    drawn = game_of(rounds=rounds).generate_fakes(context(game_of(), records), None)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    soft = game_of(discriminator_sees="chances", rounds=rounds)
    shown = soft.generate_fakes(context(soft, records), None)
    assert ((shown > 0.01) & (shown < 0.99)).any()


@pytest.mark.parametrize("name", ["medgan", "medwgan"])
def test_losses_are_those_of_their_objectives(name: str) -> None:
    game, records = game_of(name), real_records()
    step = context(game, records, step=4)
    losses = game.play_discriminator(step)
    real, generated = step.metrics["logits/real"], step.metrics["logits/generated"]
    if name == "medwgan":
        assert torch.allclose(losses["real"], -real)
        assert torch.allclose(losses["generated"], generated)
        points = torch.lerp(
            beside_mean(records), beside_mean(game.generate_fakes(step, None)), (step.streams.uniform("penalty/share", 16) + 1)[:, None] / 2
        ).detach().requires_grad_()  # fmt: skip
        (gradient,) = torch.autograd.grad(game.discriminator(points).sum(), points)
        assert torch.allclose(losses["gradient_penalty"], 10 * (gradient.norm(dim=1) - 1).square(), rtol=1e-3)
    else:
        assert torch.allclose(losses["relative"], torch.nn.functional.softplus(generated - real))


# -------------------------------------------------------------------------------------------------------------- in use, as a user


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> sparring.Model:
    folder = tmp_path_factory.mktemp("records")
    return train(write_long(folder), folder / "run", Console(quiet=True), values="counts", steps=6)


def test_patients_are_the_same_however_they_are_split(trained: sparring.Model) -> None:
    whole = draw_patients(trained, 2100, seed=3)
    for first, n in ((0, 5), (7, 1), (2040, 60)):
        part = draw_patients(trained, n, seed=3, first=first)
        expected = whole.take(np.arange(first, first + n))
        assert np.array_equal(part.dense(), expected.dense())
        assert np.array_equal(part.visits, expected.visits)  # pyright: ignore[reportArgumentType]
    assert not np.array_equal(draw_patients(trained, 50, seed=4).dense(), whole.take(np.arange(50)).dense())


def test_a_patient_does_not_depend_on_others_of_the_batch(trained: sparring.Model) -> None:
    """Batch norm is in evaluation mode: one latent among others gives the same record."""
    game: Any = trained.game
    latents = game.chunk_of_latents(0, 0)
    game.eval()
    with torch.no_grad():
        alone, among = game.logits(latents[:1]), game.logits(latents[:64])[:1]
    assert torch.allclose(alone, among, atol=1e-5)


def test_what_all_patients_have_comes_in_all(trained: sparring.Model) -> None:
    patients = draw_patients(trained, 300)
    assert patients.present()[:, CODES.index("011")].all()
    assert patients.visits is not None
    assert patients.visits.min() >= 1


def test_patients_come_as_the_table_that_was_given(trained: sparring.Model) -> None:
    table = trained.patients(20, first=5)
    assert table.column_names == ["person", "code", "count", "visits"]
    assert set(table.column("person").to_pylist()) <= set(range(6, 26))
    assert set(table.column("code").to_pylist()) <= set(CODES)
    with pytest.raises(SettingsError, match="patients"):
        _ = trained.latent_game


@pytest.mark.parametrize("name", ["medgan", "medwgan"])
def test_a_run_goes_on_to_the_bit(name: str, tmp_path: Path, quiet: Console) -> None:
    """Interrupted within the autoencoder's steps, and after them."""
    data = write_long(tmp_path)
    train(data, tmp_path / "whole", quiet, name, steps=5, checkpoint_every=1)
    train(data, tmp_path / "parts", quiet, name, steps=1, checkpoint_every=1)
    for steps in (3, 5):
        sparring.resume(tmp_path / "parts", steps=steps, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "parts")
    first = {"medgan": "optimizer/likelihood/rounds", "medwgan": "optimizer/autoencoder/decoder"}[name]
    assert any(key.startswith(first) for key in tensors_of(tmp_path / "whole"))


def test_a_frozen_decoder_stays_as_the_autoencoder_left_it(tmp_path: Path, quiet: Console) -> None:
    data = write_long(tmp_path)
    train(data, tmp_path / "before", quiet, steps=2, decoder_learns=False, rounds=1)
    train(data, tmp_path / "after", quiet, steps=5, decoder_learns=False, rounds=1)
    before, after = (tensors_of(tmp_path / name) for name in ("before", "after"))
    assert torch.equal(before["game/decoder.layer.weight"], after["game/decoder.layer.weight"])
    assert not torch.equal(before["game/generator.layers.0.weight"], after["game/generator.layers.0.weight"])


def test_frames_and_packed_models_work(tmp_path: Path, quiet: Console) -> None:
    model = train(long_frame(), tmp_path / "run", quiet, steps=3)
    packed = sparring.load(sparring.pack(model, tmp_path / "model.safetensors"))
    assert packed.patients(30).equals(model.patients(30))


def test_settings_without_use_are_refused(tmp_path: Path, quiet: Console) -> None:
    data = write_long(tmp_path)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"packing": 2}, "packing"),
        ({"augment": "ada"}, "augment"),
        ({"evaluate_every": 5}, "images"),
        ({"rounds": 0}, "rounds"),
        ({"rounds": 1, "sparsity": 3.0}, "sparsity"),
        ({"rounds": 4, "autoencoder_learning_rate": 0.1}, "autoencoder_learning_rate"),
        ({"rounds": 4, "decoder_learns": False}, "decoder_learns"),
        ({"sparsity": -1.0}, "sparsity"),
    )
    for settings, word in cases:
        with pytest.raises(SettingsError, match=word):
            train(data, tmp_path / "run", quiet, steps=1, **settings)
