"""The generator of lucidrains' lightweight-gan (https://github.com/lucidrains/lightweight-gan), which is FastGAN's with other upsampling,
other gates and, at chosen sides, attention. There is no paper of its own; its parts have theirs, which are named below.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, normalize, pad, unfold

from sparring.nets.fastgan import Noise

MIN_SIDE, MAX_SIDE = 8, 1024
SLOPE = 0.1
EXCITING_SIDE, EXCITED_LATER = 16, 3
"""Side of the first maps that scale the channels of later ones, and the number of doublings between the two."""
COLORS_FROM = 512
"""Side of the first maps with three channels."""
HEADS, HEAD_SIZE = 8, 64
NEIGHBORHOOD = 3
FREQUENCIES = 8
"""Number of frequencies along each side of maps, by which groups of channels are summed up."""


def widths(side: int, latent_size: int, base: int, largest: int) -> tuple[int, ...]:
    """Number of channels at sides 4, 8, ..., side: those of the latent, then `base` divided by the side, but at most `largest`."""
    sides = [1 << power for power in range(3, side.bit_length())]
    return (latent_size, *(3 if one >= COLORS_FROM else max(1, min(base // one, largest)) for one in sides))


class Blur(nn.Module):
    """Blurs maps with a 3x3 binomial filter, mirrored at the edges."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The maps, blurred."""
        line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4
        kernel = line.outer(line).expand(x.shape[1], 1, 3, 3)
        return conv2d(pad(x, (1, 1, 1, 1), mode="reflect"), kernel, groups=x.shape[1])


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The maps, with a mean of 0 and a deviation of 1 over the channels of each place before the learned scale."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


def heads_of(x: Float[Tensor, "n heads_x_size h w"]) -> Float[Tensor, "n heads places size"]:
    """The channels of each place, apart by head."""
    return x.unflatten(1, (HEADS, HEAD_SIZE)).flatten(3).transpose(2, 3)


