"""How well each code of a patient is predicted from the others: dimension-wise prediction (Choi et al. 2017, section 4.2)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch.nn.functional import softplus

from sparring.metrics.records.code_frequencies import Present
from sparring.metrics.tables.confidence_bounds import auc

FEWEST_TRAINING, FEWEST_TEST = 20, 5
"""Codes are predicted that at least so many training and test patients have, and at least as many have not."""
MOST_PREDICTED = 300
"""Largest number of codes that are predicted, the most frequent."""
PENALTY = 1.0
"""Weight of half of the squared coefficients beside the sum of the log losses (scikit-learn's default, C = 1)."""
ITERATIONS = 200
"""Largest number of steps of L-BFGS."""
RESAMPLES = 100
"""Number of bootstrap resamples of the test patients."""


@dataclass(frozen=True, eq=False)
class CodePredictions:
    """How well codes of test patients are predicted."""

    f1: Float64[np.ndarray, " k"]
    """Of each code, at a chance of one half; 0 where it is never predicted."""
    auc: Float64[np.ndarray, " k"]
    """Area under the ROC curve of each code."""
    f1_error: float
    """Standard error of the mean F1, from bootstrap resamples of the test patients."""
    auc_error: float
    """The same of the mean AUC."""


def predictable_codes(training: Present, test: Present) -> Int64[np.ndarray, " k"]:
    """Codes that enough patients have, and enough have not, to be predicted."""
    enough = np.ones(training.shape[1], bool)
    for present, fewest in ((training, FEWEST_TRAINING), (test, FEWEST_TEST)):
        patients = present.sum(axis=0)
        enough &= (patients >= fewest) & (patients <= len(present) - fewest)
    codes = np.flatnonzero(enough)
    return np.sort(codes[np.argsort(-training[:, codes].sum(axis=0), kind="stable")[:MOST_PREDICTED]])


def predict_codes(training: Present, test: Present, codes: Int64[np.ndarray, " k"], random: np.random.Generator) -> CodePredictions:
    """Predict these codes of the test patients, each from all other codes, by logistic regressions that learned from `training`."""
    chances = predicted_chances(training, test, codes)
    truth = test[:, codes]
    rows = [random.integers(0, len(test), len(test)) for _ in range(RESAMPLES)]
    f1 = f1_scores(truth, chances > 0.5)
    areas = areas_of(truth, chances)
    spread = [float(f1_scores(truth[some], chances[some] > 0.5).mean()) for some in rows]
    spread_of_areas = [float(np.nanmean(areas_of(truth[some], chances[some]))) for some in rows[: RESAMPLES // 4]]
    return CodePredictions(f1, areas, float(np.std(spread)), float(np.std(spread_of_areas)))


def predicted_chances(training: Present, test: Present, codes: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "patients k"]:
    """The chance of each of these codes for each test patient. All regressions are fitted at once: they share no coefficient, so the
    minimum of the sum of their losses is the minimum of each.
    """
    seen, targets = (torch.from_numpy(part.astype(np.float32)) for part in (training, training[:, codes]))
    others = torch.ones(training.shape[1], len(codes))
    others[torch.from_numpy(codes), torch.arange(len(codes))] = 0
    share = targets.mean(dim=0).clamp(1e-4, 1 - 1e-4)
    weights = torch.zeros(training.shape[1], len(codes), requires_grad=True)
    biases = torch.logit(share).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weights, biases], max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=1e-2, tolerance_change=1e-9
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = seen @ (weights * others) + biases
        total = (softplus(logits) - targets * logits).sum() + PENALTY / 2 * (weights * others).square().sum()
        total.backward()
        return total

    optimizer.step(loss)  # pyright: ignore[reportArgumentType] (it gives a tensor, as torch wants)
    with torch.no_grad():
        logits = torch.from_numpy(test.astype(np.float32)) @ (weights * others) + biases
    return torch.sigmoid(logits.double()).numpy()


def f1_scores(truth: Bool[np.ndarray, "n k"], guesses: Bool[np.ndarray, "n k"]) -> Float64[np.ndarray, " k"]:
    """F1 of each column: twice the hits over what is there and what is guessed; 0 where there are none."""
    hits = (truth & guesses).sum(axis=0)
    return 2 * hits / np.maximum(truth.sum(axis=0) + guesses.sum(axis=0), 1)


def areas_of(truth: Bool[np.ndarray, "n k"], scores: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, " k"]:
    """The area under the ROC curve of each column; NaN where fewer than two items are on a side."""
    found = np.full(truth.shape[1], np.nan)
    for column in range(truth.shape[1]):
        own = truth[:, column]
        if 2 <= own.sum() <= len(own) - 2:
            found[column] = auc(scores[own, column], scores[~own, column]).value
    return found
