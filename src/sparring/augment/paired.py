"""Augmentation of image pairs, where both images of a pair change in the same way."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.augment.random_draws import RandomDraws
from sparring.core.random_streams import Streams


def jittered(
    together: Sequence[Float[Tensor, "n _ h w"]], streams: Streams, name: str, *, jitter: float, flip: bool
) -> list[Float[Tensor, "n _ h w"]]:
    """Random jitter and mirroring of image batches that belong together, in the same way for all (Isola et al. 2017, appendix 6.2).

    Images are enlarged by the share `jitter` and cropped to their size at a random position; if `flip`, half of them are mirrored. `name`
    is part of the names of the random streams.
    """
    n, _, height, width = together[0].shape
    draws = RandomDraws(streams, name, n, 0.5)
    mirrored = (draws.with_chance("flip", torch.ones(n)) == 1).tolist() if flip else [False] * n
    larger = round(height * (1 + jitter)), round(width * (1 + jitter))
    tops, lefts = (
        ((draws.uniform(way) + 1) / 2 * (room + 1)).long().tolist()
        for way, room in zip(("down", "right"), (larger[0] - height, larger[1] - width), strict=True)
    )
    jittered_batches = []
    for images in together:
        enlarged = resize_bilinear(images, larger) if larger != (height, width) else images
        cropped = [enlarged[i, :, tops[i] : tops[i] + height, lefts[i] : lefts[i] + width] for i in range(n)]
        cropped = [image.flip(2) if mirrored[i] else image for i, image in enumerate(cropped)]
        jittered_batches.append(torch.stack(cropped).contiguous(memory_format=torch.channels_last))
    return jittered_batches


def resize_bilinear(images: Float[Tensor, "n c _ _"], size: tuple[int, int]) -> Float[Tensor, "n c h w"]:
    """Bilinear interpolation without gradients. On a GPU, `interpolate` needs 36 operations for it because it supports gradients."""
    return torch.ops.aten.upsample_bilinear2d(images, list(size), False)
