"""A batch of real samples on its way into a game."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Labels = Int64[Tensor, " n"] | Float[Tensor, "n labels"]
"""Labels of samples: the class of each; or, of data with several or continuous labels, a row for each, as `Spec.condition_of` takes it."""


@dataclass(frozen=True)
class Batch:
    """Real samples that one turn sees. A kind of data with more than samples and classes adds fields."""

    samples: Float[Tensor, "n ..."]
    """Samples as networks see them. Images: pixels in [-1, 1], in channels-last memory."""
    labels: Labels | None = None
    """Class of each sample, or its row of several or continuous labels; None for data without labels."""

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items() if tensor is not None})

    def __len__(self) -> int:
        return len(self.samples)
