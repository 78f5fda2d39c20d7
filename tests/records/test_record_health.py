"""Diagnosis of models of health records: patients with a failure made on purpose, and real ones, which have none; and the doctor."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import sparring
from sparring.data.records.records_dataset import RecordsDataset, split_holdout
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_store import prepare_records
from sparring.games.game import Game
from sparring.health.diagnosis.all_rules import NAMES, diagnose
from sparring.health.diagnosis.training_record import Record
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.signals import declared
from sparring.modalities.records_probe import records_probe
from support.records import CODES, present, write_long

FAILURES = {"codes lost", "codes independent", "codes per patient wrong", "copied patients"}


def dataset(cells: np.ndarray) -> tuple[RecordsDataset, RecordsDataset]:
    frame = pd.DataFrame(cells.astype(int), columns=[*CODES, *map(str, range(100, 100 + cells.shape[1] - len(CODES)))])
    return split_holdout(prepare_records(frame, RecordsReading())[0], None, 0)


DATA, HOLDOUT = dataset(present(3000, 0))


class Fixed(Game):
    """A game whose patients are given."""

    def __init__(self, data: RecordsDataset, cells: np.ndarray) -> None:
        super().__init__(data.spec)
        self.cells = torch.from_numpy(cells.astype(np.float32))

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0) -> torch.Tensor:
        return self.cells[(first + torch.arange(n)) % len(self.cells)]


def diagnosed(cells: np.ndarray, data: RecordsDataset = DATA, holdout: RecordsDataset = HOLDOUT) -> set[tuple[str, str]]:
    facts, measure = records_probe(data, holdout, 0)
    line = measure(Fixed(data, cells))
    lines = tuple({"step": step, "real_samples": 500 * step, **line} for step in (1000, 1100, 1200))
    about = Record(Path("run"), "run", measurements=lines, data=facts, data_config={"spec": data.spec.to_json()})
    return {(finding.name, finding.severity) for finding in diagnose(about)}


def test_real_patients_have_no_failure() -> None:
    assert diagnosed(present(2048, 1)) == set()


def test_lost_codes_are_told() -> None:
    cells = present(2048, 1)
    cells[:, 3] = False
    assert ("codes lost", "warning") in diagnosed(cells)


def test_independent_codes_are_told() -> None:
    random = np.random.default_rng(0)
    apart = np.stack([random.permutation(column) for column in present(2048, 1).T], axis=1)
    assert ("codes independent", "warning") in diagnosed(apart)
    assert not {name for name, _ in diagnosed(apart)} & {"codes lost", "copied patients"}


def test_patients_with_too_many_codes_and_patients_who_are_too_alike_are_told() -> None:
    random, cells = np.random.default_rng(0), present(2048, 1)
    many = cells | (random.random(cells.shape) < 0.3)
    assert ("codes per patient wrong", "warning") in diagnosed(many)
    alike = np.zeros_like(cells)
    for row in range(len(cells)):
        alike[row, (row + np.arange(5)) % 12] = True
    assert ("codes per patient wrong", "warning") in diagnosed(alike)


def test_copies_are_told_and_fresh_patients_are_not_suspected() -> None:
    random = np.random.default_rng(0)
    data, holdout = dataset(random.random((600, 40)) < 0.3)
    fresh = random.random((2048, 40)) < 0.3
    assert "copied patients" not in dict(diagnosed(fresh, data, holdout))
    copied = np.where((np.arange(2048) % 20 == 0)[:, None], data.records().present()[np.arange(2048) % len(data)], fresh)
    assert ("copied patients", "warning") in diagnosed(copied, data, holdout)


def test_every_rule_of_records_has_a_failure_here_and_every_signal_is_declared() -> None:
    assert set(NAMES) >= FAILURES
    facts, measure = records_probe(DATA, HOLDOUT, 0)
    names = {signal.name for signal in declared("records data", "records game")}
    assert set(facts) | set(measure(Fixed(DATA, present(100)))) == names


# --------------------------------------------------------------------------------------------------------------------- doctor


@pytest.fixture(scope="module")
def advice(tmp_path_factory: pytest.TempPathFactory) -> KindAdvice:
    path = write_long(tmp_path_factory.mktemp("doctor"), 80)
    found = sparring.doctor(path, records=RecordsReading(patient="person", code="code", time="day"), threads=1, device="cpu")
    assert isinstance(found, KindAdvice)
    return found


def test_the_doctor_names_the_command_with_its_columns(advice: KindAdvice) -> None:
    assert advice.command.startswith("sparring train medgan --data ")
    assert "--patient person --code code --time day" in advice.command
    assert (advice.count, advice.further["codes"]) == (80, 12)
    assert advice.to_json()["command"] == advice.command


def test_the_doctor_says_what_is_hard(advice: KindAdvice) -> None:
    found = {one.name: one.severity for one in advice.difficulties}
    assert found["few patients"] == "severe"
    assert found["constant codes"] == "note"
    assert any("Few patients" in line for line in advice.lines())
