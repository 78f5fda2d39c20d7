"""How well scores rank one class above another, and whether probabilities are right."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Ranking:
    """The area under the receiver operating characteristic: how often a positive sample scores above a negative one (half for ties)."""

    auc: float
    """0.5 is chance, 1 perfect."""
    standard_error: float
    """By equation 1 of Hanley and McNeil 1982, with their estimates of Q1 and Q2 for exponential scores."""
    positives: int
    negatives: int


def ranking(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> Ranking | None:
    """How well scores rank; None if there are not samples of both classes."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    auc = (float(ranks[positive].sum()) - positives * (positives + 1) / 2) / (positives * negatives)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return Ranking(auc, float(np.sqrt(max(0.0, variance) / (positives * negatives))), positives, negatives)


def log_odds_slope(probabilities: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"], steps: int = 50) -> tuple[float, float]:
    """Slope and intercept of the log-odds of what happened over those that were predicted (Cox 1958): 1 and 0 where they are right, a
    slope below 1 where they are too far from one half. By Newton's method.
    """
    x = np.log(probabilities) - np.log1p(-probabilities)
    design, weights = np.stack([x, np.ones_like(x)], axis=1), np.array([1.0, 0.0])
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-design @ weights))
        hessian = design.T @ (design * (fitted * (1 - fitted))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (positive - fitted))
        weights = weights + step
        if np.abs(step).max() < 1e-10:
            break
    return float(weights[0]), float(weights[1])
