"""`sparring data inspect` for health records: prints what was found, and writes a matrix, if asked to."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.data.records.records_reading import RecordsReading


def inspect_records_source(data: str, reading: "RecordsReading", out: Path | None, for_images: Mapping[str, object]) -> int:
    """Print what health records are, and how to train on them. `out`: a table to write, with a row for each patient. SettingsError if a
    flag of `for_images` was given.
    """
    from sparring.core.formatting import flags
    from sparring.core.settings_checks import non_default
    from sparring.data.records.inspect_records import RecordsInspection
    from sparring.data.records.records_store import prepare_records
    from sparring.data.records.write_records import matrix_table
    from sparring.data.tables.table_format import TableFormat
    from sparring.data.tables.writing import output_table_kind, write_table

    if given := [flag for flag, value in for_images.items() if value is not None]:
        raise SettingsError(f"{data} holds health records, and {' and '.join(given)} {'is' if len(given) == 1 else 'are'} for images.")
    if problems := reading.problems():
        raise SettingsError(" ".join(problems))
    if out is not None:
        output_table_kind(out)  # before anything is read
    screen = console()
    dataset, notes = prepare_records(data, reading)
    for line in RecordsInspection(Path(data).name, dataset, notes).lines():
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    command = " ".join(["sparring train medgan --data", shlex.quote(data), *flags(non_default(reading))])
    screen.print(f"\nTo train on them:\n  {command}", highlight=False, markup=False, soft_wrap=True)
    if out is not None:
        write_table(matrix_table(dataset.records(), counted=dataset.spec.counted), out, TableFormat("csv"))
        name = shlex.quote(str(out))
        screen.print(f"A row for each patient: {out} (for recipes of tables: sparring train tabular --data {name})", highlight=False)
    return 0
