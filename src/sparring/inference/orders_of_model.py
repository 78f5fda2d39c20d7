"""Order lines of a model: drawn freely, under conditions, and for products that were never sold."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.data.orders.order_lines import entities_of, lines_of
from sparring.data.orders.order_spec import OrdersSpec
from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.conditions import Condition, NumberReader, all_hold, parse_conditions
from sparring.data.tables.identifiers import fresh_identifiers, pattern_of, uniform_rows
from sparring.games.capabilities import MakesOrders
from sparring.inference.table_rows import DRAWN_AT_ONCE, concatenated, is_too_rare

if TYPE_CHECKING:
    from sparring.inference.model import Model

CustomerNames = Literal["own", "fresh"]
NEW = "new"
"""Written in place of a product: one that was never sold."""
OWNERS = {"product": "product", "group": "product", "customer": "customer", "customer_group": "customer"}


@dataclass(frozen=True)
class NewProduct:
    """A product that was never sold: what is known of it."""

    group: int
    price: float | None
    """Its usual price; None: that of any product of the group."""


def orders_spec_of(model: "Model") -> OrdersSpec:
    """What lines of the model are; a SettingsError if it is no model of orders."""
    if not isinstance(model.game, MakesOrders):
        raise SettingsError(f"{model.source} is no model of orders. Use it with: {model.use}")
    return model.game.orders_spec


def draw_orders(
    model: "Model",
    n: int,
    *,
    seed: int = 0,
    first: int = 0,
    where: Iterable[str] | Mapping[str, str] = (),
    customers: CustomerNames | None = None,
    most_drawn: int | None = None,
) -> tuple[dict[str, ColumnValues], float]:
    """Values of all columns of lines `first` to `first + n - 1` of `seed`, and the share of the lines drawn that were kept.

    `where`: conditions such as "product=SKU" or "time>=2024-06-01", which hold in every line; columns are named by their role or as in the
    log. One customer or product that is asked for is told to the generator; whatever else is asked for is left to rejection.
    "product=new" with a group, a price or both is a product that was never sold. `customers`: "own" writes those of the log, who are real
    people; "fresh" writes invented ones, the same for all lines of one; None: fresh, unless a condition names one. `most_drawn`: see
    `draw_rows`. A SettingsError for conditions that cannot be met.
    """
    if n < 1 or first < 0:
        raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
    model.refuse_without_generator()
    spec = orders_spec_of(model)
    conditions, new = parse_orders_where(spec, where)
    asked_for = any(condition.column == "customer" for condition in conditions)
    if customers == "fresh" and asked_for:
        raise SettingsError("customers=fresh writes invented customers, and a condition names one. Leave one of them out.")
    draw = _drawer(model, spec, conditions, new, seed)
    rows, share = draw(first, n), 1.0
    if conditions:
        rows, share = _kept(draw, spec, conditions, first + n, most_drawn)
        rows = {name: values.take(np.arange(first, first + n)) for name, values in rows.items()}
    if "customer" in spec.sizes and not asked_for and customers != "own":
        name = spec.roles["customer"].name
        rows[name] = _with_fresh_names(spec, rows[name], seed)
    return rows, share


Draw = Callable[[int, int], dict[str, ColumnValues]]
"""From the number of the first line and how many there are to their values by column."""


def _kept(
    draw: Draw, spec: OrdersSpec, conditions: Sequence[Condition], wanted: int, most_drawn: int | None
) -> tuple[dict[str, ColumnValues], float]:
    """The first lines that meet all conditions, and the share of those drawn that do."""
    roles = spec.roles
    named = [replace(condition, column=roles[condition.column].name) for condition in conditions]
    kept, found, drawn = [], 0, 0
    while found < wanted:
        size = wanted if not drawn else DRAWN_AT_ONCE
        rows = draw(drawn, size)
        mask = np.flatnonzero(all_hold(named, rows))
        kept.append({name: values.take(mask) for name, values in rows.items()})
        drawn, found = drawn + size, found + len(mask)
        if is_too_rare(found, drawn, wanted, most_drawn):
            raise SettingsError(
                f"Of {drawn:,} lines drawn, {found:,} meet {' and '.join(each.text for each in conditions)}: too rare in this model to be "
                "found by rejection. Ask for fewer conditions at once."
            )
    return concatenated(kept), found / drawn


def _drawer(model: "Model", spec: OrdersSpec, conditions: Sequence[Condition], new: NewProduct | None, seed: int) -> Draw:
    """Draws lines of which the generator was told what it can be told."""
    game = model.game
    assert isinstance(game, MakesOrders)
    allowed = {} if new is not None else _told(spec, conditions)

    def draw(first: int, n: int) -> dict[str, ColumnValues]:
        numbers = np.arange(first, first + n)
        given = {name: _chosen(spec, name, mask, numbers, seed) for name, mask in allowed.items()}
        told = {name: torch.from_numpy(codes) for name, codes in given.items()}
        if new is None:
            return _values(spec, game.draw_lines(n, seed, first, told))
        levels = _levels(spec, new, numbers, seed)
        logs = torch.tensor([spec.log_level(each) for each in levels] if spec.prices is not None else [0.0] * n)
        samples = game.draw_lines(n, seed, first, told, (torch.full((n,), new.group), logs))
        return _values(spec, samples, new, levels)

    return draw


def _told(spec: OrdersSpec, conditions: Sequence[Condition]) -> dict[str, Bool[np.ndarray, " k"]]:
    """Which customers, products or days the generator is told of: those that are named, or else one kind of which only some are allowed."""
    found: dict[str, Bool[np.ndarray, " k"]] = {}
    for role in ("product", "customer"):
        named = [condition for condition in conditions if condition.column == role and condition.relation == "="]
        if named:
            found[role] = np.array([name == named[0].value for name in entities_of(spec, role).names])
    if found:
        return found
    for role in ("product", "group", "customer", "customer_group"):
        own = [condition for condition in conditions if condition.column == role]
        if own:
            owner = OWNERS[role]
            every = np.arange(spec.sizes[owner])
            values = lines_of(
                spec, {name: every if name == owner else np.zeros_like(every) for name in spec.sizes}, _any_numbers(spec, len(every))
            )
            mask = all_hold([replace(condition, column=spec.roles[role].name) for condition in own], values)
            return {owner: mask & (spec.counts_of(owner) > 0)}
    own = [condition for condition in conditions if condition.column == "time"]
    if own and spec.clock is None:
        every = np.arange(len(spec.days))
        values = lines_of(
            spec, {name: every if name == "day" else np.zeros_like(every) for name in spec.sizes}, _any_numbers(spec, len(every))
        )
        mask = all_hold([replace(condition, column=spec.roles["time"].name) for condition in own], values)
        return {"day": mask & (spec.counts_of("day") > 0)}
    return {}


def _any_numbers(spec: OrdersSpec, n: int) -> dict[str, Float64[np.ndarray, " n"]]:
    return {name: np.zeros(n) for name in spec.numbers}


def _chosen(
    spec: OrdersSpec, name: str, mask: Bool[np.ndarray, " k"], lines: Int64[np.ndarray, " n"], seed: int
) -> Int64[np.ndarray, " n"]:
    """A customer, product or day for each line, of those that are allowed, by how frequent they are: a function of line and seed."""
    counts = np.where(mask, spec.counts_of(name), 0)
    upto = np.cumsum(counts if counts.sum() else mask)
    return np.minimum(np.searchsorted(upto, uniform_rows(lines, seed, f"given/{name}") * upto[-1], side="right"), len(upto) - 1)


def _levels(spec: OrdersSpec, new: NewProduct, lines: Int64[np.ndarray, " n"], seed: int) -> Float64[np.ndarray, " n"]:
    """The usual price of a new product in each line: the one that is known, or that of any product of its group."""
    if spec.prices is None or new.price is not None:
        return np.full(len(lines), new.price or 1.0)
    of_group = (spec.product_groups == new.group) & (spec.counts_of("product") > 0)
    mask = of_group if of_group.any() else np.ones(len(of_group), bool)
    return np.asarray(spec.prices.levels)[_chosen(spec, "product", mask, lines, seed)]


def _values(
    spec: OrdersSpec, samples: torch.Tensor, new: NewProduct | None = None, levels: Float64[np.ndarray, " n"] | None = None
) -> dict[str, ColumnValues]:
    """Values of the log's columns, from samples."""
    codes, scores = spec.codes_of(samples)
    found = {name: each.cpu().numpy() for name, each in codes.items()}
    products = found.get("product", np.zeros(len(scores), np.int64))
    if new is None:
        return lines_of(spec, found, spec.numbers_of(scores.cpu().float().numpy(), products))
    of_new, groups = np.full(len(products), -1), np.full(len(products), new.group)
    rows = lines_of(spec, found, spec.numbers_of(scores.cpu().float().numpy(), of_new, groups, levels))
    column, named = spec.roles["product"], entities_of(spec, "product").groups
    rows[column.name] = ColumnValues(codes=np.zeros(len(products), np.int32), categories=(_name_of_new(column, spec),))
    if "group" in spec.roles:
        rows[spec.roles["group"].name] = ColumnValues(codes=np.where(groups < len(named), groups, -1).astype(np.int32), categories=named)
    return rows


