"""Writes the report of generated health records: report.json for programs, and report.html, one self-contained page, for people."""

from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.evaluation.bounded_scores import score_row
from sparring.evaluation.records_judgment import RecordsJudgment
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.evaluation.series_svg import histogram_chart, scatter_chart

EXPLANATIONS = {
    "code frequencies": (
        "Correlation of how often each code is, in generated and in real patients (dimension-wise probability).",
        "Codes drawn independently are perfect here.",
    ),
    "frequency error": (
        "The root mean square difference of these frequencies.",
        "Grows by chance where few patients are compared: read it beside floor and ceiling.",
    ),
    "codes lost": ("Share of the codes above 0.5 % that never come.", "Among few patients rare codes are lost by chance."),
    "codes per patient": ("How far the distributions of how many codes a patient has are apart.", "Not which codes these are."),
    "visits per patient": ("The same of numbers of visits.", "Nothing of when visits were."),
    "pairs of codes": (
        "How far the correlations (phi) of all pairs of frequent codes are from the real ones.",
        "Most pairs of codes have nothing to do with each other, so the floor is near.",
    ),
    "counts": ("How far the numbers of times that patients have a code are apart.", "Sees one code at a time."),
    "prediction (F1)": (
        "How well each code of real patients is predicted from their other codes, by what was learned from these patients "
        "(dimension-wise prediction).",
        "Codes that are rarer than one in two are predicted only where other codes give them away.",
    ),
    "prediction (AUC)": ("The same by the area under the ROC curve, which needs no threshold.", "Says nothing of how frequent codes are."),
    "detection": (
        "How well boosted trees tell patients from real ones (AUC). 0.5: not at all; 1: always.",
        "Trees find a single giveaway in patients that are good otherwise.",
    ),
}
"""What each score means, and what it cannot show."""
ATTACKS = {
    "nearest patient": "Suspects patients who share most codes with a generated patient.",
    "density ratio": "Suspects patients around whom generated patients lie denser than real ones do (DOMIAS).",
}
"""What each attack does."""
SHOWN_CODES = 20
"""Number of codes that the page names: those whose frequencies are off the most."""


def write_records_report(judgment: RecordsJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, records_report_html(judgment).encode())
    return page


def records_report_html(judgment: RecordsJudgment) -> str:
    """The report as an HTML page that loads nothing from elsewhere. It shows no patient."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("records_report.html.jinja").render(
        version=__version__,
        judgment=judgment,
        rows=[score_row(score, EXPLANATIONS[score.name]) for score in judgment.scores],
        charts=charts(judgment),
        codes=worst_codes(judgment),
        attacks=ATTACKS,
    )


def charts(judgment: RecordsJudgment) -> list[tuple[str, Markup]]:
    """The drawings, each with its title."""
    by_code, found = judgment.by_code, []
    title = "Frequency of each code: real (across), generated (up)"
    found.append((title, scatter_chart(by_code.real, by_code.yours, by_code.labels, title)))
    if len(by_code.predicted):
        title = "F1 of each code: learned from real patients (across), from generated ones (up)"
        found.append((title, scatter_chart(by_code.f1_real, by_code.f1_yours, by_code.predicted, title)))
    for name, numbers in judgment.numbers.items():
        real, yours = numbers["real"], numbers["yours"]
        low, high = np.quantile(real, [0.0, 0.998])
        edges = np.linspace(low - 0.5, max(high, low + 1) + 0.5, int(min(30, max(high - low, 1) + 1)) + 1)
        shares = {side: np.histogram(np.clip(each, edges[0], edges[-1]), edges)[0] / len(each) for side, each in numbers.items()}
        title = f"{name.capitalize()}: mean {yours.mean():.1f}, real {real.mean():.1f}"
        found.append((title, histogram_chart(edges, shares, title)))
    return found


def worst_codes(judgment: RecordsJudgment) -> list[tuple[str, str, str, str]]:
    """Names of the codes whose frequencies are off the most in standard errors, with both frequencies and how many errors these are."""
    real, yours = judgment.by_code.real, judgment.by_code.yours
    variance = real * (1 - real) * (1 / judgment.counts["training"] + 1 / judgment.counts["generated"])
    off = (yours - real) / np.sqrt(np.maximum(variance, 1e-8))
    worst = np.argsort(-np.abs(off), kind="stable")[:SHOWN_CODES]
    return [(judgment.by_code.labels[code], f"{real[code]:.2%}", f"{yours[code]:.2%}", f"{off[code]:+.1f}") for code in worst]
