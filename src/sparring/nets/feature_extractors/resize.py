"""Bringing images to a feature network's size. How it is done moves scores (Parmar et al. 2022), so it has a name."""

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
    """Antialiased, as Pillow does it (a = -0.5)."""
    columns = torch.arange(before).split(COLUMNS)  # a few at a time, for memory's sake
    lines = [(torch.arange(before)[:, None] == some).float()[None, None] for some in columns]
    return torch.cat([interpolate(line, size=(after, line.shape[3]), mode="bicubic", antialias=True)[0, 0] for line in lines], dim=1)


def tensorflow_bilinear_matrix(before: int, after: int) -> Float[Tensor, "after before"]:
    """As TensorFlow 1 does it, and so the first FID: without antialiasing, from the corner of the pixels."""
    places = torch.arange(after, dtype=torch.float32) * (before / after)
    low = places.floor().long()
    high = (low + 1).clamp(max=before - 1)
    share = (places - low)[:, None]
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
    """Images at `side` x `side`. A resize is linear, so it is two small matrix products, which is fast on every machine."""
    height, width = images.shape[2:]
    if height != side:
        images = _matrix(way, height, side) @ images
    return images if width == side else images @ _matrix(way, width, side).T
