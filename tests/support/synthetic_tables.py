"""A small table with known relations, and generators of it that fail on purpose."""

from collections.abc import Callable

import numpy as np

from sparring.data.tables.columns import Column, ColumnValues

REGIONS = ("north", "south", "east", "rare")
COLUMNS = (
    Column("id", "identifier", "all values differ", "string"),
    Column("age", "number", "numbers", "double", 0.01),
    Column("pay", "number", "numbers", "double"),
    Column("region", "category", "few values", "string"),
    Column("member", "boolean", "two values", "bool"),
    Column("seen", "datetime", "dates", "timestamp[s]", 1.0),
    Column("version", "constant", "one value", "string"),
)
Table = dict[str, ColumnValues]


def people(rows: int, seed: int) -> Table:
    """Rows of one smooth distribution: pay grows with age, membership with pay, dates are missing for some non-members."""
    random = np.random.default_rng(seed)
    age = np.round(random.gamma(9, 5, rows), 2)
    pay = age * 30 + random.normal(0, 300, rows)
    region = np.where(random.random(rows) < 0.02, 3, (age > 45).astype(int) + (random.random(rows) < 0.2)).astype(np.int32)
    member = (pay + random.normal(0, 300, rows) > 1400).astype(np.int32)
    seen = np.where((member == 0) & (random.random(rows) < 0.3), np.nan, 1.5e9 + age * 1e6 + random.integers(0, 10**7, rows))
    return {
        "id": ColumnValues(codes=np.arange(rows, dtype=np.int32), categories=tuple(f"p{seed}-{i}" for i in range(rows))),
        "age": ColumnValues(numbers=age),
        "pay": ColumnValues(numbers=pay),
        "region": ColumnValues(codes=region, categories=REGIONS),
        "member": ColumnValues(codes=member, categories=("false", "true")),
        "seen": ColumnValues(numbers=seen),
        "version": ColumnValues(codes=np.zeros(rows, np.int32), categories=("v1",)),
    }


def with_column(table: Table, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Table:
    """The table with one column changed."""
    values = table[name]
    if values.numbers is not None:
        return {**table, name: ColumnValues(numbers=change(values.numbers.copy()))}
    assert values.codes is not None
    return {**table, name: ColumnValues(codes=change(values.codes.copy()).astype(np.int32), categories=values.categories)}


def shuffled_columns(table: Table, seed: int) -> Table:
    """Each column permuted by itself."""
    random = np.random.default_rng(seed)
    return {name: values.take(random.permutation(len(values))) for name, values in table.items()}


def with_copies(table: Table, training: Table, count: int, seed: int) -> Table:
    """The table with so many of its rows replaced by rows of the training table (which has the same categories)."""
    random = np.random.default_rng(seed)
    places, rows = random.permutation(len(table["age"]))[:count], random.permutation(len(training["age"]))[:count]
    for name in ("age", "pay", "region", "member", "seen"):
        source = training[name].numbers if training[name].numbers is not None else training[name].codes

        def paste(values: np.ndarray, source: np.ndarray = source) -> np.ndarray:
            values[places] = source[rows]
            return values

        table = with_column(table, name, paste)
    return table


def arrays(table: Table) -> list[np.ndarray]:
    """The columns that are judged, as arrays."""
    columns = (table[column.name] for column in COLUMNS if column.is_modeled)
    return [values.numbers if values.numbers is not None else values.codes for values in columns]
