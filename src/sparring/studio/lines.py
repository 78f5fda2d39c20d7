"""The answers of the tab Steer for models that make lines of tables: rows, order lines, patients, and windows of series."""

import csv
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sparring.games.capabilities import MakesOrders, MakesRecords, MakesRows, SimulatesSeries
from sparring.inference.orders_of_model import draw_orders, orders_spec_of, save_orders
from sparring.inference.paths import save_series_table, windows_table
from sparring.inference.patients import draw_patients, records_spec_of, save_patients
from sparring.inference.series_of_model import series_spec_of
from sparring.inference.table_rows import draw_rows, plan_of, save_rows, table_spec_of
from sparring.studio import same_file
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel

MOST_SHOWN, MOST_SAVED = 200, 10_000
"""Number of samples that the page shows at most, and that it saves."""
MOST_DRAWN = 16_384
"""Number of rows after which a search for rare ones gives up: others wait meanwhile."""
MOST_VALUES = 100
"""Number of values of a column that are offered for a condition."""
MOST_LINES = 20_000
"""Number of lines of windows and patients that are shown: each has several."""
ABILITIES = (MakesOrders, MakesRows, MakesRecords, SimulatesSeries)


def described(opened: OpenModel) -> dict[str, Any]:
    """What the page needs to know: what a sample is, and which columns conditions may name."""
    model = opened.model
    if isinstance(model.game, MakesRows):
        known = {encoding.name: [*encoding.categories[:MOST_VALUES]] for encoding in table_spec_of(model).encodings}
        named = [column.name for column in plan_of(model).columns if column.kind not in ("identifier", "text", "constant")]
        columns = [{"name": name, "values": known.get(name, [])} for name in named]
        return {"view": "lines", "items": "rows", "columns": columns}
    if isinstance(model.game, MakesOrders):
        columns = [{"name": column.name, "values": []} for column in orders_spec_of(model).roles.values()]
        return {"view": "lines", "items": "order lines", "columns": columns}
    if isinstance(model.game, MakesRecords):
        return {"view": "lines", "items": "patients", "columns": []}
    return {"view": "curves", "items": "windows", "columns": [], "values": [column.name for column in series_spec_of(model).values]}


def drawn(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """Samples as the columns and lines of a table, and how large a share of what was drawn meets the conditions."""
    number, content, share, delimiter = _csv(asked, opened, MOST_SHOWN)
    table = list(csv.reader(io.StringIO(content.decode("utf-8", "replace")), delimiter=delimiter))
    about = {"columns": table[0] if table else [], "lines": table[1 : MOST_LINES + 1], "number": number, "share": share}
    return {**about, **_same(asked, opened, number).to_json()}, b""


def saved(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """The same, as the file that `sparring sample --out lines.csv` writes."""
    number, content, _, _ = _csv(asked, opened, MOST_SAVED)
    return {"name": "lines.csv", **_same(asked, opened, number).to_json()}, content


def _same(asked: Asked, opened: OpenModel, number: int) -> same_file.SameFile:
    game = opened.model.game
    frame = "patients" if isinstance(game, MakesRecords) else "" if isinstance(game, SimulatesSeries) else "rows"
    return same_file.lines(opened, number, asked.whole("seed", 0, 0), asked.texts("where"), frame=frame)


def _csv(asked: Asked, opened: OpenModel, most: int) -> tuple[int, bytes, float, str]:
    """The number of samples, a CSV file of them, the share of what was drawn that was kept, and what stands between cells."""
    number, seed, where = asked.whole("number", min(20, most), 1, most), asked.whole("seed", 0, 0), asked.texts("where")
    model, share = opened.model, 1.0

    def written(write: Callable[[Path], object]) -> bytes:  # in a folder of its own, gone at once: writers want a file
        with tempfile.TemporaryDirectory(prefix="sparring-studio-") as folder:
            write(Path(folder) / "lines.csv")
            return (Path(folder) / "lines.csv").read_bytes()

    if isinstance(model.game, MakesOrders):
        values, share = draw_orders(model, number, seed=seed, where=where, most_drawn=MOST_DRAWN)
        return number, written(lambda out: save_orders(model, values, out)), share, orders_spec_of(model).table_format.delimiter
    if isinstance(model.game, MakesRows):
        rows, share = draw_rows(model, number, seed=seed, where=where, most_drawn=MOST_DRAWN)
        form = plan_of(model).format
        return number, written(lambda out: save_rows(model, rows, out)), share, form.delimiter if form.kind == "csv" else ","
    if isinstance(model.game, MakesRecords):
        patients = draw_patients(model, number, seed=seed)
        return number, written(lambda out: save_patients(model, patients, out)), share, _delimiter(records_spec_of(model).source)
    spec = series_spec_of(model)
    table = windows_table(model, number, seed, typed=False)
    return number, written(lambda out: save_series_table(spec, table, out)), share, _delimiter(spec.source)


def _delimiter(source: Mapping[str, Any]) -> str:
    form = source["format"]
    return str(form.get("delimiter", ",")) if form.get("kind", "csv") == "csv" else ","
