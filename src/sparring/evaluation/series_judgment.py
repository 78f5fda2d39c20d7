"""What judging generated series gives: scores between floor and ceiling, stylized facts in their bands, copies, curves, findings."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from sparring.evaluation.bounded_scores import BoundedScore, Estimate, align, score_lines
from sparring.evaluation.json_values import json_values

FindingKind = Literal[
    "no memory", "season lost", "season shifted", "paths alike", "explodes", "copies windows", "values wrong", "told apart",
    "facts missed",
]  # fmt: skip
FACT_TITLES = {
    "kurtosis": "Excess kurtosis",
    "skewness": "Skewness",
    "hill": "Hill index of the tails",
    "acf": "Autocorrelation of returns at lag {}",
    "acf_abs": "Autocorrelation of absolute returns at lag {}",
    "acf_square": "Autocorrelation of squared returns at lag {}",
    "leverage": "Leverage at lag {}",
    "gain_loss": "Gain/loss asymmetry within {} steps",
    "variance_ratio": "Variance of sums of {} returns, over that of uncorrelated ones",
    "kurtosis_of_sums": "Excess kurtosis of sums of {} returns",
}
"""Names of the stylized facts for people, by their names in `metrics.series.stylized_facts`; {}: the number at their end."""


@dataclass(frozen=True)
class FactScore:
    """One stylized fact of one column."""

    column: str
    name: str
    """As in `metrics.series.stylized_facts.facts`."""
    real: float
    """Of the series that was trained on."""
    low: float
    """Lower end of the band in which a series like the real one has it in 95 of 100 cases."""
    high: float
    floor: Estimate
    """Of real returns in random order."""
    yours: Estimate
    """Of generated windows; the mean over groups that are as long as the real series."""
    ceiling: float | None
    """Of the part of the series that was held out; None: there is none, or it is too short."""

    @property
    def title(self) -> str:
        """The name of the fact for people."""
        kind, _, number = self.name.rpartition("_")
        if not number.isdigit():
            return FACT_TITLES[self.name]
        return FACT_TITLES["kurtosis_of_sums" if kind == "kurtosis" else kind].format(number)

    @property
    def inside(self) -> bool:
        """Whether the generated windows have it within the band of the real series."""
        return self.low <= self.yours.value <= self.high

    @property
    def sentence(self) -> str:
        """The fact in a sentence."""
        where = "inside" if self.inside else "below" if self.yours.value < self.low else "above"
        return f"{self.title} is {self.yours.value:.3f}, {where} the real series' band of {self.low:.3f} to {self.high:.3f}."


@dataclass(frozen=True)
class CopyScore:
    """How near windows come to single training windows."""

    copies: float
    """Share of the generated windows that are copies (see `metrics.series.window_distances`)."""
    held_out: float | None
    """The same share of held-out windows."""
    training: float
    """The same share of training windows, compared with those that do not overlap with them."""
    floor: float
    """The same share of windows of steps in random order."""
    distance: float
    """Median distance of a generated window to the nearest training window, in standard deviations."""
    held_out_distance: float | None
    training_distance: float
    compared: int
    """Number of training windows that were compared with."""


@dataclass(frozen=True, eq=False)
class ColumnCurves:
    """What a page draws of one column."""

    name: str
    lags: Float64[np.ndarray, " lags"]
    memory: dict[str, Float64[np.ndarray, " lags"]]
    """Autocorrelations of absolute returns, or of values: "real", "low" and "high" of its band, "floor", "yours", "ceiling"."""
    edges: Float64[np.ndarray, " bins_and_one"]
    shares: dict[str, Float64[np.ndarray, " bins"]]
    """Shares of the values in each bin, "real" and "yours"; what lies beyond is in the outermost bins."""
    quantiles: dict[str, Float64[np.ndarray, " levels"]]
    """Quantiles at equal levels, "real" and "yours"."""
    profile: dict[str, Float64[np.ndarray, " season"]] | None
    """Mean at each phase of the season: "real", "floor", "yours", "ceiling"; None without a season."""
    windows: dict[str, Float64[np.ndarray, "n steps"]]
    """Some windows, "real" and "yours"; of returns, prices from 100 on."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with generated series."""

    kind: FindingKind
    sentence: str


@dataclass(frozen=True, eq=False)
class SeriesJudgment:
    """All scores of generated series against real ones, and what is wrong with them."""

    names: tuple[str, ...]
    returns: bool
    counts: dict[str, int]
    """Number of windows: "training", "held out", "generated"."""
    steps: int
    past: int
    season: int | None
    scores: tuple[BoundedScore, ...]
    facts: tuple[FactScore, ...]
    """Stylized facts; none of series that are no returns."""
    copies: CopyScore
    curves: tuple[ColumnCurves, ...]
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

    def fact(self, name: str, column: str | None = None) -> FactScore:
        """A stylized fact of a column (None: the first one). Raises a KeyError that lists the names there are."""
        for fact in self.facts:
            if fact.name == name and fact.column == (column or self.names[0]):
                return fact
        raise KeyError(f"there is no fact {name!r}; there are: {', '.join(fact.name for fact in self.facts)}")

    def to_json(self) -> dict[str, Any]:
        """Everything except the windows that are drawn, as plain values for report.json."""
        curves = [{name: value for name, value in vars(each).items() if name != "windows"} for each in self.curves]
        plain = {name: value for name, value in vars(self).items() if name not in ("scores", "facts", "curves")}
        return {
            "scores": [score.to_json() for score in self.scores],
            "facts": [{**json_values(fact), "title": fact.title, "inside": fact.inside} for fact in self.facts],
            **{name: json_values(value) for name, value in plain.items()},
            "curves": json_values(curves),
        }

    def lines(self) -> list[str]:
        """The judgment as text for a terminal: scores between floor and ceiling, stylized facts, findings, notes."""
        lines = score_lines(self.scores)
        for column in dict.fromkeys(fact.column for fact in self.facts):
            lines += ["", *self._fact_lines(column)]
        found = [finding.sentence for finding in self.findings if finding.kind != "facts missed"]
        if missed := [fact for fact in self.facts if not fact.inside]:
            found.append(f"{len(missed)} of {len(self.facts)} stylized facts lie outside of the real series' bands.")
        if any(score.percent_of_the_way is None for score in self.scores):
            found.append("Of the way, a dash: the ceiling is no better than the floor, so the score does not tell how far yours has come.")
        return [*lines, "", *found, *self.notes]

    def _fact_lines(self, column: str) -> list[str]:
        title = "stylized fact" if len({fact.column for fact in self.facts}) == 1 else f"stylized fact of {column}"
        rows = [(title, "floor", "yours", "", "real", "95 % band", "held out", "")]
        for fact in self.facts:
            if fact.column == column:
                error = "" if fact.yours.standard_error is None else f"± {fact.yours.standard_error:.3f}"
                band, held_out = f"{fact.low:.3f} to {fact.high:.3f}", "-" if fact.ceiling is None else f"{fact.ceiling:.3f}"
                texts = f"{fact.floor.value:.3f}", f"{fact.yours.value:.3f}", error, f"{fact.real:.3f}", band, held_out
                rows.append((fact.title, *texts, "" if fact.inside else "outside"))
        return align(rows)
