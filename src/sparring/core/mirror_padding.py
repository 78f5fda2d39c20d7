"""Images with more of themselves around them."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad


def mirrored(x: Float[Tensor, "n c h w"], across: int, along: int) -> Float[Tensor, "n c _ _"]:
    """With so many columns more on the left and right, and rows at top and bottom, mirrored at the edge: fewer than there are.

    A GPU sums the gradients of torch's own in an order that is up to chance, and those of pieces in one that is not.
    """
    if x.device.type == "cpu":
        return pad(x, (across, across, along, along), mode="reflect")
    return _of_pieces(_of_pieces(x, 3, across), 2, along)


def _of_pieces(x: Float[Tensor, "n c h w"], side: int, margin: int) -> Float[Tensor, "n c _ _"]:
    if not margin:
        return x
    first, last = x.narrow(side, 1, margin), x.narrow(side, x.shape[side] - 1 - margin, margin)
    return torch.cat([first.flip(side), x, last.flip(side)], dim=side)
