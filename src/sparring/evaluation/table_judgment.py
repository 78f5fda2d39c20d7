"""What judging a synthetic table gives: scores between floor and ceiling, columns, pairs, privacy, findings."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sparring.data.tables.columns import Column, TableValues
from sparring.evaluation.scores import Better
from sparring.metrics.tables.privacy_attacks import AttributeDisclosure, CopyTest, MembershipAttack
from sparring.metrics.tables.privacy_audit import PrivacyAudit

FindingKind = Literal[
    "category lost", "rare category inflated", "column wrong", "columns right, pairs wrong", "gaps differ", "out of range",
    "new category", "key repeated", "few different rows", "copies rows", "training rows told apart", "attribute disclosed",
    "epsilon exceeded", "constraint broken",
]  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    value: float
    standard_error: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.4f}"


@dataclass(frozen=True)
class TableScore:
    """One score of the synthetic table, between its floor and its ceiling, which were computed in the same way."""

    name: str
    yours: Estimate
    """Of the synthetic table."""
    floor: Estimate
    """Of the real table's columns, permuted independently."""
    ceiling: Estimate
    """Of real rows that were held out."""
    better: Better
    """Which values are good."""
    protocol: str
    """Rows, and where the standard error is from."""

    @property
    def percent_of_the_way(self) -> float | None:
        """How far the score has come from floor to ceiling, in percent; None where these differ by less than two standard errors, or
        the floor is not worse (column shapes: permuting keeps every column as it is).
        """
        floor, yours, ceiling = (self._goodness(each.value) for each in (self.floor, self.yours, self.ceiling))
        error = (self.floor.standard_error or 0) ** 2 + (self.ceiling.standard_error or 0) ** 2
        return 100 * (yours - floor) / (ceiling - floor) if ceiling - floor > 2 * error**0.5 else None

    def _goodness(self, value: float) -> float:
        if self.better.startswith("near"):
            return -abs(value - float(self.better.removeprefix("near ")))
        return -value if self.better == "lower" else value

    def to_json(self) -> dict[str, Any]:
        """All fields and `percent_of_the_way`."""
        return {**asdict(self), "percent_of_the_way": self.percent_of_the_way}


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
    scores: tuple[TableScore, ...]
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

    def __getitem__(self, name: str) -> TableScore:
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
            **{name: _plain(value) for name, value in plain.items()},
        }

    def lines(self) -> list[str]:
        """The judgment as text for a terminal: scores between floor and ceiling, attacks, findings, notes."""
        rows = [("score", "floor", "yours", "", "ceiling", "of the way")]
        for score in self.scores:
            error = "" if score.yours.standard_error is None else f"± {score.yours.standard_error:.4f}"
            rows.append((score.name, str(score.floor), str(score.yours), error, str(score.ceiling), format_way(score)))
        lines = _align(rows)
        lines += [f"Equal to a real row: {self.copies:.2%} of the rows, and {self.copies_ceiling:.2%} of held-out real rows."]
        if self.privacy is not None:
            lines += ["", *_privacy_lines(self.privacy)]
        return [*lines, "", *(finding.sentence for finding in self.findings), *self.suspicions, *self.notes]


def format_way(score: TableScore) -> str:
    """Percent of the way from floor to ceiling as text; a dash where floor and ceiling do not differ."""
    return "-" if score.percent_of_the_way is None else f"{round(score.percent_of_the_way)} %"


def _privacy_lines(privacy: TablePrivacy) -> list[str]:
    rows = [("attack", "AUC", "95 % bounds", "found at 1 %", "95 % bounds")]
    for attack in privacy.attacks:
        bounds = "{:.3f} to {:.3f}".format(*attack.auc.bounds), "{:.2%} to {:.2%}".format(*attack.true_positive_bounds)
        rows.append((attack.name, f"{attack.auc.value:.3f}", bounds[0], f"{attack.true_positives:.2%}", bounds[1]))
    lines = _align(rows)
    if privacy.disclosures:
        rows = [("column guessed", "training rows", "unseen rows", "most frequent value")]
        rows += [(name, f"{each.training:.1%}", f"{each.held_out:.1%}", f"{each.guessing:.1%}") for name, each in privacy.disclosures[:5]]
        lines += ["", *_align(rows)]
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


def _align(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in rows
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 (anything that JSON can hold)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value  # JSON has no NaN
