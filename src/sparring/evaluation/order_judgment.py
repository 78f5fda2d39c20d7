"""What judging generated orders gives: scores between floor and ceiling, shares by kind, findings."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from sparring.evaluation.bounded_scores import BoundedScore, score_lines
from sparring.evaluation.json_values import json_values

FindingKind = Literal["products lost", "customers and products independent", "season lost", "no baskets", "copies lines", "told apart"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    kind: FindingKind
    sentence: str


@dataclass(frozen=True)
class SharesByKind:
    """Shares of the lines by month, group or size, for a chart."""

    title: str
    names: tuple[str, ...]
    real: Float64[np.ndarray, " k"]
    yours: Float64[np.ndarray, " k"]
    ceiling: Float64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class OrdersJudgment:
    """Generated order lines beside the real log."""

    counts: dict[str, int]
    """Number of lines of each kind: training, held out, generated, scored on each side."""
    groups: dict[str, str]
    """What the groups of each kind are, in words."""
    scores: tuple[BoundedScore, ...]
    shares: tuple[SharesByKind, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    seed: int

    def lines(self) -> list[str]:
        """The judgment for a terminal."""
        findings = [f"{each.kind.capitalize()}: {each.sentence}" for each in self.findings] or ["Nothing was found to be wrong."]
        return [*score_lines(self.scores), *findings, *self.notes]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "scores": [each.to_json() for each in self.scores],
            "counts": self.counts,
            "groups": self.groups,
            "shares": json_values(self.shares),
            "findings": json_values(self.findings),
            "notes": list(self.notes),
            "seed": self.seed,
        }
