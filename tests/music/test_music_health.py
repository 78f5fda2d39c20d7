"""Diagnosis of music: every failure is found where it was made on purpose, and real phrases have none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sparring.data.music.music_dataset import MusicDataset, split_holdout
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import canonical, samples_of
from sparring.data.music.music_store import dataset_of_songs, prepare_music
from sparring.games.game import Game
from sparring.health.diagnosis.all_rules import NAMES, diagnose
from sparring.health.diagnosis.training_record import Record
from sparring.health.doctor.music_advice import music_difficulties
from sparring.health.signals import declared
from sparring.modalities.music_probe import music_probe
from support import music

FAILURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "silent music": np.zeros_like,
    "same phrase": lambda rolls: rolls[:1].repeat(len(rolls), axis=0),
    "notes everywhere": lambda rolls: canonical(rolls | (np.random.default_rng(0).random(rolls.shape) < 0.2)),
    "empty bars": lambda rolls: rolls * np.array([1, 0, 1, 1, 1, 0, 1, 1], bool)[:, None, None],
    "fragmented notes": lambda rolls: rolls[:, [4, 5, 6, 7, 4, 5, 6, 7]],
}


class Plays(Game):
    """A game that plays given rolls."""

    def __init__(self, data: MusicDataset, rolls: np.ndarray) -> None:
        super().__init__(data.spec)
        self.rolls = rolls

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0) -> torch.Tensor:
        return samples_of(self.rolls[(first + np.arange(n)) % len(self.rolls)])


@pytest.fixture(scope="module")
def data() -> tuple[MusicDataset, MusicDataset]:
    return split_holdout(prepare_music("chorales", MusicReading(bars=2, phrase_every=4))[0], 140, 0)


def diagnosed(game: Game, data: tuple[MusicDataset, MusicDataset]) -> dict[str, str]:
    facts, measure = music_probe(*data, 0)
    lines = tuple({"step": step, "real_samples": 500 * step, **measure(game)} for step in (1000, 1100, 1200))
    about = Record(Path("run"), "run", measurements=lines, data=facts, data_config={"spec": {"kind": "music"}})
    return {finding.name: finding.severity for finding in diagnose(about)}


def held_out(data: tuple[MusicDataset, MusicDataset]) -> np.ndarray:
    return data[1].rolls(np.arange(len(data[1])))


def test_real_phrases_have_no_failure(data: tuple[MusicDataset, MusicDataset]) -> None:
    assert diagnosed(Plays(data[0], held_out(data)), data) == {}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_made_on_purpose_are_found(failure: str, data: tuple[MusicDataset, MusicDataset]) -> None:
    found = diagnosed(Plays(data[0], FAILURES[failure](held_out(data))), data)
    assert found[failure] in {"warning", "severe"}
    assert not found.keys() - {failure, "empty bars", "same phrase", "fragmented notes"}, "nothing but what it brings about"


def test_copies_are_found(data: tuple[MusicDataset, MusicDataset]) -> None:
    copied = np.roll(data[0].rolls(np.arange(100)), 1, axis=3)
    assert diagnosed(Plays(data[0], copied), data) == {"copied phrases": "warning"}


def test_every_rule_and_signal_of_music_is_here(data: tuple[MusicDataset, MusicDataset]) -> None:
    assert {*FAILURES, "copied phrases"} <= set(NAMES)
    facts, measure = music_probe(*data, 0)
    measured = measure(Plays(data[0], held_out(data)))
    assert facts.keys() | measured.keys() == {signal.name for signal in declared("music data", "music game")}
    assert abs(measured["consonance"] - facts["consonance/data"]) < 0.02


def test_what_is_hard_about_songs_is_named() -> None:
    songs = music.songs(3)
    data = dataset_of_songs(songs, MusicReading(bars=2))
    found = {one.name for one in music_difficulties(data, songs * 3, 6, None)}
    assert found == {"few phrases", "few songs", "songs unlike", "many keys"}
