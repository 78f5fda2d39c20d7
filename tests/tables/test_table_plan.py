"""What is learned of a table gives the table back, and whatever a model makes of it keeps every constraint, range and type."""

import json
import re
import uuid

import numpy as np
import pyarrow as pa
import pytest

from sparring.data.tables.arrow_values import table_of
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.identifiers import fresh_identifiers, pattern_of
from sparring.data.tables.row_values import same_values
from sparring.data.tables.table_plan import TablePlan
from support.tables import planned

ROWS = 600
R = np.random.default_rng(0)


def gappy(values: np.ndarray, gone: np.ndarray) -> pa.Array:
    return pa.array(values, mask=gone)


def shop() -> pa.Table:
    """Orders with all that can hold between columns."""
    r = np.random.default_rng(3)
    product = r.integers(0, 12, ROWS)
    price, shipping = r.integers(100, 9999, ROWS) / 100, r.integers(0, 999, ROWS) / 100
    ordered = (
        np.datetime64("2024-01-01", "s") + r.integers(0, 200, ROWS) * 86_400 + r.integers(8, 19, ROWS) * 3600 + r.integers(0, 60, ROWS) * 60
    )
    shipped = ordered + r.integers(0, 20 * 86_400, ROWS)
    status = r.choice(["open", "paid", "void"], ROWS)
    gone = r.random(ROWS) < 0.1
    return pa.table(
        {
            "id": [f"O-{i:06d}" for i in r.choice(10**6, ROWS, replace=False)],
            "product": [f"p{i}" for i in product],
            "group": [f"g{i // 3}" for i in product],
            "price": price,
            "shipping": shipping,
            "total": np.round(price + shipping, 2),
            "ordered": ordered,
            "hour": ordered.astype("M8[h]").astype(int) % 24,
            "shipped": gappy(shipped, gone),
            "weight": gappy(r.normal(5, 1, ROWS), gone),
            "status": status,
            "paid": gappy(r.integers(0, 100, ROWS), status != "paid"),
            "currency": ["EUR"] * ROWS,
            "first": (first := r.normal(0, 1, ROWS)),
            "last": first + r.exponential(0.5, ROWS),
        }
    )


def tables() -> dict[str, object]:
    sparse = {"a": [1.5, None, 2.5] * 10, "b": ["x", None, "y"] * 10, "c": [True, False, None] * 10}
    return {
        "shop": shop(),
        "flights": "flights",
        "sparse": pa.table(sparse),
        "five rows": pa.table({"a": [1, 2, 3, 4, 5], "b": list("xyxyx")}),
    }


@pytest.fixture(scope="module", params=["shop", "flights", "sparse", "five rows"])
def opened_table(request: pytest.FixtureRequest) -> tuple[TablePlan, dict[str, ColumnValues]]:
    return planned(tables()[request.param])


def anything(plan: TablePlan, values: dict[str, ColumnValues], n: int, seed: int) -> dict[str, ColumnValues]:
    """What a bad model may give: numbers out of range, off the grid, and gaps where there are none; categories by chance."""
    r = np.random.default_rng(seed)
    made = {}
    for name, column in plan.reduce(values).items():
        rows = column.take(r.integers(0, len(column), n))
        if rows.numbers is not None:
            spread = np.nan_to_num(np.nanstd(column.numbers)) + 1
            rows = ColumnValues(numbers=rows.numbers + r.normal(0, 2 * spread, n) * (r.random(n) < 0.7))
        made[name] = rows
    return made


