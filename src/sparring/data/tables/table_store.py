"""Tables that are read and checked once, then mapped into memory: codes and positions of all rows, in the cache."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int32

from sparring.core.atomic_files import cache_folder, read_json, replacing, sha256_of_file, write_json
from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.date_parts import DAY, TIME_OF_DAY, join_dates, split_dates
from sparring.data.tables.encoding import fit_encoding
from sparring.data.tables.table_dataset import RowsByCategory, TableDataset
from sparring.data.tables.table_files import bundled_table
from sparring.data.tables.table_plan import TablePlan
from sparring.data.tables.table_spec import TableSpec

FORMAT = 3
"""Version of the folder's format: when it changes, all tables are prepared again."""
CODES, POSITIONS, DESCRIPTION = "codes.npy", "positions.npy", "table.json"
NumbersAs = Literal["quantiles", "modes"]
RowsBy = Literal["order", "log frequency"]


@dataclass(frozen=True, kw_only=True)
class TableReading:
    """How a table becomes a dataset."""

    table: str | None = None
    """A table.json that says what each column is (`sparring data inspect` writes one). None: found from the values."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""


def prepare_table(source: Any, reading: TableReading, *, numbers_as: NumbersAs = "quantiles", rows_by: RowsBy = "order") -> TableDataset:  # noqa: ANN401 (a path or a frame)
    """The rows of a table, from the cache where a file with that content was prepared before. DataError if it cannot be used."""
    from sparring.data.tables.open_table import open_table  # noqa: PLC0415 (an extra)

    folder = _folder_of(source, reading, numbers_as)
    if folder is not None and (folder / DESCRIPTION).is_file():
        return _opened(folder, rows_by)
    plan, values = open_table(source, table=None if reading.table is None else Path(reading.table), drop=reading.drop)
    learned = learned_values(plan, values)
    steps = {column.name: DAY if column.name + TIME_OF_DAY in learned else column.step for column in plan.columns}
    encodings = tuple(fit_encoding(name, each, step=steps.get(name), modes=numbers_as == "modes") for name, each in learned.items())
    spec = TableSpec(encodings, plan.to_json())
    codes, positions = spec.encode(learned)
    fingerprint = fingerprint_of(plan.columns, values)
    if folder is None:
        return _dataset(spec, codes, positions, fingerprint, rows_by)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in ((CODES, codes), (POSITIONS, positions)):
        with replacing(folder / name) as path, path.open("wb") as file:
            np.save(file, array)
    write_json(folder / DESCRIPTION, {"spec": spec.to_json(), "fingerprint": fingerprint})
    return _opened(folder, rows_by)


def learned_values(plan: TablePlan, values: TableValues, spec: TableSpec | None = None) -> dict[str, ColumnValues]:
    """What a model learns of a table: its plan's reduced values, with dates and times apart (as in `spec`, if given)."""
    names = None if spec is None else {encoding.name for encoding in spec.encodings}
    return split_dates(plan.reduce(values), plan.columns, tuple(plan.arrangement.lows), names)


def whole_values(plan: TablePlan, learned: TableValues, n: int, seed: int, first: int = 0) -> dict[str, ColumnValues]:
    """All columns of `n` rows, from what a model has made of `learned_values`. See `TablePlan.restore`."""
    joined = join_dates(learned, {column.name: column for column in plan.columns})
    return plan.restore(joined, n, seed, first)


def _folder_of(source: Any, reading: TableReading, numbers_as: str) -> Path | None:  # noqa: ANN401
    """Where a file is kept once it is prepared; None for frames, which have no file."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = bundled_table(source) or Path(source).expanduser()
    if not path.is_file():
        return None
    table = "" if reading.table is None else sha256_of_file(Path(reading.table)) if Path(reading.table).is_file() else "absent"
    key = json.dumps([FORMAT, path.name, sha256_of_file(path), table, list(reading.drop), numbers_as])
    return cache_folder() / "tables" / hashlib.sha256(key.encode()).hexdigest()[:32]


def _opened(folder: Path, rows_by: str) -> TableDataset:
    about = read_json(folder / DESCRIPTION)
    codes, positions = np.load(folder / CODES, mmap_mode="r"), np.load(folder / POSITIONS, mmap_mode="r")
    return _dataset(TableSpec.from_json(about["spec"]), codes, positions, about["fingerprint"], rows_by)


def _dataset(
    spec: TableSpec, codes: Int32[np.ndarray, "n c"], positions: Float32[np.ndarray, "n c"], fingerprint: str, rows_by: str
) -> TableDataset:
    return (TableDataset if rows_by == "order" else RowsByCategory)(spec, codes, positions, fingerprint)


def fingerprint_of(columns: Sequence[Column], values: TableValues) -> str:
    """A digest of what a table says, whatever the recipe makes of it."""
    digest = hashlib.sha256(json.dumps([column.to_json() for column in columns], sort_keys=True).encode())
    for name in sorted(values):
        array = values[name].numbers if values[name].numbers is not None else values[name].codes
        assert array is not None
        digest.update(json.dumps([name, values[name].categories]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
