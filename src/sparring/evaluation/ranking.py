"""Runs side by side: means and spread over seeds, ranked."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.core.errors import DataError, missing_extra
from sparring.core.files import replacing

SHOWN_SCORES = ("precision", "recall", "density", "coverage", "memorization")
"""Scores that are shown beside the distances."""


@dataclass(frozen=True)
class RunScores:
    """One run's scores."""

    name: str
    """What it has in common with its other seeds: recipe and settings."""
    scores: dict[str, float]


@dataclass(frozen=True)
class ComparisonRow:
    """The runs of one name."""

    name: str
    runs: int
    means: dict[str, float]
    spreads: dict[str, float]
    """Standard deviation over the runs (n - 1); not a number for a single one."""


def rank_runs(runs: Sequence[RunScores], by: str) -> list[ComparisonRow]:
    """A line for each name, the lowest mean of the score `by` first; the columns are the scores that every run has."""
    shared = [score for score in runs[0].scores if all(score in run.scores for run in runs)]
    if by not in shared:
        raise DataError(f"Not every run has the score {by!r}, by which they are ranked. Judge them all in the same way.")
    columns = [score for score in shared if score == by or score.startswith("KD") or score == "KID" or score in SHOWN_SCORES]
    lines = []
    for name in dict.fromkeys(run.name for run in runs):
        own = [run.scores for run in runs if run.name == name]
        means = {column: statistics.fmean(scores[column] for scores in own) for column in columns}
        spreads = {column: statistics.stdev(scores[column] for scores in own) if len(own) > 1 else math.nan for column in columns}
        lines.append(ComparisonRow(name, len(own), means, spreads))
    return sorted(lines, key=lambda line: line.means[by])


def format_cell(line: ComparisonRow, column: str) -> str:
    """Mean, and spread if there is one."""
    mean, spread = line.means[column], line.spreads[column]
    return f"{mean:.4g}" if math.isnan(spread) else f"{mean:.4g} ± {spread:.2g}"


def markdown_table(lines: Sequence[ComparisonRow]) -> str:
    """A table in Markdown."""
    columns = list(lines[0].means)
    rows = [[line.name, str(line.runs), *(format_cell(line, column) for column in columns)] for line in lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in (["", "runs", *columns], ["---"] * (2 + len(columns)), *rows))


def plot_comparison(lines: Sequence[ComparisonRow], path: Path) -> None:
    """A panel of bars for each score, with the spread over seeds, as a image."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise missing_extra("matplotlib", "plots", "Drawing a comparison") from None
    columns = list(lines[0].means)
    figure = Figure(figsize=(2.6 * len(columns) + 1.5, 0.45 * len(lines) + 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, column in enumerate(columns):
        axes = figure.add_subplot(1, len(columns), place + 1)
        spreads = [line.spreads[column] for line in lines]  # none is drawn for a single run
        axes.barh(range(len(lines)), [line.means[column] for line in lines], xerr=spreads, color="#3b7dd8", ecolor="#333333", capsize=2)
        axes.set_title(column, fontsize=10)
        axes.set_yticks(range(len(lines)), [line.name for line in lines] if place == 0 else [""] * len(lines), fontsize=9)
        axes.invert_yaxis()
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "png", dpi=130)
