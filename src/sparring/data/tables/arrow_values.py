"""From a table to arrays and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sparring.data.tables.arrow import pa
from sparring.data.tables.columns import BOOLEAN, Column, ColumnValues, TableValues
from sparring.data.tables.date_text import read_dates, write_dates
from sparring.data.tables.distinct_values import DistinctTexts, distinct_texts, from_text, numbers_of, numbers_to_arrow
from sparring.data.tables.duration_text import read_durations, write_durations
from sparring.data.tables.number_text import read_numbers, write_numbers
from sparring.data.tables.table_format import RawTable, TableFormat
from sparring.data.tables.typed_tables import schema_of

_READERS = {"number": read_numbers, "datetime": read_dates, "duration": read_durations}
_WRITERS = {"number": write_numbers, "datetime": write_dates, "duration": write_durations}


def values_of(raw: RawTable, columns: Sequence[Column]) -> dict[str, ColumnValues]:
    """The values of the columns (those of `infer_columns`, or some of them) as arrays."""
    return {column.name: _values(raw.table.column(column.name), column) for column in columns}


def _values(values: pa.ChunkedArray, column: Column) -> ColumnValues:
    if column.is_numeric and not column.text:
        return ColumnValues(numbers=numbers_of(values, column.name))
    if pa.types.is_floating(values.type):  # NaN is missing here, too
        values = pa.chunked_array([pa.array(values.to_numpy(), values.type, from_pandas=True)])
    distinct = _present(distinct_texts(values), column)
    if column.is_numeric:
        assert column.text
        numbers = np.append(_READERS[column.text["as"]](distinct.texts, column.text), np.nan)
        return ColumnValues(numbers=numbers[distinct.codes])
    if column.kind == "boolean":
        return _booleans(distinct, column)
    if pa.types.is_dictionary(values.type):
        return ColumnValues(codes=distinct.codes, categories=tuple(distinct.texts))
    order = np.argsort(np.array(distinct.texts, dtype=object), kind="stable") if distinct.texts else np.zeros(0, int)
    ranks = np.empty(len(order) + 1, np.int32)
    ranks[order], ranks[-1] = np.arange(len(order), dtype=np.int32), -1
    return ColumnValues(codes=ranks[distinct.codes], categories=tuple(distinct.texts[index] for index in order))


def _present(distinct: DistinctTexts, column: Column) -> DistinctTexts:
    for text in (column.text or {}).get("missing_texts", ()):
        distinct = distinct.without(text)
    return distinct


def _booleans(distinct: DistinctTexts, column: Column) -> ColumnValues:
    words = (column.text or {}).get("words") or _boolean_words(column.arrow_type)
    places = np.array([*(words.index(text) for text in distinct.texts), -1], np.int32)
    return ColumnValues(codes=places[distinct.codes], categories=BOOLEAN)


def _boolean_words(arrow_type: str) -> list[str]:
    return ["false", "true"] if arrow_type == "bool" else ["0", "1"]


def table_of(values: TableValues, columns: Iterable[Column], form: TableFormat, *, typed: bool = False) -> pa.Table:
    """The inverse of `values_of`: a table of the source's types, or of text as the source writes it.

    With `typed`, what a text file holds becomes numbers, dates and booleans instead, for files that have types.
    """
    schema = schema_of(form)
    arrays, fields = [], []
    for column in columns:
        field = schema.field(column.name) if schema is not None else pa.field(column.name, pa.string())
        if schema is None and typed:
            array = _natural(values[column.name], column)
            field = pa.field(column.name, array.type)
        else:
            array = _array(values[column.name], column, field.type, nan=column.name in form.nan_columns)
        arrays.append(array)
        fields.append(field)
    return pa.table(arrays, schema=pa.schema(fields, schema.metadata if schema is not None else None))


def _array(values: ColumnValues, column: Column, kind: pa.DataType, *, nan: bool = False) -> pa.Array:
    text = column.text or {}
    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    if values.numbers is not None:
        if not text:
            return numbers_to_arrow(values.numbers, kind, nan=nan)
        return _texts(values.numbers, text).cast(kind)
    assert values.codes is not None
    words = text.get("words") or _boolean_words(column.arrow_type) if column.kind == "boolean" else list(values.categories)
    if pa.types.is_dictionary(kind):
        dictionary = from_text(pa.array(words, pa.string()), kind.value_type)
        indices = pa.array(np.maximum(values.codes, 0), pa.int32(), mask=values.codes < 0).cast(kind.index_type)
        return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=kind.ordered)
    texts = pa.array([*words, text.get("missing")], pa.string()).take(pa.array(np.where(values.codes < 0, len(words), values.codes)))
    array = from_text(texts, kind)
    return array.fill_null(float("nan")) if nan else array


def _texts(numbers: np.ndarray, text: Mapping[str, Any]) -> pa.Array:
    distinct, where = np.unique(numbers, return_inverse=True)  # all NaN are one
    missing = bool(len(distinct)) and bool(np.isnan(distinct[-1]))
    present = distinct[:-1] if missing else distinct
    written = [*_WRITERS[text["as"]](present, text), *([text.get("missing")] if missing else [])]
    return pa.array(written, pa.string()).take(pa.array(where.reshape(-1)))


def _natural(values: ColumnValues, column: Column) -> pa.Array:
    """The values in the type that fits them."""
    if values.codes is not None:
        texts = _array(values, column if column.kind != "boolean" else _without_words(column), pa.string())
        return texts.cast(pa.bool_()) if column.kind == "boolean" else texts
    assert values.numbers is not None
    numbers, text = values.numbers, column.text or {}
    if column.kind == "duration":
        return numbers_to_arrow(numbers, pa.duration("us"))
    if column.kind == "datetime":
        zone = text.get("zone") or ("UTC" if text.get("offset") or str(text.get("pattern", "")).endswith("UTC") else None)
        return numbers_to_arrow(numbers, pa.date32() if column.step == 86_400.0 and zone is None else pa.timestamp("us", zone))
    whole = column.step is not None and column.step == round(column.step)
    return numbers_to_arrow(
        numbers, pa.int64() if whole and bool((np.round(numbers) == numbers)[~np.isnan(numbers)].all()) else pa.float64()
    )


def _without_words(column: Column) -> Column:
    return Column(column.name, "boolean", column.reason, "bool", text={"missing": None})
