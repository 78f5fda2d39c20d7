"""Before training on a table: what is hard about it, which recipe to start with, and how long that takes on this machine."""

import contextlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sparring import recipes
from sparring.core.errors import DataError
from sparring.core.formatting import flags, plural
from sparring.data.orders.suggest_orders import suggest_orders
from sparring.data.tables.columns import Column
from sparring.data.tables.table_spec import TableSpec
from sparring.data.tables.table_store import TableReading, prepare_table
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.orders_advice import advise_orders
from sparring.health.doctor.series_advice import advise_series
from sparring.health.doctor.series_command import suggestion_for
from sparring.health.doctor.time_estimate import Pace, duration, measure_pace, two_figures
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from sparring.data.tables.inspect_table import TableInspection

RECIPE = "tabular-ar"
"""In docs/benchmarks/tables.md it has the best scores of all recipes, after half the seconds."""
FEW_ROWS = 500
MANY_CATEGORIES = 1000
GAPPY = 0.5
RARE_LABEL = 0.05
"""A column of two values that has one of them in fewer rows than this share may be of interest by itself."""


@dataclass(frozen=True, eq=False)
class TableAdvice:
    """What to know before training on a table."""

    data: str
    """The path of the table, or its name."""
    inspection: "TableInspection"
    difficulties: tuple[Difficulty, ...]
    """What is hard, the most severe first."""
    settings: Mapping[str, Any]
    """Settings of training: keywords for `sparring.train`."""
    pace: Pace
    rows_shown: int
    """Number of rows after which training ends by itself."""

    @property
    def command(self) -> str:
        """The command to start with."""
        return " ".join(["sparring train", RECIPE, "--data", shlex.quote(self.data), *flags(self.settings)])

    def lines(self) -> list[str]:
        """The advice in lines for the terminal."""
        plan, found = self.inspection.plan, self.inspection
        hard = [one.name for one in self.difficulties if one.severity != "note"]
        relations = plural(len(plan.constraints), "relation holds", "relations hold")
        lines = [
            f"{self.data}: {plural(found.rows, 'row', 'rows')} of {plural(len(found.columns), 'column', 'columns')}.",
            f"A model learns {len(plan.modeled)} of them; {relations} in every row, and will in every synthetic row (in full: sparring "
            f"data inspect {shlex.quote(self.data)}).",
            f"Hard here: {', '.join(hard)}." if hard else "Nothing is hard here.",
        ]
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.description}", f"  To do: {each.remedy}"]
        passes, minutes = self.rows_shown / found.rows, duration(self.pace.minutes_for(self.rows_shown))
        return [
            *lines,
            *("", "Start with:", "", f"  {self.command}", ""),
            f"{RECIPE} scores best of all recipes for tables. tabular is the GAN; ctgan and tvae are the published systems.",
            f"Here ({self.pace.machine}): {two_figures(self.pace.samples_per_second)} rows a second. Training ends by itself after "
            f"{two_figures(passes)} passes through the table, in about {minutes}.",
        ]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "data": self.data,
            "count": self.inspection.rows,
            "recipe": RECIPE,
            "command": self.command,
            "settings": dict(self.settings),
            "columns": [column.to_json() for column in self.inspection.columns],
            "constraints": [str(each) for each in self.inspection.plan.constraints],
            "difficulties": [asdict(one) for one in self.difficulties],
            "pace": asdict(self.pace),
            "minutes": {"good": self.pace.minutes_for(self.rows_shown)},
        }


def advise_table(source: str | os.PathLike[str], training: TrainSettings) -> TableAdvice | KindAdvice:
    """What is hard about a table, what to start with, and how long that takes here; of one that looks like time series, about these. A few
    steps are trained to find out. `training`: with resolved settings. Raises a DataError for what is no table that can be learned.
    """
    from sparring.data.tables.inspect_table import inspect_table  # noqa: PLC0415 (an extra)

    data = os.fspath(source)
    inspection = inspect_table(data)
    if (suggestion := suggestion_for(inspection)) is not None:
        with contextlib.suppress(DataError):  # too short for windows: a plain table
            return advise_series(data, suggestion, training)
    if (roles := suggest_orders(inspection.columns, inspection.values)) is not None:
        with contextlib.suppress(DataError):  # unusable as orders: a plain table
            return advise_orders(data, roles, training)
    texts = tuple(column.name for column in inspection.columns if column.kind == "text")
    dataset = prepare_table(data, TableReading(drop=texts))
    recipe = recipes.get(RECIPE)()
    pace, rows = measure_pace(recipe, dataset, training), recipe.enough_samples(dataset.spec, len(dataset))
    assert rows is not None
    settings = ({"minutes": training.minutes} if training.minutes else {}) | ({"drop": texts} if texts else {})
    hard = [*table_difficulties(inspection, busy_machine(pace.share)), *rare_labels(data, inspection, dataset.spec)]
    return TableAdvice(data, inspection, tuple(sorted(hard, key=lambda one: -WEIGHTS[one.severity])), settings, pace, rows)


def table_difficulties(inspection: "TableInspection", busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about a table."""
    found = [] if busy is None else [busy]
    rows = inspection.rows
    if rows < FEW_ROWS:
        description = f"{rows:,} rows. A model can learn them by repeating them, and then gives away what it should protect."
        remedy = "Look at the copies that sparring judge RUN finds before you share anything, and train for few minutes."
        found.append(Difficulty("few rows", description, "severe" if rows < FEW_ROWS // 5 else "warning", remedy))
    if texts := [column.name for column in inspection.columns if column.kind == "text"]:
        description = f"{', '.join(texts)}: a model of tables does not learn text."
        found.append(Difficulty("free text", description, "warning", "The command below leaves it out."))
    if wide := [column.name for column in inspection.columns if len(categories_of(inspection, column)) > MANY_CATEGORIES]:
        description = f"{', '.join(wide)}: over {MANY_CATEGORIES:,} categories, most of them rare: what goes with each is hardly learned."
        remedy = "Is it an identifier? Then say so in table.json. Else join rare categories before training."
        found.append(Difficulty("many categories", description, "warning", remedy))
    if gappy := [name for name, count in inspection.gaps.items() if count > GAPPY * rows]:
        description = f"{', '.join(gappy)}: most values are missing."
        found.append(Difficulty("gaps", description, "note", "Gaps are learned like values. Leave out what is of no use, with --drop."))
    return found


def rare_labels(data: str, inspection: "TableInspection", spec: TableSpec) -> list[Difficulty]:
    """Columns that say yes of few rows, which are perhaps what somebody wants to find in others."""
    dates = [column.name for column in inspection.columns if column.kind == "datetime"]
    found = []
    for encoding in spec.encodings:
        share = min(encoding.shares[:2])
        if encoding.kinds == 2 and not encoding.pieces and 0 < share < RARE_LABEL:
            name, when = shlex.quote(encoding.name), f" --time {shlex.quote(dates[0])}" if dates else ""
            description = f"{encoding.name}: {share:.2%} of the rows have the rarer of its two values."
            remedy = "To find such rows among new ones, with probabilities and reasons: "
            command = f"sparring train fraudgan --data {shlex.quote(data)} --target {name}{when}"
            found.append(Difficulty("rare label", description, "note", remedy + command))
    return found


def categories_of(inspection: "TableInspection", column: Column) -> tuple[str, ...]:
    """The categories of a column; empty for other kinds of columns."""
    facts = inspection.plan.facts.get(column.name)
    return facts.categories if facts is not None and column.kind == "category" else ()
