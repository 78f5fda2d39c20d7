"""How good scores are that rank rows by how likely they are frauds: ranking, alerts, money and calibration."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from sparring.core.errors import DataError

Labels = Bool[np.ndarray, " n"]
Scores = Float[np.ndarray, " n"]


def check_both(labels: Labels) -> None:
    """Raise a DataError unless there are frauds and others."""
    if not labels.any() or labels.all():
        what = "frauds" if not labels.any() else "rows that are no frauds"
        raise DataError(f"Among these {len(labels):,} rows there are no {what}, so scores cannot be rated.")


def average_precision(labels: Labels, scores: Scores) -> float:
    """Mean over frauds of the precision among rows that score at least as high (the area under the curve of precision by recall, without
    interpolation); rows of one score count together, as in scikit-learn. Chance gives the share of frauds. DataError without both kinds.
    """
    check_both(labels)
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(labels[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    frauds = found[last]
    gained = np.diff(frauds, prepend=0)
    return float((gained * frauds / (last + 1)).sum() / found[-1])


@dataclass(frozen=True)
class AlertScores:
    """What the rows with the highest scores are."""

    alerts: int
    """Number of rows with an alert."""
    recall: float
    """Share of the frauds with an alert."""
    precision: float
    """Share of the alerts that are frauds."""


def alert_scores(labels: Labels, scores: Scores, share: float) -> AlertScores:
    """Recall and precision if that share of the rows gets an alert. Of rows with equal scores at the border, the first ones do."""
    check_both(labels)
    alerts = max(1, round(share * len(labels)))
    hits = int(labels[np.argsort(-scores, kind="stable")[:alerts]].sum())
    return AlertScores(alerts, hits / int(labels.sum()), hits / alerts)


def money_saved(labels: Labels, scores: Scores, amounts: Float[np.ndarray, " n"], cost: float) -> Float64[np.ndarray, " n"]:
    """For 1, 2, ... alerts, by falling score: the amounts of the frauds found, less `cost` for each alert."""
    order = np.argsort(-scores, kind="stable")
    return np.cumsum(np.where(labels[order], amounts[order], 0.0) - cost)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Probabilities beside what happened, in groups of rows."""

    predicted: Float64[np.ndarray, " groups"]
    """Mean probability of the rows of a group."""
    observed: Float64[np.ndarray, " groups"]
    """Share of frauds among them."""
    counts: Int64[np.ndarray, " groups"]
    """Number of rows in each group."""

    @property
    def expected_frauds(self) -> float:
        """Number of frauds that the probabilities let expect."""
        return float((self.predicted * self.counts).sum())


def reliability(labels: Labels, probabilities: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]) -> Reliability:
    """Rows in groups between the edges (increasing; the first and the last group have no end), without empty groups."""
    places = np.searchsorted(edges, probabilities, side="right")
    counts = np.bincount(places, minlength=len(edges) + 1)
    kept = counts > 0
    sums = [np.bincount(places, weights=each, minlength=len(edges) + 1)[kept] for each in (probabilities, labels.astype(float))]
    return Reliability(sums[0] / counts[kept], sums[1] / counts[kept], counts[kept])


def excess_of_frauds(labels: Labels, probabilities: Float[np.ndarray, " n"]) -> float:
    """Number of frauds above what the probabilities let expect, in standard deviations of a sum of independent draws (Spiegelhalter 1986).
    Beyond 3 the probabilities are wrong.
    """
    spread = float(np.sqrt((probabilities * (1 - probabilities)).sum()))
    return float(labels.sum() - probabilities.sum()) / max(spread, 1e-9)


def paired_difference(
    labels: Labels, first: Scores, second: Scores, resamples: int, random: np.random.Generator
) -> tuple[float, float, float]:
    """Standard errors of both average precisions and of their difference, from bootstrap resamples of the rows (the same for both). Frauds
    and other rows are drawn by themselves, so that their numbers stay.
    """
    groups = np.flatnonzero(labels), np.flatnonzero(~labels)
    found = []
    for _ in range(resamples):
        rows = np.concatenate([group[random.integers(0, len(group), len(group))] for group in groups])
        found.append([average_precision(labels[rows], each[rows]) for each in (first, second)])
    values = np.array(found)
    return float(values[:, 0].std()), float(values[:, 1].std()), float((values[:, 0] - values[:, 1]).std())