class Attention(nn.Module):
    """Two kinds of attention side by side, added to their input: of all places, in a time that is linear in their number (Shen et al. 2021:
    Efficient Attention, equation 4), and of the 3x3 places around each.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = HEADS * HEAD_SIZE
        self.norm = ChannelNorm(channels)
        self.query, self.local_query = (nn.Conv2d(channels, inner, 1, bias=False) for _ in range(2))
        by_channel = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        self.key_and_value = nn.Sequential(by_channel, nn.Conv2d(channels, 2 * inner, 1, bias=False))
        self.local_key_and_value = nn.Conv2d(channels, 2 * inner, 1, bias=False)
        self.out = nn.Conv2d(2 * inner, channels, 1)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The maps, with what both kinds of attention find added."""
        height, width = x.shape[2:]
        maps = self.norm(x)
        found = [nn.functional.gelu(self._of_all(maps)), self._of_neighbors(maps)]
        by_channel = [each.transpose(2, 3).flatten(1, 2).unflatten(2, (height, width)) for each in found]
        return x + self.out(torch.cat(by_channel, dim=1))

    def _of_all(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n heads places size"]:
        query = heads_of(self.query(maps)).softmax(dim=-1) * HEAD_SIZE**-0.5
        key, value = (heads_of(each) for each in self.key_and_value(maps).chunk(2, dim=1))
        return query @ (key.softmax(dim=-2).transpose(2, 3) @ value)

    def _of_neighbors(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n heads places size"]:
        query = heads_of(self.local_query(maps)) * HEAD_SIZE**-0.5
        key, value = (
            unfold(each, NEIGHBORHOOD, padding=NEIGHBORHOOD // 2).unflatten(1, (HEADS, HEAD_SIZE, -1))
            for each in self.local_key_and_value(maps).chunk(2, dim=1)
        )  # (n, heads, size, neighbors, places); beyond the edges they are zero
        weights = torch.einsum("nhpd,nhdkp->nhpk", query, key).softmax(dim=-1)
        return torch.einsum("nhpk,nhdkp->nhpd", weights, value)


class Gates(nn.Module):
    """Gates between 0 and 1 for the channels of large maps, from small maps that are summed up to a vector."""

    def __init__(self, small: int, hidden: int, large: int) -> None:
        super().__init__()
        self.gates = nn.Sequential(nn.Linear(small, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, large), nn.Sigmoid())

    def forward(self, small: Float[Tensor, "n b h w"]) -> Float[Tensor, "n c 1 1"]:
        """A gate for each channel of the large maps."""
        return self.gates(self.summed(small))[:, :, None, None]

    def summed(self, small: Float[Tensor, "n b h w"]) -> Float[Tensor, "n b"]:
        """A number for each channel of the small maps."""
        raise NotImplementedError


class ContextGates(Gates):
    """Gates from a weighted mean of all places, whose weights are attention without a query (Cao et al. 2020: Global Context Networks,
    equation 4).
    """

    def __init__(self, small: int, large: int) -> None:
        super().__init__(small, max(3, large // 2), large)
        self.key = nn.Conv2d(small, 1, 1)

    def summed(self, small: Float[Tensor, "n b h w"]) -> Float[Tensor, "n b"]:
        """See Gates."""
        weights = self.key(small).flatten(2).softmax(dim=-1)
        return (small.flatten(2) * weights).sum(dim=2)


class FrequencyGates(Gates):
    """Gates from cosine transforms of maps, each group of channels at a frequency of its own (Qin et al. 2021: FcaNet, equation 11)."""

    waves: Float[Tensor, "b side side"]

    def __init__(self, small: int, large: int, side: int) -> None:
        super().__init__(small, max(3, large // 4), large)
        self.register_buffer("waves", waves_of_groups(small, side))

    def summed(self, small: Float[Tensor, "n b h w"]) -> Float[Tensor, "n b"]:
        """See Gates."""
        return (small * self.waves).sum(dim=(2, 3))


def waves_of_groups(channels: int, side: int) -> Float[Tensor, "channels side side"]:
    """The wave of each channel: for one half of the channels along the width, for the other along the height, at frequencies 0, 1, ... of
    the discrete cosine transform. Channels that are left over have none.
    """
    places, frequencies = torch.arange(side) + 0.5, torch.arange(FREQUENCIES)
    lines = (math.pi / side * frequencies[:, None] * places).cos() / side**0.5
    lines[1:] *= 2**0.5
    grids = [lines[0].outer(line) for line in lines] + [line.outer(lines[0]) for line in lines]
    waves = torch.zeros(channels, side, side)
    each = channels // len(grids)
    waves[: each * len(grids)] = torch.stack(grids).repeat_interleave(each, dim=0)
    return waves


class Block(nn.Module):
    """From maps to maps of twice the side: attention if wanted, subpixel upsampling (Shi et al. 2016), a blur, a 4x4 convolution, noise,
    batch norm and a gated linear unit.
    """

    def __init__(self, before: int, after: int, side: int, *, attends: bool) -> None:
        super().__init__()
        self.attention = Attention(before) if attends else nn.Identity()
        self.upsample = nn.Sequential(nn.Conv2d(before, 4 * before, 1), nn.SiLU(), nn.PixelShuffle(2), Blur())
        self.convolve = nn.Conv2d(before, 2 * after, 4)
        self.finish = nn.Sequential(Noise((side, side)), nn.BatchNorm2d(2 * after), nn.GLU(dim=1))

    def forward(self, x: Float[Tensor, "n b h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
        """Maps of twice the side."""
        x = self.upsample(self.attention(x))
        return self.finish(self.convolve(pad(x, (2, 1, 2, 1))))


class Generator(nn.Module):
    """From a latent to an image, about in [-1, 1]. `widths` are the numbers of channels at sides 4, 8, and so on. Maps of a side in
    `attended` have attention before they are upsampled; maps from 128x128 on are excited by those with an eighth of their side.
    """

    def __init__(self, widths: Sequence[int], channels: int, *, attended: Sequence[int] = (), frequencies: bool = False) -> None:
        super().__init__()
        latent = widths[0]
        self.project = nn.Linear(latent, 2 * latent * 4 * 4)  # a transposed 4x4 convolution of a single place
        self.start = nn.Sequential(nn.BatchNorm2d(2 * latent), nn.GLU(dim=1))
        self.blocks = nn.ModuleList(
            Block(before, after, 8 << place, attends=4 << place in attended)
            for place, (before, after) in enumerate(itertools.pairwise(widths))
        )
        self.excitations = nn.ModuleDict()
        side = EXCITING_SIDE
        while side << EXCITED_LATER <= 4 << len(self.blocks):
            small, large = (widths[one.bit_length() - 3] for one in (side, side << EXCITED_LATER))
            self.excitations[str(side)] = FrequencyGates(small, large, side) if frequencies else ContextGates(small, large)
            side *= 2
        self.to_image = nn.Conv2d(widths[-1], channels, 3, 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n c h w"]:
        """Images from latents. There are no classes: `condition` is not looked at."""
        x = normalize(self.start(self.project(latent).view(latent.shape[0], 4, 4, -1).permute(0, 3, 1, 2)), dim=1)
        gates: dict[int, Tensor] = {}
        for place, block in enumerate(self.blocks):
            x, side = block(x), 8 << place
            if str(side) in self.excitations:
                gates[side << EXCITED_LATER] = self.excitations[str(side)](x)
            if side in gates:
                x = x * gates[side]
        return self.to_image(x).to(latent.dtype)
