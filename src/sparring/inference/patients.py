"""Patients of models of health records: drawn, and written in the form that the data had."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparring.core.errors import SettingsError
from sparring.data.records.patient_records import PatientRecords
from sparring.data.records.records_spec import RecordsSpec
from sparring.data.tables.table_format import TableFormat
from sparring.games.capabilities import MakesRecords
from sparring.modalities.generated_records import generated_records

if TYPE_CHECKING:
    import pyarrow as pa

    from sparring.inference.model import Model


def records_spec_of(model: "Model") -> RecordsSpec:
    """What patients of the model are; a SettingsError if it is no model of health records."""
    if not isinstance(model.game, MakesRecords):
        raise SettingsError(f"{model.source} is no model of health records. Use it with: {model.use}")
    return model.game.records_spec


def draw_patients(model: "Model", n: int, *, seed: int = 0, first: int = 0) -> PatientRecords:
    """Patients `first` to `first + n - 1` of `seed`: the same however they are split into calls."""
    if n < 1 or first < 0:
        raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
    spec = records_spec_of(model)
    model.refuse_without_generator()
    return generated_records(model.game, spec, n, seed, first)


def patients_table(model: "Model", records: PatientRecords, *, first: int = 0, typed: bool = True) -> "pa.Table":
    """Patients as a table in the form of the data: a long file, or a matrix. They are called by their numbers, from `first` + 1 on."""
    from sparring.data.records.write_records import records_table  # noqa: PLC0415 (an extra)

    return records_table(records_spec_of(model), records.dense(), records.visits, first=first, typed=typed)


def patients_as_frame(model: "Model", n: int, *, seed: int = 0, first: int = 0) -> Any:  # noqa: ANN401 (the caller's kind of frame)
    """Patients as a frame of the kind that was trained on; an Arrow table if that was a file."""
    from sparring.data.tables.frames import to_frame  # noqa: PLC0415 (an extra)

    form = TableFormat.from_json(records_spec_of(model).source["format"])
    return to_frame(patients_table(model, draw_patients(model, n, seed=seed, first=first), first=first), form)


def save_patients(model: "Model", records: PatientRecords, out: Path) -> int:
    """Write patients in the kind of file that the ending names. The number of patients without a code, which a long file does not have."""
    from sparring.data.tables.writing import output_table_kind, write_table  # noqa: PLC0415 (an extra)

    spec = records_spec_of(model)
    table = patients_table(model, records, typed=output_table_kind(out) != "csv")
    write_table(table, out, replace(TableFormat.from_json(spec.source["format"]), header=True))
    return int((np.diff(records.indptr) == 0).sum()) if spec.source["form"] == "long" else 0
