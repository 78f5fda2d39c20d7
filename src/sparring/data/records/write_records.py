"""Records as tables: in the form that they came in, or as a matrix."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int32

from sparring.data.records.patient_records import PatientRecords
from sparring.data.records.records_spec import VISITS, RecordsSpec
from sparring.data.tables.arrow import pa
from sparring.data.tables.distinct_values import from_text
from sparring.data.tables.table_format import TableFormat
from sparring.data.tables.typed_tables import schema_of


def records_table(
    spec: RecordsSpec, counts: Int32[np.ndarray, "n codes"], visits: Int32[np.ndarray, " n"] | None, *, first: int = 0, typed: bool
) -> pa.Table:
    """Patients as a table like the one that was read: a long file, or a matrix. Patients are called by their numbers, from `first` + 1 on.
    `typed`: whether numbers of text files become numbers, for files that have types.
    """
    source = spec.source
    types = _types(source)
    patients = np.arange(first + 1, first + len(counts) + 1)
    if source["form"] == "matrix":
        return _matrix(spec, counts, visits, patients, types, typed=typed)
    rows, indices = np.nonzero(counts)
    codes = pa.array(list(spec.codes), pa.string())
    code_type = _plain(types.get(source["code"], pa.string()))
    columns = {
        source["patient"]: _numbers(patients[rows], types.get(source["patient"]), typed=typed),
        source["code"]: from_text(codes, code_type).take(pa.array(indices)),
    }
    if labels := source.get("labels"):
        names = pa.array([labels.get(code) for code in spec.codes], pa.string())
        columns[_free("concept_name", columns)] = names.take(pa.array(indices))
    if spec.counted or "count" in source:
        name = source.get("count", _free("count", columns))
        columns[name] = _numbers(counts[rows, indices], types.get(name), typed=typed)
    if visits is not None:
        name = source.get("visits", _free(VISITS, columns))
        columns[name] = _numbers(visits[rows], types.get(name), typed=typed)
    return pa.table(columns)


def _matrix(
    spec: RecordsSpec,
    counts: Int32[np.ndarray, "n codes"],
    visits: Int32[np.ndarray, " n"] | None,
    patients: np.ndarray,
    types: Mapping[str, pa.DataType],
    *,
    typed: bool,
) -> pa.Table:
    source, place = spec.source, {code: number for number, code in enumerate(spec.codes)}
    words, columns = source.get("words"), {}
    for name in source["order"]:
        if name in place:
            numbers = counts[:, place[name]]
            if words and not typed and not spec.counted:
                columns[name] = pa.array(words).take(pa.array(numbers > 0).cast(pa.int32()))
            else:
                columns[name] = _numbers(numbers, types.get(name), typed=typed)
        elif name == source.get("patient"):
            columns[name] = _numbers(patients, types.get(name), typed=typed)
        elif name == source.get("visits") and visits is not None:
            columns[name] = _numbers(visits, types.get(name), typed=typed)
    return pa.table(columns)


def _types(source: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """The types of the source's columns; none of text files."""
    schema = schema_of(TableFormat.from_json(source["format"]))
    return {} if schema is None else {field.name: field.type for field in schema}


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _numbers(numbers: np.ndarray, kind: pa.DataType | None, *, typed: bool) -> pa.Array:
    """Whole numbers in the type of the source's column; of text files as text, or as numbers for files that have types."""
    array = pa.array(np.asarray(numbers, np.int64))
    if kind is None:
        return array if typed else array.cast(pa.string())
    kind = _plain(kind)
    return pa.array(np.asarray(numbers) > 0) if pa.types.is_boolean(kind) else array.cast(kind)


def _free(name: str, taken: Mapping[str, object]) -> str:
    """The name of a column that is not there yet: that name, or with underscores after it."""
    while name in taken:
        name += "_"
    return name


def matrix_table(records: PatientRecords, *, counted: bool) -> pa.Table:
    """Patients as a matrix: a column for each code (0 or 1, or how often), and the number of visits after them, if it is known."""
    dense = records.dense() if counted else records.present()
    columns = {code: pa.array(dense[:, place].astype(np.int64)) for place, code in enumerate(records.codes)}
    if records.visits is not None:
        columns[_free(VISITS, columns)] = pa.array(np.asarray(records.visits, np.int64))
    return pa.table(columns)
