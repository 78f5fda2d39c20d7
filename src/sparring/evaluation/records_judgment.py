"""What judging generated health records gives: scores between floor and ceiling, attacks, codes, findings."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int

from sparring.evaluation.bounded_scores import BoundedScore, align, score_lines
from sparring.evaluation.json_values import json_values
from sparring.metrics.records.patient_distances import CodeDisclosure
from sparring.metrics.tables.privacy_attacks import MembershipAttack

FindingKind = Literal[
    "codes lost", "frequencies wrong", "codes independent", "codes per patient wrong", "copies patients", "patients betrayed", "told apart",
]  # fmt: skip
LOST_ABOVE = 0.005
"""Share of the real patients from which on a code that never comes is lost."""


@dataclass(frozen=True)
class FrequencyScore:
    """Frequencies of codes of all generated patients, beside those of the training patients."""

    patients: int
    """Number of generated patients: as many as there are, and at most as many as were trained on."""
    correlation: float
    error: float
    """Root mean squared difference."""
    error_by_chance: float
    """The error that as many other patients with the same frequencies would have."""
    lost: tuple[str, ...]
    """Codes of more than 0.5 % of the training patients that no generated patient has."""


@dataclass(frozen=True, eq=False)
class CodeScores:
    """What a page shows of each code."""

    labels: tuple[str, ...]
    real: Float64[np.ndarray, " codes"]
    """Share of the training patients that have it."""
    yours: Float64[np.ndarray, " codes"]
    """The same of generated patients."""
    predicted: tuple[str, ...]
    """Labels of the codes that are predicted from the others."""
    f1_real: Float64[np.ndarray, " predicted"]
    """F1 of each of these by what was learned from training patients."""
    f1_yours: Float64[np.ndarray, " predicted"]


@dataclass(frozen=True)
class RecordsPrivacy:
    """What generated patients give away of those that were trained on."""

    attacks: tuple[MembershipAttack, ...]
    disclosure: CodeDisclosure
    copies: float
    """Share of the generated patients with exactly the codes of a training patient."""
    held_out_copies: float
    """The same share of held-out patients: what chance explains."""
    distance: float
    """Median number of codes by which a generated patient differs from the nearest training patient."""
    held_out_distance: float
    """The same of held-out patients."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with generated records."""

    kind: FindingKind
    sentence: str


@dataclass(frozen=True, eq=False)
class RecordsJudgment:
    """All scores of generated health records against real ones, and what is wrong with them."""

    counts: dict[str, int]
    """Number of patients: "training", "held out", "generated"; and of codes: "codes"."""
    scores: tuple[BoundedScore, ...]
    everybody: FrequencyScore
    by_code: CodeScores
    numbers: dict[str, dict[str, Int[np.ndarray, " _"]]]
    """By what is counted ("codes per patient", "visits per patient"), the numbers of "real" and of "yours"."""
    privacy: RecordsPrivacy | None
    """None without held-out patients."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """How the scores were found, as far as readers must know it."""
    seed: int

    def __getitem__(self, name: str) -> BoundedScore:
        """The score of that name. Raises a KeyError that lists the names there are."""
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(f"there is no score {name!r}; there are: {', '.join(score.name for score in self.scores)}")

    def to_json(self) -> dict[str, Any]:
        """Everything except the numbers that are drawn, as plain values for report.json."""
        plain = {name: value for name, value in vars(self).items() if name not in ("scores", "numbers")}
        return {"scores": [score.to_json() for score in self.scores], **{name: json_values(value) for name, value in plain.items()}}

    def lines(self) -> list[str]:
        """The judgment as text for a terminal: scores between floor and ceiling, attacks, findings, notes."""
        lines = [*score_lines(self.scores), "", self.frequency_sentence]
        if self.privacy is not None:
            lines += ["", *privacy_lines(self.privacy)]
        return [*lines, "", *(finding.sentence for finding in self.findings), *self.notes]

    @property
    def frequency_sentence(self) -> str:
        """Frequencies of codes of all generated patients, in a sentence."""
        every = self.everybody
        lost = f"{len(every.lost)} codes above {LOST_ABOVE:.1%} never come" if every.lost else f"no code above {LOST_ABOVE:.1%} is lost"
        return (
            f"Frequencies of codes, {every.patients:,} patients: correlation {every.correlation:.4f}, error {every.error:.4f} (chance "
            f"alone: {every.error_by_chance:.4f}); {lost}."
        )


def privacy_lines(privacy: RecordsPrivacy) -> list[str]:
    """Attacks as the lines of tables for a terminal."""
    rows = [("attack", "AUC", "95 % bounds", "found at 1 %", "95 % bounds")]
    for attack in privacy.attacks:
        bounds = "{:.3f} to {:.3f}".format(*attack.auc.bounds), "{:.2%} to {:.2%}".format(*attack.true_positive_bounds)
        rows.append((attack.name, f"{attack.auc.value:.3f}", bounds[0], f"{attack.true_positives:.2%}", bounds[1]))
    guess = privacy.disclosure
    return [
        *align(rows),
        f"Codes guessed by who knows {guess.known} others (F1): {guess.training:.3f} of training patients, {guess.held_out:.3f} of unseen "
        f"ones (difference {guess.leak:+.3f} ± {guess.error:.3f}); by frequencies alone {guess.guessing:.3f}.",
        f"Exactly the codes of a training patient: {privacy.copies:.2%} of generated patients, {privacy.held_out_copies:.2%} of held-out "
        "ones.",
    ]
