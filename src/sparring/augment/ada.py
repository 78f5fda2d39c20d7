"""Changes to all that a discriminator sees, real and generated alike, so that few images are not learned by heart.

`differentiable` is DiffAugment (Zhao et al. 2020: Differentiable Augmentation for Data-Efficient GAN Training). `adaptive` is ADA's pixel,
geometric and color operations (Karras et al. 2020: Training Generative Adversarial Networks with Limited Data, appendix B), each applied
to a image with a chance that `AdaptiveChance` adapts. Gradients pass through both, twice.
"""

import functools
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import affine_grid, conv2d, conv_transpose2d, grid_sample

from sparring.augment.random_draws import Draws, Images, PerImage, _spread
from sparring.core.mirror_padding import mirrored
from sparring.core.random_streams import Streams

MEMORY = 0.25
"""Of the running mean of how sure the discriminator is, for each step. (The authors take the mean of every four steps.)"""
LARGEST_CHANCE = 0.8
"""Beyond it, what is generated begins to look augmented too (section 2.2)."""
LUMA = torch.tensor([1.0, 1.0, 1.0, 0.0]) / math.sqrt(3)
"""The axis of grays in the colors' space."""
COLORS = torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0]))
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466, 0.787641141030194,
    0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
"""Low-pass filter of the symlet of order 6 (Daubechies 1992), with which images are warped at twice their side."""


# ---------------------------------------------------------------------------------------------- pairs together


# ------------------------------------------------------------------------------------------------- DiffAugment


# --------------------------------------------------------------------------------------------------------- ADA


class AdaptiveChance(nn.Module):
    """The chance of each operation. It rises while the discriminator is too sure that real images are real, and falls else: equation 1
    (r_t) and section 3. A `fixed` chance stays.
    """

    chance: Float[Tensor, ""]
    sure: Float[Tensor, ""]

    def __init__(self, target: float, images: int, fixed: float | None = None) -> None:
        super().__init__()
        self.target, self.images, self.fixed = target, images, fixed is not None
        self.register_buffer("chance", torch.tensor(fixed or 0.0))
        self.register_buffer("sure", torch.zeros(()))

    def adapt(self, logits: Float[Tensor, " packs"], shown: int) -> None:
        """After a step that showed so many images; `logits` are those of real ones, positive where they are taken for real."""
        self.sure.lerp_(torch.sign(logits).mean(), MEMORY)
        if not self.fixed:
            self.chance += torch.sign(self.sure - self.target) * shown / self.images
            self.chance.clamp_(0, LARGEST_CHANCE)


def adaptive_augment(images: Images, chance: float, streams: Streams, name: str) -> Images:
    """Every operation of ADA's "bgc" to each image with that chance. 0 gives the images as they are."""
    if chance <= 0:
        return images
    draws = Draws(streams, name, len(images), chance)
    with torch.autocast("cpu", enabled=False), torch.autocast(images.device.type, enabled=False):
        warped = _warped(images.float(), geometry(draws, *images.shape[2:]))
        return _colored(warped, color(draws)).to(images.dtype)


def geometry(draws: Draws, height: int, width: int) -> Float[Tensor, "n 3 3"]:
    """Pixel blitting and general geometric transformations as one matrix for each image, from where a pixel goes to where it comes from,
    in pixels from the middle (appendix B, table 2: the inverse of its product).
    """
    one = torch.ones(draws.n)
    matrix = torch.eye(3).expand(draws.n, 3, 3)
    matrix = matrix @ _scaling(draws.chosen("flip", torch.sign(draws.uniform("flip")), 1.0), one)
    quarters = torch.floor((draws.uniform("quarters") + 1) * 2)
    matrix = matrix @ _rotation(draws.chosen("quarters", quarters) * math.pi / 2)
    right, down = (draws.chosen("shift", draws.uniform(way) / 8) for way in ("shift/right", "shift/down"))
    matrix = matrix @ _translation(torch.round(right * width), torch.round(down * height))
    scale = draws.chosen("scale", torch.exp2(draws.normal("scale") * 0.2), 1.0)
    matrix = matrix @ _scaling(1 / scale, 1 / scale)
    # two rotations with as much chance together as the others have alone
    before, after = (
        Draws(draws.streams, draws.name, draws.n, 1 - math.sqrt(1 - draws.chance)).chosen(turn, draws.uniform(turn) * math.pi)
        for turn in ("rotation/before", "rotation/after")
    )
    stretch = draws.chosen("stretch", torch.exp2(draws.normal("stretch") * 0.2), 1.0)
    matrix = matrix @ _rotation(before) @ _scaling(1 / stretch, stretch) @ _rotation(after)
    right, down = (draws.chosen("fraction", draws.normal(way) / 8) for way in ("fraction/right", "fraction/down"))
    return matrix @ _translation(right * width, down * height)


