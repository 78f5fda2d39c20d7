"""A batch of real data on its way into a game, and the one place where pixels change their range."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Real images that one turn sees."""

    images: Float[Tensor, "n c h w"]
    """Pixels in [-1, 1], in channels-last memory."""
    labels: Int64[Tensor, " n"] | None = None
    """Class of each image, or None for data without classes."""
    inputs: Float[Tensor, "n inputs h w"] | None = None
    """What each image is to be made of, or images of another kind; None where there is no such thing. As `images`."""

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        return Batch(*(None if part is None else part.to(device) for part in (self.images, self.labels, self.inputs)))  # pyright: ignore[reportArgumentType] (there are images)

    def __len__(self) -> int:
        return len(self.images)
