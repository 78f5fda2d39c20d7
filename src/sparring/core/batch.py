"""A batch of real data on its way into a game, and the one place where pixels change their range."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Real pictures that one turn sees."""

    images: Float[Tensor, "n c h w"]
    """Pixels in [-1, 1], in channels-last memory."""
    labels: Int64[Tensor, " n"] | None = None
    """Class of each picture, or None for data without classes."""
    inputs: Float[Tensor, "n inputs h w"] | None = None
    """What each picture is to be made of, or pictures of another kind; None where there is no such thing. As `images`."""

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        return Batch(*(None if part is None else part.to(device) for part in (self.images, self.labels, self.inputs)))  # pyright: ignore[reportArgumentType] (there are images)

    def __len__(self) -> int:
        return len(self.images)


def pixels_to_float(pixels: UInt8[Tensor, "n h w c"]) -> Float[Tensor, "n c h w"]:
    """8-bit pixels in [0, 255] as float32 in [-1, 1]; the result is a channels-last tensor, without a copy."""
    return pixels.permute(0, 3, 1, 2).div(127.5).sub_(1.0)


def float_to_pixels(images: Float[Tensor, "n c h w"]) -> UInt8[Tensor, "n h w c"]:
    """Pictures in [-1, 1] (what lies outside is clipped) as 8-bit pixels, rounded to the nearest: the inverse of `pixels_to_float`."""
    scaled = images.to(torch.float32).add(1.0).mul_(127.5).round_().clamp_(0, 255)
    return scaled.permute(0, 2, 3, 1).to(torch.uint8).contiguous()
