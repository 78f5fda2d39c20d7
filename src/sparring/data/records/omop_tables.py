"""A folder of OMOP tables as one long table: conditions, drugs and procedures of persons, with the dates on which they began."""

from pathlib import Path

import numpy as np

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.records.record_columns import texts_of
from sparring.data.records.records_reading import OMOP_CONCEPTS, OMOP_EVENTS, RecordsReading, omop_files
from sparring.data.tables.arrow import pa
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable
from sparring.data.tables.typed_tables import typed_table

NO_CONCEPT = "0"
"""What OMOP writes where the source's code has no concept."""


def read_omop_folder(folder: Path, reading: RecordsReading) -> tuple[RawTable, list[str], dict[str, str]]:
    """One long table of persons, concepts and dates; what was found, in sentences; and names of concepts. DataError if there is no table of
    events, columns are not there, or settings name columns.
    """
    files = omop_files(folder)
    events = {name: path for name, path in files.items() if name in OMOP_EVENTS}
    if not events:
        raise DataError(
            f"{folder} is a folder without OMOP tables. It needs one of: {', '.join(OMOP_EVENTS)} (as .csv or .parquet). Or name a file."
        )
    if named := reading.columns():
        flags = " and ".join(f"--{use}" for use in named)
        raise DataError(f"{folder} is a folder of OMOP tables, whose columns are known. Leave {flags} out.")
    problems, parts, notes = [], [], []
    for name, path in events.items():
        table = read_table(path).table
        table = table.rename_columns([column.lower() for column in table.column_names])
        wanted = ("person_id", *OMOP_EVENTS[name])
        problems += [
            f"{path.name} has no column {each!r}. {did_you_mean(each, table.column_names)}"
            for each in wanted
            if each not in table.column_names
        ]
        if not problems:
            parts.append(table.select(list(wanted)).rename_columns(["person_id", "concept_id", "date"]))
            notes.append(f"{path.name}: {plural(table.num_rows, 'row', 'rows')}.")
    if problems:
        raise DataError(listed(f"{folder} cannot be read as OMOP tables:", problems))
    joined = _joined(parts)
    codes = texts_of(joined.column("concept_id"))
    unknown = np.zeros(joined.num_rows, bool)
    if NO_CONCEPT in codes.texts:
        unknown = codes.codes == codes.texts.index(NO_CONCEPT)
        notes.append(f"{plural(int(unknown.sum()), 'row has', 'rows have')} the concept 0, which stands for none, and are left out.")
    kept = joined.filter(pa.array(~unknown))
    return typed_table(kept, "parquet", folder.name), notes, _concept_names(files.get(OMOP_CONCEPTS))


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Tables one below the other: with their types if these are the same, else as text."""
    if len({str(part.schema.types) for part in parts}) == 1:
        return pa.concat_tables(parts)
    return pa.concat_tables([part.cast(pa.schema([(name, pa.string()) for name in part.column_names])) for part in parts])


def _concept_names(path: Path | None) -> dict[str, str]:
    """Names of concepts by their ids; none without a table of concepts."""
    if path is None:
        return {}
    table = read_table(path).table
    table = table.rename_columns([column.lower() for column in table.column_names])
    if not {"concept_id", "concept_name"} <= set(table.column_names):
        return {}
    ids, names = (table.column(name).cast(pa.string()).to_pylist() for name in ("concept_id", "concept_name"))
    return {str(code): str(name) for code, name in zip(ids, names, strict=True) if code and name}