def _name_of_new(column: Column, spec: OrdersSpec) -> str:
    """What a new product is called: "new", or, where products are numbers, one that is free."""
    return str(_after_the_last(entities_of(spec, "product").names)) if _is_integer(column) else NEW


def _is_integer(column: Column) -> bool:
    """Whether the source has whole numbers for names, and not text."""
    return "int" in column.arrow_type


def _after_the_last(names: Sequence[str]) -> int:
    return max(int(name) for name in names) + 1


def _with_fresh_names(spec: OrdersSpec, values: ColumnValues, seed: int) -> ColumnValues:
    """Customers under invented names, each under the same one in all lines: identifiers like the log's, or "customer 01"."""
    names, column = entities_of(spec, "customer").names, spec.roles["customer"]
    order = np.argsort(uniform_rows(np.arange(len(names)), seed, f"customers/{column.name}"), kind="stable")
    places = np.argsort(order).tolist()
    if _is_integer(column):
        first = _after_the_last(names)
        fresh = [str(first + place) for place in places]
    elif any(" " in name for name in names):
        fresh = [f"customer {place + 1:0{len(str(len(names)))}d}" for place in places]
    else:
        fresh = fresh_identifiers(pattern_of(names), places, seed, column.name)
    by_name = dict(zip(names, fresh, strict=True))
    return ColumnValues(codes=values.codes, categories=tuple(by_name[name] for name in values.categories))


