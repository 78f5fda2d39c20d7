"""Diagnosis of models of sequences: failures made on purpose, and real sequences, which have none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Int64

from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.games.game import Game
from sparring.health.diagnosis.all_rules import diagnose
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import declared
from sparring.modalities.sequences_probe import sequences_probe
from support.texts import dataset


def varied(n: int, seed: int) -> list[str]:
    """Texts of 5 to 13 of 26 letters, which end."""
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), random.integers(5, 14))) for _ in range(n)]


@pytest.fixture(scope="module")
def data() -> SequenceDataset:
    return dataset(varied(600, 0), length=16)


class Fixed(Game):
    """A game whose sequences are given."""

    def __init__(self, data: SequenceDataset, codes: Int64[np.ndarray, "n length"]) -> None:
        super().__init__(data.spec)
        self.codes = torch.from_numpy(codes.astype(np.float32))

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0, truncation: float | None = None) -> torch.Tensor:
        return self.codes[(first + torch.arange(n)) % len(self.codes)]


def diagnosed(data: SequenceDataset, codes: Int64[np.ndarray, "n length"], **newer: object) -> list[Finding]:
    facts, measure = sequences_probe(data, 0)
    lines = tuple({"step": step, "real_samples": 100 * step, **measure(Fixed(data, codes))} for step in (1000, 1100, 1200))
    settings = {"generator_learning_rate": 3e-4, "fit_steps": 500, "sharpness": 100.0, "discriminator_steps": 5, **newer}
    about = Record(Path("run"), "run", measurements=lines, data=facts, data_config={"spec": {"kind": "sequences"}}, settings=settings)
    return list(diagnose(about))


def encoded(data: SequenceDataset, texts: list[str]) -> Int64[np.ndarray, "n length"]:
    codes = [data.spec.codes_of_tokens(list(text)) for text in texts]
    return np.array([each for each in codes if each is not None])


def test_other_texts_of_the_same_kind_have_no_failure(data: SequenceDataset) -> None:
    assert diagnosed(data, encoded(data, varied(300, 1))) == []


FAILURES = {
    "same sequence": lambda texts: [texts[0]] * 100 + texts[:150],
    "sequences alike": lambda texts: [texts[number % 12][:5] + texts[number][:2] for number in range(256)],
    "repeated tokens": lambda texts: [text[:2] + text[2] * 6 + text[3:5] for text in texts],
    "never ends": lambda texts: [(text + other + again)[:16] for text, other, again in zip(texts, texts[1:], texts[2:], strict=False)],
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_found_and_others_only_because_of_it(failure: str, data: SequenceDataset) -> None:
    found = diagnosed(data, encoded(data, FAILURES[failure](varied(256, 1))))
    assert found[0].name == failure
    assert all(finding.because_of == (failure,) for finding in found[1:])
    assert any(remedy.settings for remedy in found[0].remedies)


def test_remedies_are_settings_of_the_recipe(data: SequenceDataset) -> None:
    (found,) = diagnosed(data, encoded(data, [varied(1, 1)[0]] * 256))
    assert [remedy.settings for remedy in found.remedies if remedy.settings] == [
        {"sharpness": 10.0},
        {"generator_learning_rate": 1e-4},
        {"fit_steps": 1000},
    ]
    (found,) = diagnosed(data, encoded(data, [varied(1, 1)[0]] * 256), candidates=16, likelihood_weight=0.5)
    assert found.remedies[0].settings == {"likelihood_weight": 1.5}
    assert not any("sharpness" in remedy.settings for remedy in found.remedies), "it is not used with candidates"


def test_every_signal_of_sequences_is_measured(data: SequenceDataset) -> None:
    facts, measure = sequences_probe(data, 0)
    found = measure(Fixed(data, encoded(data, varied(300, 1))))
    assert facts.keys() | found.keys() == {signal.name for signal in declared("sequences data", "sequences game")}
    assert facts["ended/data"] == 1
    assert found["self_bleu"] == pytest.approx(facts["self_bleu/data"], abs=0.05)