def test_the_table_comes_back(opened_table: tuple[TablePlan, dict[str, ColumnValues]]) -> None:
    plan, values = opened_table
    n = len(next(iter(values.values())))
    again = plan.restore(plan.reduce(values), n, seed=0)
    assert list(again) == [column.name for column in plan.columns]
    for column in plan.columns:
        if column.kind == "identifier":
            assert not set(again[column.name].categories) & set(values[column.name].categories)
        elif column.step is None and column.is_numeric:  # differences of floats round
            np.testing.assert_allclose(again[column.name].numbers, values[column.name].numbers, rtol=1e-12, atol=1e-12)
        else:
            assert same_values(again[column.name], values[column.name]).all(), column.name


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_drawn_all_constraints_and_ranges_hold(opened_table: tuple[TablePlan, dict[str, ColumnValues]], seed: int) -> None:
    """SDV 423, 513, 577, 2360, 2483: negative amounts, constraints that clash, missing months."""
    plan, values = opened_table
    rows = plan.restore(anything(plan, values, 5000, seed), 5000, seed)
    for constraint in plan.constraints:
        assert constraint.holds(rows).all(), constraint
    for column in plan.columns:
        made, real = rows[column.name], values[column.name]
        if made.numbers is not None and real.numbers is not None:
            present = made.numbers[~made.missing]
            assert not len(present) or (present.min() >= np.nanmin(real.numbers) and present.max() <= np.nanmax(real.numbers)), column.name
            if column.step is not None and len(present):
                steps = (present - np.nanmin(real.numbers)) / column.step
                np.testing.assert_allclose(steps, np.round(steps), atol=1e-5)
        elif column.kind != "identifier":
            assert made.categories == real.categories
        if not real.missing.any():
            assert not made.missing.any(), column.name


def test_what_is_found_and_promised_in_the_shop() -> None:
    plan, _ = planned(shop())
    assert {str(each) for each in plan.constraints} == {
        "id is a key: no value is there twice",
        "hour is the hour of ordered",
        "product determines group",
        "total = price + shipping",
        "ordered <= shipped",
        "first <= last",
        "shipped and weight are missing together",
        "paid is missing exactly when status is 'open' or 'void'",
    }
    assert not plan.seen_only
    assert set(plan.modeled) == {"product", "price", "shipping", "ordered", "shipped", "weight", "status", "paid", "first", "last"}
    assert (plan.reduce(planned(shop())[1])["shipped"].numbers >= 0).sum() > 500  # pyright: ignore


def test_a_row_depends_on_its_number_alone(opened_table: tuple[TablePlan, dict[str, ColumnValues]]) -> None:
    """CTGAN 63: row i of a seed is the same, however many are drawn."""
    plan, values = opened_table
    reduced = anything(plan, values, 300, 1)
    everything = table_of(plan.restore(reduced, 300, seed=5), plan.columns, plan.format).to_pylist()
    part = plan.restore({name: each.take(np.arange(100, 150)) for name, each in reduced.items()}, 50, seed=5, first=100)
    assert table_of(part, plan.columns, plan.format).to_pylist() == everything[100:150]


def test_plans_go_to_json_and_back(opened_table: tuple[TablePlan, dict[str, ColumnValues]]) -> None:
    plan, _ = opened_table
    assert TablePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_constants_and_empty_columns_stay_so() -> None:
    """SDV 574, 2473: a constant 7.5 drifted to 7.497."""
    plan, values = planned(pa.table({"c": [7.5] * 30, "none": pa.nulls(30, pa.int64()), "x": R.normal(size=30)}))
    rows = table_of(plan.restore(anything(plan, values, 100, 0), 100, 0), plan.columns, plan.format)
    assert rows.column("c").to_pylist() == [7.5] * 100
    assert rows.column("none").null_count == 100
    assert plan.modeled == ("x",)


def test_gaps_keep_their_share() -> None:
    """SDV 2288."""
    gone = R.random(2000) < 0.9
    plan, values = planned(pa.table({"x": gappy(R.normal(size=2000), gone), "id": gappy(np.array([f"K{i}" for i in range(2000)]), gone)}))
    rows = plan.restore(plan.reduce(values), 2000, 0)
    assert all(abs(rows[name].missing.mean() - gone.mean()) < 0.03 for name in rows)


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ([str(i) for i in range(100, 10_000)], r"\d{4,5}"),
        ([str(i) for i in range(1, 501)], r"\d{3,5}"),
        ([f"C{i:04d}" for i in range(100)], r"C\d{4}"),
        ([f"ann{i}@example.com" for i in range(40)], r"[a-z0-9]+@example\.com"),
        ([str(uuid.UUID(int=int.from_bytes(R.bytes(16), "little"))) for _ in range(200)], r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        ([f"{a}-{i}" for i in range(10, 40) for a in ("AB", "CD")], r"[A-Z]{2}-\d{2}"),
        (["x"], r".+"),
    ],
)
def test_identifiers_are_fresh_unique_and_look_alike(source: list[str], pattern: str) -> None:
    """SDV 63, 306: keys repeated."""
    made = fresh_identifiers(pattern_of(sorted(source)), range(5000), 3, "id")
    assert len(set(made)) == 5000
    assert not set(made) & set(source)
    assert all(re.fullmatch(pattern, text) for text in made[:50])
    assert fresh_identifiers(pattern_of(sorted(source)), [7, 4321], 3, "id") == [made[7], made[4321]]
    assert source == ["x"] or fresh_identifiers(pattern_of(sorted(source)), range(50), 4, "id") != made[:50] or len(source) > 9000