# -------------------------------------------------------------------------------------------------------------- conditions


def parse_orders_where(spec: OrdersSpec, where: Iterable[str] | Mapping[str, str]) -> tuple[tuple[Condition, ...], NewProduct | None]:
    """Conditions from texts, by role, and the product that was never sold, if one is asked for. A SettingsError lists all that is wrong."""
    if isinstance(where, Mapping):
        where = [f"{name}{value}" if str(value)[:1] in "<>=!" else f"{name}={value}" for name, value in where.items()]
    role_of = {column.name: role for role, column in spec.roles.items()} | {role: role for role in spec.roles}
    columns = [replace(spec.roles[role], name=name) for name, role in role_of.items()]
    parsed = parse_conditions(where, columns, {column.name: NumberReader(column) for column in columns if column.is_numeric})
    conditions = [replace(condition, column=role_of[condition.column]) for condition in parsed]
    is_new = [
        condition for condition in conditions if condition.column == "product" and condition.value == NEW and condition.relation == "="
    ]
    if is_new and NEW not in entities_of(spec, "product").names:
        return _of_new(spec, [condition for condition in conditions if condition not in is_new])
    problems = [problem for condition in conditions if (problem := _impossible(spec, condition))]
    if problems:
        raise SettingsError(listed("No line can meet these conditions:", problems))
    return tuple(conditions), None


