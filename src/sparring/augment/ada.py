"""Adaptive discriminator augmentation (ADA; Karras et al. 2020: Training Generative Adversarial Networks with Limited Data, appendix B).

`adaptive_augment` applies pixel blitting, geometric and color operations, each to an image with a probability that `AdaptiveChance` adapts.
It can be differentiated twice.
"""

import functools
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import affine_grid, conv2d, conv_transpose2d, grid_sample

from sparring.augment.random_draws import Images, PerImage, RandomDraws, per_image_factor
from sparring.core.mirror_padding import mirrored
from sparring.core.random_streams import Streams

SIGN_MEAN_WEIGHT = 0.25
"""Weight of a new step in the running mean of the sign of the discriminator's logits. (The authors average over four steps.)"""
MAX_CHANCE = 0.8
"""Largest probability: beyond it, generated images begin to look augmented, too (section 2.2)."""
LUMA_AXIS = torch.tensor([1.0, 1.0, 1.0, 0.0]) / math.sqrt(3)
"""The axis of gray values in homogeneous color space (red, green, blue, 1)."""
COLOR_IDENTITY = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0]))
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466, 0.787641141030194,
    0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
"""Low-pass filter of the symlet of order 6 (Daubechies 1992), used for warping images at twice their side."""


class AdaptiveChance(nn.Module):
    """The probability of each operation. It rises while the discriminator is too confident on real images, and falls otherwise (equation 1,
    r_t, and section 3). A `fixed` probability never changes.

    `target` is the mean sign of real logits to hold, and `images` the number of training images in which the probability can go from 0 to
    1.
    """

    chance: Float[Tensor, ""]
    sign_mean: Float[Tensor, ""]

    def __init__(self, target: float, images: int, fixed: float | None = None) -> None:
        super().__init__()
        self.target, self.images, self.fixed = target, images, fixed is not None
        self.register_buffer("chance", torch.tensor(fixed or 0.0))
        self.register_buffer("sign_mean", torch.zeros(()))

    def adapt(self, logits: Float[Tensor, " packs"], images: int) -> None:
        """Update the probability after a step with `images` real images, whose `logits` are positive where they are judged real."""
        self.sign_mean.lerp_(torch.sign(logits).mean(), SIGN_MEAN_WEIGHT)
        if not self.fixed:
            self.chance += torch.sign(self.sign_mean - self.target) * images / self.images
            self.chance.clamp_(0, MAX_CHANCE)


def adaptive_augment(images: Images, chance: float, streams: Streams, name: str) -> Images:
    """Apply each operation of ADA's "bgc" to each image with probability `chance`; at 0, return the images unchanged.

    `name` is part of the names of the random streams.
    """
    if chance <= 0:
        return images
    draws = RandomDraws(streams, name, len(images), chance)
    with torch.autocast("cpu", enabled=False), torch.autocast(images.device.type, enabled=False):
        warped = _warp(images.float(), geometric_matrices(draws, *images.shape[2:]))
        return _apply_color_matrices(warped, color_matrices(draws)).to(images.dtype)


def geometric_matrices(draws: RandomDraws, height: int, width: int) -> Float[Tensor, "n 3 3"]:
    """Pixel blitting and general geometric transformations as one matrix for each image (appendix B, table 2: the inverse of its product).

    It maps the position of an output pixel to that of the input pixel, in pixels from the center. A quarter turn of a rectangle would not
    fit its frame: rectangles are turned by a half instead.
    """
    one = torch.ones(draws.n)
    matrix = torch.eye(3).expand(draws.n, 3, 3)
    matrix = matrix @ _scaling(draws.with_chance("flip", torch.sign(draws.uniform("flip")), 1.0), one)
    quarters = torch.floor((draws.uniform("quarters") + 1) * 2)
    if height != width:
        quarters = 2 * torch.floor(quarters / 2)
    matrix = matrix @ _rotation(draws.with_chance("quarters", quarters) * math.pi / 2)
    right, down = (draws.with_chance("shift", draws.uniform(way) / 8) for way in ("shift/right", "shift/down"))
    matrix = matrix @ _translation(torch.round(right * width), torch.round(down * height))
    scale = draws.with_chance("scale", torch.exp2(draws.normal("scale") * 0.2), 1.0)
    matrix = matrix @ _scaling(1 / scale, 1 / scale)
    # two rotations that together have the probability of one other operation
    before, after = (
        RandomDraws(draws.streams, draws.name, draws.n, 1 - math.sqrt(1 - draws.chance)).with_chance(turn, draws.uniform(turn) * math.pi)
        for turn in ("rotation/before", "rotation/after")
    )
    stretch = draws.with_chance("stretch", torch.exp2(draws.normal("stretch") * 0.2), 1.0)
    matrix = matrix @ _rotation(before) @ _scaling(1 / stretch, stretch) @ _rotation(after)
    right, down = (draws.with_chance("fraction", draws.normal(way) / 8) for way in ("fraction/right", "fraction/down"))
    return matrix @ _translation(right * width, down * height)


