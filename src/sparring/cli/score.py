"""`sparring score`: how likely rows of a table are frauds, with reasons."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.inference.score_rows import ScoredRows

SHOWN = 10


def score(
    run: Run,
    table: Annotated[Positional[Path], arg(metavar="TABLE", help="The rows to score. Labels and times need not be there.")],
    alerts: float = 0.01,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Give each row of a table the probability that it is a fraud, alerts to the most likely ones, and the reasons: cells that are far from
    what the other cells of the row let expect.

    Args:
        alerts: Share of the rows that get an alert.
        out: The table to write: TABLE with fraud_probability, fraud_alert and fraud_reasons. Default: TABLE-scored, with the ending of the
            table.
    """
    from sparring import api
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.inference.score_rows import save_scores

    out = out or table.with_name(f"{table.stem}-scored{table.suffix}")
    output_table_kind(out)  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    scored = api.score_rows(model, table, alerts=alerts)
    save_scores(scored, out)
    screen, n = console(), len(scored.probabilities)
    for line in (*unknown_lines(scored), *alert_lines(scored)):
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    expected = float(scored.probabilities[scored.alerts].sum())
    screen.print(
        f"{plural(n, 'row', 'rows')}, {plural(len(scored.alerts), 'alert', 'alerts')} from probability "
        f"{scored.probabilities[scored.alerts[-1]]:.3g} on, of which about {expected:,.1f} are frauds if the probabilities are right; in "
        f"all rows about {float(scored.probabilities.sum()):,.1f}. All rows: {out}",
        highlight=False,
        soft_wrap=True,
    )
    if scored.labels is not None:
        hits, frauds = int(scored.labels[scored.alerts].sum()), int(scored.labels.sum())
        screen.print(
            f"The table says which rows are frauds: {hits:,} of the {frauds:,} got an alert. Rows that were trained on prove nothing; "
            f"to rate the model: sparring judge {run}",
            highlight=False,
            soft_wrap=True,
        )
    return 0


def unknown_lines(scored: "ScoredRows") -> list[str]:
    """What in the table training never saw."""
    return [f"{name}: {rows:,} rows have a value that training never saw, which counts as none." for name, rows in scored.unknown.items()]


def alert_lines(scored: "ScoredRows") -> list[str]:
    """The rows that are most likely frauds, with their reasons. Rows are counted from 1, without the head of the table."""
    lines = []
    for row, reasons in list(zip(scored.alerts, scored.reasons, strict=True))[:SHOWN]:
        why = "; ".join(map(str, reasons)) or "no cell is odd by itself"
        lines.append(f"row {row + 1:,}: {scored.probabilities[row]:.1%}  {why}")
    return [*lines, *([f"... and {len(scored.alerts) - SHOWN:,} more"] if len(scored.alerts) > SHOWN else [])]
