"""What a plan keeps of each column of its source: ranges, categories, and how to fill a cell that must not be empty."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from sparring.data.tables.columns import Column, ColumnValues
from sparring.data.tables.identifiers import IdentifierPattern, fresh_identifiers, pattern_of, uniform_rows


@dataclass(frozen=True)
class ColumnFacts:
    """What is kept of one column."""

    low: float = 0.0
    """The smallest number."""
    high: float = 0.0
    """The largest number."""
    decimals: int | None = None
    """Decimals of a column with a step."""
    categories: tuple[str, ...] = ()
    """The values of a category, boolean or constant."""
    typical: tuple[float, ...] = ()
    """Nine numbers or codes that are spread as the column's: deciles, or frequent categories."""
    missing: float = 0.0
    """Share of rows in which the column is missing."""
    identifiers: IdentifierPattern | None = None
    """How identifiers are written."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ColumnFacts":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is none."""
        given = {name: tuple(each) if isinstance(each, list) else each for name, each in value.items()}
        pattern = value["identifiers"]
        return cls(**{**given, "identifiers": IdentifierPattern.from_json(pattern) if pattern else None})


def facts_of(column: Column, values: ColumnValues) -> ColumnFacts:
    """What is kept of a column."""
    missing = float(values.missing.mean()) if len(values) else 0.0
    if values.numbers is not None:
        present = values.numbers[~values.missing]
        if len(present) == 0:
            return ColumnFacts(missing=missing)
        typical = np.quantile(present, np.linspace(0.1, 0.9, 9), method="nearest").tolist()
        decimals = None if column.step is None else _decimals(column.step, float(present[0]))
        return ColumnFacts(float(present.min()), float(present.max()), decimals, typical=tuple(typical), missing=missing)
    assert values.codes is not None
    if column.kind == "identifier":
        return ColumnFacts(missing=missing, identifiers=pattern_of(values.categories) if values.categories else None)
    present = np.sort(values.codes[values.codes >= 0])
    typical = present[np.linspace(0, len(present) - 1, 11).astype(int)[1:-1]].tolist() if len(present) else []
    return ColumnFacts(categories=values.categories, typical=tuple(typical), missing=missing)


def _decimals(step: float, value: float) -> int:
    """Digits behind the point that multiples of `step` beside `value` need."""
    for decimals in range(7):
        if all(abs(each * 10**decimals - round(each * 10**decimals)) < 1e-6 * max(1.0, abs(each) * 1e-6) for each in (step, value)):
            return decimals
    return 6


def on_grid(numbers: Float64[np.ndarray, " n"], column: Column, facts: ColumnFacts, *, always: bool = False) -> Float64[np.ndarray, " n"]:
    """`numbers` within the column's range, and on its grid. NaN stays.

    Floats with an error in their last digit (0.30000000000000004) stay as they are, unless `always`.
    """
    clipped = np.clip(numbers, facts.low, facts.high)
    if column.step is None or facts.decimals is None:
        return clipped
    # The largest number is on the grid, so rounding never leaves the range.
    steps = np.round((clipped - facts.low) / column.step)
    grid = np.round(facts.low + steps * column.step, facts.decimals) + 0.0
    return grid if always else np.where(np.abs(grid - clipped) <= 1e-9 * column.step, clipped, grid)


def filled(values: ColumnValues, where: np.ndarray, facts: ColumnFacts, chance: Float64[np.ndarray, " n"]) -> ColumnValues:
    """`values` with typical ones in the rows `where`, which must not be missing. `chance` in [0, 1) chooses among them."""
    if not where.any() or not facts.typical:
        return values
    chosen = np.array(facts.typical)[(chance * len(facts.typical)).astype(int)]
    if values.numbers is not None:
        return ColumnValues(numbers=np.where(where, chosen, values.numbers))
    assert values.codes is not None
    return ColumnValues(codes=np.where(where, chosen, values.codes).astype(np.int32), categories=values.categories)


def emptied(values: ColumnValues, where: np.ndarray) -> ColumnValues:
    """`values` with those in the rows `where` missing."""
    if values.numbers is not None:
        return ColumnValues(numbers=np.where(where, np.nan, values.numbers))
    assert values.codes is not None
    return ColumnValues(codes=np.where(where, -1, values.codes).astype(np.int32), categories=values.categories)


def unmodeled(column: Column, facts: ColumnFacts, rows: np.ndarray, seed: int) -> ColumnValues:
    """The values of a constant, or fresh identifiers, for these row numbers."""
    codes = np.full(len(rows), -1, np.int32)
    if column.kind == "constant":
        return ColumnValues(codes=codes + 1 if facts.categories else codes, categories=facts.categories)
    if facts.identifiers is None:
        return ColumnValues(codes=codes)
    present = uniform_rows(rows, seed, f"missing/{column.name}") >= facts.missing
    texts = fresh_identifiers(facts.identifiers, rows[present].tolist(), seed, column.name)
    order = sorted(range(len(texts)), key=texts.__getitem__)
    ranks = np.empty(len(texts), np.int32)
    ranks[order] = np.arange(len(texts), dtype=np.int32)
    codes[present] = ranks
    return ColumnValues(codes=codes, categories=tuple(texts[index] for index in order))
