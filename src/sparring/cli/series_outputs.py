"""What the commands on time series write and print."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from sparring.core.errors import SettingsError, SparringError, listed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDEST = 160
"""Number of letters that a table may be wide, where the screen is narrower or none: lines are then broken by the screen."""


def check_outputs(chart: Path, json: Path, *tables: Path | None) -> None:
    """Raise a SettingsError that lists all files that cannot be written, before anything is computed."""
    from sparring.data.tables.writing import output_table_kind

    problems = []
    if chart.suffix.lower() != ".png":
        problems.append(f"The chart is a .png, not {chart}.")
    if json.suffix.lower() != ".json":
        problems.append(f"The figures are a .json, not {json}.")
    for table in tables:
        try:
            if table is not None:
                output_table_kind(table)
        except SparringError as problem:
            problems.append(str(problem))
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These files cannot be written:", problems))


def save_chart(image: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Write a chart as PNG, whole or not at all."""
    from PIL import Image

    from sparring.core.atomic_files import replacing

    with replacing(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG", optimize=True)


def table_of(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """A table for the screen: text on the left, numbers on the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def show(screen: "Console", tables: Sequence["Table"]) -> None:
    """Print tables, none of whose cells are cut off."""
    from rich.console import Console

    wide = Console(width=max(WIDEST, screen.width), color_system=None)
    for table in tables:
        title, table.title = table.title, None  # which would be broken at the width of the table
        screen.print(title)
        with wide.capture() as captured:
            wide.print(table)
        screen.print("\n".join(line.rstrip() for line in captured.get().splitlines()))