def test_identifiers_of_integers_stay_integers() -> None:
    table = pa.table({"id": list(range(1000, 1400)), "x": R.normal(size=400)})
    plan, values = planned(table)
    rows = table_of(plan.restore(plan.reduce(values), 400, 0), plan.columns, plan.format)
    made = rows.column("id").to_pylist()
    assert rows.schema == table.schema
    assert not set(made) & set(range(1000, 1400))
    assert all(1000 <= number <= 9999 for number in made)


def test_the_plan_of_a_shop_does_not_keep_its_identifiers() -> None:
    table = shop()
    text = json.dumps(planned(table)[0].to_json())
    assert not any(name in text for name in table.column("id").to_pylist())


def test_constraints_that_cannot_be_met_together_are_not_promised() -> None:
    """SDV 2768: two combinations that share a column."""
    r = np.random.default_rng(0)
    a = r.integers(0, 20, ROWS)
    columns = {"a": [f"a{i}" for i in a], "b": [f"b{i // 4}" for i in a], "c": [f"c{i // 2}" for i in a]}
    plan, values = planned(pa.table(columns))
    rows = plan.restore(anything(plan, values, 2000, 0), 2000, 0)
    everything = (*plan.constraints, *plan.seen_only)
    assert {"a determines c", "c determines b"} <= {str(each) for each in everything}
    assert all(each.holds(rows).all() for each in plan.constraints)


def test_two_sources_of_one_column() -> None:
    """Both hold in every row: the second source takes a value that leads to what the first one has said."""
    r = np.random.default_rng(0)
    region = r.integers(0, 4, ROWS)
    columns = {"shop": region * 5 + r.integers(0, 5, ROWS), "depot": region * 3 + r.integers(0, 3, ROWS)}
    table = pa.table({name: [f"{name}{i}" for i in column] for name, column in columns.items()} | {"region": [f"r{i}" for i in region]})
    plan, values = planned(table)
    assert {str(each) for each in plan.constraints} == {"shop determines region", "depot determines region"}
    rows = plan.restore(anything(plan, values, 3000, 0), 3000, 0)
    assert all(each.holds(rows).all() for each in plan.constraints)
    assert len(np.unique(rows["depot"].codes)) == 12  # pyright: ignore


def test_two_columns_determine_a_third() -> None:
    """Only pairs that occur are made, and each has its own distance."""
    r = np.random.default_rng(0)
    origin, dest = r.integers(0, 3, 2000), r.integers(0, 30, 2000)
    dest = np.where((origin == 1) & (dest > 20), dest - 20, dest)  # 1 flies to 21 places
    distance = 100 + (origin * 97 + dest * 31) % 900
    table = pa.table({"origin": [f"o{i}" for i in origin], "dest": [f"d{i}" for i in dest], "distance": distance, "x": r.normal(size=2000)})
    plan, values = planned(table)
    assert [str(each) for each in plan.constraints] == ["origin and dest determine distance"]
    assert plan.modeled == ("origin", "dest", "x")
    rows = plan.restore(anything(plan, values, 5000, 0), 5000, 0)
    made = {(a, b, c) for a, b, c in zip(rows["origin"].codes, rows["dest"].codes, rows["distance"].numbers, strict=True)}  # pyright: ignore
    assert made <= {(a, b, c) for a, b, c in zip(values["origin"].codes, values["dest"].codes, values["distance"].numbers, strict=True)}  # pyright: ignore
    assert TablePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
