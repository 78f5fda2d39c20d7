"""Writes the report of scores of frauds: report.json for programs, and report.html, one self-contained page, for people."""

from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import Bool, Float64
from markupsafe import Markup

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.evaluation.fraud_judgment import FraudJudgment
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.evaluation.series_svg import line_chart
from sparring.metrics.tables.alerts import Reliability, money_saved
from sparring.metrics.tables.confidence_bounds import clopper_pearson

MOST_ALERTS = 0.02
"""Share of the rows up to which the money saved is shown."""
POINTS = 400
"""Number of points of a curve."""
STYLES = ("yours", "ceiling", "floor")
"""Styles of the lines of the model, the trees and the forest."""


def write_fraud_report(judgment: FraudJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, fraud_report_html(judgment).encode())
    return page


def fraud_report_html(judgment: FraudJudgment) -> str:
    """The report as an HTML page that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    head, *rows = judgment.rows()
    return environment.get_template("fraud_report.html.jinja").render(
        version=__version__,
        judgment=judgment,
        held_out=f"{len(judgment.labels):,}",
        frauds=f"{int(judgment.labels.sum()):,}",
        head=head,
        rows=rows,
        groups=groups(judgment.reliability),
        charts=charts(judgment),
        names=list(zip([way.name for way in judgment.ways], STYLES, strict=True)),
    )


def groups(found: Reliability) -> list[dict[str, str | bool]]:
    """Probabilities beside what happened, as text, with 95 % bounds of the share of frauds."""
    lines = []
    for predicted, observed, count in zip(found.predicted, found.observed, found.counts, strict=True):
        frauds = round(observed * count)
        low, high = clopper_pearson(frauds, int(count))
        texts = {"rows": f"{count:,}", "predicted": f"{100 * predicted:.3g} %", "expected": f"{predicted * count:,.1f}"}
        texts |= {"frauds": f"{frauds:,}", "observed": f"{100 * observed:.3g} %", "bounds": f"{100 * low:.3g} to {100 * high:.3g} %"}
        lines.append({**texts, "outside": not low <= predicted <= high})
    return lines


def charts(judgment: FraudJudgment) -> list[tuple[str, Markup]]:
    """The drawings of the page, each with its title."""
    truth = judgment.labels
    curves = [(style, *precision_by_recall(truth, way.scores)) for style, way in zip(STYLES, judgment.ways, strict=True)]
    found = [("Precision (up) by recall (across)", line_chart(curves, "precision by recall", within=(0.0, 1.0)))]
    title = "Frauds among rows (up) by probability (across), as powers of ten; black: what is right"
    found.append((title, reliability_chart(judgment.reliability)))
    if judgment.amounts is not None:
        most = max(2, round(MOST_ALERTS * len(truth)))
        some = np.unique(np.linspace(0, most - 1, POINTS).astype(int))
        lines = []
        for style, way in zip(STYLES, judgment.ways, strict=True):
            saved = money_saved(truth, way.scores, judgment.amounts, judgment.review_cost)
            lines.append((style, 100 * (some + 1) / len(truth), saved[some]))
        title = f"Money saved (up) by percent of the rows with an alert (across), at {judgment.review_cost:g} for each alert"
        found.append((title, line_chart(lines, title, including=(0.0,))))
    return found


def precision_by_recall(
    truth: Bool[np.ndarray, " n"], scores: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """Recall, and precision among the rows that score at least as high, at every fraud that is found."""
    hits = truth[np.argsort(-scores, kind="stable")]
    places = np.flatnonzero(hits)
    order = np.arange(1, len(places) + 1)
    return order / len(places), order / (places + 1)


def reliability_chart(found: Reliability) -> Markup:
    """Groups with frauds as a line beside the diagonal, both as powers of ten."""
    some = found.observed > 0
    x, y = np.log10(found.predicted[some]), np.log10(found.observed[some])
    ends = np.array([min(x.min(), y.min()), 0.0])
    return line_chart([("real", ends, ends), ("yours", x, y)], "frauds among rows by probability")
