"""Logs of orders: what is read, what is refused, and that everything comes back as it came."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from sparring.core.errors import DataError, SettingsError
from sparring.data.orders.order_dataset import baskets_of, holdout_lines, split_holdout
from sparring.data.orders.order_lines import lines_of
from sparring.data.orders.order_reading import OrderReading
from sparring.data.orders.order_spec import OrdersSpec
from sparring.data.orders.order_store import prepare_orders, refit
from sparring.data.orders.read_orders import most_frequent, read_orders
from sparring.data.orders.scales import EDGE, fit_prices, fit_scale, normal_scores, ranks_of
from sparring.data.tables.arrow_values import table_of
from support.orders import COLUMNS, log, write_log

READING = OrderReading(**COLUMNS)


def there_and_back(source: object, reading: OrderReading) -> pa.Table:
    data, _ = prepare_orders(source, reading)
    codes, scores = data.spec.codes_of(data.batch(np.arange(len(data))).samples)
    arrays = {name: each.numpy() for name, each in codes.items()}
    numbers = data.spec.numbers_of(scores.numpy(), arrays.get("product", np.zeros(len(data), np.int64)))
    return table_of(lines_of(data.spec, arrays, numbers), data.spec.roles.values(), data.spec.table_format, typed=True)


def test_lines_come_back_as_they_came(tmp_path: Path) -> None:
    frame = log()
    found = there_and_back(write_log(tmp_path), READING).to_pandas()
    found["day"] = found["day"].astype(str)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)
    assert found["buyer"].str.len().eq(5).all(), "leading zeros are kept"


def test_types_zones_and_clocks_come_back(tmp_path: Path) -> None:
    frame = log(200).drop(columns=["kind", "region", "pieces"])
    moments = pd.to_datetime(frame["day"]) + pd.to_timedelta(np.arange(200) * 311 % 86_400, unit="s")
    frame["day"] = moments.dt.tz_localize("Europe/Paris")
    frame["sku"] = frame["sku"].str[1:].astype(np.int64)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    found = there_and_back(table, OrderReading(customer="buyer", product="sku", time="day", price="price"))
    assert found.schema.field("day").type == table.schema.field("day").type
    assert found.schema.field("sku").type == pa.int64()
    assert found.column("day").to_pylist() == table.column("day").to_pylist()
    assert found.column("sku").to_pylist() == table.column("sku").to_pylist()


def test_a_spec_survives_json_and_the_cache_gives_the_same(tmp_path: Path) -> None:
    path = write_log(tmp_path)
    first, _ = prepare_orders(path, READING)
    again, _ = prepare_orders(path, READING)
    frame, _ = prepare_orders(log(), READING)
    assert OrdersSpec.from_json(json.loads(json.dumps(first.spec.to_json()))).to_json() == first.spec.to_json()
    assert first.fingerprint == again.fingerprint
    assert isinstance(again.codes["customer"], np.memmap)
    np.testing.assert_array_equal(first.scores, again.scores)
    assert len(frame) == len(first)


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        read_orders(log(), OrderReading(customer="byer", product="sku", time="day", group="knd", price="price"))
    assert "'byer'" in str(caught.value)
    assert "'buyer'" in str(caught.value)
    assert "'knd'" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reading", "words"),
    [
        ({"buyer": "00001"}, READING, "one customer"),
        ({"price": 0.0}, READING, "price"),
        ({"price": -3.0}, READING, "never positive"),
        ({"day": "soon"}, READING, "'day'"),
        ({"day": str((datetime.now(UTC) + timedelta(days=400)).date())}, READING, "in the future"),
        ({}, OrderReading(time="day", price="price"), "customers or of products"),
        ({}, OrderReading(customer="buyer", product="buyer"), "named twice"),
        ({}, OrderReading(customer="buyer", group="kind"), "group is of products"),
    ],
)
def test_bad_logs_are_refused(change: dict[str, object], reading: OrderReading, words: str) -> None:
    frame = log(100).assign(**change)
    if "day" in change and change["day"] != "soon":
        frame = log(100)
        frame.loc[3, "day"] = change["day"]
    with pytest.raises(DataError, match=words):
        read_orders(frame, reading)


def test_without_dates_and_prices_there_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="dates or prices"):
        read_orders(log(100)[["buyer", "sku"]], OrderReading(customer="buyer", product="sku"))


def test_returns_and_gifts_are_left_out_and_counted() -> None:
    frame = log(100)
    frame.loc[:4, "pieces"] = -1
    frame.loc[5:7, "price"] = 0
    frame.loc[8:9, "sku"] = None
    raw = read_orders(frame, READING)
    assert len(raw) == 90
    assert (
        sum(
            note.startswith(("5 lines with negative quantities", "3 lines with a price of 0", "2 lines without a product"))
            for note in raw.notes
        )
        == 3
    )


def test_what_is_missing_is_said() -> None:
    raw = read_orders(log(100), OrderReading(product="sku", time="day"))
    assert sum("--customer" in note or "--price" in note for note in raw.notes) == 2


def test_groups_that_change_are_the_most_frequent_one() -> None:
    of, groups = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 1, 0, 2, 0, -1])
    assert most_frequent(of, groups, 4).tolist() == [1, 0, -1, -1]


# ------------------------------------------------------------------------------------------------------------- numbers


def test_scores_are_normal_and_their_ranks_come_back() -> None:
    ranks = np.linspace(0.001, 0.999, 50)
    np.testing.assert_allclose(normal_scores(ranks), stats.norm.ppf(ranks), atol=1e-9)
    np.testing.assert_allclose(ranks_of(normal_scores(ranks)), ranks, atol=1e-9)
    assert np.isfinite(normal_scores(np.array([0.0, 1.0]))).all()
    assert ranks_of(normal_scores(np.array([0.0])))[0] == pytest.approx(EDGE, rel=1e-6)


def test_equal_numbers_fill_their_ranks_and_come_back() -> None:
    numbers = np.array([1.0, 1, 1, 2, 5])
    scale, chance = fit_scale(numbers), np.array([0.0, 0.5, 0.99, 0.5, 0.5])
    ranks = scale.ranks(numbers, chance)
    np.testing.assert_allclose(ranks, [0.0, 0.3, 0.594, 0.7, 0.9])
    assert scale.numbers(ranks).tolist() == numbers.tolist()


def test_many_numbers_are_quantiles_within_their_range() -> None:
    numbers = np.random.default_rng(0).lognormal(size=5000)
    scale = fit_scale(numbers, most_exact=100, grid=101)
    assert scale.numbers(np.array([0.0, 1.0])).tolist() == [numbers.min(), numbers.max()]
    np.testing.assert_allclose(scale.numbers(np.array([0.5])), np.median(numbers))


def test_rare_products_have_the_ratios_of_their_group() -> None:
    prices = np.concatenate([np.tile([90.0, 100.0], 20), [200.0, 200.0, 180.0]])
    products = np.concatenate([np.zeros(40, np.int64), np.ones(3, np.int64)])
    found = fit_prices(prices, products, np.array([0, 0, 0]), 1, 10.0, (90.0, 200.0))
    assert found.levels == (95.0, 200.0, 100.0), "one that is not there has the level of its group"
    assert list(found.own) == [0]
    ranks, groups = np.linspace(0.01, 0.99, 99), np.zeros(99, np.int64)
    new = found.numbers(ranks, np.full(99, -1), groups, np.full(99, 400.0))
    assert 340 <= new.min() < 400 <= new.max() <= 430, "new products have the ratios of their group, beyond the log's prices"
    rare = found.numbers(ranks, np.ones(99, np.int64), groups, np.full(99, 200.0))
    assert rare.max() <= 200


# ------------------------------------------------------------------------------------------------------------- the split


def test_whole_baskets_are_held_out(tmp_path: Path) -> None:
    data, _ = prepare_orders(write_log(tmp_path), READING)
    kept, held_out = holdout_lines(data, None, 0)
    assert 60 <= len(held_out) <= 65
    assert sorted([*kept, *held_out]) == list(range(600))
    baskets = baskets_of(data.codes, 600)
    assert not set(baskets[kept]) & set(baskets[held_out])
    assert baskets_of({"customer": np.array([1, 1, 2, 1]), "day": np.array([0, 1, 0, 1])}, 4).tolist() == [0, 1, 2, 1]
    assert [len(part) for part in split_holdout(data, 0, 0)] == [600, 0]
    with pytest.raises(SettingsError, match="holdout"):
        holdout_lines(data, 600, 0)


def test_counts_are_those_of_the_training_lines(tmp_path: Path) -> None:
    data, _ = prepare_orders(write_log(tmp_path), READING)
    kept, _ = holdout_lines(data, 100, 0)
    found = refit(data, kept)
    for name in ("customer", "product", "day"):
        assert found.spec.counts_of(name).tolist() == np.bincount(data.codes[name][kept], minlength=data.spec.sizes[name]).tolist()
    assert found.fingerprint == data.fingerprint


def test_what_follows_is_the_same_customers_next_line() -> None:
    frame = pd.DataFrame({"who": ["a", "b", "a", "b", "a"] * 5, "what": list("xyzwv") * 5, "when": pd.date_range("2021-01-01", periods=25)})
    data, _ = prepare_orders(frame, OrderReading(customer="who", product="what", time="when"))
    names = data.spec.products
    assert names is not None
    first = [names.names[code] if code >= 0 else None for code in data.following]
    rows = [(row, next((later for later in range(row + 1, 25) if frame["who"][later] == frame["who"][row]), None)) for row in range(25)]
    assert first == [None if later is None else frame["what"][later] for _, later in rows]
