"""music-lm: events and rolls are the same, probabilities sum to one, and samples do not depend on how they are asked for."""

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
from sparring.data.music.music_spec import MusicSpec, TrackSpec, canonical
from sparring.exporting.export import export
from sparring.games.music_language_model import FIRST_PITCH, HOLD, REST, MusicLanguageGame, events_of, samples_of_events
from sparring.games.step_context import StepContext
from sparring.inference.music_of_model import draw_phrases
from support.music import COMMON, SMALL_LM, write_songs
from support.runs import same_run

SMALL = {"embedding": 3, "hidden": 8, "head": 8, "batch_size": 4}


def spec_of(tracks: int = 2, bars: int = 1, bar_steps: int = 2, pitches: int = 2, single: bool = True) -> MusicSpec:
    voices = tuple(TrackSpec(f"voice {number}", single=single) for number in range(tracks))
    return MusicSpec(voices, bars, bar_steps, 4.0, 60, pitches)


def game_of(spec: MusicSpec, **settings: object) -> MusicLanguageGame:
    torch.manual_seed(0)
    game: Any = recipes.get("music-lm")(**{**SMALL, **settings}).build(spec)
    return game


def test_events_are_rests_holds_and_beginnings() -> None:
    events = torch.tensor([[[FIRST_PITCH + 1, REST], [HOLD, FIRST_PITCH], [FIRST_PITCH + 1, HOLD], [REST, HOLD]]])
    samples = samples_of_events(events, 2)
    sounding, begins = (samples[0] > 0).chunk(2)
    assert sounding[0].nonzero().tolist() == [[0, 1], [1, 1], [2, 1]]
    assert begins[0].nonzero().tolist() == [[0, 1], [2, 1]]
    assert sounding[1].nonzero().tolist() == [[1, 0], [2, 0], [3, 0]]
    assert begins[1].nonzero().tolist() == [[1, 0]]
    assert torch.equal(events_of(samples), events)


def test_any_roll_of_single_notes_comes_back() -> None:
    random = np.random.default_rng(0)
    pitch = random.integers(-1, 3, (5, 2, 6))
    sounding = pitch[:, :, :, None] == np.arange(3)
    rolls = canonical(np.concatenate([sounding, sounding & (random.random((5, 2, 6, 1)) < 0.5)], axis=1))
    samples = torch.from_numpy(rolls.astype(np.float32) * 2 - 1)
    assert torch.equal(samples_of_events(events_of(samples), 3), samples)


def test_probabilities_of_all_phrases_sum_to_one() -> None:
    game = game_of(spec_of())
    every = torch.tensor(list(itertools.product(range(4), repeat=4))).view(-1, 2, 2)
    with torch.no_grad():
        found = -game.eval().nats(every).sum(dim=(1, 2))
    assert float(found.double().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_one_step_at_a_time_is_all_steps_at_once() -> None:
    model = game_of(spec_of(bar_steps=3, bars=2)).model.eval()
    events = torch.randint(4, (5, 6, 2), generator=torch.manual_seed(1))
    at_once, vectors = model(events), model.embedded(events)
    before, state = torch.zeros(5, 6), torch.zeros(1, 5, 8)
    for step in range(6):
        remembered, state = model.step(before, step, state)
        for track in range(2):
            assert torch.allclose(model.logits(remembered, vectors[:, step, :track], track), at_once[:, step, track], atol=1e-5)
        before = vectors[:, step].flatten(1)


def test_what_comes_later_does_not_matter() -> None:
    model = game_of(spec_of(bar_steps=4)).model.eval()
    events = torch.randint(4, (3, 4, 2), generator=torch.manual_seed(1))
    other = events.clone()
    other[:, 2:] = (other[:, 2:] + 1) % 4
    other[:, 1, 1] = (other[:, 1, 1] + 1) % 4
    assert torch.equal(model(events)[:, :2], model(other)[:, :2])


def test_a_phrase_is_learned_and_drawn() -> None:
    spec = spec_of(bar_steps=4)
    game = game_of(spec, dropout=0.0)
    events = torch.tensor([[[2, 3], [1, 1], [3, 0], [2, 2]]]).repeat(8, 1, 1)
    batch, optimizer = Batch(samples_of_events(events, 2)), torch.optim.Adam(game.parameters(), 0.02)
    for step in range(150):
        optimizer.zero_grad()
        game.play(StepContext(lambda: batch, lambda: None, 8, Streams(0, step), step, 0))["negative_log_likelihood"].mean().backward()
        optimizer.step()
    drawn = game.sample(100, seed=2)
    assert (drawn == batch.samples[:1]).flatten(1).all(dim=1).float().mean() > 0.9
    assert torch.equal(torch.cat([game.sample(30, seed=2), game.sample(70, seed=2, first=30)]), drawn)


def test_tracks_with_chords_are_refused() -> None:
    recipe = recipes.get("music-lm")()
    assert recipe.problems(spec_of()) == []
    assert "voice 0, voice 1" in recipe.problems(spec_of(single=False))[0]


def test_runs_resume_exactly_and_files_say_why_they_are_not_made(tmp_path: Path) -> None:
    data, quiet = write_songs(tmp_path / "songs"), Console(quiet=True)
    settings: dict[str, Any] = {**SMALL_LM, **COMMON, "console": quiet}
    sparring.train("music-lm", data, tmp_path / "whole", steps=6, **settings)
    sparring.train("music-lm", data, tmp_path / "parts", steps=2, **settings)
    sparring.resume(tmp_path / "parts", steps=6, console=quiet)
    assert same_run(tmp_path / "whole", tmp_path / "parts")
    packed = sparring.pack(tmp_path / "whole", tmp_path / "notes.safetensors")
    rolls = draw_phrases(sparring.load(packed), 3, seed=1)
    assert (rolls == draw_phrases(sparring.load(tmp_path / "whole"), 3, seed=1)).all()
    with pytest.raises(SettingsError, match="event by event"):
        export(tmp_path / "whole", tmp_path / "notes.onnx")
