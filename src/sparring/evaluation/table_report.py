"""Writes the report of a synthetic table: report.json for programs, and report.html, one self-contained page, for people."""

from collections.abc import Sequence
from pathlib import Path

import jinja2

from sparring import __version__
from sparring.core.atomic_files import write_bytes, write_json
from sparring.data.tables.cell_text import cell_text
from sparring.data.tables.columns import Column, TableValues
from sparring.evaluation.aligned_tables import align_tables, count_rows
from sparring.evaluation.bounded_scores import score_row
from sparring.evaluation.column_svg import distribution_svg
from sparring.evaluation.report import HTML_FILE, JSON_FILE
from sparring.evaluation.table_judgment import TableJudgment, audit_sentence

HEAD_ROWS = 8
"""Number of rows of each table that the page shows."""
SHOWN_PAIRS = 10
"""Number of pairs of columns that the page shows."""

EXPLANATIONS = {
    "quality": ("The mean of column shapes and pair trends.", "Sees single columns and pairs, and nothing that takes three."),
    "column shapes": (
        "How alike each column is distributed: 1 minus the Kolmogorov-Smirnov distance of numbers, or the total variation of categories.",
        "Independent columns are perfect here.",
    ),
    "pair trends": (
        "How alike two columns go together: correlations of numbers (by rank), or joint shares, with numbers in tenths of the real column.",
        "Most pairs of most tables are nearly independent, so the floor is high: read the way from the floor.",
    ),
    "quality (SDMetrics)": (
        "The quality score of SDMetrics, by its own definition, to compare with figures published elsewhere.",
        "One extreme value in one row can halve it, because each side's numbers are binned by its own range.",
    ),
    "gaps": ("How alike the shares of missing values are.", "Does not see which rows have the gaps."),
    "detection": (
        "How well boosted trees tell synthetic rows from real ones (AUC). 0.5: not at all; 1: always.",
        "Trees find a single giveaway, such as impossible decimals, in a table that is good otherwise.",
    ),
    "usefulness": (
        "How well trees that learn from synthetic rows predict real ones they have not seen; the ceiling learns from real rows.",
        "Speaks of one column and one kind of model.",
    ),
    "precision": ("Share of the synthetic rows that lie among real rows.", "Does not notice what is missing."),
    "recall": ("Share of the real rows that lie among synthetic rows.", "Grows when rows scatter: independent columns do well."),
    "density": ("How densely real rows surround synthetic ones.", "Above 1 if rows stay in the densest regions."),
    "coverage": ("Share of the real rows that have a synthetic row in their neighborhood.", "A single near row is enough."),
}
"""What each score means, and what it cannot show."""

ATTACKS = {
    "nearest row": "Suspects rows that lie close to a synthetic row.",
    "density ratio": "Suspects rows around which synthetic rows lie denser than real rows do (DOMIAS).",
    "discriminator": "Suspects rows that the model's own discriminator scores high. Only the owner of the model can do it.",
    "likelihood": "Suspects rows that the model itself finds likely. Only the owner of the model can do it.",
}
"""What each attack does."""


def write_table_report(judgment: TableJudgment, folder: Path, *, real_rows: bool = True) -> Path:
    """Write report.json and report.html into `folder`, and return the path of report.html.

    Without `real_rows`, the page shows no rows of the real table, so that it may be shared together with the synthetic one.
    """
    write_json(folder / JSON_FILE, {"sparring": __version__, **judgment.to_json()})
    page = folder / HTML_FILE
    write_bytes(page, table_report_html(judgment, real_rows=real_rows).encode())
    return page


def table_report_html(judgment: TableJudgment, *, real_rows: bool = True) -> str:
    """The report as an HTML page that loads nothing from elsewhere, with or without the first rows of the real table."""
    pairs = judgment.pairs[:SHOWN_PAIRS]
    tables = {"synthetic": judgment.synthetic, **({"real": judgment.real} if real_rows else {})}
    return _template().render(
        version=__version__,
        judgment=judgment,
        n_real=f"{count_rows(judgment.real):,}",
        n_synthetic=f"{count_rows(judgment.synthetic):,}",
        rows=[score_row(score, EXPLANATIONS[score.name]) for score in judgment.scores],
        names=[column.name for column in judgment.columns if column.name in judgment.synthetic],
        heads=[(name, _head(judgment.columns, table, judgment)) for name, table in tables.items()],
        real_rows=real_rows,
        drawings=_drawings(judgment),
        pairs=pairs,
        attacks=ATTACKS,
        audit="" if judgment.privacy is None else audit_sentence(judgment.privacy),
    )


def _head(columns: Sequence[Column], table: TableValues, judgment: TableJudgment) -> list[list[str]]:
    """The first rows as text, of the columns that both tables have."""
    shared = [column for column in columns if column.name in judgment.synthetic]
    return [[cell_text(column, table[column.name], row) for column in shared] for row in range(min(HEAD_ROWS, count_rows(table)))]


def _drawings(judgment: TableJudgment) -> list[dict[str, str | bool]]:
    """One drawing for each judged column: what was found, and both distributions."""
    by_name = {column.name: column for column in judgment.columns}
    columns = [by_name[each.name] for each in judgment.by_column]
    aligned = align_tables(columns, judgment.real, judgment.synthetic)
    drawings = []
    for column, words, real, drawn, found in zip(columns, aligned.categories, *aligned.tables, judgment.by_column, strict=True):
        about = f"shape {found.shape:.3f}, held out {found.ceiling:.3f}"
        if found.real_gaps or found.synthetic_gaps:
            about += f"; missing {found.synthetic_gaps:.1%}, real {found.real_gaps:.1%}"
        if found.out_of_range:
            about += f"; {found.out_of_range:.2%} out of range"
        drawings.append({"name": column.name, "about": about, "svg": distribution_svg(column, words, real, drawn)})
    return drawings


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("table_report.html.jinja")
