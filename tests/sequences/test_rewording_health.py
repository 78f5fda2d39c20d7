"""Diagnosis of models that reword: failures made on purpose, and a fair game, which has none."""

from pathlib import Path

import pytest
import torch

from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.games.rewording import RewordingGame
from sparring.health.diagnosis.all_rules import diagnose
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import declared
from sparring.modalities.rewording_probe import rewording_probe
from sparring.recipes.reword import Reword
from support.scored_titles import COLUMNS, SMALL, scored_titles, write_titles
from support.texts import dataset, titles


class Broken(RewordingGame):
    """A game whose rewordings are made in one way."""

    how = "fair"

    def reword(self, codes: torch.Tensor, draws: int, seed: int = 0) -> torch.Tensor:
        repeated = codes[:, None].repeat(1, draws, 1)
        free = (~self.scorers.kept[1:]).nonzero()[:, 0] + 1
        if self.how == "same":
            return repeated[:1].expand_as(repeated)
        if self.how == "copy":
            return repeated
        others = free[(torch.arange(repeated.numel()) % len(free)).view(repeated.shape)]
        return torch.where((repeated != 0) & (self.scorers.kept[repeated] == (self.how == "lose")), others, repeated)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SequenceDataset:
    path = write_titles(tmp_path_factory.mktemp("scored") / "titles.csv", scored_titles(300))
    return prepare_sequences(path, SequencesReading(**COLUMNS))[0]


def found_in(data: SequenceDataset, how: str) -> list[str]:
    probe = rewording_probe(data, 0)
    assert probe is not None
    game = Broken(data.spec, Reword(**SMALL))
    game.how = how
    lines = tuple({"step": step, "real_samples": 500 * step, **probe[1](game)} for step in (1000, 1100, 1200))
    config = {"spec": data.spec.to_json()}
    return [each.name for each in diagnose(Record(Path("run"), "run", measurements=lines, data=probe[0], data_config=config))]


@pytest.mark.parametrize(
    ("how", "name"), [("same", "rewordings same"), ("copy", "rewordings copy"), ("lose", "rewordings astray"), ("fair", None)]
)
def test_failures_made_on_purpose_are_found(how: str, name: str | None, data: SequenceDataset) -> None:
    found = found_in(data, how)
    assert (found[0] if found else None) == name


def test_titles_need_not_tell_their_score_by_nearness(data: SequenceDataset) -> None:
    facts = {"label_agreement": 0.33, "label_agreement/by_chance": 0.33, "measured": 1000}
    for classes, expected in ((data.spec.classes, []), (("a", "b", "c"), ["uninformative labels"])):
        config = {"spec": {**data.spec.to_json(), "classes": classes}}
        assert [each.name for each in diagnose(Record(Path("run"), "run", data=facts, data_config=config))] == expected


def test_every_signal_is_measured_of_rewordings_alone(data: SequenceDataset) -> None:
    probe = rewording_probe(data, 0)
    assert probe is not None
    game = RewordingGame(data.spec, Reword(**SMALL))
    assert probe[1](game).keys() == {signal.name for signal in declared("rewordings game")}
    assert rewording_probe(dataset(titles()), 0) is None
