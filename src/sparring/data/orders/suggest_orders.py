"""Whether a table looks like a log of orders, and which column would say what."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from sparring.data.tables.columns import Column, ColumnValues

WORDS = {
    "customer": r"customers?|clients?|users?|buyers?|shoppers?|\w*shops?|members?|accounts?",
    "product": r"products?|skus?|items?|articles?|models?|stock ?codes?|goods",
    "quantity": r"quantity|qty|units|pieces|number of .*",
    "price": r"price|unit ?price|amount|dollar value|revenue|sales",
    "group": r"category( \d)?|product (group|category|type)|department|kind|family",
    "customer_group": r"segment|customer (group|segment|type)|region|state|country",
}
"""By role, words that its column's name has, between what parts names."""
FEWEST_REPEATS = 1.2
"""Lines of a customer or a product on average, from which on a table can be a log."""


def suggest_orders(columns: Sequence[Column], values: Mapping[str, ColumnValues]) -> dict[str, str] | None:
    """Columns by role, if a table looks like a log of orders: customers and products by name, and one column of dates. None if not."""
    times = [column.name for column in columns if column.kind == "datetime"]
    found: dict[str, str] = {}
    for role, words in WORDS.items():
        numeric, owner = role in {"quantity", "price"}, {"group": "product", "customer_group": "customer"}.get(role)
        if owner is not None and owner not in found:
            continue
        fitting = [
            column.name
            for column in columns
            if (column.kind == "number" if numeric else column.kind not in {"datetime", "duration", "text", "constant"})
            and column.name not in found.values()
            and _named(column.name, words)
        ]
        if owner is not None:  # the finest groups that are still groups
            sizes = {name: _distinct(values[name]) for name in fitting}
            fitting = sorted(
                (name for name in fitting if 2 * sizes[name] <= 3 * _distinct(values[found[owner]]) and sizes[name] > 1),
                key=lambda name: -sizes[name],
            )
        elif not numeric:
            fitting = [name for name in fitting if len(values[name]) >= FEWEST_REPEATS * _distinct(values[name])]
        if fitting:
            found[role] = fitting[0]
    if len(times) != 1 or not {"customer", "product"} <= found.keys():
        return None
    return found | {"time": times[0]}


def _named(name: str, words: str) -> bool:
    plain = " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").lower().split())
    return re.fullmatch(rf"(.* )?({words})( (id|no|number|name|code|key))?", plain) is not None


def _distinct(values: ColumnValues) -> int:
    array = values.codes if values.codes is not None else values.numbers
    assert array is not None
    return len(np.unique(array))
