"""`sparring data inspect` of tables, table.json, and opening a table for a model."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from sparring.core.errors import DataError
from sparring.data.tables.inspect_table import inspect_table
from sparring.data.tables.open_table import open_table
from support.cli import call
from support.tables import csv_of, written

PEOPLE = {
    "id": [f"P{i:04d}" for i in range(60)],
    "age": [20 + i * 7 % 50 for i in range(60)],
    "level": ["low", "mid", "high"] * 20,
    "number": [1, 2, 3] * 20,
    "review": [f"The {i}th time that I bought this it was as good as all of the other times" for i in range(60)],
}


def test_a_table_is_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("data", "inspect", csv_of(tmp_path, PEOPLE, "people.csv")) == 0
    said = capsys.readouterr().out
    assert "people.csv: 60 rows x 5 columns" in said
    assert "level determines number" in said
    assert "id is a key" in said
    assert "--drop review" in said
    found = json.loads((tmp_path / "people-table.json").read_text())
    assert found["columns"]["age"]["kind"] == "number"
    assert found["columns"]["review"]["drop"] is True
    assert found["constraints"] == {"id is a key: no value is there twice": True, "level determines number": True}


@pytest.mark.long
def test_the_bundled_table_is_inspected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "inspect", "flights", "--out", tmp_path / "x.json") == 0
    assert "hour is the hour of time_hour in America/New_York" in capsys.readouterr().out
    assert (tmp_path / "x.json").exists()


def test_flags_of_images_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = csv_of(tmp_path, PEOPLE)
    assert call("data", "inspect", path, "--split", "train") == 1
    assert "--split" in capsys.readouterr().err
    assert call("data", "inspect", path, "--out", tmp_path / "x.png") == 1
    assert ".json" in capsys.readouterr().err


def test_errors_are_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("data", "inspect", written(tmp_path, "a,b\n1,2,3\n")) == 1
    assert "3 fields" in capsys.readouterr().err


def test_free_text_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = csv_of(tmp_path, PEOPLE)
    with pytest.raises(DataError, match="--drop review"):
        open_table(path)
    plan, values = open_table(path, drop=["review"])
    assert plan.dropped == ("review",)
    assert "review" not in values
    assert plan.modeled == ("age", "level")


def test_what_is_changed_in_table_json_counts(tmp_path: Path) -> None:
    path, choices = csv_of(tmp_path, PEOPLE), tmp_path / "table.json"
    call("data", "inspect", path, "--out", choices)
    value = json.loads(choices.read_text())
    assert open_table(path, table=choices)[0].dropped == ("review",)
    value["columns"]["age"]["kind"] = "category"
    value["columns"]["id"]["drop"] = True
    value["constraints"]["level determines number"] = False
    choices.write_text(json.dumps(value))
    plan, values = open_table(path, table=choices)
    assert plan.column("age").kind == "category"
    assert plan.constraints == ()
    assert set(values) == {"age", "level", "number"}
    value["constraints"]["id is a key: no value is there twice"] = False  # of a column that is left out
    choices.write_text(json.dumps(value))
    assert open_table(path, table=choices)[0].constraints == ()
    value["constraints"]["level determines numbr"] = False
    choices.write_text(json.dumps(value))
    with pytest.raises(DataError, match="'level determines numbr' is switched off, and is not found"):
        open_table(path, table=choices)


def test_all_that_is_wrong_in_table_json_is_listed(tmp_path: Path) -> None:
    columns = {"agee": {"kind": "number"}, "age": {"kind": "numbr"}, "level": {"knd": "category"}, "id": {"drop": "yes"}, "number": 3}
    choices = written(tmp_path, json.dumps({"columns": columns, "constraints": {"a <= b": "off"}, "colums": {}}), "table.json")
    with pytest.raises(DataError) as error:
        open_table(csv_of(tmp_path, PEOPLE), table=choices)
    assert all(word in str(error.value) for word in ("'age'", "'numbr'", "'knd'", "'yes'", "'number'", "'off'", "'colums'"))


def test_tables_of_no_or_one_row(tmp_path: Path) -> None:
    """CTGAN 135."""
    for rows, word in ((0, "no rows"), (1, "1 row")):
        with pytest.raises(DataError, match=word):
            open_table(csv_of(tmp_path, {"a": [1, 2][:rows], "b": ["x", "y"][:rows]}))
    plan, _ = open_table(csv_of(tmp_path, {"a": [1, 2], "b": ["x", "y"]}))
    assert plan.modeled == ("a", "b")


def test_a_table_with_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        open_table(csv_of(tmp_path, {"a": ["x"] * 5, "b": [7] * 5}))
    with pytest.raises(DataError, match="'c'"):
        open_table(csv_of(tmp_path, {"a": [1, 2], "b": [3, 4]}), drop=["c"])
    with pytest.raises(DataError, match="left out"):
        open_table(csv_of(tmp_path, {"a": [1, 2], "b": [3, 4]}), drop=["a", "b"])


def test_gaps_are_told_with_their_share() -> None:
    lines = inspect_table(pa.table({"x": [1.5, None, 2.5, 4.0], "c": ["a", "b", None, None]})).lines()
    assert any("1 (25.0%) missing" in line for line in lines)
    assert any("2 (50.0%) missing" in line for line in lines)
