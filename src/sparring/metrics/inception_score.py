"""The Inception Score (Salimans et al. 2016): high if each image clearly has one class and all classes occur. It ignores real data."""

from dataclasses import dataclass

import numpy as np
import torch

from sparring.core.errors import DataError
from sparring.metrics.feature_arrays import FeatureArray, check_features


@dataclass(frozen=True)
class InceptionScore:
    """Inception Score over several splits of the samples."""

    mean: float
    """Mean over the splits, from 1 to the number of classes."""
    std: float
    """Population standard deviation over the splits."""
    splits: int
    """Number of splits."""

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean; None for a single split."""
        return None if self.splits == 1 else self.std / (self.splits - 1) ** 0.5


def inception_score(probabilities: FeatureArray, splits: int = 10) -> InceptionScore:
    """Inception Score of class probabilities of shape (n, classes), whose rows are split in their order (section 4).

    The score of a split is the exponential of the mean Kullback-Leibler divergence of its rows from their mean. Raises a DataError if rows
    are not probabilities or if there are more splits than rows.
    """
    rows = check_features(probabilities, "probabilities").double()
    if (rows < 0).any() or ((rows.sum(dim=1) - 1).abs() > 1e-3).any():
        raise DataError("Each row of probabilities must be 0 or more and sum to 1: give the softmax of the logits.")
    if not 1 <= splits <= len(rows):
        raise DataError(f"splits must lie between 1 and the number of rows, {len(rows)}, not {splits}.")
    scores = []
    for split in range(splits):
        p = rows[split * len(rows) // splits : (split + 1) * len(rows) // splits]
        divergence = torch.xlogy(p, p).sum(dim=1) - torch.xlogy(p, p.mean(dim=0)).sum(dim=1)
        scores.append(divergence.mean().exp().item())
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), splits)
