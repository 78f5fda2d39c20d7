"""`sparring complete`: fill the gaps of a table."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console


def complete(
    run: Run,
    table: Annotated[Positional[Path], arg(metavar="TABLE", help="The table to complete. Columns may be empty, or not there.")],
    out: Path | None = None,
    seed: int = 0,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Fill missing cells of a table with a trained model of such tables. Cells that are known stay as they are.

    Args:
        out: The table to write. Default: TABLE-complete, with the ending of the table.
        seed: Seed of the values.
    """
    from sparring import api
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.inference.table_rows import complete_table, save_rows

    out = out or table.with_name(f"{table.stem}-complete{table.suffix}")
    output_table_kind(out)  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    values, filled = complete_table(model, table, seed=seed)
    save_rows(model, values, out)
    console().print(f"{plural(filled, 'cell', 'cells')} filled: {out}", highlight=False)
    return 0
