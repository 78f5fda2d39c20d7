"""The commands on health records from end to end, on runs that were trained for a few steps."""

import json
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from support.cli import call
from support.record_models import tiny_run
from support.records import CODES, long_frame

COLUMNS = ("--patient", "person", "--code", "code", "--time", "day")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_run(tmp_path_factory.mktemp("record-verbs"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_bundled_records_are_small() -> None:
    assert Path(str(files("sparring.data.tables") / "bundled_files" / "eunomia.parquet")).stat().st_size < 400_000


def test_inspect_says_what_was_read_and_writes_a_matrix(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "inspect", run.parent / "long.csv", *COLUMNS, "--out", "matrix.csv") == 0
    said = capsys.readouterr().out
    assert "150 patients, 12 codes" in said
    assert "--patient person --code code --time day" in said
    matrix = pd.read_csv("matrix.csv")
    assert list(matrix.columns) == [*CODES, "visits"]
    assert (matrix["011"] == 1).all()
    assert call("data", "inspect", "matrix.csv", "--records", "--visits", "visits", "--split", "train") == 1
    assert "--split" in capsys.readouterr().err


def test_patients_are_written_in_the_form_of_the_data_and_judged_as_files(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("sample", run, "-n", 90, "--seed", 2, "--out", "made.csv") == 0
    made = pd.read_csv("made.csv", dtype=str)
    assert list(made.columns) == ["person", "code", "visits"]
    assert set(made.code) <= set(CODES)
    assert set(made.person) <= {str(number) for number in range(1, 91)}
    assert call("sample", run, "-n", 90, "--seed", 2, "--out", "made.parquet") == 0
    assert pd.read_parquet("made.parquet").person.tolist() == made.person.astype(int).tolist()
    long_frame(60, seed=9).to_csv("unseen.csv", index=False)
    words = ["judge", run.parent / "long.csv", "made.csv", *COLUMNS, "--held-out", "unseen.csv", "--out", "judged"]
    assert call(*words) == 0
    said = capsys.readouterr().out
    assert "visits per patient" in said
    assert "nearest patient" in said
    assert json.loads(Path("judged/report.json").read_text())["counts"] == {"training": 150, "held out": 60, "generated": 90, "codes": 12}


def test_runs_are_judged_diagnosed_and_compared(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("judge", run) == 0
    assert (run / "report.html").exists()
    assert "judged against 120 training patients and 30 held-out ones" in (run / "report.html").read_text()
    assert call("diagnose", run) in {0, 4, 5}
    assert "image" not in capsys.readouterr().out
    assert call("compare", run, run) == 1  # the same run twice
    assert call("judge", run, "--target", "x") == 1
    assert "health records" in capsys.readouterr().err.splitlines()[-1]


def test_what_is_not_for_records_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["sample", run, "--label", "x"], "--label"),
        (["sample", run, "--out", "patients.png"], "patients.png"),
        (["interpolate", run], "health records"),
        (["judge", run, "--patient", "person"], "--patient"),
        (["judge", run.parent / "long.csv", *COLUMNS], "GENERATED"),
        (["train", "medgan", "--data", run.parent / "long.csv", "--code", "code"], "patient"),
    ):
        assert call(*words) in {1, 2}
        assert said in capsys.readouterr().err