def color_matrices(draws: RandomDraws) -> Float[Tensor, "n 4 4"]:
    """Brightness, contrast, luma flip, hue and saturation as one matrix for each image, on (red, green, blue, 1) (table 3)."""
    matrix = torch.eye(4).expand(draws.n, 4, 4).clone()
    matrix[:, :3, 3] = draws.with_chance("brightness", draws.normal("brightness") * 0.2)[:, None]
    contrast = draws.with_chance("contrast", torch.exp2(draws.normal("contrast") * 0.5), 1.0)
    matrix = torch.diag_embed(torch.stack([contrast, contrast, contrast, torch.ones(draws.n)], dim=1)) @ matrix
    luma = torch.outer(LUMA_AXIS, LUMA_AXIS)
    flip = draws.with_chance("luma", (torch.sign(draws.uniform("luma")) + 1) / 2)
    matrix = (torch.eye(4) - 2 * luma * flip[:, None, None]) @ matrix
    matrix = _hue(draws.with_chance("hue", draws.uniform("hue") * math.pi)) @ matrix
    saturation = draws.with_chance("saturation", torch.exp2(draws.normal("saturation")), 1.0)
    return (luma + (COLOR_IDENTITY - luma) * saturation[:, None, None] + torch.eye(4) - COLOR_IDENTITY) @ matrix


def _translation(right: PerImage, down: PerImage) -> Float[Tensor, "n 3 3"]:
    matrix = torch.eye(3).expand(len(right), 3, 3).clone()
    matrix[:, 0, 2], matrix[:, 1, 2] = -right, -down
    return matrix


def _scaling(across: PerImage, along: PerImage) -> Float[Tensor, "n 3 3"]:
    return torch.diag_embed(torch.stack([across, along, torch.ones_like(across)], dim=1))


def _rotation(angle: PerImage) -> Float[Tensor, "n 3 3"]:
    matrix = torch.eye(3).expand(len(angle), 3, 3).clone()
    matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1] = angle.cos(), -angle.sin(), angle.sin(), angle.cos()
    return matrix


def _hue(angle: PerImage) -> Float[Tensor, "n 4 4"]:
    """Rotation of colors around the axis of gray values (Rodrigues' formula)."""
    x, y, z, _ = LUMA_AXIS.tolist()
    across = torch.tensor([[0, -z, y, 0], [z, 0, -x, 0], [-y, x, 0, 0], [0, 0, 0, 0]])
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return torch.eye(4) - COLOR_IDENTITY + cosine * COLOR_IDENTITY + sine * across + (1 - cosine) * torch.outer(LUMA_AXIS, LUMA_AXIS)


def _apply_color_matrices(x: Images, matrix: Float[Tensor, "n 4 4"]) -> Images:
    """Multiply red, green and blue by the matrix; gray becomes the mean of three equal channels' results, and alpha is unchanged."""
    matrix = matrix.to(x)
    if x.shape[1] == 1:
        row = matrix[:, :3].mean(dim=1)
        return x * per_image_factor(row[:, :3].sum(dim=1)) + per_image_factor(row[:, 3])
    colors = torch.einsum("nij,njhw->nihw", matrix[:, :3, :3], x[:, :3]) + matrix[:, :3, 3, None, None]
    return torch.cat([colors, x[:, 3:]], dim=1)


