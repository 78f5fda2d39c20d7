"""Judging tables: failures made on purpose are told, and real rows reach the ceiling."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparring.core.errors import DataError, SettingsError
from sparring.data.tables.columns import Column, ColumnValues
from sparring.evaluation.bounded_scores import BoundedScore, Estimate
from sparring.evaluation.judge_tables import judge_tables
from sparring.evaluation.table_judgment import TableJudgment
from sparring.evaluation.table_privacy import AttackedModel
from sparring.evaluation.table_report import table_report_html, write_table_report
from support.synthetic_tables import COLUMNS, Table, people, shuffled_columns, with_column, with_copies

ROWS = 1000


@pytest.fixture(scope="module")
def real() -> Table:
    return people(ROWS, 0)


@pytest.fixture(scope="module")
def held_out() -> Table:
    return people(ROWS, 1)


@pytest.fixture(scope="module")
def honest(real: Table, held_out: Table) -> TableJudgment:
    return judge_tables(
        real,
        people(ROWS, 2),
        held_out,
        COLUMNS,
        target="member",
        private=True,
        model=by(lambda table: table["age"].numbers),
    )


@pytest.fixture(scope="module")
def plain(real: Table, held_out: Table) -> TableJudgment:
    """Of rows that are as good as real ones."""
    return judge_tables(real, people(ROWS, 2), held_out, COLUMNS)


@pytest.fixture(scope="module")
def independent(real: Table, held_out: Table) -> TableJudgment:
    return judge_tables(real, shuffled_columns(real, 0), held_out, COLUMNS, target="member")


def by(score: Callable[[Table], np.ndarray]) -> AttackedModel:
    return AttackedModel("discriminator", score)


def kinds(judgment: TableJudgment) -> set[str]:
    return {finding.kind for finding in judgment.findings}


def sentence(judgment: TableJudgment, kind: str) -> str:
    return next(finding.sentence for finding in judgment.findings if finding.kind == kind)


def test_rows_of_the_real_distribution_reach_the_ceiling(honest: TableJudgment) -> None:
    for name in ("quality", "pair trends", "detection", "usefulness", "precision", "density", "coverage"):
        score = honest[name]
        assert score.percent_of_the_way is not None, name
        assert score.percent_of_the_way > 85, name
    assert kinds(honest) <= {"out of range"}  # fresh rows may be a little beyond
    assert honest.copies == 0


def test_independent_columns_stay_at_the_floor(independent: TableJudgment) -> None:
    for name in ("quality", "pair trends", "detection", "usefulness", "density"):
        score = independent[name]
        assert score.percent_of_the_way is not None, name
        assert abs(score.percent_of_the_way) < 25, name
    assert "columns right, pairs wrong" in kinds(independent)
    assert "age with pay" in sentence(independent, "columns right, pairs wrong")
    assert independent["column shapes"].yours.value > 0.99
    assert independent["column shapes"].percent_of_the_way is None  # floor and ceiling are both right


def test_wrong_relation_of_one_pair_is_named(real: Table, held_out: Table) -> None:
    wrong = with_column(people(ROWS, 2), "pay", lambda x: np.sort(x)[::-1][np.argsort(np.argsort(people(ROWS, 2)["age"].numbers))])
    judgment = judge_tables(real, wrong, held_out, COLUMNS)
    assert judgment.pairs[0].trend < judgment.pairs[0].floor
    assert (judgment.pairs[0].first, judgment.pairs[0].second) == ("age", "pay")


def test_lost_category_inflated_category_and_values_out_of_range(real: Table, held_out: Table) -> None:
    broken = with_column(people(ROWS, 2), "region", lambda codes: np.where(codes == 3, 0, codes))
    broken = with_column(broken, "pay", lambda x: np.where(np.arange(ROWS) < 30, -9999, x))
    lost = judge_tables(real, broken, held_out, COLUMNS)
    assert "region=rare" in sentence(lost, "category lost")
    assert "pay (3.40%" in sentence(lost, "out of range")
    inflated = judge_tables(
        real, with_column(people(ROWS, 2), "region", lambda codes: np.where(np.arange(ROWS) < 300, 3, codes)), held_out, COLUMNS
    )
    assert "region=rare" in sentence(inflated, "rare category inflated")
    assert "column wrong" in kinds(inflated)


def test_copies_are_told(real: Table, held_out: Table) -> None:
    judgment = judge_tables(real, with_copies(people(ROWS, 2), real, 30, 0), held_out, COLUMNS)
    assert "copies rows" in kinds(judgment)
    assert judgment.copies == pytest.approx(0.03, abs=0.001)


def test_memorized_rows_are_told_apart(real: Table, held_out: Table) -> None:
    judgment = judge_tables(real, real, held_out, COLUMNS, private=True, model=by(lambda table: -table["pay"].numbers))
    assert {"copies rows", "training rows told apart", "attribute disclosed"} <= kinds(judgment)
    assert judgment.privacy is not None
    assert [attack.name for attack in judgment.privacy.attacks] == ["nearest row", "density ratio", "discriminator"]
    assert abs(judgment.privacy.attacks[2].auc.value - 0.5) < 0.1  # pay alone says nothing


def test_constant_output_is_told(real: Table, held_out: Table) -> None:
    judgment = judge_tables(real, {name: values.take(np.zeros(ROWS, int)) for name, values in people(ROWS, 2).items()}, held_out, COLUMNS)
    assert {"few different rows", "column wrong", "key repeated"} <= kinds(judgment)
    assert judgment["coverage"].yours.value < 0.05
    assert "copies rows" not in kinds(judgment)


def test_swapped_columns_are_told(real: Table, held_out: Table) -> None:
    drawn = people(ROWS, 2)
    judgment = judge_tables(real, {**drawn, "age": drawn["pay"], "pay": drawn["age"]}, held_out, COLUMNS)
    assert {"column wrong", "out of range"} <= kinds(judgment)


def test_gaps_constants_and_new_categories_are_told(real: Table, held_out: Table) -> None:
    drawn = with_column(people(ROWS, 2), "seen", lambda x: np.where(np.isnan(x), 1.54e9, x))
    drawn["version"] = ColumnValues(codes=np.zeros(ROWS, np.int32), categories=("v2",))
    drawn["region"] = ColumnValues(codes=drawn["region"].codes, categories=("south", "north", "east", "nowhere"))
    judgment = judge_tables(real, drawn, held_out, COLUMNS)
    assert "seen (0.0% missing" in sentence(judgment, "gaps differ")
    assert "'nowhere'" in sentence(judgment, "new category")
    assert sum("version" in finding.sentence for finding in judgment.findings) == 1
    assert judgment["gaps"].percent_of_the_way is None or judgment["gaps"].percent_of_the_way < 0


@pytest.mark.parametrize("side", ["real", "synthetic"])
def test_one_outlier_row_moves_quality_by_less_than_a_thousandth(side: str, real: Table, held_out: Table, plain: TableJudgment) -> None:
    def extreme(values: np.ndarray) -> np.ndarray:
        values[0] = 1e12
        return values

    tables = {"real": real, "synthetic": people(ROWS, 2)}
    for name in ("age", "pay", "seen"):
        tables[side] = with_column(tables[side], name, extreme)
    after = judge_tables(**tables, held_out=held_out, columns=COLUMNS)
    assert abs(after["quality"].yours.value - plain["quality"].yours.value) < 0.001
    assert abs(after["density"].yours.value - plain["density"].yours.value) < 0.02


def test_more_noise_scores_lower(real: Table, held_out: Table) -> None:
    found = []
    for noise in (0, 300, 1000):
        noisy = with_column(people(ROWS, 2), "pay", lambda x, noise=noise: x + np.random.default_rng(0).normal(0, noise + 1e-9, len(x)))
        judgment = judge_tables(real, noisy, held_out, COLUMNS)
        found.append([judgment[name].yours.value for name in ("quality", "density", "detection")])
    quality, density, detection = zip(*found, strict=True)
    assert list(quality) == sorted(quality, reverse=True)
    assert list(density) == sorted(density, reverse=True)
    assert list(detection) == sorted(detection)


def test_judgment_is_a_function_of_the_seed() -> None:
    few, held_out = people(200, 0), people(200, 1)
    first, again, other = (
        judge_tables(few, shuffled_columns(few, 0), held_out, COLUMNS, target="member", seed=seed).to_json() for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_without_held_out_rows_half_of_the_real_ones_stand_in(real: Table) -> None:
    judgment = judge_tables(real, people(300, 2), None, COLUMNS)
    assert judgment.copy_test is None
    assert "No held-out rows" in judgment.notes[0]
    assert judgment["quality"].percent_of_the_way is not None


def test_a_column_that_is_missing_throughout_can_be_judged(real: Table, held_out: Table) -> None:
    empty = {name: with_column(table, "seen", lambda x: x * np.nan) for name, table in (("real", real), ("held", held_out))}
    judgment = judge_tables(empty["real"], people(200, 2), empty["held"], COLUMNS, private=True)
    assert "gaps differ" in kinds(judgment)
    assert "out of range" in kinds(judgment)
    json.dumps(judgment.to_json(), allow_nan=False)


def test_one_column_alone_can_be_judged() -> None:
    column = (Column("x", "number", "numbers", "double"),)
    tables = [{"x": ColumnValues(numbers=np.random.default_rng(i).normal(size=100))} for i in range(3)]
    judgment = judge_tables(*tables, column, private=True)
    assert judgment["quality"].yours.value > 0.7
    assert "nan" not in "\n".join(judgment.lines())


def test_tables_that_do_not_fit_are_refused(real: Table, held_out: Table) -> None:
    lacking = {name: values for name, values in people(50, 2).items() if name != "pay"}
    with pytest.raises(DataError, match="pay"):
        judge_tables(real, lacking, held_out, COLUMNS)
    with pytest.raises(DataError, match="region"):
        judge_tables(real, {**people(50, 2), "region": people(50, 2)["age"]}, held_out, COLUMNS)
    with pytest.raises(DataError, match="20"):
        judge_tables(real, people(5, 2), held_out, COLUMNS)
    with pytest.raises(SettingsError, match="member"):
        judge_tables(real, people(50, 2), held_out, COLUMNS, target="members")
    with pytest.raises(SettingsError, match="held"):
        judge_tables(real, people(50, 2), None, COLUMNS, private=True)
    with pytest.raises(SettingsError):
        judge_tables(real, people(50, 2), held_out, COLUMNS[:1])


def test_percent_of_the_way_by_hand() -> None:
    def way(floor: float, yours: float, ceiling: float, better: str, error: float = 0.001) -> float | None:
        return BoundedScore("x", Estimate(yours), Estimate(floor, error), Estimate(ceiling, error), better, "").percent_of_the_way  # pyright: ignore[reportArgumentType]

    assert way(0.8, 0.9, 1.0, "higher") == pytest.approx(50)
    assert way(1.0, 0.6, 0.5, "near 0.5") == pytest.approx(80)
    assert way(0.2, 1.2, 1.0, "near 1") == pytest.approx(75)
    assert way(0.8, 0.9, 0.801, "higher") is None


def test_text_names_every_score_and_finding(honest: TableJudgment, independent: TableJudgment) -> None:
    text = "\n".join(independent.lines())
    assert all(score.name in text for score in independent.scores)
    assert all(finding.sentence in text for finding in independent.findings)
    assert "density ratio" in "\n".join(honest.lines())
    with pytest.raises(KeyError):
        honest["beauty"]


def test_page_is_self_contained_and_escaped(honest: TableJudgment, tmp_path: Path) -> None:
    page = write_table_report(honest, tmp_path).read_text()
    assert "http" not in page
    assert "<script" not in page
    assert page.count("<svg") == len(honest.by_column)
    assert "differential privacy" in page
    assert json.loads((tmp_path / "report.json").read_text())["scores"][0]["name"] == "quality"
    assert "p0-0" in page
    assert "p0-0" not in table_report_html(honest, real_rows=False)


def test_category_names_are_escaped(real: Table, held_out: Table) -> None:
    def renamed(table: Table) -> Table:
        return {**table, "region": ColumnValues(codes=table["region"].codes, categories=("<b>", "south", "east", "rare"))}

    page = table_report_html(judge_tables(renamed(real), renamed(people(100, 2)), renamed(held_out), COLUMNS))
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
