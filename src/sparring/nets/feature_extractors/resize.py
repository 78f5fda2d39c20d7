"""Resizes images for feature networks. The method changes scores (Parmar et al. 2022), so it has a name that protocols record."""

import functools
from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

ResizeName = Literal["bicubic, antialiased", "bilinear, TensorFlow 1"]
COLUMNS = 1024
RESIZES: tuple[ResizeName, ...] = get_args(ResizeName)


def bicubic_matrix(before: int, after: int) -> Float[Tensor, "after before"]:
    """Matrix of antialiased bicubic interpolation as in Pillow (a = -0.5), from `before` to `after` pixels."""
    columns = torch.arange(before).split(COLUMNS)  # a few at a time, to save memory
    lines = [(torch.arange(before)[:, None] == some).float()[None, None] for some in columns]
    return torch.cat([interpolate(line, size=(after, line.shape[3]), mode="bicubic", antialias=True)[0, 0] for line in lines], dim=1)


def tensorflow_bilinear_matrix(before: int, after: int) -> Float[Tensor, "after before"]:
    """Matrix of bilinear interpolation as in TensorFlow 1 and the original FID: without antialiasing, aligned to pixel corners."""
    positions = torch.arange(after, dtype=torch.float32) * (before / after)
    low = positions.floor().long()
    high = (low + 1).clamp(max=before - 1)
    share = (positions - low)[:, None]
    weights, rows = torch.zeros(after, before), torch.arange(after)
    weights[rows, low] = 1 - share[:, 0]
    weights[rows, high] += share[:, 0]
    return weights


MATRICES: dict[ResizeName, Callable[[int, int], Tensor]] = {
    "bicubic, antialiased": bicubic_matrix,
    "bilinear, TensorFlow 1": tensorflow_bilinear_matrix,
}


@functools.lru_cache(maxsize=64)
def _matrix(way: ResizeName, before: int, after: int) -> Float[Tensor, "after before"]:
    return MATRICES[way](before, after)


def resize(images: Float[Tensor, "n c h w"], side: int, way: ResizeName) -> Float[Tensor, "n c side side"]:
    """Images resized to `side` x `side` pixels. Resizing is linear, so it is two small matrix products, which are fast everywhere."""
    height, width = images.shape[2:]
    if height != side:
        images = _matrix(way, height, side) @ images
    return images if width == side else images @ _matrix(way, width, side).T
