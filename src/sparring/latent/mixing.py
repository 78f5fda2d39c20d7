"""Styles of one picture with those of another (Karras et al. 2019, section 3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor


def mixed(
    coarse: Float[Tensor, "rows layers style"], fine: Float[Tensor, "columns layers style"], layer: int
) -> Float[Tensor, "rows columns layers style"]:
    """The styles of each row up to `layer` with those of each column from there on."""
    rows, columns = len(coarse), len(fine)
    return torch.cat(
        [coarse[:, None, :layer].expand(-1, columns, -1, -1), fine[None, :, layer:].expand(rows, -1, -1, -1)],
        dim=2,
    )
