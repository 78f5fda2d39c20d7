"""The Inception Score (Salimans et al. 2016): sure about each image, varied over all of them, blind to real data."""

from dataclasses import dataclass

import numpy as np
import torch

from sparring.core.errors import DataError
from sparring.metrics.feature_arrays import FeatureArray, check_features


@dataclass(frozen=True)
class InceptionScore:
    """Of the parts that the samples were split into."""

    mean: float
    """From 1 to the number of classes."""
    std: float
    """Over the parts (population form)."""
    splits: int
    """How many parts."""

    @property
    def standard_error(self) -> float | None:
        """Of the mean; None for a single part."""
        return None if self.splits == 1 else self.std / (self.splits - 1) ** 0.5


def inception_score(probabilities: FeatureArray, splits: int = 10) -> InceptionScore:
    """Exp of the mean divergence of each row's class probabilities from their part's mean (section 4), over `splits` parts in the
    order of the rows, of shape (n, classes).
    """
    rows = check_features(probabilities, "probabilities").double()
    if (rows < 0).any() or ((rows.sum(dim=1) - 1).abs() > 1e-3).any():
        raise DataError("Each row of probabilities must be 0 or more and sum to 1: give the softmax of the logits.")
    if not 1 <= splits <= len(rows):
        raise DataError(f"splits must lie between 1 and the number of rows, {len(rows)}, not {splits}.")
    scores = []
    for part in range(splits):
        p = rows[part * len(rows) // splits : (part + 1) * len(rows) // splits]
        divergence = torch.xlogy(p, p).sum(dim=1) - torch.xlogy(p, p.mean(dim=0)).sum(dim=1)
        scores.append(divergence.mean().exp().item())
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), splits)
