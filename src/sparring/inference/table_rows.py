"""Rows of models of tables: drawn freely, under conditions, or completed from cells that are known."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.data.tables.columns import ColumnValues, TableValues
from sparring.data.tables.conditions import (
    Condition,
    NumberReader,
    Restriction,
    all_hold,
    parse_conditions,
    restriction_of,
)
from sparring.data.tables.date_parts import TIME_OF_DAY
from sparring.data.tables.encoding import Encoding
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableSpec
from sparring.data.tables.table_store import learned_values, whole_values
from sparring.games.capabilities import CompletesRows, MakesRows, Samples

if TYPE_CHECKING:
    from sparring.inference.model import Model

DRAWN_AT_ONCE = 8192
"""Number of rows that are drawn at a time."""
MOST_FILLED = 30
"""Number of tries to fill a row so that what follows from the filled cells is what is known."""
ANOTHER_SEED = 1_000_003
"""Added to the seed for each further try."""
MOST_DRAWN = 400_000
"""Number of rows that rejection draws at least before it gives up ..."""
MOST_NEEDED = 40_000_000
"""... and number of rows that it would need from which on it does."""


def table_spec_of(model: "Model") -> TableSpec:
    """What rows of the model are; a SettingsError if it is no model of tables."""
    if not isinstance(model.game, MakesRows):
        raise SettingsError(f"{model.source} is no model of a table. Use it with: {model.use}")
    return model.game.table_spec


def plan_of(model: "Model") -> TablePlan:
    """The columns of the model's table and what holds between them."""
    return TablePlan.from_json(table_spec_of(model).plan)


def draw_rows(
    model: "Model",
    n: int,
    *,
    seed: int = 0,
    first: int = 0,
    where: Iterable[str] | Mapping[str, str] = (),
    most_drawn: int | None = None,
) -> tuple[dict[str, ColumnValues], float]:
    """Values of all columns of rows `first` to `first + n - 1` of `seed`, and the share of the rows drawn that were kept.

    `where`: conditions such as "age>=60", which hold in every row. Without rejection row i of a seed is the same however many are asked
    for; with rejection it is the i-th that was kept, which is the same, too. `most_drawn`: number of rows after which rejection gives up;
    None: when there is no hope. A SettingsError for conditions that cannot be met.
    """
    if n < 1 or first < 0:
        raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
    model.refuse_without_generator()
    plan = plan_of(model)
    conditions = parse_where(plan, where)
    restrictions = restrictions_for(model, plan, conditions)
    if not conditions:
        return _restored(model, plan, *_cells(model, n, seed, first, {}), seed, first), 1.0
    kept: list[dict[str, ColumnValues]] = []
    found = drawn = 0
    wanted = first + n
    while found < wanted:
        size = wanted if not drawn else DRAWN_AT_ONCE
        rows = _restored(model, plan, *_cells(model, size, seed, drawn, restrictions), seed, drawn)
        mask = np.flatnonzero(all_hold(conditions, rows))
        kept.append({name: values.take(mask) for name, values in rows.items()})
        drawn, found = drawn + size, found + len(mask)
        if is_too_rare(found, drawn, wanted, most_drawn):
            raise SettingsError(
                f"Of {drawn:,} rows drawn, {found:,} meet {' and '.join(each.text for each in conditions)}: too rare in this model to be "
                f"found by rejection. {advice_on_rejection(model)}"
            )
    joined = concatenated(kept)
    return {name: values.take(np.arange(first, wanted)) for name, values in joined.items()}, found / drawn


def is_too_rare(found: int, drawn: int, wanted: int, most_drawn: int | None) -> bool:
    """Whether rejection gives up. `most_drawn`: number of rows after which it does; None: when there is no hope."""
    if most_drawn is not None:
        return drawn >= most_drawn and found < wanted
    return drawn >= MOST_DRAWN and (not found or wanted * drawn / found > MOST_NEEDED)


def advice_on_rejection(model: "Model") -> str:
    """What to use where rejection fails."""
    if isinstance(model.game, CompletesRows):
        return "Ask for fewer conditions at once."
    return "The recipes tabular and tabular-ar meet conditions without rejection."


def parse_where(plan: TablePlan, where: Iterable[str] | Mapping[str, str]) -> tuple[Condition, ...]:
    """Conditions from texts, or from a mapping of columns to values ("FR") or relations (">=60")."""
    if isinstance(where, Mapping):
        where = [f"{name}{value}" if str(value)[:1] in "<>=!" else f"{name}={value}" for name, value in where.items()]
    known = [column for column in plan.columns if column.kind not in ("identifier", "text")]
    return parse_conditions(where, known, {column.name: NumberReader(column) for column in known if column.is_numeric})


