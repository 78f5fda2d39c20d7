"""`sparring data inspect` for tables: prints what was found, and writes a table.json to edit."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.data.tables.inspect_table import TableInspection


def inspect_table_file(data: str, out: Path | None, for_images: Mapping[str, object]) -> int:
    """Print what a table is and write its table.json. SettingsError if a flag of `for_images` was given, or `out` has another ending."""
    from sparring.data.tables.inspect_table import inspect_table, write_choices

    if given := [flag for flag, value in for_images.items() if value is not None]:
        raise SettingsError(
            f"{data} is a table, and {' and '.join(given)} {'is' if len(given) == 1 else 'are'} for images. Leave that out."
        )
    if out is not None and out.suffix.lower() != ".json":
        raise SettingsError(f"What is written of a table is a .json file, so --out cannot be {out}.")
    screen = console()
    inspection = inspect_table(data)
    for line in inspection.lines():
        screen.print(line)
    out = out or Path(f"{_stem(data)}-table.json")
    write_choices(inspection, out)
    screen.print(f"To change a kind, leave out a column or switch off a constraint, edit: {out}")
    for line in _series_lines(data, inspection) or _orders_lines(data, inspection):
        screen.print(line)
    return 0


def _orders_lines(data: str, inspection: "TableInspection") -> list[str]:
    """How to train on a table that looks like a log of orders."""
    from sparring.data.orders.suggest_orders import suggest_orders
    from sparring.health.doctor.series_command import train_command

    roles = suggest_orders(inspection.columns, inspection.values)
    if roles is None:
        return []
    return [
        "",
        f"This looks like a log of orders: who ({roles['customer']}) bought what ({roles['product']}) when ({roles['time']}).",
        "To train on it as such, and ask for the customers, seasons and prices of a product:",
        f"  {train_command('ecgan', data, roles)}",
    ]


def _series_lines(data: str, inspection: "TableInspection") -> list[str]:
    """How to train on a table that looks like time series."""
    from sparring.health.doctor.series_command import recipe_for, suggestion_for, train_command

    suggestion = suggestion_for(inspection)
    if suggestion is None:
        return []
    command = train_command(recipe_for(suggestion), data, suggestion.settings)
    return [
        "",
        suggestion.sentence,
        "To train on it as such, in place of a table whose rows have nothing to do with each other:",
        f"  {command}",
    ]


def _stem(data: str) -> str:
    name = Path(data).name
    return Path(name.removesuffix(".gz")).stem
