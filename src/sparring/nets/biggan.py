"""The networks of BigGAN and BigGAN-deep (Brock et al. 2019, appendix B), which include those of SAGAN (Zhang et al. 2019). Details that
the papers leave open follow the authors' code (ajbrock/BigGAN-PyTorch).
"""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu

from sparring.nets.blocks.layers import MinibatchDeviation, at_least_float32, spectrally_normalized
from sparring.nets.sngan import convolve_downsample, upsample_convolve
from sparring.nets.style_generator import Label, label_rows

MIN_SIDE, MAX_SIDE = 16, 512
BOTTLENECK = 4
"""Factor by which 3x3 convolutions of BigGAN-deep have fewer channels than their block."""

_GENERATOR_FACTORS = {
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
_DISCRIMINATOR_FACTORS = {
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}


def generator_widths(resolution: int, width: int) -> tuple[int, ...]:
    """Number of channels at sides 4, 8, ..., resolution: tables 4 to 9 of the paper, for 32 and 64 as in the authors' code, for 16 as for
    32.
    """
    return tuple(width * factor for factor in _GENERATOR_FACTORS[resolution])


def discriminator_widths(resolution: int, width: int) -> tuple[int, ...]:
    """Number of channels after each stage; for BigGAN-deep after the first convolution and each stage."""
    return tuple(width * factor for factor in _DISCRIMINATOR_FACTORS[resolution])


def halvings(resolution: int, stages: int) -> tuple[bool, ...]:
    """Whether each stage of a discriminator halves the side: they do down to 4x4, or to 8x8 for images of 32x32."""
    last = resolution.bit_length() - (4 if resolution == 32 else 3)
    return tuple(stage < last for stage in range(stages))


def initialize(network: nn.Module) -> None:
    """Set weights to random orthogonal matrices (Saxe et al. 2014), and biases to zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Attention(nn.Module):
    """Self-attention over the positions of a feature map (Zhang et al. 2019, section 3), with keys and values at half the side as in the
    authors' code. Its output is weighted by `gamma`, which starts at 0, so that the layer starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, half = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, inner, 1, bias=False)
        self.key = nn.Conv2d(channels, inner, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.out = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        query, key, value = (
            y.flatten(2).transpose(1, 2) for y in (self.query(x), max_pool2d(self.key(x), 2), max_pool2d(self.value(x), 2))
        )
        # not scaled_dot_product_attention: the paper does not scale, and second derivatives must exist
        weights = torch.softmax(at_least_float32(query @ key.transpose(1, 2)), dim=2).to(value.dtype)
        attended = (weights @ value).transpose(1, 2).reshape(x.shape[0], -1, *x.shape[2:]).contiguous(memory_format=torch.channels_last)
        return torch.add(x, self.gamma.to(x.dtype) * self.out(attended))


class ConditionalNormReLU(nn.Module):
    """Batch norm followed by ReLU. Its scales and offsets are linear functions of a vector of `condition` numbers, or plain weights if that
    is 0.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=condition == 0)
        self.scale = nn.Linear(condition, channels, bias=False) if condition else None
        self.offset = nn.Linear(condition, channels, bias=False) if condition else None

    def forward(self, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n condition"] | None) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        x = self.norm(x)
        if self.scale is not None and self.offset is not None:
            scale, offset = 1 + self.scale(condition), self.offset(condition)
            x = torch.addcmul(offset.to(x.dtype)[:, :, None, None], x, scale.to(x.dtype)[:, :, None, None])
        return relu(x, inplace=True)


class UpBlock(nn.Module):
    """Residual block of BigGAN's generator (figure 15b): norm, ReLU, nearest-neighbor upsampling, 3x3, norm, ReLU, 3x3; the shortcut is
    upsampling and a 1x1.
    """

    def __init__(self, before: int, after: int, condition: int, stage: int) -> None:
        super().__init__()
        self.stage = stage
        self.norms = nn.ModuleList([ConditionalNormReLU(before, condition), ConditionalNormReLU(after, condition)])
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n condition"] | None) -> Float[Tensor, "n o 2*h 2*w"]:
        """(n, before, h, w) to (n, after, 2h, 2w)."""
        first, second = self.norms
        y = self.second(second(upsample_convolve(first(x, condition), self.first), condition))
        return y + interpolate(self.shortcut(x), scale_factor=2.0)


class DeepUpBlock(nn.Module):
    """Residual block of BigGAN-deep's generator (figure 16b): 1x1 to a fourth of the channels, two 3x3, and 1x1 back, each after norm and
    ReLU. The shortcut drops surplus channels of the input. `doubles` upsamples to nearest neighbors before the first 3x3.
    """

    def __init__(self, before: int, after: int, condition: int, stage: int, *, doubles: bool) -> None:
        super().__init__()
        self.stage, self.doubles, self.after = stage, doubles, after
        hidden = before // BOTTLENECK
        self.norms = nn.ModuleList([ConditionalNormReLU(before, condition), *(ConditionalNormReLU(hidden, condition) for _ in range(3))])
        self.narrow = nn.Conv2d(before, hidden, 1)
        self.first, self.second = nn.Conv2d(hidden, hidden, 3, padding=1), nn.Conv2d(hidden, hidden, 3, padding=1)
        self.widen = nn.Conv2d(hidden, after, 1)

    def forward(self, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n condition"] | None) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, h, w), or twice the side."""
        norms = list(self.norms)
        y = norms[1](self.narrow(norms[0](x, condition)), condition)
        y = upsample_convolve(y, self.first) if self.doubles else self.first(y)
        y = self.second(norms[2](y, condition))
        y = self.widen(norms[3](y, condition))
        x = x[:, : self.after]
        return y + (interpolate(x, scale_factor=2.0) if self.doubles else x)


class Generator(nn.Module):
    """BigGAN's generator: a 4x4 map from the latent, one stage for each doubling of the side, then norm, ReLU, 3x3 and tanh.

    `widths` are the numbers of channels at sides 4, 8, and so on. `shared` is the size of a class embedding that all norms share; with 0,
    each norm has its own weights for the classes. `hierarchical` gives each stage a part of the latent beside the class (in BigGAN-deep the
    whole latent). `attended` lists the stages that are followed by self-attention. `depth` is the number of blocks in a stage of
    BigGAN-deep; 0 means BigGAN.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        latent_size: int,
        *,
        classes: int = 0,
        shared: int = 128,
        hierarchical: bool = True,
        attended: Sequence[int] = (),
        depth: int = 0,
        spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        self.classes, self.latent_size, self.hierarchical, self.deep = classes, latent_size, hierarchical, depth > 0
        stages = len(widths) - 1
        self.embed = nn.Linear(classes, shared, bias=False) if classes and shared else None
        class_size = shared if self.embed is not None else classes
        uses_whole_latent = not hierarchical or self.deep
        self.chunk = latent_size if uses_whole_latent else latent_size // (stages + 1)
        condition = class_size + (self.chunk if hierarchical else 0)
        self.project = nn.Linear(condition if hierarchical and self.deep else self.chunk, widths[0] * 16)
        blocks: list[nn.Module] = []
        for stage, (before, after) in enumerate(itertools.pairwise(widths)):
            if self.deep:
                for i in range(depth):
                    block_after = after if i or depth == 1 else before  # a single block does the work of two
                    blocks.append(DeepUpBlock(before, block_after, condition, stage, doubles=i == depth - 1))
                    before = block_after  # noqa: PLW2901 (each block's input is the previous one's output)
            else:
                blocks.append(UpBlock(before, after, condition, stage))
            if stage in attended:
                blocks.append(Attention(after))
        self.blocks = nn.ModuleList(blocks)
        self.last_norm = ConditionalNormReLU(widths[-1], 0)
        self.to_image = nn.Conv2d(widths[-1], channels, 3, padding=1)
        initialize(self)
        if spectral_norm:
            for name, module in self.named_children():
                if name != "embed":
                    spectrally_normalized(module, apart_from=() if self.embed is not None or not classes else (ConditionalNormReLU,))

    def forward(self, latent: Float[Tensor, "n latent"], condition: Label = None) -> Float[Tensor, "n c h w"]:
        """Images in [-1, 1] from latents. `condition` has one-hot rows, a weight for each class, or class indices."""
        class_vector = label_rows(condition, self.classes, latent.dtype)
        if class_vector is not None and self.embed is not None:
            class_vector = self.embed(class_vector).to(latent.dtype)
        conditions = self.stage_conditions(latent, class_vector)
        start = latent[:, : self.chunk]
        if self.hierarchical and self.deep:
            assert conditions[0] is not None
            start = conditions[0]
        # (n, 4, 4, channels) viewed as (n, channels, 4, 4): channels-last without a copy
        x = self.project(start).view(latent.shape[0], 4, 4, -1).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x, conditions[block.stage]) if isinstance(block, UpBlock | DeepUpBlock) else block(x)
        return at_least_float32(self.to_image(self.last_norm(x, None)).tanh())

    def latent_weights(self) -> list[Float[Tensor, "outputs latent"]]:
        """Weights of all linear layers that read the latent, as functions of the whole latent: the first layer, and the norms of a
        hierarchical generator.
        """

        def of_whole_latent(weight: Float[Tensor, "outputs _"], chunk: int) -> Float[Tensor, "outputs latent"]:
            """The weight of a layer that reads one chunk, with zeros for the others. In its input, the class precedes the chunk."""
            whole = weight.new_zeros(weight.shape[0], self.latent_size)
            whole[:, chunk * self.chunk : (chunk + 1) * self.chunk] = weight[:, -self.chunk :]
            return whole

        found = [of_whole_latent(self.project.weight, 0)]
        if self.hierarchical:
            for block in self.blocks:
                if isinstance(block, UpBlock | DeepUpBlock):
                    norms = [norm for norm in block.norms if isinstance(norm, ConditionalNormReLU)]
                    maps = [part for norm in norms for part in (norm.scale, norm.offset) if part is not None]
                    found += [of_whole_latent(part.weight, 0 if self.deep else block.stage + 1) for part in maps]
        return found

    def stage_conditions(
        self, latent: Float[Tensor, "n latent"], class_vector: Float[Tensor, "n class_size"] | None
    ) -> list[Float[Tensor, "n condition"] | None]:
        """The vector that conditions the norms of each stage: the class, and for hierarchical generators a part of the latent."""
        classes = [] if class_vector is None else [class_vector]
        if not self.hierarchical:
            return [class_vector] * len(self.blocks)
        if self.deep:
            return [torch.cat([*classes, latent], dim=1)] * len(self.blocks)
        return [torch.cat([*classes, chunk], dim=1) for chunk in latent.split(self.chunk, dim=1)[1:]]


class DownBlock(nn.Module):
    """Residual block of BigGAN's discriminator (figure 15c): ReLU, 3x3, ReLU, 3x3, average pooling; the shortcut is a 1x1 and average
    pooling. The block that reads `images` has no first ReLU. `halves` adds the pooling.
    """

    def __init__(self, before: int, after: int, *, halves: bool, images: bool) -> None:
        super().__init__()
        self.halves, self.images = halves, images
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1) if halves or before != after else nn.Identity()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, h / 2, w / 2), or without pooling (n, after, h, w)."""
        y = relu(self.first(x if self.images else relu(x)), inplace=True)
        if not self.halves:
            return self.second(y) + self.shortcut(x)
        return convolve_downsample(y, self.second) + self.shortcut(avg_pool2d(x, 2))


class DeepDownBlock(nn.Module):
    """Residual block of BigGAN-deep's discriminator (figure 16c): 1x1 to a fourth of the channels, two 3x3, average pooling, and 1x1 back,
    each after a ReLU. The shortcut is the pooled input, with missing channels added by a 1x1. `halves` adds the pooling.
    """

    def __init__(self, before: int, after: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        hidden = after // BOTTLENECK
        self.narrow = nn.Conv2d(before, hidden, 1)
        self.first, self.second = nn.Conv2d(hidden, hidden, 3, padding=1), nn.Conv2d(hidden, hidden, 3, padding=1)
        self.widen = nn.Conv2d(hidden, after, 1)
        self.more = nn.Conv2d(before, after - before, 1) if after != before else None

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n o p q"]:
        """(n, before, h, w) to (n, after, h / 2, w / 2), or without pooling (n, after, h, w)."""
        y = relu(self.second(relu(self.first(relu(self.narrow(relu(x)), inplace=True)), inplace=True)), inplace=True)
        if self.halves:
            y, x = avg_pool2d(y, 2), avg_pool2d(x, 2)
        x = x if self.more is None else torch.cat([x, self.more(x)], dim=1)
        return self.widen(y) + x


class Discriminator(nn.Module):
    """BigGAN's discriminator: one stage for each halving of the side and further ones, then ReLU, the sum over each channel's positions, a
    linear head, and the projection of the class.

    `widths` are the numbers of channels after each stage (in BigGAN-deep, after the first convolution and each stage). `halves` says which
    stages halve the side. `attended` lists the stages that are followed by self-attention. `depth` is the number of blocks in a stage of
    BigGAN-deep; 0 means BigGAN. Two numbers of classes say how classes enter (0: not in this way): `projected` onto the sums, or `named`,
    predicted by an auxiliary output for each class. The game adds spectral norm.
    """

    def __init__(
        self,
        widths: Sequence[int],
        halves: Sequence[bool],
        channels: int,
        *,
        attended: Sequence[int] = (),
        depth: int = 0,
        minibatch_deviation: bool = False,
        projected: int = 0,
        named: int = 0,
    ) -> None:
        super().__init__()
        self.from_image = nn.Conv2d(channels, widths[0], 3, padding=1) if depth else None
        blocks: list[nn.Module] = []
        for stage, (before, after) in enumerate(itertools.pairwise(widths if depth else (channels, *widths))):
            if depth:
                blocks += [DeepDownBlock(after if i else before, after, halves=halves[stage] and i == 0) for i in range(depth)]
            else:
                blocks.append(DownBlock(before, after, halves=halves[stage], images=stage == 0))
            if stage in attended:
                blocks.append(Attention(after))
        self.blocks = nn.ModuleList(blocks)
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        features = widths[-1] + minibatch_deviation
        self.head = nn.Linear(features, 1 + named)
        self.project = nn.Linear(projected, features, bias=False) if projected else None
        self.classes = projected
        initialize(self)

    def forward(self, images: Float[Tensor, "n c h w"], label: Label = None) -> Float[Tensor, "n outputs"]:
        """One logit for each image, followed by one for each auxiliary class. `label` has one-hot rows or class indices if classes are
        projected.
        """
        x = images if self.from_image is None else self.from_image(images)
        for block in self.blocks:
            x = block(x)
        features = self.deviation(relu(x, inplace=True).sum(dim=(2, 3)))
        outputs = self.head(features)
        if self.project is not None:
            outputs = outputs + (self.project(label_rows(label, self.classes, images.dtype)) * features).sum(dim=1, keepdim=True)
        return outputs
