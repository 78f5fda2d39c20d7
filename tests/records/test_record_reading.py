"""Health records are read from long files, OMOP tables and matrices, and written as they came; what is wrong is named, all at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sparring.core.errors import DataError
from sparring.data.records.patient_records import from_entries
from sparring.data.records.read_records import read_records
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_store import prepare_records, refit
from sparring.data.records.write_records import matrix_table, records_table
from support.records import CODES, long_frame, present, write_long

LONG = RecordsReading(patient="person", code="code", time="day")


def test_a_long_file_is_read_as_which_codes_patients_have_and_on_how_many_days_they_came(tmp_path: Path) -> None:
    frame = long_frame()
    found = read_records(write_long(tmp_path), LONG).records
    assert found.codes == CODES
    assert np.array_equal(found.present(), present(60))
    by_hand = frame.groupby("person")["day"].nunique()
    assert found.visits is not None
    assert found.visits.tolist() == by_hand.tolist()
    assert found.dense().sum() == len(frame)


def test_counts_are_rows_or_what_a_column_says() -> None:
    frame = pd.DataFrame({"who": [7, 7, 7, 9], "what": ["b", "a", "b", "a"], "often": [2, 1, 3, 0]})
    rows = read_records(frame, RecordsReading(patient="who", code="what")).records
    stated = read_records(frame, RecordsReading(patient="who", code="what", count="often")).records
    assert rows.dense().tolist() == [[1, 2], [1, 0]]
    assert stated.dense().tolist() == [[1, 5], [0, 0]]  # the second patient is there, without a code


def test_a_matrix_is_a_row_for_each_patient() -> None:
    frame = pd.DataFrame({"id": [10, 11, 12], "A": [1, 0, 1], "B": [True, False, False], "C": [0, 3, 2], "times": [5, 1, 2]})
    found = read_records(frame, RecordsReading(patient="id", visits="times")).records
    assert found.codes == ("A", "B", "C")
    assert found.dense().tolist() == [[1, 1, 0], [0, 0, 3], [1, 0, 2]]
    assert found.visits is not None
    assert found.visits.tolist() == [5, 1, 2]


def write_omop(folder: Path) -> Path:
    folder.mkdir()
    tables = {
        "condition_occurrence.csv": {
            "person_id": [1, 2, 2],
            "condition_concept_id": [80, 80, 0],
            "condition_start_date": ["2020-01-02"] * 3,
        },
        "drug_exposure.csv": {"PERSON_ID": [1, 1], "DRUG_CONCEPT_ID": [7, 80], "DRUG_EXPOSURE_START_DATE": ["2020-01-02", "2020-02-01"]},
        "concept.csv": {"concept_id": [80, 7], "concept_name": ["Osteoarthritis", "Aspirin"]},
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / name, index=False)
    return folder


def test_omop_tables_are_joined_and_codes_have_names(tmp_path: Path) -> None:
    raw = read_records(write_omop(tmp_path / "omop"), RecordsReading())
    assert raw.records.codes == ("7", "80")
    assert raw.records.dense().tolist() == [[1, 2], [0, 1]]
    assert raw.records.visits is not None
    assert raw.records.visits.tolist() == [2, 1]
    assert raw.source["labels"] == {"7": "Aspirin", "80": "Osteoarthritis"}
    assert any("concept 0" in note for note in raw.notes)
    dataset, _ = prepare_records(tmp_path / "omop", RecordsReading())
    table = records_table(dataset.spec, dataset.records().dense(), dataset.records().visits, typed=False)
    assert table.column_names == ["person_id", "concept_id", "concept_name", "visits"]
    assert table.to_pylist()[0] == {"person_id": "1", "concept_id": "7", "concept_name": "Aspirin", "visits": "2"}


def test_the_bundled_records_are_those_of_eunomia() -> None:
    dataset, _ = prepare_records("eunomia", RecordsReading())
    records = dataset.everybody
    assert (len(records), len(records.codes), len(records.indices)) == (2694, 244, 82086)
    patients = dict(zip(records.codes, records.patients_of_codes().tolist(), strict=True))
    assert patients["Osteoarthritis"] == 2694
    again, _ = prepare_records("eunomia", RecordsReading())  # from the cache
    assert again.fingerprint == dataset.fingerprint
    assert again.spec == dataset.spec


# --------------------------------------------------------------------------------------------------------- out as it came in


def test_records_come_back_as_the_table_that_they_were(tmp_path: Path) -> None:
    """Codes with their leading zeros, new names of patients, in a form that is read as the same records."""
    dataset, _ = prepare_records(write_long(tmp_path), RecordsReading(patient="person", code="code", time="day", values="counts"))
    records = dataset.records()
    table = records_table(dataset.spec, records.dense(), records.visits, typed=False)
    assert table.column_names == ["person", "code", "count", "visits"]
    again = read_records(table, RecordsReading(patient="person", code="code", count="count", visits="visits")).records
    assert again.codes == CODES
    assert np.array_equal(again.dense(), records.dense())
    assert np.array_equal(again.visits, records.visits)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", [bool, np.int8, float])
def test_matrices_keep_columns_order_and_types(kind: type) -> None:
    cells = present(30)[:, :4].astype(kind)
    frame = pd.DataFrame({"name": [f"x{row}" for row in range(30)]} | {f"c{i}": cells[:, i] for i in (2, 0, 3, 1)})
    dataset, _ = prepare_records(frame, RecordsReading(patient="name"))
    table = records_table(dataset.spec, dataset.records().dense(), None, typed=True)
    assert table.column_names == list(frame.columns)
    back = table.to_pandas()
    assert np.array_equal(back.drop(columns="name").to_numpy(), frame.drop(columns="name").to_numpy())
    assert (back.dtypes.drop("name") == frame.dtypes.drop("name")).all()


def test_a_text_matrix_keeps_its_words(tmp_path: Path) -> None:
    path = tmp_path / "flags.csv"
    path.write_text("asthma,gout\nyes,no\nno,no\nyes,yes\n")
    dataset, _ = prepare_records(path, RecordsReading())
    table = records_table(dataset.spec, dataset.records().dense(), None, typed=False)
    assert table.to_pydict() == {"asthma": ["yes", "no", "yes"], "gout": ["no", "no", "yes"]}


def test_a_matrix_for_recipes_of_tables_has_the_codes_and_the_visits(tmp_path: Path) -> None:
    dataset, _ = prepare_records(write_long(tmp_path), LONG)
    table = matrix_table(dataset.records(), counted=False)
    assert table.column_names == [*CODES, "visits"]
    cells = np.stack([table.column(code).to_numpy() for code in CODES], axis=1)
    assert np.array_equal(cells, present(60))


# ------------------------------------------------------------------------------------------------------------- what networks see


def test_indicators_say_which_thresholds_are_reached_and_go_back_to_numbers() -> None:
    random = np.random.default_rng(0)
    counts = random.negative_binomial(1, 0.2, (500, 3)) * (random.random((500, 3)) < 0.5)
    rows, codes = np.nonzero(counts)
    frame = pd.DataFrame({"who": rows, "what": [f"c{code}" for code in codes], "often": counts[rows, codes], "times": 1 + rows % 40})
    dataset, _ = prepare_records(frame, RecordsReading(patient="who", code="what", count="often", visits="times", values="counts"))
    spec, records = dataset.spec, dataset.records()
    seen = spec.encode(records)
    assert seen.shape == (len(records), spec.shape[0])
    for number, item in enumerate(spec.items):
        numbers = records.dense()[:, number] if number < 3 else np.asarray(records.visits)
        for level, threshold in enumerate(item.thresholds):
            assert np.array_equal(seen[:, spec.firsts[number] + level], numbers >= threshold)
    assert np.allclose(seen.mean(axis=0), spec.shares)
    decoded, visits = spec.decode(seen > 0, random.random((len(records), len(spec.items))))
    assert np.array_equal(decoded > 0, records.present())
    assert np.array_equal(spec.encode(replaced(records, decoded, visits)), seen)  # within the same thresholds
    for code in range(3):
        real, made = (side[side[:, code] > 0, code] for side in (records.dense(), decoded))
        assert abs(real.mean() - made.mean()) < 0.15 * real.std()
        assert set(made) <= set(real)


def replaced(records: Any, counts: np.ndarray, visits: np.ndarray | None) -> Any:  # noqa: ANN401 (records)
    rows, codes = np.nonzero(counts)
    return from_entries(records.codes, len(counts), rows, codes.astype(np.int32), counts[rows, codes], visits)


def test_what_networks_are_told_is_of_the_training_patients_alone(tmp_path: Path) -> None:
    dataset, _ = prepare_records(write_long(tmp_path), LONG)
    some = type(dataset)(dataset.spec, dataset.everybody, np.arange(20), dataset.fingerprint)
    told = refit(dataset, some).spec
    assert np.allclose(told.shares[:12], present(60)[:20].mean(axis=0))


# -------------------------------------------------------------------------------------------------------------------- bad input


def problems(source: object, reading: RecordsReading) -> str:
    with pytest.raises(DataError) as refused:
        read_records(source, reading)
    return str(refused.value)


def test_unknown_columns_are_named_with_the_nearest_ones(tmp_path: Path) -> None:
    said = problems(write_long(tmp_path), RecordsReading(patient="persn", code="cod", time="day"))
    assert "'persn'" in said
    assert "'person'" in said
    assert "'cod'" in said


def test_everything_that_is_wrong_with_a_long_file_is_said_at_once() -> None:
    frame = pd.DataFrame(
        {
            "who": ["a", None, "b", "b"],
            "what": ["x", "y", "", "x"],
            "day": ["2020-01-01", "2999-05-06", "2020-13-45", "2020-01-01"],
            "often": [1, -2, 1.5, 1],
        }
    )
    said = problems(frame, RecordsReading(patient="who", code="what", time="day", count="often"))
    for words in ("no patient", "no code", "row 2", "row 3", "'2020-13-45'", "less than 0", "no whole number"):
        assert words in said
    dated = problems(frame.iloc[[0, 1, 3]].assign(who="a", what="x", often=1), RecordsReading(patient="who", code="what", time="day"))
    assert "future" in dated
    assert "2999-05-06" in dated


@pytest.mark.parametrize(
    ("frame", "reading", "words"),
    [
        ({"who": ["a", "a"], "what": ["x", "y"]}, {"patient": "who", "code": "what"}, "1 patient"),
        ({"who": ["a", "b"], "what": ["x", "x"]}, {"patient": "who", "code": "what"}, "nothing to learn"),
        ({"A": [0, 0], "B": [0, 0]}, {}, "No patient has any code"),
        ({"id": [1, 1, 2], "A": [0, 1, 1]}, {"patient": "id"}, "several rows"),
        ({"name": ["Ann", "Bob"], "A": [0, 1]}, {}, "'Ann'"),
        (
            {"who": ["a", "a", "b"], "what": ["x", "y", "x"], "n": [1, 2, 3]},
            {"patient": "who", "code": "what", "visits": "n"},
            "several numbers",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_refused(frame: dict[str, list[object]], reading: dict[str, str], words: str) -> None:
    assert words in problems(pd.DataFrame(frame), RecordsReading(**reading))  # pyright: ignore[reportArgumentType]


def test_folders_without_omop_tables_are_refused(tmp_path: Path) -> None:
    assert "condition_occurrence" in problems(tmp_path, RecordsReading())
    (tmp_path / "drug_exposure.csv").write_text("person,drug_concept_id\n1,2\n")
    said = problems(tmp_path, RecordsReading())
    assert "'person_id'" in said
    assert "'drug_exposure_start_date'" in said


def test_rare_codes_can_be_left_out() -> None:
    frame = pd.DataFrame({"A": [1, 1, 0, 1], "B": [0, 0, 0, 1]})
    raw = read_records(frame, RecordsReading(min_patients=2))
    assert raw.records.codes == ("A",)
    assert len(raw.records) == 4
    assert any("1 code" in note for note in raw.notes)


def test_settings_that_do_not_go_together_are_named() -> None:
    assert len(RecordsReading(code="x", time="t", visits="v").problems()) == 2
    assert len(RecordsReading(time="t", count="c").problems()) == 2
    assert LONG.problems() == []
