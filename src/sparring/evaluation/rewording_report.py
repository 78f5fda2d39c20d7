"""Writes the report of a model that rewords texts: report.json for programs, and report.html, one self-contained page, for people."""

from pathlib import Path

import jinja2

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.evaluation.rewording_judgment import RewordingJudgment
from sparring.evaluation.rewording_page import marked
from sparring.inference.reword_table import CORRELATION

SHOWN = 40
"""Number of texts on the page."""


def write_rewording_report(judgment: RewordingJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, rewording_report_html(judgment).encode())
    return page


def rewording_report_html(judgment: RewordingJudgment) -> str:
    """The report as an HTML page that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    head, *rows = judgment.rows()
    shown = [
        {"text": each.text, "original": each.original, "nearest": near, "rewordings": marked(each.text, each.rewordings)}
        for each, near in zip(judgment.found[:SHOWN], judgment.nearest[:SHOWN], strict=True)
    ]
    return environment.get_template("rewording_report.html.jinja").render(
        version=__version__, judgment=judgment, head=head, rows=rows, shown=shown, correlation=CORRELATION
    )
