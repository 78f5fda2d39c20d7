"""Networks that grow during training, from small to large images (Karras et al. 2018: Progressive Growing of GANs).

All layers exist from the beginning, and those of larger sides are unused until their turn. So checkpoints always hold the same tensors, and
a run resumes exactly while it grows.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from sparring.nets.blocks.equalized_lr import Convolution, Linear, pixel_norm
from sparring.nets.blocks.layers import MinibatchDeviation, at_least_float32
from sparring.nets.style_generator import Label, label_rows

FIRST_SIDE, MAX_SIDE = 4, 1024


@dataclass(frozen=True)
class Growth:
    """Schedule of growth: `stable` training images at one side, then `fading` images while the next side is faded in, and so on."""

    first: int
    """Image side at the beginning of training."""
    last: int
    """Image side at the end of training."""
    stable: int
    """Number of training images at each side before the next is faded in."""
    fading: int
    """Number of training images over which the next side is faded in."""

    def level(self, images: int) -> float:
        """Level after this number of training images: the number of doublings of the first side. At 1.25, the side has doubled once, and
        the next side is faded in by a quarter.
        """
        sides, within = divmod(images, self.stable + self.fading)
        level = sides + max(0, within - self.stable) / self.fading if self.fading else sides
        return min(level, self.levels - 1)

    @property
    def levels(self) -> int:
        """Number of sides, from the first to the last."""
        return self.last.bit_length() - self.first.bit_length() + 1

    def side(self, level: float) -> int:
        """Side in pixels of the images at this level."""
        return self.first << -int(-level // 1)


def downsample_to_level(images: Float[Tensor, "n c h w"], growth: Growth, level: float) -> Float[Tensor, "n c p q"]:
    """Real images at a level: reduced to its side, and while a side is faded in, blended with blurred images like the generator's."""
    small = avg_pool2d(images, growth.last // growth.side(level)) if growth.side(level) < growth.last else images
    return small if level == int(level) else torch.lerp(upsample_nearest(downsample_average(small)), small, level % 1)


def upsample_nearest(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
    """Nearest-neighbor upsampling by 2."""
    return interpolate(x, scale_factor=2.0)


def downsample_average(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h/2 w/2"]:
    """2x2 average pooling."""
    return avg_pool2d(x, 2)


class Growing(nn.Module):
    """A network with a growth level. In training, the game sets `training_level`; otherwise the level follows from `samples_seen`, unless
    it is fixed.
    """

    samples_seen: Int64[Tensor, ""]

    def __init__(self, growth: Growth) -> None:
        super().__init__()
        self.growth = growth
        self.first_stage = growth.first.bit_length() - 3
        """Index of the first side among 4, 8, and so on."""
        self.training_level = 0.0
        self.fixed_level: float | None = None
        # an integer, because integers are copied into moving averages unchanged
        self.register_buffer("samples_seen", torch.zeros((), dtype=torch.int64))

    @property
    def level(self) -> float:
        """The current level: see `Growth.level`."""
        if self.fixed_level is not None:
            return self.fixed_level
        return self.training_level if self.training else self.growth.level(int(self.samples_seen))

    def fix_for_export(self) -> None:
        """Keep the level once and for all, for a file that is exported: a buffer has no value while a network is traced."""
        self.fixed_level = self.level

    @property
    def newest_level(self) -> int:
        """Index of the side that is used or being faded in, 0 for the first."""
        return -int(-self.level // 1)

    @property
    def fading(self) -> bool:
        """Whether the newest side is being faded in."""
        return self.level != self.newest_level

    def synthesize_at_level(
        self, x: Float[Tensor, "n c h w"], blocks: Sequence[Callable[[Tensor], Tensor]], draw: nn.ModuleList
    ) -> Float[Tensor, "n channels _ _"]:
        """Images from the feature map `x`, of the level's side in training and of the last side otherwise.

        `blocks` lead to the newest side, and `draw` has a layer to the image for each side.
        """
        before = None
        for block in blocks[:-1]:
            x = block(x)
        if blocks:
            before = draw[self.newest_level - 1](x) if self.fading else None
            x = blocks[-1](x)
        return at_least_float32(self.fade_in(before, draw[self.newest_level](x)))

    def fade_in(self, before: Float[Tensor, "n c p q"] | None, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c _ _"]:
        """Blend `images` of the newest side with those of the side `before`, as far as the newest is faded in.

        In evaluation mode, images are clipped to [-1, 1] and enlarged to the last side.
        """
        if before is not None:
            images = torch.lerp(upsample_nearest(before).to(images.dtype), images, self.level % 1)  # GPUs upsample in float32
        if self.training:
            return images
        factor = self.growth.last // images.shape[2]
        return interpolate(images.clamp(-1, 1), scale_factor=float(factor)) if factor > 1 else images.clamp(-1, 1)


def to_image_layers(widths: Sequence[int], channels: int) -> nn.ModuleList:
    """A 1x1 convolution to the image for each side, without activation. `widths` are the numbers of channels of the feature maps."""
    return nn.ModuleList(Convolution(width, channels, 1, activated=False) for width in widths)


class PixelNormConvolution(nn.Module):
    """A 3x3 convolution with leaky ReLU, followed by pixel norm."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = Convolution(before, after, 3)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o h w"]:
        """(n, before, h, w) to (n, after, h, w)."""
        return pixel_norm(self.convolution(x))


class LatentBlock(nn.Module):
    """The generator's first block: normalizes the latent, and turns it into a 4x4 feature map."""

    def __init__(self, latent_size: int, width: int) -> None:
        super().__init__()
        self.linear = Linear(latent_size, width * 16, activated=True)
        self.convolution = PixelNormConvolution(width, width)

    def forward(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n width 4 4"]:
        """(n, latent) to (n, width, 4, 4)."""
        # (n, 4, 4, channels) viewed as (n, channels, 4, 4): channels-last without a copy
        x = self.linear(pixel_norm(latent)).view(latent.shape[0], 4, 4, -1).permute(0, 3, 1, 2)
        return self.convolution(pixel_norm(x))


class UpBlock(nn.Module):
    """Nearest-neighbor upsampling and two 3x3 convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = PixelNormConvolution(before, after), PixelNormConvolution(after, after)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o 2*h 2*w"]:
        """(n, before, h, w) to (n, after, 2h, 2w)."""
        return self.second(self.first(upsample_nearest(x)))


class Generator(Growing):
    """ProGAN's generator (table 2 of the paper).

    `widths` are the numbers of channels at sides 4, 8, and so on. `concatenated` is the number of classes concatenated to the latent.
    """

    def __init__(self, widths: Sequence[int], channels: int, latent_size: int, growth: Growth, *, concatenated: int = 0) -> None:
        super().__init__(growth)
        self.classes = concatenated
        self.start = LatentBlock(latent_size + concatenated, widths[0])
        self.blocks = nn.ModuleList(UpBlock(before, after) for before, after in itertools.pairwise(widths))
        self.to_image = to_image_layers(widths[self.first_stage :], channels)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Label = None) -> Float[Tensor, "n c h w"]:
        """Images from latents, of the level's side in training and of the last side otherwise. `condition` has one-hot rows, a weight for
        each class, or class indices.
        """
        rows = label_rows(condition, self.classes, latent.dtype)
        x = self.start(latent if rows is None else torch.cat([latent, rows], dim=1))
        return self.synthesize_at_level(x, list(self.blocks)[: self.first_stage + self.newest_level], self.to_image)


class DownBlock(nn.Module):
    """Two 3x3 convolutions to half the side: by average pooling (ProGAN), or if `smoothly`, by the binomial filter before the second
    convolution (StyleGAN).
    """

    def __init__(self, before: int, after: int, *, smoothly: bool) -> None:
        super().__init__()
        self.first = Convolution(before, before, 3)
        self.second = Convolution(before, after, 3, down=smoothly)
        self.smoothly = smoothly

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o h/2 w/2"]:
        """(n, before, h, w) to (n, after, h / 2, w / 2)."""
        x = self.second(self.first(x))
        return x if self.smoothly else downsample_average(x)


class Discriminator(Growing):
    """ProGAN's discriminator (table 2 of the paper), or if `smoothly`, StyleGAN's.

    `widths` are the numbers of channels at sides 4, 8, and so on. Two numbers of classes say how classes enter (0: not in this way):
    `projected`, where each class has its own logit, or `named`, predicted by an auxiliary output for each class.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        growth: Growth,
        *,
        smoothly: bool = False,
        minibatch_deviation: bool = True,
        named: int = 0,
        projected: int = 0,
    ) -> None:
        super().__init__(growth)
        self.projected = projected
        self.from_image = nn.ModuleList(Convolution(channels, width, 1) for width in widths[self.first_stage :])
        self.blocks = nn.ModuleList(DownBlock(after, before, smoothly=smoothly) for before, after in itertools.pairwise(widths))
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        self.last = Convolution(widths[0] + minibatch_deviation, widths[0], 3)
        self.hidden = Linear(widths[0] * 16, widths[0], activated=True)
        self.head = Linear(widths[0], (projected or 1) + named)

    def forward(self, images: Float[Tensor, "n c h w"], label: Label = None) -> Float[Tensor, "n outputs"]:
        """One logit for each image, followed by one for each auxiliary class. Images have the level's side in training, else the last side.

        `label` has one-hot rows, a weight for each class, or class indices.
        """
        if not self.training:
            images = downsample_to_level(images, self.growth, self.level)
        x = self.from_image[self.newest_level](images)
        for stage in range(self.first_stage + self.newest_level, 0, -1):
            x = self.blocks[stage - 1](x)
            if self.fading and stage == self.first_stage + self.newest_level:
                x = torch.lerp(self.from_image[self.newest_level - 1](downsample_average(images)).to(x.dtype), x, self.level % 1)
        outputs = self.head(self.hidden(self.last(self.deviation(x)).flatten(1)))
        if not self.projected:
            return outputs
        rows = label_rows(label, self.projected, images.dtype)
        assert rows is not None
        logits, names = outputs.split([self.projected, outputs.shape[1] - self.projected], dim=1)
        return torch.cat([(logits * rows).sum(dim=1, keepdim=True), names], dim=1)
