"""The distinct values of a column and where they stand: what telling a kind and reading values both begin with."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32, Int64

from sparring.core.errors import DataError
from sparring.data.tables.arrow import pa, pc

MISSING_WORDS = ("NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "Null", "#N/A", "<NA>", "None", "?", "-", ".", "NaT", "(null)")
"""Ways to write that a value is missing. Where the other values are words, only those in `MISSING_AMONG_WORDS` are."""
MISSING_AMONG_WORDS = ("NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "#N/A", "<NA>", "?", "(null)")


@dataclass(frozen=True, eq=False)
class DistinctTexts:
    """The distinct texts of a column in the order of their first appearance."""

    texts: list[str]
    codes: Int32[np.ndarray, " n"]
    """Index of each row's text; -1 where there is none."""

    @property
    def counts(self) -> Int64[np.ndarray, " distinct"]:
        """Number of rows that have each text."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    def without(self, missing: str | None) -> "DistinctTexts":
        """The same with the text `missing` taken for no value."""
        if missing is None or missing not in self.texts:
            return self
        gone = self.texts.index(missing)
        codes = np.where(self.codes == gone, -1, self.codes - (self.codes > gone)).astype(np.int32)
        return DistinctTexts(self.texts[:gone] + self.texts[gone + 1 :], codes)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of that type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def distinct_texts(column: pa.ChunkedArray) -> DistinctTexts:
    """The distinct texts of a column of any type that can be written as text. A dictionary's are all of its values, in its order."""
    if pa.types.is_dictionary(column.type):
        encoded = column.combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    else:
        encoded = as_text(column).dictionary_encode().combine_chunks()
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    codes = pc.fill_null(encoded.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
    return DistinctTexts(as_text(pa.chunked_array([encoded.dictionary])).to_pylist(), codes)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column written as text, from which `from_text` gets it back."""
    if pa.types.is_duration(column.type) or pa.types.is_timestamp(column.type) or pa.types.is_time(column.type):
        column = column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32())
    return column.cast(pa.string())


def from_text(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Texts that `as_text` made, as an array of the type that they had before."""
    if pa.types.is_duration(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return texts.cast(pa.int64() if kind.bit_width == 64 else pa.int32()).cast(kind)
    return texts.cast(kind)


_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def is_numeric(kind: pa.DataType) -> bool:
    """Whether values of that type are numbers, dates or durations."""
    types = pa.types
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_date, types.is_timestamp, types.is_duration, types.is_time)
    return any(test(kind) for test in tests)


def numbers_of(column: pa.ChunkedArray, name: str) -> Float64[np.ndarray, " n"]:
    """The values of a typed column as numbers: dates as seconds since 1970, durations as seconds, NaN where missing.

    Raises a DataError for infinite values, with their rows.
    """
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind):
        per_second = 1 / 86_400 if pa.types.is_date32(kind) else _UNITS[getattr(kind, "unit", "ms")]
        missing = column.is_null().to_numpy()
        whole = pc.fill_null(column.cast(pa.int32() if kind.bit_width == 32 else pa.int64()), 0).to_numpy().astype(np.int64)
        if per_second < 1:
            return np.where(missing, np.nan, whole * 86_400.0)
        seconds, rest = np.divmod(whole, per_second)
        return np.where(missing, np.nan, seconds + rest / per_second)
    numbers = column.cast(pa.float64(), safe=False).to_numpy()
    check_finite(numbers, name)
    return numbers


def numbers_to_arrow(numbers: Float64[np.ndarray, " n"], kind: pa.DataType, *, nan: bool = False) -> pa.Array:
    """The inverse of `numbers_of`. With `nan`, missing values of floating types are NaN rather than null."""
    missing = np.isnan(numbers)
    filled = np.where(missing, 0.0, numbers)
    types = pa.types
    if types.is_decimal(kind):
        texts = [None if gone else f"{value:.{kind.scale}f}" for value, gone in zip(filled.tolist(), missing.tolist(), strict=True)]
        return pa.array(texts, pa.string()).cast(kind)
    if types.is_floating(kind):
        narrow = np.where(missing, np.nan, numbers).astype(kind.to_pandas_dtype())
        return pa.array(narrow, kind, mask=None if nan else missing)
    if types.is_integer(kind):
        return pa.array(np.round(filled).astype(np.int64), pa.int64(), mask=missing).cast(kind)
    if types.is_date32(kind):
        return pa.array(np.floor(filled / 86_400).astype(np.int32), pa.int32(), mask=missing).cast(kind)
    per_second = _UNITS[getattr(kind, "unit", "ms")]
    whole = np.floor(filled)
    # Seconds in 64 bits hold microseconds: nanoseconds below are rounding.
    rest = np.round((filled - whole) * min(per_second, 1_000_000)).astype(np.int64) * max(per_second // 1_000_000, 1)
    units = whole.astype(np.int64) * per_second + rest
    return pa.array(units if kind.bit_width == 64 else units.astype(np.int32), mask=missing).cast(kind)


def check_finite(numbers: Float64[np.ndarray, " n"], name: str) -> None:
    """Raise a DataError that names the rows where a number is infinite."""
    rows = np.flatnonzero(np.isinf(numbers))
    if len(rows):
        shown = ", ".join(f"{row + 1:,}" for row in rows[:5]) + (f" and {len(rows) - 5:,} more" if len(rows) > 5 else "")
        raise DataError(f"Column {name!r} is infinite in row {shown}. Replace infinite values, or leave them empty.")
