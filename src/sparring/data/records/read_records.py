"""Reads health records out of a long file, a folder of OMOP tables or a matrix, and says everything that is wrong with them at once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int32

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.records.omop_tables import read_omop_folder
from sparring.data.records.patient_records import PatientRecords, from_dense, from_entries
from sparring.data.records.record_columns import days_of, number_in, refuse_missing, texts_of, whole_numbers
from sparring.data.records.records_reading import RecordsReading
from sparring.data.tables.reading import read_table
from sparring.data.tables.table_format import RawTable

FEWEST_PATIENTS = 2
MOST_COUNT = 2**31 - 1
"""Largest count that is kept as it is."""


@dataclass(frozen=True, eq=False)
class RawRecords:
    """Records as they were read."""

    records: PatientRecords
    name: str
    """What messages call the source."""
    source: Mapping[str, Any]
    """For JSON: "form" (long or matrix), "format" (a TableFormat), and the names of its columns, for models to write records like it."""
    notes: tuple[str, ...]
    """What was found and done, in sentences."""


def read_records(source: Any, reading: RecordsReading) -> RawRecords:  # noqa: ANN401 (a path or any library's frame)
    """Read records (see `RecordsReading`). A DataError lists everything that keeps them from being used."""
    reading = reading.for_source(source)
    if isinstance(source, str | Path) and Path(source).expanduser().is_dir():
        raw, notes, labels = read_omop_folder(Path(source).expanduser(), reading)
        reading = replace(reading, patient="person_id", code="concept_id", time="date")
    else:
        raw, notes, labels = read_table(source), [], {}
    refuse_unknown_columns(raw, reading)
    found = _read_long(raw, reading) if reading.code is not None else _read_matrix(raw, reading)
    records, noted = _without_rare_codes(found.records, reading.min_patients)
    problems = _problems_of(records, matrix=reading.code is None)
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as health records:", problems))
    known = {code: labels[code] for code in records.codes if code in labels}
    return RawRecords(records, raw.name, {**found.source, **({"labels": known} if known else {})}, (*notes, *found.notes, *noted))


def refuse_unknown_columns(raw: RawTable, reading: RecordsReading) -> None:
    """Raise a DataError that names all columns that are asked for and not there, or asked for twice."""
    names, chosen = raw.table.column_names, reading.columns()
    problems = [f"There is no column {name!r} for {use}. {did_you_mean(name, names)}" for use, name in chosen.items() if name not in names]
    every = list(chosen.values())
    problems += [f"Column {name!r} is named twice: each has one use." for name in sorted({name for name in every if every.count(name) > 1})]
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as health records:", problems))


# ------------------------------------------------------------------------------------------------------------ long files


def _read_long(raw: RawTable, reading: RecordsReading) -> RawRecords:
    """One row for each code of a patient."""
    assert reading.patient is not None
    assert reading.code is not None
    problems: list[str] = []
    patients, codes = (texts_of(raw.table.column(name)) for name in (reading.patient, reading.code))
    problems += refuse_missing(patients.codes, f"no patient ({reading.patient!r})")
    problems += refuse_missing(codes.codes, f"no code ({reading.code!r})")
    counts = np.ones(raw.rows)
    if reading.count is not None:
        counts = whole_numbers(raw.table.column(reading.count), reading.count, problems)
    days = None
    if reading.time is not None:
        days = days_of(raw.table.column(reading.time), reading.time, problems)
        problems += _future(days, reading.time)
    stated = None if reading.visits is None else whole_numbers(raw.table.column(reading.visits), reading.visits, problems)
    if not problems and stated is not None:
        problems += _differing_visits(patients.codes, stated, reading.visits)
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as health records:", problems))
    order = np.argsort(np.array(codes.texts, object), kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    visits = _visits(patients.codes, len(patients.texts), days, stated)
    names = tuple(codes.texts[number] for number in order)
    records = from_entries(names, len(patients.texts), patients.codes, rank[codes.codes], np.minimum(counts, MOST_COUNT), visits)
    source = {"form": "long", "format": raw.format.to_json(), **reading.columns()}
    unused = [name for name in raw.table.column_names if name not in reading.columns().values()]
    notes = (f"Not used: {', '.join(unused)}.",) if unused else ()
    return RawRecords(records, raw.name, source, notes)


def _visits(owner: Int32[np.ndarray, " n"], patients: int, days: Float64[np.ndarray, " n"] | None, stated: np.ndarray | None) -> Any:  # noqa: ANN401
    """Number of visits of each patient: of different dates, or as it is stated; None where neither is known."""
    if days is not None:
        both = np.unique(np.stack([owner.astype(np.float64), days], axis=1), axis=0)
        return np.bincount(both[:, 0].astype(np.int64), minlength=patients).astype(np.int32)
    if stated is not None:
        found = np.zeros(patients, np.int32)
        found[owner] = stated
        return found
    return None


def _future(days: Float64[np.ndarray, " n"], name: str) -> list[str]:
    """A problem if dates lie after today; tomorrow counts as today, for clocks elsewhere."""
    late = np.flatnonzero(days > time.time() / 86_400 + 1)
    if not len(late):
        return []
    first = str(np.datetime64(int(days[late[0]]), "D"))
    return [f"{plural(len(late), 'row lies', 'rows lie')} in the future by {name!r}: row {late[0] + 1:,} has {first}. Correct the dates."]


def _differing_visits(owner: Int32[np.ndarray, " n"], stated: Float64[np.ndarray, " n"], name: str | None) -> list[str]:
    different = len(np.unique(np.stack([owner, stated]), axis=1).T) - len(np.unique(owner))
    if not different:
        return []
    many = plural(different, "patient has", "patients have")
    return [f"{many} several numbers of visits in {name!r}. A patient has one: repeat it in every row."]


# -------------------------------------------------------------------------------------------------------------- matrices


def _read_matrix(raw: RawTable, reading: RecordsReading) -> RawRecords:
    """One row for each patient, and a column for each code."""
    special = reading.columns()
    names = [name for name in raw.table.column_names if name not in special.values()]
    problems: list[str] = []
    if any(not name.strip() for name in names):
        problems.append("A column has no name, so its code is not known. Name it, or leave it out.")
    columns = [whole_numbers(raw.table.column(name), name, problems) for name in names]
    stated = None if reading.visits is None else whole_numbers(raw.table.column(reading.visits), reading.visits, problems)
    if reading.patient is not None:
        patients = texts_of(raw.table.column(reading.patient))
        problems += refuse_missing(patients.codes, f"no patient ({reading.patient!r})")
        repeated = int((np.bincount(patients.codes[patients.codes >= 0]) > 1).sum()) if len(patients.texts) else 0
        if repeated:
            problems.append(
                f"{plural(repeated, 'patient has', 'patients have')} several rows. In a matrix each has one; of a long file, name the "
                "column of the codes (--code)."
            )
    if problems:
        hint = "If it is a long file, with a row for each code of a patient, name the columns: --patient and --code."
        raise DataError("\n".join([listed(f"{raw.name} cannot be used as a matrix of patients and codes:", problems), hint]))
    counts = np.stack(columns, axis=1) if columns else np.zeros((raw.rows, 0))
    visits = None if stated is None else stated.astype(np.int32)
    records = from_dense(tuple(names), np.minimum(counts, MOST_COUNT).astype(np.int32), visits)
    source = {"form": "matrix", "format": raw.format.to_json(), **special, "order": raw.table.column_names, "words": _words(raw, names)}
    return RawRecords(records, raw.name, source, ())


def _words(raw: RawTable, names: list[str]) -> list[str] | None:
    """How a text file writes 0 and 1, if it does so in the same way everywhere."""
    if raw.format.schema:
        return None
    texts = {text for name in names for text in texts_of(raw.table.column(name)).texts}
    by_number = {number_in(text): text for text in texts}
    return [by_number[0.0], by_number[1.0]] if len(texts) == 2 and set(by_number) == {0.0, 1.0} else None


# ---------------------------------------------------------------------------------------------------------- what was read


def _without_rare_codes(records: PatientRecords, fewest: int) -> tuple[PatientRecords, list[str]]:
    """The records without codes that fewer patients have, and what was left out."""
    patients = records.patients_of_codes()
    kept = patients >= fewest
    if kept.all() or fewest <= 1:
        return records, []
    many = plural(int((~kept).sum()), "code", "codes")
    note = f"{many} of fewer than {plural(fewest, 'patient', 'patients')} left out (--min-patients)."
    return records.with_codes([code for code, keep in zip(records.codes, kept, strict=True) if keep]), [note]


def _problems_of(records: PatientRecords, *, matrix: bool) -> list[str]:
    """What keeps records from being learned."""
    found = []
    if len(records) < FEWEST_PATIENTS:
        many = plural(len(records), "patient", "patients")
        found.append(f"There is {many}: a model needs at least {FEWEST_PATIENTS}, and learns little of under 100.")
    if not len(records.indices):
        found.append("No patient has any code." + (" In a matrix, a 1 says that a patient has the code of the column." if matrix else ""))
    elif len(records) >= FEWEST_PATIENTS:
        sizes = np.diff(records.indptr)
        rows = records.indices.reshape(len(records), -1) if (sizes == sizes[0]).all() else None
        counts = records.counts.reshape(len(records), -1) if rows is not None else None
        if rows is not None and counts is not None and (rows == rows[0]).all() and (counts == counts[0]).all():
            found.append("All patients have the same codes: there is nothing to learn.")
    return found
