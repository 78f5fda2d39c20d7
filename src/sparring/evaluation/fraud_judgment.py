"""What judging scores of frauds gives: each way beside the others, the calibration of probabilities, and what is wrong."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from sparring.evaluation.bounded_scores import Estimate, align
from sparring.evaluation.json_values import json_values
from sparring.metrics.tables.alerts import AlertScores, Reliability

SHARES = (0.001, 0.01)
"""Shares of the rows that get an alert, for which recall is given."""
FraudFindingKind = Literal["no better than chance", "trees are better", "probabilities too high", "probabilities too low"]


@dataclass(frozen=True)
class FraudFinding:
    """Something that is wrong with the scores."""

    kind: FraudFindingKind
    sentence: str


@dataclass(frozen=True, eq=False)
class WayScores:
    """How good one way of scoring is."""

    name: str
    scores: Float64[np.ndarray, " n"]
    """Of each held-out row; higher means more likely a fraud."""
    average_precision: Estimate
    alerts: tuple[AlertScores, ...]
    """One for each of `SHARES`."""
    saved: tuple[float, int] | None
    """The most money saved, and with how many alerts; None without amounts."""


@dataclass(frozen=True, eq=False)
class FraudJudgment:
    """Scores of held-out rows, beside those of other ways."""

    ways: tuple[WayScores, ...]
    """The model first."""
    difference: Estimate
    """Average precision of the model less that of the boosted trees."""
    labels: Bool[np.ndarray, " n"]
    """Which held-out rows are frauds."""
    trained_on: tuple[int, int]
    """Number of rows that were trained on, and of frauds among them."""
    reliability: Reliability
    excess: float
    """Frauds above what the probabilities let expect, in standard deviations."""
    amounts: Float64[np.ndarray, " n"] | None
    review_cost: float
    findings: tuple[FraudFinding, ...]
    notes: tuple[str, ...]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """All but the rows, as plain values for report.json."""
        return {
            "held_out": {"rows": len(self.labels), "frauds": int(self.labels.sum())},
            "trained_on": {"rows": self.trained_on[0], "frauds": self.trained_on[1]},
            "ways": [{name: json_values(value) for name, value in vars(way).items() if name != "scores"} for way in self.ways],
            "alert_shares": list(SHARES),
            "difference_to_trees": json_values(self.difference),
            "reliability": json_values(self.reliability),
            "excess_of_frauds": self.excess,
            "review_cost": self.review_cost,
            "findings": [json_values(each) for each in self.findings],
            "notes": list(self.notes),
            "seed": self.seed,
        }

    def rows(self) -> list[tuple[str, ...]]:
        """The table of all ways as text, with its head."""
        head = ["scored by", "average precision", "", *(f"recall at {share:.1%}" for share in SHARES)]
        head += [f"precision at {share:.1%}" for share in SHARES]
        head += ["most saved", "alerts"] if self.amounts is not None else []
        found: list[tuple[str, ...]] = [tuple(head)]
        for way in self.ways:
            error = way.average_precision.standard_error
            cells = [way.name, f"{way.average_precision.value:.3f}", "" if error is None else f"± {error:.3f}"]
            cells += [f"{each.recall:.1%}" for each in way.alerts] + [f"{each.precision:.1%}" for each in way.alerts]
            if self.amounts is not None:
                cells += ["-", "-"] if way.saved is None else [f"{way.saved[0]:,.0f}", f"{way.saved[1]:,}"]
            found.append(tuple(cells))
        return found

    def lines(self) -> list[str]:
        """The judgment as text for a terminal."""
        compared = f"Average precision less that of the trees: {self.difference.value:+.3f} ± {self.difference.standard_error:.3f}."
        expected = (
            f"The probabilities let expect {self.reliability.expected_frauds:,.1f} frauds among the {len(self.labels):,} held-out rows, "
            f"and there are {int(self.labels.sum()):,} ({self.excess:+.1f} standard deviations)."
        )
        return [*align(self.rows()), "", compared, expected, *(each.sentence for each in self.findings), *self.notes]
