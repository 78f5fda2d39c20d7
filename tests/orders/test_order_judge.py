"""Judging orders: real lines are at the ceiling, and each failure made on purpose is where it shows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import sparring
from sparring.core.errors import DataError, SettingsError
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_store import prepare_orders
from sparring.evaluation.judge_order_sources import judge_order_files, lines_at, reading_from
from sparring.evaluation.judge_orders import Lines, judge_orders, measures_of
from support.orders import COLUMNS, COMMON, SMALL, log, write_log

DATA = prepare_orders(log(1200), OrderReading(**COLUMNS))[0]
LINES = lines_at(DATA, DATA.spec, np.arange(1200))
ORDER = np.random.default_rng(0).permutation(1200)
TRAINING, OTHER, HELD_OUT = (LINES.take(np.sort(ORDER[part::3])) for part in range(3))


def distances(generated: Lines) -> dict[str, float]:
    return {name: measure(TRAINING, generated) for name, measure, _, _ in measures_of(DATA.spec)}


def findings(generated: Lines) -> set[str]:
    return {finding.kind for finding in judge_orders(TRAINING, generated, HELD_OUT).findings}


def changed(**codes: np.ndarray) -> Lines:
    return Lines(OTHER.spec, {**OTHER.codes, **codes}, OTHER.numbers)


BASE = distances(OTHER)


def test_other_real_lines_are_at_the_ceiling() -> None:
    judgment = judge_orders(TRAINING, OTHER, HELD_OUT, seed=1)
    for score in judgment.scores:
        assert score.yours.standard_error is not None
        error = 4 * np.hypot(score.yours.standard_error, score.ceiling.standard_error or 0) + 0.02
        assert abs(score.yours.value - score.ceiling.value) < error, score.name
    assert judgment.findings == ()
    by_name = {score.name: score for score in judgment.scores}
    assert by_name["groups and season"].floor.value > 3 * by_name["groups and season"].ceiling.value
    assert by_name["detection"].floor.value > 0.9
    assert by_name["copies"].yours.value < 0.05


def test_failures_are_where_they_show() -> None:
    random = np.random.default_rng(0)
    independent = distances(changed(customer=random.permutation(OTHER.codes["customer"])))
    assert independent["groups and season"] > BASE["groups and season"] + 0.2
    assert independent["customers"] == pytest.approx(BASE["customers"])
    assert distances(changed(product=np.where(OTHER.codes["product"] < 6, 0, OTHER.codes["product"])))["products"] > 0.3
    one_day = distances(changed(day=np.full(len(OTHER), 5)))
    assert one_day["months"] > 0.5
    assert one_day["basket sizes"] > 0.5
    assert one_day["days between"] == 1
    dear = Lines(OTHER.spec, OTHER.codes, OTHER.numbers | {"price": OTHER.numbers["price"] * 3})
    assert distances(dear)["price by group"] > BASE["price by group"] + 0.3
    many = Lines(OTHER.spec, OTHER.codes, OTHER.numbers | {"quantity": np.full(len(OTHER), 2.0)})
    assert distances(many)["quantity"] > 0.5
    few = TRAINING.take(np.arange(60))
    once = Lines(few.spec, {**few.codes, "customer": np.arange(60) % 20}, few.numbers)
    twice = Lines(few.spec, {**few.codes, "customer": np.arange(60) % 2}, few.numbers)
    per_customer = next(measure for name, measure, _, _ in measures_of(DATA.spec) if name == "lines per customer")
    assert per_customer(once, twice) == 1


def test_failures_are_said() -> None:
    random = np.random.default_rng(0)
    both = changed(
        customer=random.permutation(OTHER.codes["customer"]), product=np.where(OTHER.codes["product"] == 3, 4, OTHER.codes["product"])
    )
    assert {"customers and products independent", "products lost"} <= findings(both)
    assert "copies lines" in findings(TRAINING)


def test_baskets_that_fall_apart_are_found() -> None:
    frame = pd.concat([log(300), *[log(300).assign(sku=[f"P{(row * 5 + shift) % 12:02d}" for row in range(300)]) for shift in (1, 2)]])
    data = prepare_orders(frame, OrderReading(**COLUMNS))[0]
    lines = lines_at(data, data.spec, np.arange(900))
    apart = Lines(lines.spec, {**lines.codes, "day": np.random.default_rng(0).permutation(lines.codes["day"])}, lines.numbers)
    judgment = judge_orders(lines, apart, None)
    assert "no baskets" in {each.kind for each in judgment.findings}
    by_name = {score.name: score for score in judgment.scores}
    assert by_name["basket pairs"].yours.value > 0.5 > by_name["basket pairs"].ceiling.value


def test_too_few_lines_are_refused() -> None:
    with pytest.raises(SettingsError, match="20"):
        judge_orders(TRAINING, OTHER.take(np.arange(5)), HELD_OUT)


# ------------------------------------------------------------------------------------------------------------------ files


def test_files_are_judged_and_reported(tmp_path: Path) -> None:
    frame = log(1200)
    real, made, unseen = (frame.iloc[part::3] for part in range(3))
    judgment = judge_order_files(real, made, OrderReading(**COLUMNS), held_out=unseen, out=tmp_path)
    stored = json.loads((tmp_path / "report.json").read_text())
    assert [each["name"] for each in stored["scores"]] == [score.name for score in judgment.scores]
    page = (tmp_path / "report.html").read_text()
    assert all(score.name in page for score in judgment.scores)
    assert page.count("<svg") == len(judgment.shares) == 5
    fresh = made.assign(buyer=["x" + each for each in made["buyer"]])
    again = {score.name: score.yours.value for score in judge_order_files(real, fresh, OrderReading(**COLUMNS)).scores}
    assert again["customers"] < 0.2, "invented customers take the places of the log's, by how often they come"


def test_files_of_another_log_are_refused() -> None:
    other = log(200).assign(sku=[f"Q{row % 9}" for row in range(200)])
    with pytest.raises(DataError, match="products"):
        judge_order_files(log(600), other, OrderReading(**COLUMNS))
    with pytest.raises(DataError, match="kind"):
        judge_order_files(log(600), log(200).drop(columns="kind"), OrderReading(**COLUMNS))


def test_roles_are_read_and_refused() -> None:
    assert reading_from(("customer=buyer", "product=sku")) == OrderReading(customer="buyer", product="sku")
    with pytest.raises(SettingsError) as caught:
        reading_from(("customr=buyer", "product="))
    assert "'customer'" in str(caught.value)
    assert "product=COLUMN" in str(caught.value)


def test_a_run_is_judged_by_its_log(tmp_path: Path, quiet: Console) -> None:
    from sparring.evaluation.judge_order_sources import judge_orders_model

    path = write_log(tmp_path)
    model = sparring.train("ecgan", path, tmp_path / "run", steps=6, console=quiet, **COLUMNS, **SMALL, **COMMON)
    judgment = judge_orders_model(model, samples=200, out=tmp_path / "report")
    assert judgment.counts["held out"] >= 60
    assert (tmp_path / "report" / "report.html").is_file()
    real = judge_orders_model(model, log(300, seed=5))
    by_name = {score.name: score.yours.value for score in real.scores}
    assert by_name["months"] < 0.3
    path.write_text(path.read_text().replace("P01", "P02"))
    with pytest.raises(SettingsError, match="fingerprint"):
        judge_orders_model(model)
