"""What judging generated music gives: scores between floor and ceiling, means of every measure, findings, and phrases to look at and
hear.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from sparring.data.music.music_spec import MusicSpec
from sparring.evaluation.bounded_scores import BoundedScore, score_lines
from sparring.evaluation.json_values import json_values

FindingKind = Literal["silent", "empty bars", "one phrase", "notes everywhere", "fragments", "dissonant", "no scale", "copies phrases"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    kind: FindingKind
    sentence: str


@dataclass(frozen=True)
class MeasureMeans:
    """Means of one measure, and how far the distribution is from the real one."""

    name: str
    about: str
    training: float
    floor: float
    yours: float
    yours_error: float
    """Standard error of that mean."""
    ceiling: float
    distance: float
    """Wasserstein distance of yours, in standard deviations of the real values."""
    overlap: float
    """Overlapping area of yours, from 0 to 1."""


@dataclass(frozen=True, eq=False)
class MusicJudgment:
    """Generated phrases beside real ones."""

    spec: MusicSpec
    counts: dict[str, int]
    """Number of phrases of each kind: training, held out, generated, scored on each side."""
    scores: tuple[BoundedScore, ...]
    means: tuple[MeasureMeans, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    seed: int
    shown: Bool[np.ndarray, "n planes steps pitches"]
    """Some of the generated phrases."""
    shown_real: Bool[np.ndarray, "n planes steps pitches"]
    """Some of the real phrases."""

    def lines(self) -> list[str]:
        """The judgment for a terminal."""
        width = max(len(each.name) for each in self.means)
        table = [f"{'mean of':{width}}  {'floor':>8}  {'yours':>8}  {'held out':>8}"]
        table += [f"{each.name:{width}}  {each.floor:8.3f}  {each.yours:8.3f}  {each.ceiling:8.3f}" for each in self.means]
        findings = [f"{each.kind.capitalize()}: {each.sentence}" for each in self.findings] or ["Nothing was found to be wrong."]
        return [*score_lines(self.scores), "", *table, "", *findings, *self.notes]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "scores": [each.to_json() for each in self.scores],
            "means": json_values(self.means),
            "counts": self.counts,
            "findings": json_values(self.findings),
            "notes": list(self.notes),
            "seed": self.seed,
        }
