"""Augmentation of images that belong together: each pair in the same way."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.augment.random_draws import RandomDraws
from sparring.core.random_streams import Streams


def jittered(
    together: Sequence[Float[Tensor, "n _ h w"]], streams: Streams, name: str, *, jitter: float, flip: bool
) -> list[Float[Tensor, "n _ h w"]]:
    """Batches of images that belong together, all in the same way: enlarged by a share and cut back at a place of chance, and half of
    the images mirrored (Isola et al. 2017, appendix 6.2).
    """
    n, _, height, width = together[0].shape
    draws = RandomDraws(streams, name, n, 0.5)
    mirrored = (draws.with_chance("flip", torch.ones(n)) == 1).tolist() if flip else [False] * n
    larger = round(height * (1 + jitter)), round(width * (1 + jitter))
    tops, lefts = (
        ((draws.uniform(way) + 1) / 2 * (room + 1)).long().tolist()
        for way, room in zip(("down", "right"), (larger[0] - height, larger[1] - width), strict=True)
    )
    found = []
    for images in together:
        wide = resize_bilinear(images, larger) if larger != (height, width) else images
        cut = [wide[i, :, tops[i] : tops[i] + height, lefts[i] : lefts[i] + width] for i in range(n)]
        cut = [image.flip(2) if mirrored[i] else image for i, image in enumerate(cut)]
        found.append(torch.stack(cut).contiguous(memory_format=torch.channels_last))
    return found


def resize_bilinear(images: Float[Tensor, "n c _ _"], size: tuple[int, int]) -> Float[Tensor, "n c h w"]:
    """By bilinear interpolation, without gradients: on a GPU `interpolate` does it in 36 operations for the sake of theirs."""
    return torch.ops.aten.upsample_bilinear2d(images, list(size), False)
