"""Scores that stand between a floor and a ceiling, which were computed in the same way."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sparring.evaluation.scores import Better


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    value: float
    standard_error: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.4f}"


@dataclass(frozen=True)
class BoundedScore:
    """One score of synthetic data, between its floor and its ceiling."""

    name: str
    yours: Estimate
    """Of the synthetic data."""
    floor: Estimate
    """Of real values put together at random: of a table's columns permuted independently, of a series' steps in any order."""
    ceiling: Estimate
    """Of real data that was held out."""
    better: Better
    """Which values are good."""
    protocol: str
    """What was compared with what, and where the standard error is from."""

    @property
    def percent_of_the_way(self) -> float | None:
        """How far the score has come from floor to ceiling, in percent; None where these differ by less than two standard errors, or
        the floor is not worse (the shapes of columns: permuting keeps every column as it is).
        """
        floor, yours, ceiling = (self._goodness(each.value) for each in (self.floor, self.yours, self.ceiling))
        error = (self.floor.standard_error or 0) ** 2 + (self.ceiling.standard_error or 0) ** 2
        return 100 * (yours - floor) / (ceiling - floor) if ceiling - floor > 2 * error**0.5 else None

    def _goodness(self, value: float) -> float:
        if self.better == "near the ceiling":
            return -abs(value - self.ceiling.value)
        if self.better.startswith("near"):
            return -abs(value - float(self.better.removeprefix("near ")))
        return -value if self.better == "lower" else value

    def to_json(self) -> dict[str, Any]:
        """All fields and `percent_of_the_way`."""
        return {**asdict(self), "percent_of_the_way": self.percent_of_the_way}


@dataclass(frozen=True)
class ScoreRow:
    """One score as a page's table shows it, all in text."""

    name: str
    floor: str
    yours: str
    error: str
    ceiling: str
    way: str
    filled: float
    """Percent of the bar from floor to ceiling, between 0 and 100; -1: no bar."""
    meaning: str
    limitation: str
    protocol: str


def score_row(score: BoundedScore, explanation: tuple[str, str]) -> ScoreRow:
    """A score for a page. `explanation`: what it means, and what it cannot show."""
    way = score.percent_of_the_way
    filled = -1.0 if way is None else min(100.0, max(0.0, way))
    texts = str(score.floor), str(score.yours), format_error(score), str(score.ceiling), format_way(score)
    return ScoreRow(score.name, *texts, filled, *explanation, score.protocol)


def format_way(score: BoundedScore) -> str:
    """Percent of the way from floor to ceiling as text; a dash where floor and ceiling do not differ."""
    return "-" if score.percent_of_the_way is None else f"{round(score.percent_of_the_way)} %"


def format_error(score: BoundedScore) -> str:
    """The standard error of a score as text; empty where there is none."""
    return "" if score.yours.standard_error is None else f"± {score.yours.standard_error:.4f}"


def score_lines(scores: Sequence[BoundedScore]) -> list[str]:
    """Scores as the lines of a table for a terminal."""
    rows = [("score", "floor", "yours", "", "ceiling", "of the way")]
    rows += [(each.name, str(each.floor), str(each.yours), format_error(each), str(each.ceiling), format_way(each)) for each in scores]
    return align(rows)


def align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of cells as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows
    ]
