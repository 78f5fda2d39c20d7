"""What judging a synthetic table gives: scores between floor and ceiling, columns, pairs, privacy, findings."""

from dataclasses import dataclass
from typing import Any, Literal

from sparring.data.tables.columns import Column, TableValues
from sparring.evaluation.bounded_scores import BoundedScore, align, score_lines
from sparring.evaluation.json_values import json_values
from sparring.metrics.tables.privacy_attacks import AttributeDisclosure, CopyTest, MembershipAttack
from sparring.metrics.tables.privacy_audit import PrivacyAudit

FindingKind = Literal[
    "category lost", "rare category inflated", "column wrong", "columns right, pairs wrong", "gaps differ", "out of range",
    "new category", "key repeated", "few different rows", "copies rows", "training rows told apart", "attribute disclosed",
    "epsilon exceeded", "constraint broken",
]  # fmt: skip


@dataclass(frozen=True)
class ColumnScore:
    """How one column was drawn."""

    name: str
    shape: float
    """1 for the same distribution; NaN where the column has no values at all."""
    ceiling: float
    """The shape of held-out real rows."""
    real_gaps: float
    """Share of missing values in the real table."""
    synthetic_gaps: float
    out_of_range: float
    """Share of the synthetic values that are out of the real column's range, or are categories that it does not have."""


@dataclass(frozen=True)
class PairScore:
    """How the relation of two columns was drawn."""

    first: str
    second: str
    trend: float
    """1 for the same relation."""
    floor: float
    ceiling: float


@dataclass(frozen=True)
class TablePrivacy:
    """What attacks on the training rows found. Attacks that fail prove nothing about other attacks."""

    distance: tuple[float, float]
    """Median distance of synthetic rows, and of held-out rows, to the nearest training row."""
    attacks: tuple[MembershipAttack, ...]
    disclosures: tuple[tuple[str, AttributeDisclosure], ...]
    """By column, the largest leak first."""
    audit: PrivacyAudit
    """What the best attack proves."""
    promised: float | None = None
    """Epsilon of private training; None: it was not private, or is not known."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with the synthetic table."""

    kind: FindingKind
    sentence: str


@dataclass(frozen=True, eq=False)
class TableJudgment:
    """All scores of a synthetic table against a real one, and what is wrong with it."""

    real: TableValues
    synthetic: TableValues
    columns: tuple[Column, ...]
    """All columns of the tables, judged or not."""
    scores: tuple[BoundedScore, ...]
    by_column: tuple[ColumnScore, ...]
    """In the order of the columns."""
    pairs: tuple[PairScore, ...]
    """The worst pairs, judged by their distance to the ceiling."""
    copies: float
    """Share of the synthetic rows that equal a real row in all judged columns."""
    copies_ceiling: float
    """Share of the held-out rows that do: what chance explains."""
    copy_test: CopyTest | None
    """None if no rows were held out."""
    privacy: TablePrivacy | None
    """None if attacks were not asked for."""
    findings: tuple[Finding, ...]
    suspicions: tuple[str, ...]
    """What may be wrong, and is not proved."""
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
        """Everything except the tables, as plain values for report.json."""
        plain = {name: value for name, value in vars(self).items() if name not in ("real", "synthetic", "columns", "scores")}
        return {
            "scores": [score.to_json() for score in self.scores],
            **{name: json_values(value) for name, value in plain.items()},
        }

    def lines(self) -> list[str]:
        """The judgment as text for a terminal: scores between floor and ceiling, attacks, findings, notes."""
        lines = score_lines(self.scores)
        lines += [f"Equal to a real row: {self.copies:.2%} of the rows, and {self.copies_ceiling:.2%} of held-out real rows."]
        if self.privacy is not None:
            lines += ["", *_privacy_lines(self.privacy)]
        return [*lines, "", *(finding.sentence for finding in self.findings), *self.suspicions, *self.notes]


def _privacy_lines(privacy: TablePrivacy) -> list[str]:
    rows = [("attack", "AUC", "95 % bounds", "found at 1 %", "95 % bounds")]
    for attack in privacy.attacks:
        bounds = "{:.3f} to {:.3f}".format(*attack.auc.bounds), "{:.2%} to {:.2%}".format(*attack.true_positive_bounds)
        rows.append((attack.name, f"{attack.auc.value:.3f}", bounds[0], f"{attack.true_positives:.2%}", bounds[1]))
    lines = align(rows)
    if privacy.disclosures:
        rows = [("column guessed", "training rows", "unseen rows", "most frequent value")]
        rows += [(name, f"{each.training:.1%}", f"{each.held_out:.1%}", f"{each.guessing:.1%}") for name, each in privacy.disclosures[:5]]
        lines += ["", *align(rows)]
    return [*lines, "", audit_sentence(privacy)]


def audit_sentence(privacy: TablePrivacy) -> str:
    """What the attacks prove of epsilon."""
    audit = privacy.audit
    proved = (
        f"{audit.right:,} of {audit.guesses:,} guesses who was trained on are right. That proves nothing: chance explains it."
        if not audit.epsilon
        else f"{audit.right:,} of {audit.guesses:,} guesses who was trained on are right: no epsilon below {audit.epsilon:.2f} can be true "
        "(95 %, if chance decided which rows were held out)."
    )
    promised = "" if privacy.promised is None else f" Training promises epsilon {privacy.promised:g}."
    return f"Audit: {proved}{promised}"
