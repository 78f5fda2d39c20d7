"""Perceptual losses (Johnson et al. 2016): style distance on feature maps of a published network, and total variation."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Maps = Sequence[Float[Tensor, "n _ _ _"]]
"""Feature maps at several depths."""


def gram_matrices(maps: Float[Tensor, "n f p q"]) -> Float[Tensor, "n f f"]:
    """Gram matrix of the features of each image (equation 3): how strongly each pair of features occurs together."""
    rows = maps.float().flatten(2)
    with torch.autocast(maps.device.type, enabled=False):
        return rows @ rows.transpose(1, 2) / (rows.shape[1] * rows.shape[2])


def style_distance(maps: Maps, style_grams: Sequence[Float[Tensor, "n _ _"]]) -> Float[Tensor, " n"]:
    """Squared distances between the Gram matrices of each image and those of the style, averaged over the feature maps.

    `style_grams` are the Gram matrices of the style image's maps; each map's distance is divided by the mean square of its Gram matrix.
    Features f and -f have the same Gram matrix, so maps that also contain negated features cannot tell colors from their opposites.
    """
    distances = [(gram_matrices(of) - gram).square().flatten(1).sum(dim=1) for of, gram in zip(maps, style_grams, strict=True)]
    sizes = [gram.square().flatten(1).sum(dim=1).mean() for gram in style_grams]
    return torch.stack([distance / size for distance, size in zip(distances, sizes, strict=True)]).mean(dim=0)


def total_variation(images: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """Total variation of each image: the mean squared differences of vertically and of horizontally neighboring pixels, summed."""
    down, across = images.diff(dim=2), images.diff(dim=3)
    return down.square().flatten(1).mean(dim=1) + across.square().flatten(1).mean(dim=1)