def restrictions_for(model: "Model", plan: TablePlan, conditions: Sequence[Condition]) -> dict[int, Restriction]:
    """What encoded columns may be, by their number; conditions on other columns are left to rejection. A SettingsError names conditions
    that no row can meet.
    """
    spec = table_spec_of(model)
    names = {encoding.name for encoding in spec.encodings}
    found: dict[int, Restriction] = {}
    for number, encoding in enumerate(spec.encodings):
        own = [condition for condition in conditions if condition.column == encoding.name]
        if own and encoding.name not in plan.arrangement.lows and encoding.name + TIME_OF_DAY not in names:
            found[number] = restriction_of(encoding, own)
            if not found[number].is_possible:
                raise SettingsError(
                    f"No row can meet {' and '.join(each.text for each in own)}: the training table has no such value in "
                    f"{encoding.name!r}. {_what_there_is(encoding)}"
                )
    for target, rule in plan.arrangement.computed.items():
        own = [condition for condition in conditions if condition.column == target]
        place = next((number for number, encoding in enumerate(spec.encodings) if encoding.name == getattr(rule, "source", None)), None)
        if own and place is not None and spec.encodings[place].categories:
            found[place] = _through(spec.encodings[place], rule, plan, own, found.get(place))
    return found


def _through(encoding: Encoding, rule: Any, plan: TablePlan, own: Sequence[Condition], before: Restriction | None) -> Restriction:  # noqa: ANN401 (a constraint)
    """What a column of categories may be, so that a column that follows from it meets its conditions."""
    codes = np.arange(len(encoding.categories), dtype=np.int32)
    source = ColumnValues(codes=codes, categories=encoding.categories)
    targets = rule.targets(source, plan.facts[rule.target].categories)
    allowed = np.zeros(encoding.codes, bool)
    allowed[: len(codes)] = all_hold(own, {rule.target: targets})
    allowed &= True if before is None else before.codes
    if not allowed.any():
        known = plan.facts[rule.target]
        there_is = _some(known.categories) if known.categories else f"It goes from {known.low:g} to {known.high:g}."
        raise SettingsError(
            f"No row can meet {' and '.join(each.text for each in own)}: the training table has no such value in {rule.target!r}, or none "
            f"together with the other conditions. {there_is}"
        )
    return Restriction(allowed)


def _some(categories: Sequence[str]) -> str:
    return f"There are: {', '.join(categories[:12])}{', ...' if len(categories) > 12 else ''}."


def _what_there_is(encoding: Encoding) -> str:
    if encoding.categories:
        return _some(encoding.categories)
    numbers = [*encoding.atoms, *((encoding.lowest, encoding.highest) if encoding.pieces else ())]
    return f"It goes from {min(numbers):g} to {max(numbers):g}."


def complete_rows(model: "Model", values: TableValues, *, seed: int = 0) -> dict[str, ColumnValues]:
    """Rows in which missing cells are filled; cells that are known stay as they are.

    Rows whose known cells contradict what follows from the filled ones are filled again, up to 30 times; where that does not help, known
    cells count. A SettingsError for recipes that cannot, and for categories that the table did not have.
    """
    game, plan, spec = model.game, plan_of(model), table_spec_of(model)
    if not isinstance(game, CompletesRows):
        raise SettingsError(f"{model.source} cannot complete rows. The recipes tabular and tabular-ar can.")
    n = len(next(iter(values.values())))
    learned = learned_values(plan, values, spec)
    refuse_unknown_categories(spec, learned)
    known = np.stack([~learned[each.name].missing for each in spec.encodings], axis=1)
    codes, positions = spec.encode(learned)
    given = (torch.from_numpy(codes.astype(np.int64)), torch.from_numpy(positions), torch.from_numpy(known))
    filled = _restored(model, plan, *_numpy(game.complete_cells(n, seed, 0, {}, given)), seed, 0)
    for attempt in range(1, MOST_FILLED):
        rows = _contradicts(plan, values, filled)
        if not rows.any():
            break
        tried = _restored(model, plan, *_numpy(game.complete_cells(n, seed + attempt * ANOTHER_SEED, 0, {}, given)), seed, 0)
        filled = {name: _replaced(each, tried[name], rows) for name, each in filled.items()}
    constant = {column.name for column in plan.columns if column.kind == "constant"}  # known, and written as they are
    return {name: each if name in constant else _replaced(values[name], each, values[name].missing) for name, each in filled.items()}


