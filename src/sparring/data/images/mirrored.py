"""Images and, after them, the same ones mirrored."""

import numpy as np
import torch
from jaxtyping import Int64

from sparring.core.batch import Batch
from sparring.data.dataset import Dataset, HasLabelRows


class WithMirrored:
    """A dataset of images, and behind them the same images with left and right exchanged."""

    def __init__(self, data: Dataset) -> None:
        self.data = data
        self.labels = None if data.labels is None else np.concatenate([data.labels, data.labels])
        rows = data.label_rows if isinstance(data, HasLabelRows) else None
        self.label_rows = None if rows is None else np.concatenate([rows, rows])

    def __len__(self) -> int:
        return 2 * len(self.data)

    @property
    def counts(self) -> tuple[int]:
        """See Dataset."""
        return (len(self),)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """See Dataset."""
        batch = self.data.batch(indices % len(self.data))
        mirrored = torch.from_numpy(indices >= len(self.data))[:, None, None, None]
        return Batch(torch.where(mirrored, batch.samples.flip(3), batch.samples), batch.labels)
