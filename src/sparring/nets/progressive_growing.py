"""Networks that grow while they train, from small images to large (Karras et al. 2018: Progressive Growing of GANs).

All layers are there from the beginning, and those of sides that have not come yet are not used: so growing changes nothing in what a
checkpoint holds, and a run resumes exactly in the middle of it.
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
    """When which side is played: `stable` images at a side, `fading` images in which the next comes in, and so on to the last."""

    first: int
    """The side to begin with."""
    last: int
    """The side to end with."""
    stable: int
    """Images shown at each side alone."""
    fading: int
    """Images over which the next side is faded in."""

    def level(self, images: int) -> float:
        """Doublings of the first side after so many images: 1.25 is the second side of all, a quarter of the third faded in."""
        sides, within = divmod(images, self.stable + self.fading)
        level = sides + max(0, within - self.stable) / self.fading if self.fading else sides
        return min(level, self.levels - 1)

    @property
    def levels(self) -> int:
        """How many sides there are."""
        return self.last.bit_length() - self.first.bit_length() + 1

    def side(self, level: float) -> int:
        """Of the images at that level."""
        return self.first << -int(-level // 1)


def downsample_to_level(images: Float[Tensor, "n c h w"], growth: Growth, level: float) -> Float[Tensor, "n c p q"]:
    """Real images at a level: as large as those of the generator are, and while a side is faded in as blurred as they are."""
    small = avg_pool2d(images, growth.last // growth.side(level)) if growth.side(level) < growth.last else images
    return small if level == int(level) else torch.lerp(upsample_nearest(downsample_average(small)), small, level % 1)


def upsample_nearest(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
    """Each place repeated two by two."""
    return interpolate(x, scale_factor=2.0)


def downsample_average(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h/2 w/2"]:
    """Means of two by two places."""
    return avg_pool2d(x, 2)


class Growing(nn.Module):
    """A network that knows its level: in training the game says it, and for use it is kept with the weights."""

    samples_seen: Int64[Tensor, ""]

    def __init__(self, growth: Growth) -> None:
        super().__init__()
        self.growth = growth
        self.first_stage = growth.first.bit_length() - 3
        """Of the first side among 4, 8, ..."""
        self.training_level = 0.0
        # a whole number: what is whole is copied into moving averages as it is
        self.register_buffer("samples_seen", torch.zeros((), dtype=torch.int64))

    @property
    def level(self) -> float:
        """See `Growth.level`."""
        return self.training_level if self.training else self.growth.level(int(self.samples_seen))

    @property
    def newest_level(self) -> int:
        """The number of the side that is there or coming, 0 for the first."""
        return -int(-self.level // 1)

    @property
    def fading(self) -> bool:
        """Whether that side is being faded in."""
        return self.level != self.newest_level

    def synthesize_at_level(
        self, x: Float[Tensor, "n c h w"], blocks: Sequence[Callable[[Tensor], Tensor]], draw: nn.ModuleList
    ) -> Float[Tensor, "n channels _ _"]:
        """Images, of the level's side in training and of the last side in use: the map `x` through these blocks, of which the last is
        that of the newest side.
        """
        before = None
        for block in blocks[:-1]:
            x = block(x)
        if blocks:
            before = draw[self.newest_level - 1](x) if self.fading else None
            x = blocks[-1](x)
        return at_least_float32(self.fade_in(before, draw[self.newest_level](x)))

    def fade_in(self, before: Float[Tensor, "n c p q"] | None, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c _ _"]:
        """`images` of the newest side over those of the side `before`, as far as it is faded in. In use, in [-1, 1] and as large as
        they will be in the end.
        """
        if before is not None:
            images = torch.lerp(upsample_nearest(before).to(images.dtype), images, self.level % 1)  # a GPU doubles in float32
        if self.training:
            return images
        factor = self.growth.last // images.shape[2]
        return interpolate(images.clamp(-1, 1), scale_factor=float(factor)) if factor > 1 else images.clamp(-1, 1)


def to_image_layers(widths: Sequence[int], channels: int) -> nn.ModuleList:
    """What makes images of maps with so many channels: 1x1, no rectifier."""
    return nn.ModuleList(Convolution(width, channels, 1, activated=False) for width in widths)


class PixelNormConvolution(nn.Module):
    """A convolution with its leaky ReLU, then pixel norm."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolution = Convolution(before, after, 3)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o h w"]:
        """(n, before, h, w) to (n, after, h, w)."""
        return pixel_norm(self.convolution(x))


