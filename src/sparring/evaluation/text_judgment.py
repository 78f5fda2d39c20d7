"""What judging generated texts gives: scores between floor and ceiling, curves over temperatures, examples, findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sparring.evaluation.bounded_scores import BoundedScore, align, score_lines
from sparring.evaluation.json_values import json_values

FindingKind = Literal[
    "one text again and again",
    "less varied",
    "not fluent",
    "repeats tokens",
    "never ends",
    "copies texts",
    "form lost",
    "invalid molecules",
    "valid, but all the same",
    "in pieces",
]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    kind: FindingKind
    sentence: str


@dataclass(frozen=True)
class Example:
    """A generated text, and the text of the training set that shares most pairs of tokens with it."""

    text: str
    nearest: str


@dataclass(frozen=True)
class Likelihood:
    """How likely a model finds real texts."""

    kind: str
    """Exact, or which bound."""
    training: float
    """Nats a token of texts that were trained on, their ends included."""
    held_out: float
    held_out_error: float
    """Standard error of the number before."""


@dataclass(frozen=True)
class AtTemperature:
    """Scores of samples at one temperature."""

    temperature: float
    scores: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class TextJudgment:
    """Generated texts beside real ones."""

    items: str
    """What the texts are called, in the plural."""
    counts: dict[str, int]
    """Number of texts of each kind: training, held out, generated, scored on each side."""
    scores: tuple[BoundedScore, ...]
    likelihood: Likelihood | None
    temperatures: tuple[AtTemperature, ...]
    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    seed: int
    molecules: tuple[BoundedScore, ...] = ()
    """Of molecules, further scores."""

    def lines(self) -> list[str]:
        """The judgment for a terminal."""
        found = score_lines(self.scores)
        if self.molecules:
            found += score_lines(self.molecules)
        if self.likelihood is not None:
            known = self.likelihood
            found.append(
                f"Likelihood ({known.kind}): {known.held_out:.4f} ± {known.held_out_error:.4f} nats a token of held-out {self.items}, "
                f"{known.training:.4f} of those trained on."
            )
        if self.temperatures:
            names = list(self.temperatures[0].scores)
            rows = [("temperature", *names)]
            rows += [(f"{each.temperature:g}", *(f"{each.scores[name]:.4f}" for name in names)) for each in self.temperatures]
            found += align(rows)
        findings = [f"{each.kind.capitalize()}: {each.sentence}" for each in self.findings] or ["Nothing was found to be wrong."]
        return [*found, *findings, *self.notes]

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "scores": [each.to_json() for each in self.scores],
            **({"molecules": [each.to_json() for each in self.molecules]} if self.molecules else {}),
            "counts": self.counts,
            "likelihood": json_values(self.likelihood),
            "temperatures": json_values(self.temperatures),
            "examples": json_values(self.examples),
            "findings": json_values(self.findings),
            "notes": list(self.notes),
            "seed": self.seed,
        }
