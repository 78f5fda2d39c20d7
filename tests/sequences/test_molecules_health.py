"""Diagnosis of models of molecules: failures made on purpose, and real molecules, which have none."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from sparring.games.game import Game
from sparring.health.diagnosis.all_rules import NAMES, diagnose
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import declared
from sparring.modalities.molecules_probe import molecules_probe
from support.molecules import moses
from support.texts import dataset, titles

DATA = dataset(list(moses(300)), notation="smiles")
KNOWN = list(DATA.spec.tokens)


class Fixed(Game):
    """A game whose molecules are given."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__(DATA.spec)
        rows = [DATA.spec.codes_of_tokens(list(text) if text == "C(" else DATA.spec.cut.tokens_of(text)) for text in texts]
        self.codes = torch.from_numpy(np.array(rows)).float()

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0, truncation: None = None) -> torch.Tensor:
        return self.codes[(first + torch.arange(n)) % len(self.codes)]


def diagnosed(game: Game, **settings: object) -> dict[str, tuple[str, ...]]:
    """Names of findings, and what their remedies do."""
    probe = molecules_probe(DATA, 0)
    assert probe is not None
    lines = tuple({"step": step, "real_samples": 500 * step, **probe[1](game)} for step in (1000, 1100, 1200))
    config = {"spec": DATA.spec.to_json()}
    about = Record(Path("run"), "run", settings=settings, measurements=lines, data=probe[0], data_config=config)
    return {finding.name: tuple(each.action for each in finding.remedies) for finding in diagnose(about)}


def test_real_molecules_have_no_failure() -> None:
    assert diagnosed(Fixed(DATA.texts())) == {}


def test_what_is_no_molecule_is_found() -> None:
    found = diagnosed(Fixed([*DATA.texts()[:20], *["C("] * 60]), autoencoder_steps=10, reward="none")
    assert [*found] == ["invalid molecules"]
    actions = " ".join(found["invalid molecules"])
    assert "--notation selfies" in actions
    assert "--autoencoder-steps" in actions
    assert "Reward" in actions


def test_valid_molecules_that_are_all_the_same_are_a_collapse() -> None:
    assert [*diagnosed(Fixed(DATA.texts()[:1]))] == ["molecules alike"]
    assert [*diagnosed(Fixed(DATA.texts()[:10]))] == ["molecules alike"]  # ten of 256
    assert diagnosed(Fixed(DATA.texts()[:200])) == {}


def test_generators_of_graphs_get_the_gradients_that_hold() -> None:
    """As docs/benchmarks/molecules.md has it."""
    adversarial = {"discriminator_steps": 5, "choice_temperature": 1.0, "objective": "wasserstein"}
    alike = diagnosed(Fixed(DATA.texts()[:1]), choice="gumbel", **adversarial)["molecules alike"]
    assert [action.split(":")[0] for action in alike] == [
        "Learn from what the discriminator says of graphs with other atoms and bonds at single places.",
        "Let the discriminator play twice as often",
    ]
    assert diagnosed(Fixed(DATA.texts()[:1]), choice="alternatives", **adversarial)["molecules alike"] == alike[1:]
    invalid = diagnosed(Fixed([*DATA.texts()[:20], *["C("] * 60]), choice="gumbel", **adversarial)["invalid molecules"]
    assert invalid[0] == alike[0]


def test_several_molecules_in_one_are_found() -> None:
    short = sorted(DATA.texts(), key=len)
    data = dataset([*DATA.texts(), "CC.CC"], notation="smiles")
    joined = [f"{text[:0]}CC.{'C' * (n % 40 + 1)}" for n, text in enumerate(short)]
    game = Fixed(DATA.texts())
    codes = [data.spec.codes_of_tokens(data.spec.cut.tokens_of(text)) for text in joined]
    game.spec, game.codes = data.spec, torch.from_numpy(np.array(codes)).float()
    probe = molecules_probe(data, 0)
    assert probe is not None
    measured = probe[1](game)
    assert measured["molecules/in_pieces"] == 1
    lines = tuple({"step": step, "real_samples": 500 * step, **measured} for step in (1000, 1100, 1200))
    about = Record(Path("run"), "run", measurements=lines, data=probe[0], data_config={"spec": data.spec.to_json()})
    assert "molecules in pieces" in {finding.name for finding in diagnose(about)}


def test_every_rule_and_signal_of_molecules_is_here() -> None:
    assert {"invalid molecules", "molecules alike", "molecules in pieces"} <= set(NAMES)
    probe = molecules_probe(DATA, 0)
    assert probe is not None
    assert probe[0].keys() | probe[1](Fixed(DATA.texts())).keys() == {
        signal.name for signal in declared("molecules data", "molecules game")
    }
    assert molecules_probe(dataset(titles()), 0) is None