@functools.lru_cache(maxsize=16)
def _wavelet(channels: int, device: torch.device) -> tuple[Float[Tensor, "c 1 12 1"], Float[Tensor, "c 1 1 12"]]:
    row = torch.tensor(SYM6, dtype=torch.float64)
    row = (row / row.sum()).float().to(device)
    return row.view(1, 1, -1, 1).expand(channels, 1, -1, 1).contiguous(), row.view(1, 1, 1, -1).expand(channels, 1, 1, -1).contiguous()


class _GridSample(torch.autograd.Function):
    """Samples images at the positions of a grid, with zeros outside. It is linear in the images: its gradient is `_GridScatter`, whose
    gradient is `_GridSample`. (Older versions of PyTorch differentiate their own function only once.)
    """

    @staticmethod
    def forward(ctx: Any, x: Images, grid: Float[Tensor, "n p q 2"]) -> Float[Tensor, "n c p q"]:  # noqa: ANN401
        ctx.save_for_backward(grid)
        ctx.size = x.shape[2:]
        return grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return _GridScatter.apply(*gradients, *ctx.saved_tensors, ctx.size), None  # pyright: ignore[reportReturnType] (a tensor)


class _GridScatter(torch.autograd.Function):
    """The transpose of `_GridSample`."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, grid: Tensor, size: torch.Size) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(grid)
        images = gradient.new_zeros(*gradient.shape[:2], *size)
        with torch.enable_grad():
            sampled = grid_sample(images.requires_grad_(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return torch.autograd.grad(sampled, images, gradient)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return _GridSample.apply(*gradients, *ctx.saved_tensors), None, None  # pyright: ignore[reportReturnType] (a tensor)


def _warp(x: Images, matrix: Float[Tensor, "n 3 3"]) -> Images:
    """Transform each image by its matrix, with reflection padding, at twice the side between wavelet filters (appendix B.2)."""
    n, channels, height, width = x.shape
    taps = len(SYM6)
    # how far beyond the edges images are sampled, limited by how far they can be mirrored
    middle, ends = torch.tensor([width, height]) / 2, torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    corners = torch.cat([ends * middle, torch.ones(4, 1)], dim=1)
    reach = (corners @ matrix.transpose(1, 2))[..., :2].abs().amax(dim=(0, 1)) - middle + taps // 4 + 2
    across, along = (int(min(max(0, math.ceil(far)), side - 1)) for far, side in zip(reach.tolist(), (width, height), strict=True))
    column, row = _wavelet(channels, x.device)
    x = mirrored(x, across, along)
    wide, tall = x.shape[3], x.shape[2]
    x = conv_transpose2d(x, 2 * row, stride=(1, 2), padding=(0, taps // 2 - 1), groups=channels)
    x = conv_transpose2d(x, 2 * column, stride=(2, 1), padding=(taps // 2 - 1, 0), groups=channels)
    margin = taps // 2 - 1
    size = torch.tensor([width, height]) * 2 + 2 * margin
    # from the output's coordinates in [-1, 1] through pixels of the finer grid to the input's coordinates in [-1, 1]
    outward = torch.diag(torch.cat([size / 2, torch.ones(1)]))
    inward = torch.diag(torch.tensor([2 / (2 * wide), 2 / (2 * tall), 1.0]))
    # the filter is not quite symmetric: its center of mass is off the middle of its taps
    offset = sum(index * tap for index, tap in enumerate(SYM6)) / sum(SYM6) - (taps - 1) / 2
    finer = torch.tensor([[2.0, 0, offset], [0, 2, offset], [0, 0, 1]])
    combined = inward @ finer @ matrix @ torch.linalg.inv(finer) @ outward
    grid = affine_grid(combined[:, :2].to(x), [n, channels, int(size[1]), int(size[0])], align_corners=False)
    x = _GridSample.apply(x, grid)  # pyright: ignore[reportAssignmentType] (a tensor)
    x = conv2d(x, row, stride=(1, 2), groups=channels)
    return conv2d(x, column, stride=(2, 1), groups=channels)
