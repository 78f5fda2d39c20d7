"""What judging rewordings gives: what is expected of each way to deal with texts, and what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sparring.evaluation.bounded_scores import Estimate, align
from sparring.evaluation.json_values import json_values
from sparring.inference.reword import RewordedText, Rewording
from sparring.inference.reword_table import CORRELATION, Way
from sparring.metrics.sequences.ranking import Ranking

RewordingFindingKind = Literal[
    "scorers are unsure",
    "no better than leaving it",
    "copies its input",
    "ignores its input",
    "loses what must be kept",
    "few rewordings",
    "not fluent",
]
HEAD: tuple[str, ...] = ("", "expected in the highest third", "", "keeps all it must", "shares words", "nats a word")


@dataclass(frozen=True)
class RewordingFinding:
    """Something that is wrong with rewordings."""

    kind: RewordingFindingKind
    sentence: str


def in_points(share: Estimate) -> str:
    """A difference of shares, in percentage points."""
    return f"{100 * share.value:+.1f} ± {100 * (share.standard_error or 0.0):.1f} points"


@dataclass(frozen=True, eq=False)
class RewordingJudgment:
    """Rewordings of held-out texts, beside other ways."""

    ways: tuple[Way, ...]
    gain: Estimate
    """What is expected of the best rewording less what is expected of the text, on average."""
    above_nearest: Estimate | None
    """The same, less what is expected of the nearest text that scored high; None if there is none."""
    ranking: Ranking | None
    """How well scorers rank held-out texts."""
    slope: float | None
    """Of the log-odds of what happened over those that were expected: 1 is right, below 1 too sure."""
    fluency: Mapping[str, float]
    """By what was written, nats a word by counts of words of the training texts."""
    drawn: Mapping[str, float]
    """What rewordings are like as they are drawn (see `drawn_signs`)."""
    without: int
    """Number of texts that got no rewording."""
    found: tuple[RewordedText, ...]
    nearest: tuple[Rewording | None, ...]
    findings: tuple[RewordingFinding, ...]
    notes: tuple[str, ...]
    seed: int

    def with_findings(self, findings: tuple[RewordingFinding, ...]) -> "RewordingJudgment":
        """The judgment with what is wrong."""
        return replace(self, findings=findings)

    def to_json(self) -> dict[str, Any]:
        """All but the texts, as plain values for report.json."""
        return {
            "texts": len(self.found),
            "without_rewording": self.without,
            "ways": [json_values(way) for way in self.ways],
            "gain": json_values(self.gain),
            "above_nearest": json_values(self.above_nearest),
            "scorers": json_values(self.ranking),
            "calibration_slope": self.slope,
            "nats_per_word": dict(self.fluency),
            "drawn": dict(self.drawn),
            "findings": [json_values(each) for each in self.findings],
            "notes": [*self.notes, CORRELATION],
            "seed": self.seed,
        }

    def rows(self) -> list[tuple[str, ...]]:
        """The table of ways as text, with its head."""
        rows = [HEAD]
        for way in self.ways:
            nats = self.fluency.get(way.name)
            cells = (f"{way.expected:.1%}", f"± {way.error:.1%}", f"{way.kept:.1%}", f"{way.shared:.0%}")
            rows.append((way.name, *cells, "" if nats is None else f"{nats:.2f}"))
        return rows

    def sentences(self) -> list[str]:
        """What the table does not say."""
        gain, above = self.gain, self.above_nearest
        beside = "" if above is None else f" over the text, and {in_points(above)} over the nearest high text"
        lines = [f"The best rewording is expected to gain {in_points(gain)}{beside}."]
        if self.ranking is not None:
            sure = "" if self.slope is None else f" Slope of their log-odds: {self.slope:.2f} (1 is right, below 1 too sure)."
            lines.append(
                f"Scorers rank {self.ranking.positives + self.ranking.negatives:,} held-out texts with an AUC of {self.ranking.auc:.3f} ± "
                f"{self.ranking.standard_error:.3f} (0.5 is chance, 1 perfect).{sure}"
            )
        if self.drawn:
            lines.append(
                f"As drawn, before any rule: {self.drawn['copies']:.1%} are the text itself, {self.drawn['astray']:.1%} lose or make up "
                f"what must be kept. {self.without:,} of {len(self.found):,} texts get no rewording."
            )
        return lines

    def lines(self) -> list[str]:
        """The judgment as text for a terminal."""
        return [*align(self.rows()), "", *self.sentences(), *(each.sentence for each in self.findings), *self.notes, CORRELATION]