def color(draws: Draws) -> Float[Tensor, "n 4 4"]:
    """Brightness, contrast, luma flip, hue and saturation as one matrix on (red, green, blue, 1) for each image (table 3)."""
    matrix = torch.eye(4).expand(draws.n, 4, 4).clone()
    matrix[:, :3, 3] = draws.chosen("brightness", draws.normal("brightness") * 0.2)[:, None]
    contrast = draws.chosen("contrast", torch.exp2(draws.normal("contrast") * 0.5), 1.0)
    matrix = torch.diag_embed(torch.stack([contrast, contrast, contrast, torch.ones(draws.n)], dim=1)) @ matrix
    luma = torch.outer(LUMA, LUMA)
    flip = draws.chosen("luma", (torch.sign(draws.uniform("luma")) + 1) / 2)
    matrix = (torch.eye(4) - 2 * luma * flip[:, None, None]) @ matrix
    matrix = _hue(draws.chosen("hue", draws.uniform("hue") * math.pi)) @ matrix
    saturation = draws.chosen("saturation", torch.exp2(draws.normal("saturation")), 1.0)
    return (luma + (COLORS - luma) * saturation[:, None, None] + torch.eye(4) - COLORS) @ matrix


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
    """A turn of colors about the axis of grays (Rodrigues' formula)."""
    x, y, z, _ = LUMA.tolist()
    across = torch.tensor([[0, -z, y, 0], [z, 0, -x, 0], [-y, x, 0, 0], [0, 0, 0, 0]])
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return torch.eye(4) - COLORS + cosine * COLORS + sine * across + (1 - cosine) * torch.outer(LUMA, LUMA)


def _colored(x: Images, matrix: Float[Tensor, "n 4 4"]) -> Images:
    """Red, green and blue, or gray as the mean of what three equal ones become; a fourth channel (alpha) stays."""
    matrix = matrix.to(x)
    if x.shape[1] == 1:
        row = matrix[:, :3].mean(dim=1)
        return x * _spread(row[:, :3].sum(dim=1)) + _spread(row[:, 3])
    colors = torch.einsum("nij,njhw->nihw", matrix[:, :3, :3], x[:, :3]) + matrix[:, :3, 3, None, None]
    return torch.cat([colors, x[:, 3:]], dim=1)


@functools.lru_cache(maxsize=16)
def _wavelet(channels: int, device: torch.device) -> tuple[Float[Tensor, "c 1 12 1"], Float[Tensor, "c 1 1 12"]]:
    row = torch.tensor(SYM6, dtype=torch.float64)
    row = (row / row.sum()).float().to(device)
    return row.view(1, 1, -1, 1).expand(channels, 1, -1, 1).contiguous(), row.view(1, 1, 1, -1).expand(channels, 1, 1, -1).contiguous()


class _Sampled(torch.autograd.Function):
    """Images sampled at the places of a grid, zeros beyond them. Linear in the images: the gradient is `_Scattered`, whose own is this.
    (Older versions of PyTorch differentiate their own once.)
    """

    @staticmethod
    def forward(ctx: Any, x: Images, grid: Float[Tensor, "n p q 2"]) -> Float[Tensor, "n c p q"]:  # noqa: ANN401
        ctx.save_for_backward(grid)
        ctx.size = x.shape[2:]
        return grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return _Scattered.apply(*gradients, *ctx.saved_tensors, ctx.size), None  # pyright: ignore[reportReturnType] (a tensor)


class _Scattered(torch.autograd.Function):
    """The transpose of `_Sampled`."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, grid: Tensor, size: torch.Size) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(grid)
        images = gradient.new_zeros(*gradient.shape[:2], *size)
        with torch.enable_grad():
            sampled = grid_sample(images.requires_grad_(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return torch.autograd.grad(sampled, images, gradient)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return _Sampled.apply(*gradients, *ctx.saved_tensors), None, None  # pyright: ignore[reportReturnType] (a tensor)


def _warped(x: Images, matrix: Float[Tensor, "n 3 3"]) -> Images:
    """Each image seen through its matrix: mirrored beyond its edges, sampled at twice the side between wavelet filters (appendix B.2)."""
    n, channels, height, width = x.shape
    taps = len(SYM6)
    # how far beyond the edges images are looked at, at most as far as they can be mirrored
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
    # from the output's coordinates in [-1, 1] by pixels of the finer grid to the input's in [-1, 1]
    outward = torch.diag(torch.cat([size / 2, torch.ones(1)]))
    inward = torch.diag(torch.tensor([2 / (2 * wide), 2 / (2 * tall), 1.0]))
    # the filter is not quite symmetric: its middle lies beside that of its taps
    beside = sum(place * tap for place, tap in enumerate(SYM6)) / sum(SYM6) - (taps - 1) / 2
    finer = torch.tensor([[2.0, 0, beside], [0, 2, beside], [0, 0, 1]])
    whole = inward @ finer @ matrix @ torch.linalg.inv(finer) @ outward
    grid = affine_grid(whole[:, :2].to(x), [n, channels, int(size[1]), int(size[0])], align_corners=False)
    x = _Sampled.apply(x, grid)  # pyright: ignore[reportAssignmentType] (a tensor)
    x = conv2d(x, row, stride=(1, 2), groups=channels)
    return conv2d(x, column, stride=(2, 1), groups=channels)
