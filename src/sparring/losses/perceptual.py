"""Perceptual losses (Johnson et al. 2016): content and style by the feature maps of a published network."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def correlations(maps: Float[Tensor, "n f p q"]) -> Float[Tensor, "n f f"]:
    """How often features come together: the Gram matrix of equation 3."""
    rows = maps.float().flatten(2)
    with torch.autocast(maps.device.type, enabled=False):
        return rows @ rows.transpose(1, 2) / (rows.shape[1] * rows.shape[2])


def style_distance(maps: Sequence[Float[Tensor, "n _ _ _"]], manner: Sequence[Float[Tensor, "n _ _"]]) -> Float[Tensor, " n"]:
    """Each image's squared distances between the Gram matrices of its maps and those of the style, each over the mean square of the
    style's, averaged over the maps. It can only tell colors from their opposites by maps whose features are not also seen negated:
    f and -f have the same Gram matrix.
    """
    distances = [(correlations(of) - one).square().flatten(1).sum(dim=1) for of, one in zip(maps, manner, strict=True)]
    sizes = [one.square().flatten(1).sum(dim=1).mean() for one in manner]
    return torch.stack([distance / size for distance, size in zip(distances, sizes, strict=True)]).mean(dim=0)


def total_variation(images: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """Mean squared differences of neighbors."""
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).mean(dim=1) + across.square().flatten(1).mean(dim=1)
