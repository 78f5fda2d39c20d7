"""Doctor, diagnosis and comparison of models of tables."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import sparring
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.table_dataset import TableDataset
from sparring.data.tables.table_spec import TableSpec
from sparring.games.game import Game
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.rules.tables import category_lost, copied_rows, pairs_wrong, rare_category_inflated
from sparring.health.diagnosis.training_record import Record
from sparring.health.doctor.table_advice import TableAdvice
from sparring.health.signals import declared
from sparring.modalities.tables import column_distance, pair_distance, table_probe, wrong_categories
from support.cli import call

ROWS = 4000
SPEC = TableSpec(
    (
        Encoding("a", ("x", "y"), shares=(0.5, 0.5)),
        Encoding("b", ("x", "y"), shares=(0.5, 0.5)),
        Encoding("c", ("common", "rare"), shares=(0.98, 0.02)),
        Encoding("n", tuple(map(str, range(50))), shares=(0.02,) * 50),
    ),
    {},
)


class Fixed(Game):
    """A game whose samples are given."""

    def __init__(self, codes: np.ndarray) -> None:
        super().__init__(SPEC)
        self.rows = SPEC.rows_of(torch.from_numpy(codes.astype(np.int64)), torch.zeros(codes.shape))

    def sample(self, n: int, seed: int, labels: None = None, first: int = 0) -> Tensor:
        return self.rows[(first + torch.arange(n)) % len(self.rows)]


def codes(seed: int, *, dependent: bool = True) -> np.ndarray:
    """Rows in which b is a, nine times out of ten."""
    random = np.random.default_rng(seed)
    a = random.integers(0, 2, ROWS)
    b = np.where(random.random(ROWS) < 0.9, a, 1 - a) if dependent else random.integers(0, 2, ROWS)
    return np.stack([a, b, random.random(ROWS) < 0.02, random.integers(0, 50, ROWS)], axis=1).astype(np.int32)


def dataset(seed: int) -> TableDataset:
    found = codes(seed)
    return TableDataset(SPEC, found, np.zeros(found.shape, np.float32), str(seed))


def record(generated: np.ndarray) -> Record:
    facts, measure = table_probe(dataset(0), dataset(1), 0)
    line = measure(Fixed(generated))
    lines = [{"step": step, "real_samples": 500 * step, **line} for step in (1000, 1100, 1200)]
    return Record(Path("run"), "run", measurements=tuple(lines), data=facts)


def found(generated: np.ndarray) -> list[str]:
    rules = (pairs_wrong, category_lost, rare_category_inflated, copied_rows)
    findings = [finding for rule in rules if (finding := rule(record(generated))) is not None]
    assert all(isinstance(finding, Finding) and finding.evidence for finding in findings)
    return [finding.name for finding in findings]


def test_distances_by_hand() -> None:
    one = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)
    other = np.array([[0, 0], [0, 0], [1, 1], [1, 1]], np.int32)
    assert column_distance(one, other) == 0
    assert pair_distance(one, other) == 0.5
    assert column_distance(one, np.zeros((4, 2), np.int32)) == 0.5


def test_a_run_measures_what_is_declared(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pd.DataFrame({"n": random.normal(size=300), "c": random.choice(["a", "b"], 300)}).to_csv(tmp_path / "table.csv", index=False)
    words = ("--steps", 100, "--batch-size", 20, "--generator-hidden", 8, "--discriminator-hidden", 8, "--threads", 1)
    assert call("train", "tabular", "--data", tmp_path / "table.csv", "--out", tmp_path / "run", *words) == 0
    first, *lines = [json.loads(line) for line in (tmp_path / "run" / "health.jsonl").read_text().splitlines()]
    assert {signal.name for signal in declared("table data")} <= set(first["data"])
    assert {signal.name for signal in declared("table game")} <= set(lines[-1])


def test_good_rows_have_no_findings() -> None:
    assert found(codes(7)) == []


def test_independent_columns_are_told() -> None:
    assert found(codes(7, dependent=False)) == ["pairs wrong"]
    (sentence,) = [each for each in pairs_wrong(record(codes(7, dependent=False))).evidence if "Pairs" in each]  # pyright: ignore[reportOptionalMemberAccess]
    assert "0% of the way" in sentence or "1% of the way" in sentence


def test_lost_and_inflated_categories_are_told() -> None:
    lost = codes(7)
    lost[:, 2] = 0
    assert found(lost) == ["category lost"]
    often = codes(7)
    often[:200, 2] = 1
    assert "rare category inflated" in found(often)
    assert wrong_categories(SPEC, lost) == (["c=rare"], [])


def test_copies_are_told_and_chance_is_not() -> None:
    random = np.random.default_rng(0)
    wide = TableSpec((*SPEC.encodings, Encoding("id", tuple(map(str, range(100_000))), shares=(1e-5,) * 100_000)), {})
    own, new = (np.hstack([codes(seed), random.integers(0, 100_000, (ROWS, 1)).astype(np.int32)]) for seed in (0, 7))
    data = TableDataset(wide, own, np.zeros(own.shape, np.float32), "")
    facts, _ = table_probe(data, None, 0)
    assert facts["copied_rows/holdout"] == 0
    known = set(map(bytes, own))
    new[:80] = own[:80]
    assert np.mean([bytes(row) in known for row in new]) == pytest.approx(0.02, abs=0.002)
    lines = [{"step": step, "copied_rows": 0.02} for step in (100, 200, 300)]
    told = copied_rows(Record(Path("run"), "run", measurements=tuple(lines), data={"copied_rows/holdout": 0.0}))
    assert told is not None
    assert copied_rows(Record(Path("run"), "run", measurements=tuple(lines), data={"copied_rows/holdout": 0.02})) is None


def test_the_doctor_knows_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "n": random.normal(size=90),
            "c": random.choice(["a", "b"], 90),
            "note": [f"Words and more words, {i} of them." for i in range(90)],
        }
    )
    table.to_csv(tmp_path / "table.csv", index=False)
    assert call("doctor", "--data", tmp_path / "table.csv", "--threads", 1, "--json", tmp_path / "advice.json") == 0
    out = capsys.readouterr().out
    assert "sparring train tabular-ar --data" in out
    assert "--drop note" in out
    assert "Few rows: severe" in out
    advice = json.loads((tmp_path / "advice.json").read_text())
    assert {one["name"] for one in advice["difficulties"]} >= {"few rows", "free text"}
    assert isinstance(sparring.doctor(tmp_path / "table.csv", threads=1), TableAdvice)
    assert call("doctor", "--data", tmp_path / "table.csv", "--size", 32) == 1
    assert "size is for images" in capsys.readouterr().err


def test_runs_on_a_table_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    pd.DataFrame({"n": random.normal(size=300), "c": random.choice(["a", "b"], 300)}).to_csv(tmp_path / "table.csv", index=False)
    for recipe in ("tvae", "tabular-ar"):
        assert call("train", recipe, "--data", tmp_path / "table.csv", "--steps", 2, "--batch-size", 50, "--out", tmp_path / recipe) == 0
    assert call("compare", tmp_path / "tvae", tmp_path / "tabular-ar", "--out", tmp_path / "table.md") == 0
    out = capsys.readouterr().out
    assert "quality" in out
    assert "1. " in out
    assert "tvae" in (tmp_path / "table.md").read_text()