def refuse_unknown_categories(spec: TableSpec, values: TableValues) -> None:
    """Raise a SettingsError that lists values which the table that was learned did not have."""
    problems = []
    for encoding in spec.encodings:
        present = values[encoding.name]
        if encoding.categories and present.codes is not None:
            used = set(np.unique(present.codes[present.codes >= 0]).tolist())
            unknown = [category for code, category in enumerate(present.categories) if code in used and category not in encoding.categories]
            problems += [f"{encoding.name} = {category!r}. {did_you_mean(category, encoding.categories)}" for category in unknown]
    if problems:
        raise SettingsError(listed("The model's table has no such values. Leave these cells empty, or correct them:", problems))


def _contradicts(plan: TablePlan, known: TableValues, filled: TableValues) -> np.ndarray:
    """Rows in which a column that follows from others has another value than the one that is known."""
    found = np.zeros(len(next(iter(filled.values()))), bool)
    for name in plan.arrangement.computed:
        if name in known:
            own, made = _texts(known[name]), _texts(filled[name])
            found |= ~known[name].missing & (own != made)
    return found


def _texts(values: ColumnValues) -> np.ndarray:
    """Values that can be compared whatever the numbers of their categories."""
    if values.numbers is not None:
        return np.round(values.numbers, 6)
    assert values.codes is not None
    return np.array([*values.categories, ""], dtype=object)[values.codes]


def _replaced(before: ColumnValues, other: ColumnValues, rows: np.ndarray) -> ColumnValues:
    """Values of a column, where those of the marked rows are the other ones."""
    both = concatenated([{"": before}, {"": other}])[""]
    return both.take(np.arange(len(before)) + len(before) * rows)


def complete_table(model: "Model", source: Any, *, seed: int = 0) -> tuple[dict[str, ColumnValues], int]:  # noqa: ANN401 (a path or a frame)
    """The values of a table with its missing cells filled, and the number of cells that were."""
    from sparring.data.tables.read_same_columns import read_like  # noqa: PLC0415 (an extra)

    plan = plan_of(model)
    values = read_like(source, plan.columns, partial=True)
    filled = complete_rows(model, values, seed=seed)
    return filled, sum(int(values[name].missing.sum() - each.missing.sum()) for name, each in filled.items())


def _cells(model: "Model", n: int, seed: int, first: int, restrictions: Mapping[int, Restriction]) -> tuple[np.ndarray, np.ndarray]:
    game = model.game
    pieces = []
    for start in range(first, first + n, DRAWN_AT_ONCE):
        size = min(DRAWN_AT_ONCE, first + n - start)
        if isinstance(game, CompletesRows):
            pieces.append(_numpy(game.complete_cells(size, seed, start, restrictions, None)))
        else:
            assert isinstance(game, Samples)
            pieces.append(_numpy(table_spec_of(model).codes_of(game.sample(size, seed, None, start))))
    codes, positions = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return codes, positions


def _numpy(cells: tuple[torch.Tensor, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    codes, positions = cells
    return codes.cpu().numpy().astype(np.int32), positions.cpu().float().numpy()


def _restored(model: "Model", plan: TablePlan, codes: np.ndarray, positions: np.ndarray, seed: int, first: int) -> dict[str, ColumnValues]:
    return whole_values(plan, table_spec_of(model).decode(codes, positions), len(codes), seed, first)


def concatenated(parts: Sequence[TableValues]) -> dict[str, ColumnValues]:
    """Rows of tables with the same columns, one after the other. Categories may differ, as those of identifiers do."""
    found: dict[str, ColumnValues] = {}
    for name, one in parts[0].items():
        columns = [part[name] for part in parts]
        if one.numbers is not None:
            found[name] = ColumnValues(numbers=np.concatenate([each.numbers for each in columns if each.numbers is not None]))
            continue
        places: dict[str, int] = {}
        codes = []
        for each in columns:
            moved = [places.setdefault(category, len(places)) for category in each.categories]
            assert each.codes is not None
            codes.append(np.array([*moved, -1], np.int32)[each.codes])
        found[name] = ColumnValues(codes=np.concatenate(codes), categories=tuple(places))
    return found


def save_rows(model: "Model", values: TableValues, out: str | os.PathLike[str]) -> Path:
    """Write rows in the kind of file that the ending names, with columns, types and formats as in the table that was learned."""
    from sparring.data.tables.writing import save_values  # noqa: PLC0415 (an extra)

    plan, path = plan_of(model), Path(out)
    save_values(values, plan.columns, path, plan.format)
    return path


def rows_as_frame(model: "Model", values: TableValues) -> Any:  # noqa: ANN401 (the caller's kind of frame)
    """Rows as a frame of the kind that was trained on; an Arrow table if that was a file."""
    from sparring.data.tables.arrow_values import table_of  # noqa: PLC0415 (an extra)
    from sparring.data.tables.frames import to_frame  # noqa: PLC0415 (an extra)

    plan = plan_of(model)
    return to_frame(table_of(values, plan.columns, plan.format, typed=True), plan.format)
