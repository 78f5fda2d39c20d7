"""lm: its probabilities sum to one, it learns what is known, and its samples do not depend on how they are asked for."""

import itertools
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
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.games.language_model import LanguageModelGame
from sparring.games.sequence_game import draw_codes
from sparring.games.step_context import StepContext
from support.runs import same_run
from support.texts import COMMON, SMALL, chain_entropy, chain_texts, counting, dataset, spec_of, titles, write_titles

NETWORKS = [{"network": "gru"}, {"network": "transformer", "hidden": 32, "layers": 2}, {"network": "relational", "hidden": 32, "slots": 2}]


def game_of(spec: SequenceSpec, **settings: object) -> LanguageModelGame:
    torch.manual_seed(0)
    game: Any = recipes.get("lm")(**{**SMALL, **settings}).build(spec)
    return game


def learn(game: LanguageModelGame, codes: np.ndarray, steps: int, rate: float = 0.02) -> None:
    optimizer = torch.optim.Adam(game.parameters(), rate)
    for step in range(steps):
        batch = Batch(torch.from_numpy(codes[np.arange(step * 64, step * 64 + 64) % len(codes)].astype(np.float32)))
        context = StepContext(lambda batch=batch: batch, lambda: None, 64, Streams(0, step), step, 0)
        optimizer.zero_grad()
        game.play(context)["negative_log_likelihood"].mean().backward()
        optimizer.step()


@pytest.mark.parametrize("settings", NETWORKS)
def test_probabilities_of_all_short_strings_sum_to_one(settings: dict[str, object]) -> None:
    spec = spec_of("abc", 4)
    game = game_of(spec, **settings)
    every = [(*tokens, *[0] * (4 - n)) for n in range(5) for tokens in itertools.product((1, 2, 3), repeat=n)]
    found = game.log_likelihood(torch.tensor(every).float())
    assert len(every) == 121
    assert float(found.double().exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("settings", NETWORKS)
def test_one_step_at_a_time_is_all_steps_at_once(settings: dict[str, object]) -> None:
    spec = spec_of("abcd", 7)
    model = game_of(spec, **settings).model.eval()
    codes = torch.from_numpy(dataset(chain_texts(5)).codes()[:, :7])
    at_once = model(codes)
    before, state = model.begin(5)
    for place in range(7):
        logits, state = model.step(before, state)
        assert torch.allclose(logits, at_once[:, place], atol=1e-5)
        before = codes[:, place]


def test_what_is_drawn_is_as_likely_as_it_is_said_to_be() -> None:
    game = game_of(spec_of("ab", 2))
    learn(game, np.array([[1, 2], [1, 0], [2, 2], [1, 2]] * 32), 20)
    drawn = game.sample(20_000, seed=3).long()
    for tokens in ((1, 2), (1, 0), (2, 2), (0, 0)):
        share = (drawn == torch.tensor(tokens)).all(dim=1).float().mean().item()
        probability = game.log_likelihood(torch.tensor([tokens]).float()).exp().item()
        assert share == pytest.approx(probability, abs=4 * (probability * (1 - probability) / 20_000) ** 0.5 + 1e-4)


def test_the_entropy_of_a_markov_chain_is_reached() -> None:
    codes = dataset(chain_texts(4000)).codes()
    game = game_of(spec_of("abcd", 12), hidden=16, dropout=0.0)
    spec_codes = torch.from_numpy(dataset(chain_texts(2000, seed=1)).codes())
    learn(game, codes, 250)
    held_out = -game.log_likelihood(spec_codes.float()).mean().item()
    assert chain_entropy() - 0.15 < held_out < chain_entropy() + 0.35


def test_counting_from_0_to_19_is_learned() -> None:
    game = game_of(spec_of("abcdefghijklmnopqrst", 20), hidden=32, dropout=0.0)
    learn(game, counting(), 150)
    assert (game.sample(100, seed=1).numpy() == counting(100)).all(axis=1).mean() > 0.95


def test_sequences_do_not_depend_on_how_many_are_asked_for() -> None:
    game = game_of(spec_of("abc", 5))
    whole = game.sample(600, seed=5)
    assert torch.equal(
        torch.cat([game.sample(100, seed=5), game.sample(250, seed=5, first=100), game.sample(250, seed=5, first=350)]), whole
    )
    assert not torch.equal(game.sample(600, seed=6), whole)


def test_temperatures_and_tokens_that_are_never_drawn() -> None:
    logits, chance = torch.tensor([[2.0, 1.0, 0.0, 5.0]]).repeat(4000, 1), torch.rand(4000, generator=torch.manual_seed(0))
    shares = torch.bincount(draw_codes(logits, chance, 0.5, unknown=3), minlength=4) / 4000
    assert torch.allclose(shares, torch.tensor([[4.0, 2.0, 0.0, -torch.inf]]).softmax(dim=1)[0], atol=0.03)
    assert shares[3] == 0


def test_classes_are_learned() -> None:
    spec = SequenceSpec("characters", 2, ("a", "b"), ("first", "second"))
    game = game_of(spec, dropout=0.0)
    optimizer = torch.optim.Adam(game.parameters(), 0.02)
    labels = torch.arange(64) % 2
    batch = Batch(torch.where(labels[:, None] == 0, torch.tensor([1.0, 1.0]), torch.tensor([2.0, 0.0])), labels)
    for step in range(60):
        optimizer.zero_grad()
        context = StepContext(lambda: batch, lambda: None, 64, Streams(0, step), step, 0)
        game.play(context)["negative_log_likelihood"].mean().backward()
        optimizer.step()
    drawn = game.sample(20, seed=0, labels=torch.arange(20) % 2)
    assert torch.equal(drawn, batch.samples[:20])


def test_runs_resume_exactly(tmp_path: Path) -> None:
    path = write_titles(tmp_path)
    settings: dict[str, Any] = {**SMALL, **COMMON, "console": Console(quiet=True)}
    sparring.train("lm", path, tmp_path / "whole", steps=6, **settings)
    sparring.train("lm", path, tmp_path / "parts", steps=2, **settings)
    sparring.resume(tmp_path / "parts", steps=6, console=Console(quiet=True))
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def test_models_in_python(tmp_path: Path) -> None:
    sparring.train("lm", titles(), tmp_path / "run", steps=4, **SMALL, **COMMON, console=Console(quiet=True))  # pyright: ignore[reportArgumentType]
    model = sparring.load(tmp_path / "run")
    assert len(model.texts(5, seed=1)) == 5
    assert model.texts(3, seed=1, first=2) == model.texts(5, seed=1)[2:]
    found = model.log_likelihoods(titles()[:2])
    assert (found < 0).all()
    with pytest.raises(SettingsError, match="makes texts"):
        model.sample(2)
