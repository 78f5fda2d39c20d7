"""Codes that are drawn in rounds, each given those before: what comes how often, what is learned, what older models do."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.records.patient_records import from_dense
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_spec import RecordsSpec
from sparring.data.records.records_store import prepare_records
from sparring.data.records.write_records import matrix_table
from sparring.games.record_gan import RecordGame, rounds_of
from sparring.games.step_context import StepContext
from sparring.nets.record_rounds import Rounds
from sparring.nets.records import Indicators
from support.record_models import tiny_run
from support.records import SMALL, long_frame

FREE = torch.tensor([-1, -1, -1])
LADDER = torch.tensor([-1, 0, -1, -1])
"""Two thresholds of an item, and two codes."""


def spec_of(patients: int = 60, values: str = "counts") -> RecordsSpec:
    reading = RecordsReading(patient="person", code="code", time="day", values=values)  # pyright: ignore[reportArgumentType]
    return prepare_records(long_frame(patients), reading)[0].spec


def game_of(spec: RecordsSpec, **settings: object) -> RecordGame:
    own = {key: value for key, value in SMALL.items() if key not in {"threads", "log_every", "precision"}}
    torch.manual_seed(0)
    return recipes.get("medgan")(**{**own, "rounds": 4, **settings}).build(spec)  # pyright: ignore[reportReturnType]


def context(records: torch.Tensor, step: int) -> StepContext:
    return StepContext(lambda: Batch(records), lambda: None, len(records), Streams(0, step), step, 0)


def with_effects(rounds: list[int], previous: torch.Tensor, seed: int = 0) -> Rounds:
    found = Rounds(torch.tensor(rounds), Indicators(previous, 1.0))
    torch.nn.init.normal_(found.effects, std=2.0, generator=torch.Generator().manual_seed(seed))
    return found


def valid_records(previous: torch.Tensor) -> torch.Tensor:
    """All records that there can be."""
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=len(previous))))
    return every[[all(row[at] <= row[below] for at, below in enumerate(previous.tolist()) if below >= 0) for row in every]]


def chance_of(rounds: Rounds, logits: torch.Tensor, previous: torch.Tensor, record: torch.Tensor) -> float:
    """By hand, one indicator after the other."""
    order, chance = rounds.order.tolist(), 1.0
    steps = {place: number for number, (start, stop) in enumerate(rounds.spans) for place in range(start, stop)}
    for place, at in enumerate(order):
        if previous[at] >= 0 and not record[previous[at]]:
            continue
        logit = logits[at].item()
        for before, other in enumerate(order):
            if steps[before] < steps[place]:
                logit += rounds.effects[before, place].item() * record[other].item()
        share = 1 / (1 + np.exp(-logit))
        chance *= share if record[at] else 1 - share
    return chance


@pytest.mark.parametrize(("rounds", "previous"), [([0, 1, 2], FREE), ([2, 0, 1], FREE), ([1, 1, 0, 2], LADDER)])
def test_records_come_as_often_as_their_chances(rounds: list[int], previous: torch.Tensor) -> None:
    made, logits = with_effects(rounds, previous), torch.linspace(-0.8, 0.5, len(previous))
    n = 40_000
    drawn = made(logits.expand(n, -1), Streams(0, 0).uniform("u", n, len(previous)))
    records = valid_records(previous)
    chances = np.array([chance_of(made, logits, previous, record) for record in records])
    assert chances.sum() == pytest.approx(1)
    shares = np.array([(drawn == record).all(dim=1).float().mean().item() for record in records])
    assert np.abs(shares - chances).max() < 4 * 0.5 / n**0.5


def test_the_likelihood_of_all_records_sums_to_one() -> None:
    """Of two codes, and an item of two thresholds, in three rounds."""
    items = spec_of().items
    counted = next(item for item in items if len(item.thresholds) == 2)
    spec = RecordsSpec((items[0], counted, items[1]), False, True, {})
    game = game_of(spec, rounds=3)
    assert game.rounds is not None
    torch.nn.init.normal_(game.rounds.effects, std=2.0)
    records = valid_records(torch.from_numpy(spec.previous))
    losses = game.likelihood_losses(torch.zeros(len(records), spec.shape[0]), records)["likelihood"]
    assert torch.exp(-losses).sum().item() == pytest.approx(1, abs=1e-5)


def test_gradients_reach_logits_and_effects_and_the_values_stay_those_drawn() -> None:
    made = with_effects([0, 1, 2], FREE)
    logits, noise = torch.zeros(500, 3, requires_grad=True), Streams(0, 0).uniform("u", 500, 3)
    records = made(logits, noise)
    assert torch.equal(records.detach(), made.drawn(logits, noise))
    records[:, 2].sum().backward()
    assert logits.grad is not None
    assert (logits.grad[:, 2] > 0).all()
    assert not logits.grad[:, :2].any(), "what came before is taken as it is"
    assert made.effects.grad is not None
    assert made.effects.grad[0, 2] > 0
    assert not made.effects.grad[:, :2].any()
    assert not made.effects.grad[2].any(), "an indicator has no effect on itself"


def test_the_penalty_is_the_logarithm_of_one_more_than_the_size() -> None:
    made = Rounds(torch.tensor([0, 1]), Indicators(torch.tensor([-1, -1]), 1.0))
    assert made.complexity().item() == 0
    made.effects.data[0, 1] = -3.0
    assert made.complexity().item() == pytest.approx(np.log(4), abs=0.01)


def test_rounds_keep_items_together_and_part_codes_that_are_as_frequent() -> None:
    spec = spec_of()
    rounds = rounds_of(spec, 4).numpy()
    assert set(rounds) == {0, 1, 2, 3}
    for first, item in zip(spec.firsts, spec.items, strict=True):
        assert len(set(rounds[first : first + len(item.thresholds)])) == 1
    by_share = rounds[spec.firsts[np.argsort(-spec.shares[spec.firsts], kind="stable")]]
    assert all(len(set(by_share[start : start + 4])) == 4 for start in range(len(by_share) - 3))
    assert rounds_of(spec, 5000).max() == len(spec.items) - 1, "no round is empty"


@pytest.mark.parametrize("patients", [60, 150])
def test_the_number_of_patients_follows_from_shares(patients: int) -> None:
    spec = spec_of(patients)
    assert spec.patients == patients
    assert RecordsSpec.from_json(json.loads(json.dumps(spec.to_json()))).patients == patients


def exclusive(n: int = 400) -> np.ndarray:
    """Patients of whom half have a procedure, with exactly one of three injuries, which the others do not have."""
    random = np.random.default_rng(0)
    treated = random.random(n) < 0.5
    injuries = np.eye(3, dtype=bool)[random.integers(0, 3, n)] & treated[:, None]
    return np.concatenate([treated[:, None], injuries], axis=1)


def test_exactly_one_of_several_is_learned() -> None:
    """Independent injuries would come singly in 4/9 of the treated patients, and single rounds know nothing of each other."""
    patients = exclusive()
    found = from_dense(("procedure", "a", "b", "c"), patients.astype(np.int32), None)
    dataset, _ = prepare_records(matrix_table(found, counted=False), RecordsReading())
    game, records = game_of(dataset.spec), dataset.batch(np.arange(400)).samples
    assert game.rounds is not None
    learner = torch.optim.Adam([*game.decoder.parameters(), *game.rounds.parameters()], 0.1, betas=(0.0, 0.99))
    for step in range(150):
        learner.zero_grad()
        sum(loss.mean() for loss in game.play_likelihood(context(records, step)).values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
        learner.step()
    made = game.sample(2000).numpy() > 0
    treated = made[:, 0]
    assert treated.mean() == pytest.approx(patients[:, 0].mean(), abs=0.06)
    assert (made[treated, 1:].sum(axis=1) == 1).mean() > 0.95
    assert (made[~treated, 1:].sum(axis=1) == 0).mean() > 0.95


def test_the_game_goes_on_with_the_likelihood_unless_told_not_to() -> None:
    spec = spec_of()
    records = prepare_records(long_frame(), RecordsReading(patient="person", code="code", time="day", values="counts"))[0]
    batch = records.batch(np.arange(16)).samples
    game = game_of(spec, likelihood=0.5)
    losses = game.play_generator(context(batch, 4))
    expected = game.likelihood_losses(game.logits(game.latents(Streams(0, 4), 16)), batch)["likelihood"]
    assert torch.allclose(losses["likelihood"], 0.5 * expected, rtol=1e-4)
    assert set(game_of(spec, likelihood=0.0).play_generator(context(batch, 4))) == {"adversarial"}
    assert [[turn.name for turn in game.turns if turn.due(step)] for step in (1, 2)] == [["likelihood"], ["discriminator", "generator"]]


def test_models_of_older_versions_draw_all_codes_at_once(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, rounds=1)
    before = sparring.load(run).patients(40)
    path = run / "config.json"
    config = json.loads(path.read_text())
    for name in ("rounds", "sparsity", "likelihood", "likelihood_learning_rate"):
        del config["recipe_settings"][name]
    path.write_text(json.dumps(config))
    older = sparring.load(run)
    assert older.game.rounds is None  # pyright: ignore[reportAttributeAccessIssue]
    assert older.patients(40).equals(before)
