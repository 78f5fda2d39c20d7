"""Tables that commands print."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDEST = 160
"""Number of letters that a table may be wide, where the screen is narrower or none: lines are then broken by the screen."""


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
