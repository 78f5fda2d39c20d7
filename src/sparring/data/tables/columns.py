"""What a column of a table is, and its values as arrays."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float64, Int32

ColumnKind = Literal["number", "category", "boolean", "datetime", "duration", "identifier", "text", "constant"]
NUMERIC: tuple[ColumnKind, ...] = ("number", "datetime", "duration")
"""Kinds whose values are numbers. Dates are seconds since 1970-01-01 UTC, durations are seconds."""
DISCRETE: tuple[ColumnKind, ...] = ("category", "boolean")
"""Kinds whose values are one of a few."""

BOOLEAN = ("false", "true")
"""The categories of booleans, in the order of their codes."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    kind: ColumnKind
    reason: str
    """Why it was taken for this kind, as a sentence."""
    arrow_type: str
    """Type of the column in the source, as Arrow writes it (int64, timestamp[us, tz=Europe/Paris], string)."""
    step: float | None = None
    """All values are multiples of this from the smallest one (1 for integers, 0.01 for prices, 86,400 for dates); None: no step found."""
    text: Mapping[str, Any] | None = None
    """In sources that are text: how values are written (see `text_formats`)."""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in NUMERIC

    @property
    def is_modeled(self) -> bool:
        """Whether a model has to learn it: identifiers are made fresh, and constants are known."""
        return self.kind in (*NUMERIC, *DISCRETE)

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Column":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no column."""
        column = cls(**value)
        if column.kind not in get_args(ColumnKind):
            raise ValueError(f"no column is a {column.kind!r}")
        return column


@dataclass(frozen=True, eq=False)
class ColumnValues:
    """The values of one column as an array. Either `numbers` or `codes` is given."""

    numbers: Float64[np.ndarray, " n"] | None = None
    """Values of a numeric column in the unit of its kind; NaN where the value is missing."""
    codes: Int32[np.ndarray, " n"] | None = None
    """Index of each value in `categories`; -1 where the value is missing."""
    categories: tuple[str, ...] = ()
    """The distinct values of a column that is not numeric, as text. Of booleans: false, true."""

    def __len__(self) -> int:
        values = self.numbers if self.numbers is not None else self.codes
        assert values is not None
        return len(values)

    @property
    def missing(self) -> np.ndarray:
        """Which values are missing, as booleans."""
        return np.isnan(self.numbers) if self.numbers is not None else self.codes < 0  # pyright: ignore[reportOptionalOperand]

    def take(self, rows: np.ndarray) -> "ColumnValues":
        """The values of some rows."""
        if self.numbers is not None:
            return ColumnValues(numbers=self.numbers[rows])
        assert self.codes is not None
        return ColumnValues(codes=self.codes[rows], categories=self.categories)


TableValues = Mapping[str, ColumnValues]
"""By name, in the order of the columns. All have the same length."""
