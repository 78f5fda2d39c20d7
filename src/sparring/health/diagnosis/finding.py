"""What a diagnosis consists of: findings, and remedies for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sparring.health.diagnosis.training_record import Curve

Severity = Literal["note", "warning", "severe"]
WEIGHTS: dict[Severity, float] = {"note": 0.1, "warning": 0.6, "severe": 1.0}
"""How much a finding of each severity counts when findings are put in order."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """Something to do about a finding."""

    action: str
    """What to do, in a sentence."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the recipe to train with, as keywords; empty if the remedy is no change of settings."""
    optional: frozenset[str] = frozenset()
    """Names of settings that accompany the others, and may be left out where they would undo an earlier remedy."""
    defining: frozenset[str] = frozenset()
    """Names of settings without which this would be another remedy: where one of them would undo an earlier remedy, all of it would."""

    def to_json(self) -> dict[str, Any]:
        """The action and its settings."""
        return {"action": self.action, "settings": dict(self.settings)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Finding:
    """Something that is wrong with a training."""

    name: str
    """One of `all_rules.NAMES`."""
    summary: str
    """What is wrong, in a sentence."""
    evidence: tuple[str, ...]
    """What shows it: sentences with numbers."""
    severity: Severity
    """note: worth knowing; warning: results suffer; severe: this run will not give good results."""
    confidence: float
    """How sure the finding is, from 0 to 1."""
    since: int | None = None
    """The step since which it has been so; 0: from the start; None: not known."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """Curves that show it, by a title for people."""
    remedies: tuple[Remedy, ...] = ()
    """What to do, the mildest first."""
    because_of: tuple[str, ...] = ()
    """Names of other findings that bring this one about, so that it says little by itself."""

    @property
    def weight(self) -> float:
        """Severity and confidence in one number: findings are put in order by it."""
        return WEIGHTS[self.severity] * self.confidence

    def to_json(self) -> dict[str, Any]:
        """All of it but the curves."""
        return {
            "name": self.name,
            "summary": self.summary,
            "evidence": list(self.evidence),
            "severity": self.severity,
            "confidence": round(self.confidence, 2),
            "since": self.since,
            "because_of": list(self.because_of),
            "remedies": [remedy.to_json() for remedy in self.remedies],
        }