class LatentBlock(nn.Module):
    """A latent of length 1 as a 4x4 map."""

    def __init__(self, latent_size: int, width: int) -> None:
        super().__init__()
        self.linear = Linear(latent_size, width * 16, activated=True)
        self.convolution = PixelNormConvolution(width, width)

    def forward(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n width 4 4"]:
        """(n, latent) to (n, width, 4, 4)."""
        # (n, 4, 4, channels) seen as (n, channels, 4, 4): channels-last without a copy
        x = self.linear(pixel_norm(latent)).view(len(latent), 4, 4, -1).permute(0, 3, 1, 2)
        return self.convolution(pixel_norm(x))


class UpBlock(nn.Module):
    """Nearest neighbors, 3x3, 3x3."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = PixelNormConvolution(before, after), PixelNormConvolution(after, after)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o 2*h 2*w"]:
        """(n, before, h, w) to (n, after, 2h, 2w)."""
        return self.second(self.first(upsample_nearest(x)))


class Generator(Growing):
    """ProGAN's (table 2 of the paper). `widths`: channels at 4, 8, ... Classes are `concatenated` to the latent: how many there are."""

    def __init__(self, widths: Sequence[int], channels: int, latent_size: int, growth: Growth, *, concatenated: int = 0) -> None:
        super().__init__(growth)
        self.classes = concatenated
        self.start = LatentBlock(latent_size + concatenated, widths[0])
        self.blocks = nn.ModuleList(UpBlock(before, after) for before, after in itertools.pairwise(widths))
        self.to_image = to_image_layers(widths[self.first_stage :], channels)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Label = None) -> Float[Tensor, "n c h w"]:
        """Images, of the level's side in training and of the last side in use."""
        rows = label_rows(condition, self.classes, latent.dtype)
        x = self.start(latent if rows is None else torch.cat([latent, rows], dim=1))
        return self.synthesize_at_level(x, list(self.blocks)[: self.first_stage + self.newest_level], self.to_image)


class DownBlock(nn.Module):
    """3x3, 3x3, half the side: by means (ProGAN), or `smoothly`, by the binomial filter before the second (StyleGAN)."""

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
    """ProGAN's (table 2), and `smoothly` StyleGAN's. `widths`: channels at 4, 8, ... Classes may be `named` by outputs of their own, or
    `projected` (each class picks its own output): how many there are.
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
        """A logit for each image of the level's side, then one for each class that is named."""
        if not self.training:  # in use, images have the last side
            images = downsample_to_level(images, self.growth, self.level)
        x = self.from_image[self.newest_level](images)
        for place in range(self.first_stage + self.newest_level, 0, -1):
            x = self.blocks[place - 1](x)
            if self.fading and place == self.first_stage + self.newest_level:
                x = torch.lerp(self.from_image[self.newest_level - 1](downsample_average(images)).to(x.dtype), x, self.level % 1)
        outputs = self.head(self.hidden(self.last(self.deviation(x)).flatten(1)))
        if not self.projected:
            return outputs
        rows = label_rows(label, self.projected, images.dtype)
        assert rows is not None
        logits, names = outputs.split([self.projected, outputs.shape[1] - self.projected], dim=1)
        return torch.cat([(logits * rows).sum(dim=1, keepdim=True), names], dim=1)
