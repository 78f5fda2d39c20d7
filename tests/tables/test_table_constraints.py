"""Constraints that hold are found, and those that hold by chance are not."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from sparring.data.tables.constraints import (
    CalendarPart,
    Constraint,
    Determines,
    MissingTogether,
    MissingWhen,
    SumOf,
    Unique,
    constraint_from_json,
    constraint_to_json,
)
from sparring.data.tables.find_constraints import find_constraints
from support.tables import opened

ROWS = 500


def found(columns: dict[str, object]) -> tuple[Constraint, ...]:
    _, kinds, values = opened(pa.table(columns))
    constraints = find_constraints(values, kinds)
    assert all(each.holds(values).all() for each in constraints)
    assert all(constraint_from_json(json.loads(json.dumps(constraint_to_json(each)))) == each for each in constraints)
    return constraints


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_one_column_determines_another() -> None:
    education = random().integers(0, 16, ROWS)
    names = np.array([f"level {chr(97 + (i * 7) % 16)}" for i in range(16)])
    (only,) = found({"number": education, "name": names[education], "other": random(1).integers(0, 9, ROWS)})
    assert isinstance(only, Determines)
    assert (only.source, only.target) == ("name", "number")
    assert dict(only.mapping)["level h"] == 1.0


def test_missing_is_a_value_that_is_determined() -> None:
    code = random().integers(0, 4, ROWS)
    target = [None if each == 2 else float(each * 10 % 7) for each in code]
    (only,) = [each for each in found({"code": [f"c{each}" for each in code], "target": target}) if isinstance(each, Determines)]
    assert dict(only.mapping)["c2"] is None


def test_a_chain_is_told_by_its_links() -> None:
    city = random().integers(0, 40, ROWS)
    constraints = found({"city": [f"c{i}" for i in city], "state": [f"s{i // 5}" for i in city], "country": [f"n{i // 20}" for i in city]})
    assert [str(each) for each in constraints] == ["city determines state", "state determines country"]


def test_chance_determines_nothing() -> None:
    numbers = random()
    flag = np.where(np.arange(ROWS) == 7, "rare", "usual")
    columns = {f"c{i}": numbers.choice(list("abcd"), ROWS) for i in range(8)} | {"flag": flag, "wide": [f"v{i % 300}" for i in range(ROWS)]}
    assert not found(columns)


def test_sums() -> None:
    price, tax, fee = (random(i).integers(1, 10_000, ROWS) / 100 for i in range(3))
    constraints = found({"price": price, "tax": tax, "fee": fee, "net": price - fee, "total": price + tax})
    assert {str(each) for each in constraints} == {"price = fee + net", "total = price + tax"}


def test_a_sum_of_three_and_of_many() -> None:
    parts = {f"p{i}": random(i).integers(0, 1000, ROWS) for i in range(6)}
    three = found({"a": parts["p0"], "b": parts["p1"], "c": parts["p2"], "t": parts["p0"] + parts["p1"] + parts["p2"]})
    assert SumOf("t", ("a", "b", "c"), (1.0, 1.0, 1.0)) in three
    assert SumOf("t", tuple(parts), (1.0,) * 6) in found({**parts, "t": sum(parts.values())})


def test_other_units() -> None:
    miles = random().integers(1, 5000, ROWS).astype(float)
    assert "kilometers = 1.609 x miles" in [str(each) for each in found({"miles": miles, "kilometers": miles * 1.609})]


def test_end_is_start_and_days() -> None:
    start = np.datetime64("2020-01-01", "s") + random().integers(0, 86_400 * 300, ROWS)
    nights = random(1).integers(0, 30, ROWS)
    end = start + nights * np.timedelta64(86_400, "s")
    assert SumOf("end", ("start", "nights"), (1.0, 86_400.0)) in found({"start": start, "nights": nights, "end": end})
    length = nights.astype("m8[D]").astype("m8[s]")
    assert SumOf("end", ("start", "length"), (1.0, 1.0)) in found({"start": start, "length": length, "end": end})


def test_order() -> None:
    low = random().normal(50, 20, ROWS)
    high = low + random(1).exponential(10, ROWS)
    assert [str(each) for each in found({"high": high, "low": low})] == ["low <= high"]


def test_order_that_is_only_a_matter_of_scale_is_not_told() -> None:
    hour, price = random().integers(0, 24, ROWS), random(1).integers(100, 9000, ROWS)
    assert not found({"hour": hour, "price": price, "share": random(2).random(ROWS), "percent": random(3).random(ROWS) * 100})


def test_gaps() -> None:
    numbers, status = random().normal(size=(4, ROWS)), random(1).choice(["open", "paid", "void"], ROWS)
    gone = random(2).random(ROWS) < 0.2
    more = gone | (random(3).random(ROWS) < 0.2)
    constraints = found(
        {
            "a": np.where(gone, np.nan, numbers[0]),
            "b": np.where(gone, np.nan, numbers[1]),
            "c": np.where(more, np.nan, numbers[2]),
            "status": status,
            "paid": np.where(status != "paid", np.nan, numbers[3]),
        }
    )
    assert constraints == (
        MissingTogether(("a", "b")),
        MissingWhen("c", "a", (None,), False),
        MissingWhen("paid", "status", ("open", "void"), True),
    )


def test_keys() -> None:
    assert found({"id": [f"K{i:05d}" for i in range(ROWS)], "n": random().integers(0, 9, ROWS)}) == (Unique("id"),)


def test_parts_of_dates_in_a_time_zone() -> None:
    constraints = [each for each in found_in_flights() if isinstance(each, CalendarPart)]
    assert {(each.target, each.part, each.zone) for each in constraints} == {
        (part, part, "America/New_York") for part in ("month", "day", "hour")
    }


def found_in_flights() -> tuple[Constraint, ...]:
    _, columns, values = opened("flights")
    return find_constraints(values, columns)


def test_what_holds_in_flights() -> None:
    said = {str(each) for each in found_in_flights()}
    assert {"sched_dep_time determines hour", "sched_dep_time determines minute", "dep_time and dep_delay are missing together"} <= said
    assert {"arr_time is missing when dep_time is missing", "arr_delay and air_time are missing together"} <= said


def test_tiny_tables_have_no_constraints(tmp_path: Path) -> None:
    assert not found({"a": [1, 2, 3], "b": [2, 4, 6], "c": ["x", "y", "x"]})
