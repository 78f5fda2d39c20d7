"""What a verdict is made of."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sparring.health.diagnosis.record import Series

Severity = Literal["note", "warning", "severe"]
WEIGHTS: dict[Severity, float] = {"note": 0.1, "warning": 0.6, "severe": 1.0}


@dataclass(frozen=True)
class Remedy:
    """Something to do about a finding."""

    what: str
    """In a sentence."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the recipe to train with, if that is what to do: as keywords."""


@dataclass(frozen=True, eq=False)
class Finding:
    """Something that is wrong with a training."""

    name: str
    """One of `findings.NAMES`."""
    says: str
    """What it is, in a sentence."""
    evidence: tuple[str, ...]
    """What shows it, with numbers, a sentence each."""
    severity: Severity
    """note: worth knowing; warning: results suffer; severe: nothing good will come of this run."""
    confidence: float
    """From 0 to 1."""
    since: int | None = None
    """The step from which on it has been so; None: not known, 0: from the start."""
    curves: Mapping[str, Series] = field(default_factory=dict)
    """What shows it, by a name for people."""
    remedies: tuple[Remedy, ...] = ()
    """What to do, the mildest first."""
    because_of: tuple[str, ...] = ()
    """Other findings that bring this one about, so that it says little by itself."""

    @property
    def weight(self) -> float:
        """By which findings are put in order."""
        return WEIGHTS[self.severity] * self.confidence

    def to_json(self) -> dict[str, Any]:
        """All of it but the curves."""
        return {
            "name": self.name,
            "says": self.says,
            "evidence": list(self.evidence),
            "severity": self.severity,
            "confidence": round(self.confidence, 2),
            "since": self.since,
            "because_of": list(self.because_of),
            "remedies": [asdict(remedy) for remedy in self.remedies],
        }
