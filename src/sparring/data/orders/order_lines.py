"""Order lines as the columns of the log that was learned."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from sparring.data.orders.order_spec import Entities, OrdersSpec
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.date_parts import utc_times, zone_of

DAY = 86_400.0


def lines_of(
    spec: OrdersSpec, codes: Mapping[str, Int64[np.ndarray, " n"]], numbers: Mapping[str, Float64[np.ndarray, " n"]]
) -> dict[str, ColumnValues]:
    """Values of the source's columns, by name in its order, from codes and numbers of lines."""
    found = {}
    for role, column in spec.roles.items():
        if role in {"customer", "product"}:
            found[column.name] = _named(entities_of(spec, role).names, codes[role])
        elif role in {"group", "customer_group"}:
            owner = "product" if role == "group" else "customer"
            entities = entities_of(spec, owner)
            found[column.name] = _named(entities.groups, np.asarray(entities.group_of)[codes[owner]])
        elif role == "time":
            found[column.name] = ColumnValues(numbers=moments_of(spec, codes["day"], numbers.get("clock")))
        else:
            found[column.name] = ColumnValues(numbers=np.asarray(numbers[role], np.float64))
    return found


def entities_of(spec: OrdersSpec, name: str) -> Entities:
    """The customers or the products."""
    found = spec.customers if name == "customer" else spec.products
    assert found is not None, f"the log has no {name}"
    return found


def _named(names: Sequence[str], codes: Int64[np.ndarray, " n"]) -> ColumnValues:
    """Categories by code; one more than the last means missing."""
    return ColumnValues(codes=np.where(codes < len(names), codes, -1).astype(np.int32), categories=tuple(names))


def moments_of(spec: OrdersSpec, days: Int64[np.ndarray, " n"], clock: Float64[np.ndarray, " n"] | None) -> Float64[np.ndarray, " n"]:
    """Moments in seconds since 1970 UTC of days (by code) and times of day by local clocks."""
    column = spec.roles["time"]
    local = np.asarray(spec.days, np.float64)[days] * DAY
    if clock is not None:
        step = column.step if column.step and column.step < DAY else 1e-6
        local = local + np.round(clock / step) * step
    return utc_times(local, zone_of(column))
