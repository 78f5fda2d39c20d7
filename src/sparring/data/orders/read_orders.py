"""Reads order lines out of a table, and says everything that is wrong with them at once."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.orders.order_reading import ROLES, OrderReading
from sparring.data.tables.arrow_values import values_of
from sparring.data.tables.columns import Column, ColumnKind, ColumnValues
from sparring.data.tables.date_parts import local_times, zone_of
from sparring.data.tables.infer_columns import infer_columns
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable

FEWEST_LINES = 20
DAY = 86_400.0
AHEAD = DAY
"""Seconds by which a clock elsewhere may be ahead of ours."""
KINDS: dict[str, ColumnKind] = {"time": "datetime", "price": "number", "quantity": "number"}
"""The kind that a column of each role has to be; the others are categories."""
LACKS = {
    "customer": "No customers are known: who buys what, repeat purchases and baskets cannot be learned or judged (--customer).",
    "product": "No products are known: what is bought and the demand for it cannot be learned or judged (--product).",
    "time": "No dates are known: seasons, repeat purchases and baskets cannot be learned or judged (--time).",
    "price": "No prices are known: they cannot be learned or judged, and new products are known by their group alone (--price).",
}
"""What cannot be done without a role."""


@dataclass(frozen=True, eq=False)
class RawOrders:
    """Order lines as they were read, without those that cannot be used."""

    roles: Mapping[str, Column]
    """The columns by role, in the order of the source."""
    values: Mapping[str, ColumnValues]
    """By role."""
    format: Mapping[str, Any]
    """How the source was stored: a `TableFormat` as JSON."""
    notes: tuple[str, ...]
    """What was found and done, in sentences."""

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))


def read_orders(source: Any, reading: OrderReading) -> RawOrders:  # noqa: ANN401 (a path or any library's frame)
    """Read order lines out of a table (see `read_table`). A DataError lists everything that keeps it from being read."""
    raw = read_table(source)
    names = choose_roles(raw, reading)
    roles = {role: _column_as(raw, name, KINDS.get(role, "category")) for role, name in names.items()}
    if problems := [column for column in roles.values() if isinstance(column, str)]:
        raise DataError(listed(f"{raw.name} cannot be used as orders:", problems))
    columns = {role: column for role, column in roles.items() if isinstance(column, Column)}
    found = values_of(raw, list(columns.values()))
    values = {role: found[column.name] for role, column in columns.items()}
    problems, notes = [], [LACKS[role] for role in LACKS if role not in columns]
    kept = _usable(columns, values, problems, notes)
    values = {role: _renumbered(each.take(np.flatnonzero(kept))) for role, each in values.items()}
    _check(raw.name, columns, values, int(kept.sum()), problems)
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as orders:", problems))
    notes += _changing_groups(columns, values)
    unused = [name for name in raw.table.column_names if name not in names.values()]
    if unused:
        notes.append(f"Not used: {', '.join(unused)}.")
    order = {name: place for place, name in enumerate(raw.table.column_names)}
    in_order = dict(sorted(columns.items(), key=lambda item: order[item[1].name]))
    return RawOrders(in_order, values, raw.format.to_json(), tuple(notes))


def choose_roles(raw: RawTable, reading: OrderReading) -> dict[str, str]:
    """Names of the columns by role, in the order of `ROLES`. Only the time is found by itself, if there is one column of dates."""
    names = raw.table.column_names
    chosen = reading.columns()
    problems = reading.problems() + [
        f"There is no column {name!r} for {role}. {did_you_mean(name, names)}" for role, name in chosen.items() if name not in names
    ]
    if "time" not in chosen:
        dates = [name for name in names if name not in chosen.values() and _is_dates(raw, name)]
        if len(dates) == 1:
            chosen["time"] = dates[0]
        elif len(dates) > 1:
            problems.append(f"There are {len(dates)} columns of dates ({', '.join(dates)}). Say which is that of the order (--time).")
    if not {"customer", "product"} & chosen.keys():
        problems.append(
            f"Orders need a column of customers or of products: name one (--customer, --product). There are: {', '.join(names)}."
        )
    if not problems and not {"time", "price"} & chosen.keys():
        problems.append(f"Orders need dates or prices: name a column (--time, --price). There are: {', '.join(names)}.")
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as orders:", problems))
    return {role: chosen[role] for role in ROLES if role in chosen}


def _is_dates(raw: RawTable, name: str) -> bool:
    try:
        return infer_columns(RawTable(raw.table.select([name]), raw.format, raw.name))[0].kind == "datetime"
    except DataError:
        return False


def _column_as(raw: RawTable, name: str, kind: ColumnKind) -> Column | str:
    """A column as its role wants it, or a sentence that says why it is not."""
    table = RawTable(raw.table.select([name]), raw.format, raw.name)
    try:
        column = infer_columns(table, {name: {"kind": kind}})[0]
    except DataError as problem:
        return str(problem)
    if column.kind == "constant" and kind != "category":  # the same price in all lines is a price
        try:
            return infer_columns(table)[0] if kind == "datetime" else f"Column {name!r} has one value in all lines. Leave it out."
        except DataError as problem:
            return str(problem)
    if column.kind != kind:
        return f"Column {name!r} is a {column.kind} ({column.reason}), and has to be a {kind}."
    return column


def _usable(
    columns: Mapping[str, Column], values: Mapping[str, ColumnValues], problems: list[str], notes: list[str]
) -> Bool[np.ndarray, " n"]:
    """Which lines can be used. Those of returns, without a price or with missing values are left out, and counted in `notes`."""
    kept = np.ones(len(next(iter(values.values()))), bool)

    def leave_out(wrong: Bool[np.ndarray, " n"], why: str) -> None:
        if count := int((wrong & kept).sum()):
            notes.append(f"{plural(count, 'line', 'lines')} {why} and left out.")
        kept[wrong] = False

    for role in columns:
        if role not in {"group", "customer_group"}:
            leave_out(values[role].missing, f"without a {role} ({columns[role].name})")
    quantity, price = _numbers(values, "quantity"), _numbers(values, "price")
    if quantity is not None:
        leave_out(quantity < 0, "with negative quantities are returns, which are not learned,")
        leave_out(quantity == 0, "with a quantity of 0 say nothing")
    if price is not None:
        if kept.any() and not (price[kept] > 0).any():
            problems.append(f"The price ({columns['price'].name}) is never positive: {_shown(price[kept])}. Name another column, or none.")
        else:
            leave_out(price < 0, "with negative prices are refunds, which are not learned,")
            leave_out(price == 0, "with a price of 0 are gifts")
    times = _numbers(values, "time")
    if times is not None and (late := times > time.time() + AHEAD).any():
        last = np.datetime64(int(times[late].max()), "s")
        problems.append(
            f"{plural(int(late.sum()), 'line has', 'lines have')} a date in the future ({columns['time'].name}), the last {last}. Correct "
            "them, or leave them out."
        )
    return kept


def _numbers(values: Mapping[str, ColumnValues], role: str) -> Float64[np.ndarray, " n"] | None:
    return values[role].numbers if role in values else None


def _shown(numbers: Float64[np.ndarray, " n"]) -> str:
    return f"it goes from {numbers.min():g} to {numbers.max():g}"


def _check(name: str, columns: Mapping[str, Column], values: Mapping[str, ColumnValues], lines: int, problems: list[str]) -> None:
    if lines < FEWEST_LINES and not problems:
        problems.append(f"{name} has {plural(lines, 'line', 'lines')} that can be used: too few, {FEWEST_LINES} are needed at least.")
    for role in ("customer", "product"):
        if role in columns and lines and len(values[role].categories) < 2:
            only = values[role].categories[0]
            problems.append(
                f"There is one {role} ({columns[role].name} is {only!r} in every line), so there is nothing to learn of it. "
                f"Leave out --{role}."
            )


def _renumbered(values: ColumnValues) -> ColumnValues:
    """Values whose categories are those that occur."""
    if values.codes is None:
        return values
    used = np.unique(values.codes[values.codes >= 0])
    places = np.full(len(values.categories) + 1, -1, np.int32)
    places[used] = np.arange(len(used), dtype=np.int32)
    return ColumnValues(codes=places[values.codes], categories=tuple(values.categories[code] for code in used))


def _changing_groups(columns: Mapping[str, Column], values: Mapping[str, ColumnValues]) -> list[str]:
    """What is done where a customer or product is in several groups."""
    found = []
    for role, group in (("product", "group"), ("customer", "customer_group")):
        if group in columns:
            of, groups = _codes(values[role]), _codes(values[group])
            most = most_frequent(of, groups, len(values[role].categories))
            if others := int((most[of] != groups).sum()):
                found.append(
                    f"{plural(others, 'line names', 'lines name')} another {columns[group].name} than most lines of the same {role} do: "
                    f"each {role} has the most frequent one."
                )
    return found


def _codes(values: ColumnValues) -> Int64[np.ndarray, " n"]:
    assert values.codes is not None
    return values.codes.astype(np.int64)


def most_frequent(of: Int64[np.ndarray, " n"], groups: Int64[np.ndarray, " n"], count: int) -> Int64[np.ndarray, " {count}"]:
    """For each of `count` customers or products, the group (-1: none) that most of its lines have; of equals, the first."""
    pairs, counts = np.unique(np.stack([of, groups], axis=1), axis=0, return_counts=True)
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    first = np.unique(pairs[order, 0], return_index=True)[1]
    found = np.full(count, -1, np.int64)
    found[pairs[order][first, 0]] = pairs[order][first, 1]
    return found


def local_days(column: Column, numbers: Float64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Days since 1970 by local clocks, and seconds since midnight."""
    local = local_times(numbers, zone_of(column))
    days = np.floor(local / DAY)
    return days.astype(np.int64), local - days * DAY


def describe_roles(columns: Mapping[str, Column]) -> str:
    """The columns with their roles, in words."""
    return ", ".join(f"{role.replace('_', ' ')} {column.name}" for role, column in _in_order(columns))


def _in_order(columns: Mapping[str, Column]) -> Sequence[tuple[str, Column]]:
    return [(role, columns[role]) for role in ROLES if role in columns]