def _of_new(spec: OrdersSpec, conditions: Sequence[Condition]) -> tuple[tuple[Condition, ...], NewProduct]:
    """What is known of a product that was never sold, and the other conditions."""
    entities = entities_of(spec, "product")
    group, price, rest, problems = len(entities.groups), None, [], []
    for condition in conditions:
        if condition.column == "group" and condition.relation == "=":
            if condition.value in entities.groups:
                group = entities.groups.index(str(condition.value))
            else:
                problems.append(f"{condition.text!r}: no product is of that group. {did_you_mean(str(condition.value), entities.groups)}")
        elif condition.column == "price" and condition.relation == "=":
            price = float(condition.value)
            if not price > 0:
                problems.append(f"{condition.text!r}: a price is above 0.")
        elif condition.column in {"product", "group"}:
            problems.append(f"{condition.text!r}: a new product is of one group (group=NAME) and has one usual price (price=NUMBER).")
        else:
            rest.append(condition)
            problems += [problem] if (problem := _impossible(spec, condition)) else []
    if group == len(entities.groups) and price is None and not problems:
        known = [*(["its group (group=NAME)"] if entities.groups else []), *(["its usual price (price=NUMBER)"] if spec.prices else [])]
        problems.append(
            f"product=new: say {' or '.join(known)}." if known else "product=new: this log has neither groups nor prices to know it by."
        )
    if problems:
        raise SettingsError(listed("No line can meet these conditions:", problems))
    return tuple(rest), NewProduct(group, price)


def _impossible(spec: OrdersSpec, condition: Condition) -> str | None:
    """Why no line can meet a condition; None if some can."""
    role = condition.column
    if role in OWNERS:
        entities = entities_of(spec, OWNERS[role])
        names = entities.names if role in {"product", "customer"} else entities.groups
        if condition.relation == "=" and condition.value == condition.value:
            if condition.value not in names:
                what = {"product": "a product that was never sold", "customer": "a customer who never bought"}.get(
                    role, "a group that nothing is of"
                )
                more = " (For a new one: product=new, with group= or price=.)" if role == "product" else ""
                return f"{condition.text!r} names {what}. {did_you_mean(str(condition.value), names)}{more}"
            if role in {"product", "customer"} and not spec.counts_of(role)[names.index(str(condition.value))]:
                return f"{condition.text!r}: all of its lines were held out from training, so the model does not know it."
        return None
    low, high = _range_of(spec, role)
    value, relation = float(condition.value), condition.relation
    outside = (
        (relation == "=" and not low <= value <= high)
        or (relation in {">", ">="} and value > high)
        or (relation in {"<", "<="} and value < low)
    )
    return f"{condition.text!r}: the log goes from {_shown(spec, role, low)} to {_shown(spec, role, high)}." if outside else None


def _range_of(spec: OrdersSpec, role: str) -> tuple[float, float]:
    if role == "time":
        return spec.days[0] * 86_400.0 - 86_400, (spec.days[-1] + 2) * 86_400.0
    if role == "price":
        assert spec.prices is not None
        return spec.prices.lowest, spec.prices.highest
    scale = spec.quantity
    assert scale is not None
    return scale.values[0], scale.values[-1]


def _shown(spec: OrdersSpec, role: str, value: float) -> str:
    if role != "time":
        return f"{value:g}"
    day = spec.days[0] if value < spec.days[-1] * 86_400.0 else spec.days[-1]
    return str(np.datetime64(day, "D"))


# ------------------------------------------------------------------------------------------------------------------- out


def save_orders(model: "Model", values: Mapping[str, ColumnValues], out: str | os.PathLike[str]) -> Path:
    """Write lines in the kind of file that the ending names, with columns, types and formats as in the log that was learned."""
    from sparring.data.tables.writing import save_values  # noqa: PLC0415 (an extra)

    spec, path = orders_spec_of(model), Path(out)
    save_values(values, spec.roles.values(), path, spec.table_format)
    return path


def orders_as_frame(model: "Model", values: Mapping[str, ColumnValues]) -> Any:  # noqa: ANN401 (the caller's kind of frame)
    """Lines as a frame of the kind that was trained on; an Arrow table if that was a file."""
    from sparring.data.tables.arrow_values import table_of  # noqa: PLC0415 (an extra)
    from sparring.data.tables.frames import to_frame  # noqa: PLC0415 (an extra)

    spec = orders_spec_of(model)
    return to_frame(table_of(values, spec.roles.values(), spec.table_format, typed=True), spec.table_format)
