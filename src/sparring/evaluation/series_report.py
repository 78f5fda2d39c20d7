"""Writes the report of generated series: report.json for programs, and report.html, one self-contained page, for people."""

from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.core.chart_scales import limits
from sparring.evaluation.bounded_scores import score_row
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.evaluation.series_judgment import ColumnCurves, SeriesJudgment
from sparring.evaluation.series_svg import histogram_chart, line_chart, windows_chart

EXPLANATIONS = {
    "values": (
        "How far apart the distributions of the values of single steps are.",
        "Steps in random order are perfect here.",
    ),
    "changes": ("The same of the differences from one step to the next.", "Sees two steps at a time."),
    "autocorrelation": (
        "How far apart the correlations of values with those some steps later are.",
        "Knows straight-line relations only. (Returns have hardly any: there, floor and ceiling are alike.)",
    ),
    "memory": (
        "The same of absolute returns: whether wild times follow wild times.",
        "Does not see which way returns go.",
    ),
    "season": ("How far apart the mean courses of a season are.", "Means alone: nothing of how much single seasons differ."),
    "cross-correlation": ("How far apart the correlations of different columns are.", "Knows straight-line relations only."),
    "diversity": (
        "How far two windows are apart, over what two training windows are. 1: as much.",
        "Noise is diverse, too.",
    ),
    "discriminative": (
        "How well a small recurrent network tells generated windows from real ones. 0: not at all; 0.5: always.",
        "A larger network, or one that learns for longer, may see more.",
    ),
    "predictive": (
        "How far a small recurrent network that learned from generated windows is off in predicting real ones it has not seen.",
        "One step ahead only. What cannot be predicted is wrong for everybody: read it beside floor and ceiling.",
    ),
    "copies": (
        "Share of the windows that lie close to a single training window.",
        "Copies that were stretched or lie between two windows are not found.",
    ),
}
"""What each score means, and what it cannot show."""


def write_series_report(judgment: SeriesJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, series_report_html(judgment).encode())
    return page


def series_report_html(judgment: SeriesJudgment) -> str:
    """The report as an HTML page that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("series_report.html.jinja").render(
        version=__version__,
        judgment=judgment,
        rows=[score_row(score, EXPLANATIONS[score.name]) for score in judgment.scores],
        fact_columns=list(dict.fromkeys(fact.column for fact in judgment.facts)),
        columns=[{"name": curves.name, "charts": charts(judgment, curves)} for curves in judgment.curves],
        missed=[finding for finding in judgment.findings if finding.kind == "facts missed"],
        number=_number,
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def charts(judgment: SeriesJudgment, curves: ColumnCurves) -> list[tuple[str, Markup]]:
    """The drawings of a column, each with its title."""
    lags, memory = curves.lags, curves.memory
    found = [*_paths(judgment, curves)]
    what = "Autocorrelation of absolute returns" if judgment.returns else "Autocorrelation"
    drawn = [(side, lags, memory[side]) for side in ("floor", "ceiling", "real", "yours")]
    found.append((f"{what}, by lag", line_chart(drawn, what, band=(lags, memory["low"], memory["high"]), including=(0.0,))))
    title = "Distribution of returns" if judgment.returns else "Distribution"
    found.append((title, histogram_chart(curves.edges, curves.shares, title)))
    real, yours = curves.quantiles["real"], curves.quantiles["yours"]
    title = "Quantiles of generated values (up) against those of real ones (across)"
    found.append((title, line_chart([("real", real, real), ("yours", real, yours)], title)))
    if curves.profile is not None:
        phases = np.arange(len(curves.profile["real"]), dtype=np.float64)
        lines = [(side, phases, curves.profile[side]) for side in ("floor", "ceiling", "real", "yours")]
        found.append(("Mean course of a season", line_chart(lines, "Mean course of a season")))
    return found


def _paths(judgment: SeriesJudgment, curves: ColumnCurves) -> list[tuple[str, Markup]]:
    """Windows of the data and generated ones, on one scale."""
    low, high = limits(np.quantile(np.concatenate([each.ravel() for each in curves.windows.values()]), [0.001, 0.999]))
    what = "prices that begin at 100" if judgment.returns else "windows"
    return [
        (f"{name}: {what}", windows_chart(curves.windows[side], (low, high), side, judgment.past, f"{name} {what}"))
        for side, name in (("real", "Data"), ("yours", "Generated"))
    ]
