"""Writes the report of generated orders: report.json for programs, and report.html, one self-contained page, for people."""

from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.evaluation.bounded_scores import score_row
from sparring.evaluation.order_judgment import OrdersJudgment, SharesByKind
from sparring.evaluation.report import HTML_FILE, JSON_FILE

WIDTH, ROW, LABEL, LONGEST = 340, 18, 104, 17
EXPLANATIONS = {
    "products": ("How far apart the shares of single products are.", "Columns that are drawn independently are perfect here."),
    "customers": ("The same of customers.", "Nothing of what they buy, or when."),
    "months": ("The same of the months of the year.", "Nothing of single days, or of one year beside another."),
    "price by group": (
        "How far apart prices are, within each group of products.",
        "Where each product has one price, little can be wrong.",
    ),
    "quantity": ("How far apart the numbers of pieces are.", "Nothing of what they are of."),
    "groups and season": (
        "How far apart the joint shares of customers' groups, products' groups and quarters are: who buys what, and when.",
        "Many combinations have few lines, so that chance alone is far from 0: read it beside the ceiling.",
    ),
    "lines per customer": (
        "Whether as many customers come once, twice, often.",
        "Depends on how many lines are looked at: all sides have as many.",
    ),
    "days between": ("How far apart the times between two purchases of a customer are.", "Knows neither season nor single customers."),
    "basket sizes": ("Whether as many lines come together: of one customer on one day.", "Nothing of what is together."),
    "basket pairs": (
        "How far apart the shares of pairs of product groups are that are bought together.",
        "Pairs of single products are too rare to be told.",
    ),
    "detection": (
        "How well boosted trees tell generated lines from real ones (AUC). 0.5: not at all; 1: always.",
        "Line by line: baskets and histories are not seen.",
    ),
    "copies": ("Share of the lines that are a training line in every column.", "Logs repeat themselves: held-out lines do so, too."),
}
"""What each score means, and what it cannot show."""


def write_orders_report(judgment: OrdersJudgment, folder: Path) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html."""
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("orders_report.html.jinja").render(
        version=__version__,
        judgment=judgment,
        rows=[score_row(score, EXPLANATIONS[score.name]) for score in judgment.scores],
        charts=[(each.title, shares_chart(each)) for each in judgment.shares],
    )
    write_bytes(folder / HTML_FILE, page.encode())
    return folder / HTML_FILE


def shares_chart(shares: SharesByKind) -> Markup:
    """A bar for each share of generated lines, and marks for the log's and for held-out lines'."""
    top = max(float(each.max(initial=0)) for each in (shares.real, shares.yours, shares.ceiling)) or 1.0
    full, parts = WIDTH - LABEL - 44, []
    for place, name in enumerate(shares.names):
        y, label = place * ROW, name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
        real, yours, ceiling = (float(each[place]) for each in (shares.real, shares.yours, shares.ceiling))
        parts.append(
            f'<text x="{LABEL - 6}" y="{y + 13}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="ours" x="{LABEL}" y="{y + 4}" width="{max(yours / top * full, 0.5):.1f}" height="11"/>'
            f'<path class="real" d="M{LABEL + real / top * full:.1f} {y + 2}v15"/>'
            f'<path class="ceiling" d="M{LABEL + ceiling / top * full:.1f} {y + 5}v9"/>'
            f'<text x="{WIDTH}" y="{y + 13}" text-anchor="end">{yours:.1%}</text>'
        )
    height = len(shares.names) * ROW + 2
    label = f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(shares.title)}">'
    return Markup("".join([label, *parts, "</svg>"]))  # noqa: S704 (names are escaped)
