"""Judging health records: other real patients are good, and every failure that is made on purpose is found."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from sparring.core.errors import DataError, SettingsError
from sparring.data.records.patient_records import PatientRecords, from_dense
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.write_records import matrix_table
from sparring.evaluation.judge_records import judge_records
from sparring.evaluation.judge_records_sources import judge_record_files
from sparring.evaluation.records_judgment import RecordsJudgment
from sparring.evaluation.records_report import EXPLANATIONS, write_records_report
from support.records import CODES, long_frame, records, shuffled

REAL, HELD_OUT, GOOD = records(500, 0, visits=True), records(250, 1, visits=True), records(500, 2, visits=True)


def kinds(judgment: RecordsJudgment) -> set[str]:
    return {finding.kind for finding in judgment.findings}


def changed(source: PatientRecords, cells: np.ndarray, visits: np.ndarray | None = None) -> PatientRecords:
    return from_dense(source.codes, cells.astype(np.int32), source.visits if visits is None else visits)


@pytest.fixture(scope="module")
def good() -> RecordsJudgment:
    return judge_records(REAL, GOOD, HELD_OUT)


def test_other_real_patients_are_as_good_as_the_ceiling(good: RecordsJudgment) -> None:
    assert kinds(good) == set()
    for score in good.scores:
        error = ((score.yours.standard_error or 0) ** 2 + (score.ceiling.standard_error or 0) ** 2) ** 0.5
        assert abs(score.yours.value - score.ceiling.value) < 4 * error + 0.02, score.name
    for name in ("prediction (AUC)", "pairs of codes", "detection"):
        way = good[name].percent_of_the_way
        assert way is not None
        assert way > 75
    assert good.everybody.correlation > 0.95
    assert good.everybody.error < 2 * good.everybody.error_by_chance
    assert good.privacy is not None
    assert all(attack.auc.bounds[0] < 0.5 < attack.auc.bounds[1] for attack in good.privacy.attacks)


def test_independent_codes_are_the_floor(good: RecordsJudgment) -> None:
    found = judge_records(REAL, shuffled(REAL), HELD_OUT)
    assert {"codes independent", "told apart"} <= kinds(found)
    assert "frequencies wrong" not in kinds(found)
    assert found["code frequencies"].yours.value > 0.99  # which are right all the same
    assert found["prediction (AUC)"].yours.value < 0.6 < 0.8 < good["prediction (AUC)"].yours.value
    assert found["pairs of codes"].yours.value == pytest.approx(good["pairs of codes"].floor.value, rel=0.1)
    assert abs(found["pairs of codes"].percent_of_the_way or 0) < 15


def test_lost_codes_are_named() -> None:
    cells = GOOD.dense()
    cells[:, 4] = 0
    found = judge_records(REAL, changed(GOOD, cells), HELD_OUT, labels={"004": "Gout"})
    assert "codes lost" in kinds(found)
    assert found.everybody.lost == ("Gout (004)",)
    assert found["codes lost"].yours.value == pytest.approx(1 / 12)
    assert found["codes lost"].floor.value == 0


def test_wrong_frequencies_are_told() -> None:
    cells = GOOD.dense() * (np.random.default_rng(0).random((500, 12)) < 0.6)
    assert "frequencies wrong" in kinds(judge_records(REAL, changed(GOOD, cells), HELD_OUT))


def test_patients_who_all_have_as_many_codes_are_told() -> None:
    """Every code as often as in the data, but as independently as can be: the number of codes varies less, here not at all."""
    cells = np.zeros((500, 12), np.int32)
    for row, start in enumerate(np.random.default_rng(0).integers(0, 12, 500)):
        cells[row, (start + np.arange(8)) % 12] = 1
    found = judge_records(REAL, changed(GOOD, cells), HELD_OUT)
    assert "codes per patient wrong" in kinds(found)
    sentence = next(each.sentence for each in found.findings if each.kind == "codes per patient wrong")
    assert "8.0 codes" in sentence


def test_wrong_numbers_of_visits_are_told() -> None:
    assert GOOD.visits is not None
    found = judge_records(REAL, changed(GOOD, GOOD.dense(), GOOD.visits * 2), HELD_OUT)
    assert [each.kind for each in found.findings if "visits" in each.sentence] == ["codes per patient wrong"]


def crowd(patients: int, seed: int) -> PatientRecords:
    """Patients of whom no two are the same."""
    return from_dense(tuple(map(str, range(30))), (np.random.default_rng(seed).random((patients, 30)) < 0.3).astype(np.int32), None)


def test_copies_are_found_by_all_attacks_and_fresh_patients_are_not_suspected() -> None:
    real, held_out = crowd(200, 0), crowd(200, 1)
    fresh = judge_records(real, crowd(200, 2), held_out)
    assert not {"copies patients", "patients betrayed"} & kinds(fresh)
    copied = judge_records(real, real, held_out)
    assert {"copies patients", "patients betrayed"} <= kinds(copied)
    assert copied.privacy is not None
    assert copied.privacy.copies == 1
    assert copied.privacy.distance == 0
    assert all(attack.auc.value > 0.9 for attack in copied.privacy.attacks)
    assert copied.privacy.disclosure.leak > 0.1


def test_counts_that_are_wrong_show_where_counts_are_learned() -> None:
    random = np.random.default_rng(0)
    real, other = (
        from_dense(CODES, each.dense() * (1 + random.poisson(3, (len(each), 12)).astype(np.int32)), None) for each in (REAL, HELD_OUT)
    )
    ones = from_dense(CODES, GOOD.dense(), None)
    found = judge_records(real, ones, other, counted=True)
    assert found["counts"].yours.value > 1
    assert found["counts"].ceiling.value < 0.2
    assert "counts" not in [score.name for score in judge_records(real, ones, other).scores]


def test_without_held_out_patients_a_half_stands_in_and_nothing_is_attacked() -> None:
    found = judge_records(REAL, GOOD, None)
    assert found.privacy is None
    assert any("held-out" in note for note in found.notes)
    assert kinds(found) == set()


def test_a_judgment_depends_on_its_seed_alone(good: RecordsJudgment) -> None:
    assert judge_records(REAL, GOOD, HELD_OUT).to_json() == good.to_json()


def test_too_few_patients_and_other_codes_are_refused() -> None:
    with pytest.raises(DataError, match="10 generated patients"):
        judge_records(REAL, GOOD.take(np.arange(10)), HELD_OUT)
    with pytest.raises(DataError, match="one of the real ones"):
        judge_records(REAL, from_dense(("x", "y"), np.ones((50, 2), np.int32), None), HELD_OUT)
    unknown = from_dense((*CODES, "zzz"), np.concatenate([GOOD.dense(), np.ones((500, 1), np.int32)], axis=1), GOOD.visits)
    assert any("zzz" in note for note in judge_records(REAL, unknown, HELD_OUT).notes)


def test_the_page_says_all_and_shows_no_patient(good: RecordsJudgment, tmp_path: Path) -> None:
    page = write_records_report(good, tmp_path).read_text()
    for words in (*EXPLANATIONS, "density ratio", "Nothing was found to be wrong", *CODES):
        assert words in page or words == "counts"
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    told = json.loads((tmp_path / "report.json").read_text())
    assert {score["name"] for score in told["scores"]} == set(EXPLANATIONS) - {"counts"}
    assert told["everybody"]["patients"] == 500
    assert told["privacy"]["disclosure"]["known"] == 6


# ---------------------------------------------------------------------------------------------------------------------- files


def write(folder: Path, name: str, table: pa.Table) -> Path:
    csv.write_csv(table, folder / name)
    return folder / name


def scores(judgment: RecordsJudgment) -> Iterable[tuple[str, float]]:
    return [(score.name, score.yours.value) for score in judgment.scores]


def test_long_files_and_matrices_of_the_same_patients_are_judged_alike(tmp_path: Path) -> None:
    sides = {"real": REAL, "made": GOOD, "unseen": HELD_OUT}
    matrices = {name: write(tmp_path, f"{name}-matrix.csv", matrix_table(side, counted=False)) for name, side in sides.items()}
    longs = {}
    for name, side in sides.items():
        assert side.visits is not None
        columns = {"p": side.rows, "c": [f"{code} " for code in np.array(CODES)[side.indices]], "visits": side.visits[side.rows]}
        longs[name] = write(tmp_path, f"{name}-long.csv", pa.table(columns))
    of_matrix = judge_record_files(
        matrices["real"], matrices["made"], RecordsReading(visits="visits"), held_out=matrices["unseen"], out=tmp_path / "judged"
    )
    of_long = judge_record_files(
        longs["real"], longs["made"], RecordsReading(patient="p", code="c", visits="visits"), held_out=longs["unseen"]
    )
    assert dict(scores(of_long)) == pytest.approx(dict(scores(of_matrix)), abs=1e-6)
    assert (tmp_path / "judged" / "report.html").exists()


def test_generated_patients_without_dates_are_judged_by_their_numbers_of_visits(tmp_path: Path) -> None:
    long_frame(80).to_csv(tmp_path / "real.csv", index=False)
    made = long_frame(80, seed=5)
    made["visits"] = made.groupby("person")["day"].transform("nunique")
    made.drop(columns="day").to_csv(tmp_path / "made.csv", index=False)
    reading = RecordsReading(patient="person", code="code", time="day")
    assert "visits per patient" in dict(scores(judge_record_files(tmp_path / "real.csv", tmp_path / "made.csv", reading)))
    made.drop(columns=["day", "visits"]).to_csv(tmp_path / "bare.csv", index=False)
    assert "visits per patient" not in dict(scores(judge_record_files(tmp_path / "real.csv", tmp_path / "bare.csv", reading)))


def test_packed_models_do_not_know_their_patients(tmp_path: Path) -> None:
    from sparring.evaluation.judge_records_sources import judge_records_model
    from support.record_models import tiny_model

    with pytest.raises(SettingsError, match="--patient"):
        judge_records_model(tiny_model(tmp_path))
