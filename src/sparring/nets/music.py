"""Networks of piano rolls: a generator with a shared part and a private one for each track, and a discriminator of all tracks together
(after Dong et al. 2018, arXiv:1709.06298, and Dong and Yang 2018, arXiv:1804.09399).

Time goes from bars to steps by factors of four, as the authors' convolutions do. Pitches are read and written by one linear map of all of
them,
which shares weights between octaves in a part of its channels (the authors have convolutions over pitches, and a stream of pitch classes
beside them). Features are (n, steps, channels): linear maps and convolutions over steps are fast so on a CPU.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, one_hot, pad

SLOPE = 0.2
OCTAVE = 12
PRIVATE = 0.1
"""How much of what a track does comes of its own latents at first, beside the shared ones: what the others do not know, they cannot fit.
"""


def factors_of(steps: int) -> list[int]:
    """Factors of at most 4 (or prime ones above), the largest first, whose product is `steps`: how bars are divided on the way to steps."""
    found, left = [], steps
    for factor in (4, 3, 2):
        while left % factor == 0:
            found.append(factor)
            left //= factor
    divisor = 5
    while left > 1:
        while left % divisor == 0:
            found.append(divisor)
            left //= divisor
        divisor += 2
    return found


class Neighbors(nn.Module):
    """A convolution over three neighboring steps. (Steps are the width of images of one row in channels-last memory, for speed.)"""

    def __init__(self, channels: int, out_channels: int, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, (1, 3), padding=(0, 1), groups=groups)

    def forward(self, x: Float[Tensor, "n steps c"]) -> Float[Tensor, "n steps out"]:
        """Features of each step."""
        return self.convolution(x[:, None].permute(0, 3, 1, 2)).permute(0, 2, 3, 1)[:, 0]


class Residual(nn.Module):
    """Two convolutions over steps, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Neighbors(channels, channels), Neighbors(channels, channels)

    def forward(self, x: Float[Tensor, "n steps c"]) -> Float[Tensor, "n steps c"]:
        """Features of the same shape."""
        return x + self.second(leaky_relu(self.first(leaky_relu(x, SLOPE)), SLOPE))


class Coarser(nn.Module):
    """Every `factor` steps as one, by a linear map."""

    def __init__(self, channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor, self.map = factor, nn.Linear(channels * factor, out_channels)

    def forward(self, x: Float[Tensor, "n steps c"]) -> Float[Tensor, "n fewer out"]:
        """Features of fewer steps."""
        return self.map(leaky_relu(x, SLOPE).reshape(x.shape[0], x.shape[1] // self.factor, -1))


class Finer(nn.Module):
    """Each step as `factor` of them, by a linear map."""

    def __init__(self, channels: int, out_channels: int, factor: int) -> None:
        super().__init__()
        self.factor, self.map = factor, nn.Linear(channels, out_channels * factor)

    def forward(self, x: Float[Tensor, "n steps c"]) -> Float[Tensor, "n more out"]:
        """Features of more steps."""
        return self.map(leaky_relu(x, SLOPE)).reshape(x.shape[0], x.shape[1] * self.factor, -1)


def by_column(by_class: Float[Tensor, "*any 12"], lowest: int, pitches: int) -> Float[Tensor, "*any pitches"]:
    """What belongs to each pitch class, from C on, for each of so many pitches from `lowest` on."""
    below = lowest % OCTAVE
    return torch.cat([by_class] * (-(-(below + pitches) // OCTAVE)), dim=-1)[..., below : below + pitches]


class PitchesToFeatures(nn.Module):
    """Planes of pitches as features of each step. Half of the channels have a weight for each pitch, and half one for each pitch class,
    whatever its octave (the chroma stream of Dong and Yang 2018).
    """

    def __init__(self, planes: int, pitches: int, lowest: int, channels: int) -> None:
        super().__init__()
        self.lowest = lowest
        half = channels // 2
        deviation = 1 / math.sqrt(planes * pitches)
        self.by_pitch = nn.Parameter(torch.randn(channels - half, planes, pitches) * deviation)
        self.by_class = nn.Parameter(torch.randn(half, planes, OCTAVE) * deviation)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, rolls: Float[Tensor, "n planes steps pitches"]) -> Float[Tensor, "n steps c"]:
        """Features of each step."""
        weights = torch.cat([self.by_pitch, by_column(self.by_class, self.lowest, rolls.shape[3])])
        return linear(rolls.transpose(1, 2).flatten(2), weights.flatten(1), self.bias)


class IntervalsToFeatures(nn.Module):
    """How often each interval, without octaves, sounds between any two tracks, as features of each step. Harmony is a matter of pairs of
    notes, which a linear map of rolls does not see.
    """

    def __init__(self, tracks: int, lowest: int, channels: int) -> None:
        super().__init__()
        self.below = lowest % OCTAVE
        pairs = list(itertools.combinations(range(tracks), 2))
        self.first, self.second = [a for a, _ in pairs], [b for _, b in pairs]
        self.map = nn.Linear(OCTAVE * len(pairs), channels, bias=False)

    def forward(self, sounding: Float[Tensor, "n tracks steps pitches"]) -> Float[Tensor, "n steps c"]:
        """Features of each step. What sounds is 1, the rest -1."""
        above = -(self.below + sounding.shape[3]) % OCTAVE
        classes = pad((sounding + 1) / 2, (self.below, above)).unflatten(3, (-1, OCTAVE)).sum(dim=3)
        first, second = classes[:, self.first], classes[:, self.second]
        intervals = torch.stack([(first * second.roll(-interval, dims=3)).sum(dim=3) for interval in range(OCTAVE)], dim=3)
        return self.map(intervals.transpose(1, 2).flatten(2))


class MovesToFeatures(nn.Module):
    """How high each track is, and how far it moves from one step to the next, as features of each step: a leap is one whatever the pitch.
    Where several notes sound at once, their heights add up.
    """

    heights: Float[Tensor, " pitches"]

    def __init__(self, tracks: int, pitches: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("heights", (torch.arange(pitches) - pitches / 2) / OCTAVE, persistent=False)
        self.map = nn.Linear(3 * tracks, channels, bias=False)

    def forward(self, sounding: Float[Tensor, "n tracks steps pitches"]) -> Float[Tensor, "n steps c"]:
        """Features of each step. What sounds is 1, the rest -1."""
        height = (sounding + 1) / 2 @ self.heights.to(sounding.dtype)
        moves = height - torch.cat([height[..., :1], height[..., :-1]], dim=2)
        distances = (moves.square() + 1e-4).sqrt()  # smooth at 0, for gradient penalties
        return self.map(torch.cat([height, moves, distances], dim=1).transpose(1, 2))


def channels_of_bars(channels: int, width: int, bar_steps: int) -> int:
    """Number of channels that `steps_to_bars` gives."""
    return min(channels * 2 ** len(factors_of(bar_steps)), max(channels, 8 * width))


def steps_to_bars(channels: int, width: int, bar_steps: int) -> nn.Sequential:
    """Features of steps, joined to those of beats and of bars."""
    layers: list[nn.Module] = [Residual(channels)]
    for factor in reversed(factors_of(bar_steps)):
        wider = min(2 * channels, 8 * width)
        layers += [Coarser(channels, wider, factor), Residual(wider)]
        channels = wider
    return nn.Sequential(*layers, nn.LeakyReLU(SLOPE))


class Discriminator(nn.Module):
    """From rolls to logits: features of steps, which are joined to those of beats, of bars and of the phrase. `packing`: number of rolls
    that are seen as one, the planes of one after those of the other. `moves`: whether it is told how far tracks move.
    """

    def __init__(
        self, tracks: int, bars: int, bar_steps: int, pitches: int, lowest: int, width: int, packing: int = 1, *, moves: bool = False
    ) -> None:
        super().__init__()
        channels, self.tracks, self.packing = 2 * width, tracks, packing
        self.steps = PitchesToFeatures(2 * tracks * packing, pitches, lowest, channels)
        self.intervals = IntervalsToFeatures(tracks, lowest, channels) if tracks > 1 else None
        self.moves = MovesToFeatures(tracks, pitches, channels) if moves else None
        self.time = steps_to_bars(channels, width, bar_steps)
        self.leave = nn.Linear(channels_of_bars(channels, width, bar_steps) * bars, 1)

    def forward(self, rolls: Float[Tensor, "n planes steps pitches"], condition: None = None) -> Float[Tensor, "n 1"]:
        """Logits."""
        y = self.steps(rolls)
        for one in rolls.unflatten(1, (self.packing, 2 * self.tracks)).unbind(1):
            for pairs_or_moves in (self.intervals, self.moves):
                if pairs_or_moves is not None:
                    y = y + pairs_or_moves(one[:, : self.tracks])
        return self.leave(self.time(y).flatten(1))


@dataclass(frozen=True)
class RollShape:
    """What a generator makes."""

    tracks: int
    single: tuple[bool, ...]
    """Of each track, whether at most one note of it sounds at once."""
    bars: int
    bar_steps: int
    pitches: int
    lowest: int


class GivenEncoder(nn.Module):
    """What a track that is given says, at the level of bars and at each finer one."""

    def __init__(self, shape: RollShape, hidden: int) -> None:
        super().__init__()
        self.steps = PitchesToFeatures(2, shape.pitches, shape.lowest, hidden - 1)
        self.enter = Residual(hidden)
        self.down = nn.ModuleList(
            nn.Sequential(Coarser(hidden, hidden, factor), Residual(hidden)) for factor in reversed(factors_of(shape.bar_steps))
        )

    def forward(self, given: Float[Tensor, "n 2 steps pitches"], known: Float[Tensor, "n 1 1 1"]) -> list[Float[Tensor, "n _ c"]]:
        """Features of bars, of each finer level, and of steps. `known`: 1 where the track is given, else 0 (and `given` is not looked
        at).
        """
        y = self.steps(given * known - (1 - known))
        y = self.enter(torch.cat([y, known[:, 0].expand(-1, y.shape[1], 1).to(y.dtype)], dim=2))
        found = [y]
        for layer in self.down:
            y = layer(y)
            found.append(y)
        return found[::-1]


class Trunk(nn.Module):
    """From latents to features of each step for each track: a network over time that all tracks share, then one for each track. A latent
    has four parts, as in figure 4 of Dong et al. 2018: of all tracks for the phrase and for each bar, and of each track for the phrase and
    for each bar.
    """

    chances: int
    """How many numbers in [0, 1), by which it draws, come after its latents."""

    def __init__(self, shape: RollShape, latent_size: int, width: int, given: int | None = None) -> None:
        super().__init__()
        self.shape, self.latent_size, self.given = shape, latent_size, given
        self.chances = 0
        self.encoder = GivenEncoder(shape, 2 * width) if given is not None else None
        more = 0 if self.encoder is None else 2 * width
        factors = factors_of(shape.bar_steps)
        self.channels = [min(8, 2 ** (len(factors) - place)) * width for place in range(-1, len(factors))]
        channels = self.channels[0]
        self.enter = nn.Linear(2 * latent_size + more, channels)
        self.bars = Residual(channels)
        self.up, self.mix = nn.ModuleList(), nn.ModuleList()
        for factor, narrower in zip(factors, self.channels[1:], strict=True):
            self.up.append(Finer(channels, narrower, factor))
            self.mix.append(nn.Sequential(nn.Linear(narrower + more, narrower) if more else nn.Identity(), Residual(narrower)))
            channels = narrower
        tracks = shape.tracks
        self.to_tracks = Neighbors(channels, width * tracks)
        self.own = nn.Parameter(torch.randn(tracks, 2 * latent_size, width) * PRIVATE / math.sqrt(2 * latent_size))
        self.tracks = Neighbors(width * tracks, width * tracks, groups=tracks)

    def time_features(
        self, shared: Float[Tensor, "n bars p"], given: Float[Tensor, "n 2 steps pitches"] | None, known: Float[Tensor, "n 1 1 1"] | None
    ) -> list[Float[Tensor, "n _ c"]]:
        """What all tracks share: features of bars, of each finer level, and of steps."""
        levels: list[Tensor] = []
        if self.encoder is not None:
            if given is None or known is None:
                given = shared.new_zeros(shared.shape[0], 2, self.shape.bars * self.shape.bar_steps, self.shape.pitches)
                known = shared.new_zeros(shared.shape[0], 1, 1, 1)
            levels = self.encoder(given, known)
        found = [self.bars(self.enter(torch.cat([shared, *levels[:1]], dim=2)))]
        for place, (up, mix) in enumerate(zip(self.up, self.mix, strict=True)):
            found.append(mix(torch.cat([up(unit_size(found[-1])), *levels[place + 1 : place + 2]], dim=2)))
        return found

    def with_given(
        self,
        rolls: Float[Tensor, "n planes steps pitches"],
        given: Float[Tensor, "n 2 steps pitches"] | None,
        known: Float[Tensor, "n 1 1 1"] | None,
    ) -> Float[Tensor, "n planes steps pitches"]:
        """Rolls with the track that is given in its place, where it is."""
        if given is None or known is None or self.given is None:
            return rolls
        places = [self.given, self.shape.tracks + self.given]
        whole = torch.zeros_like(rolls)
        whole[:, places] = given.to(rolls.dtype)
        taken = torch.zeros(1, rolls.shape[1], 1, 1, dtype=torch.bool, device=rolls.device)
        taken[:, places] = True
        return torch.where(taken & (known > 0.5), whole, rolls)

    def latent_parts(
        self, latents: Float[Tensor, "n latent"]
    ) -> tuple[Float[Tensor, "n bars shared"], Float[Tensor, "n bars tracks private"]]:
        """For each bar, what all tracks are told, and what each of them is told alone."""
        size, bars, tracks = self.latent_size, self.shape.bars, self.shape.tracks
        phrase, by_bar, track, track_by_bar = latents.split([size, size * bars, size * tracks, size * tracks * bars], dim=1)
        shared = torch.cat([phrase[:, None].expand(-1, bars, -1), by_bar.unflatten(1, (bars, size))], dim=2)
        whole = track.unflatten(1, (tracks, size))[:, None].expand(-1, bars, -1, -1)
        return shared, torch.cat([whole, track_by_bar.unflatten(1, (bars, tracks, size))], dim=3)

    def track_features(
        self, y: Float[Tensor, "n steps c"], private: Float[Tensor, "n bars tracks p"]
    ) -> Float[Tensor, "n steps tracks width"]:
        """Features of each step for each track."""
        own = torch.einsum("nbtp,tpw->nbtw", private, self.own.to(private.dtype)).flatten(2)
        y = self.to_tracks(leaky_relu(y, SLOPE)) + own.repeat_interleave(self.shape.bar_steps, dim=1)
        return leaky_relu(self.tracks(leaky_relu(y, SLOPE)), SLOPE).unflatten(2, (self.shape.tracks, -1))


class Generator(Trunk):
    """From latents to rolls of -1 and 1: features of each step for each track, then logits of pitches."""

    def __init__(self, shape: RollShape, latent_size: int, width: int, given: int | None = None) -> None:
        super().__init__(shape, latent_size, width, given)
        tracks, pitches, deviation = shape.tracks, shape.pitches, 1 / math.sqrt(width)
        self.by_pitch = nn.Parameter(torch.randn(tracks, width, 2, pitches) * deviation)
        self.by_class = nn.Parameter(torch.randn(tracks, width, 2, OCTAVE) * deviation)
        self.biases = nn.Parameter(torch.zeros(tracks, 2, pitches))
        self.rests = nn.Parameter(torch.zeros(tracks, width))

    def forward(
        self,
        latents: Float[Tensor, "n latent"],
        condition: None = None,
        given: Float[Tensor, "n 2 steps pitches"] | None = None,
        known: Float[Tensor, "n 1 1 1"] | None = None,
    ) -> Float[Tensor, "n planes steps pitches"]:
        """Rolls. `given`, `known`: the planes of the track that is given, and 1 for phrases whose track is, else 0. None: of none."""
        shared, private = self.latent_parts(latents)
        rolls = self.rolls(self.track_features(self.time_features(shared, given, known)[-1], private))
        return self.with_given(rolls, given, known)

    def rolls(self, features: Float[Tensor, "n steps tracks width"]) -> Float[Tensor, "n planes steps pitches"]:
        """Rolls of -1 and 1 in their one form, with gradients by straight-through estimates."""
        features = unit_size(features.float())
        weights = (self.by_pitch + by_column(self.by_class, self.shape.lowest, self.shape.pitches)).float()
        logits = torch.einsum("nstw,twkp->ntksp", features, weights) + self.biases[:, :, None].float()
        rests = torch.einsum("nstw,tw->nts", features, self.rests.float())
        sounds = [
            one_at_most(logits[:, track, 0], rests[:, track, :, None]) if single else binary(logits[:, track, 0])
            for track, single in enumerate(self.shape.single)
        ]
        sounding = torch.stack(sounds, dim=1)
        return 2 * torch.cat([sounding, begin_where(sounding, binary(logits[:, :, 1]))], dim=1) - 1


def unit_size(features: Float[Tensor, "*any c"]) -> Float[Tensor, "*any c"]:
    """Features divided by their root mean square (Karras et al. 2018, section 4.2): so logits stay small, and gradients through the softmax
    do not vanish.
    """
    return features * (features.square().mean(dim=-1, keepdim=True) + 1e-8).rsqrt()


def binary(logits: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Deterministic binary neurons: 1 where the logit is above 0, else 0. Gradients are those of the sigmoid (the sigmoid-adjusted
    straight-through estimator, Dong and Yang 2018, section 2.4).
    """
    soft = torch.sigmoid(logits)
    return (logits > 0).to(soft.dtype) + soft - soft.detach()


def begin_where(
    sounding: Float[Tensor, "*any steps pitches"], again: Float[Tensor, "*any steps pitches"]
) -> Float[Tensor, "*any steps pitches"]:
    """Where notes begin: where something sounds that did not before, or does so again."""
    before = pad(sounding, (0, 0, 1, 0))[..., :-1, :]
    return sounding * (1 - (1 - again) * before)


def one_at_most(logits: Float[Tensor, "n steps pitches"], rest: Float[Tensor, "n steps 1"]) -> Float[Tensor, "n steps pitches"]:
    """At each step 1 for the pitch with the largest logit, if that is above the one of the rest, and 0 for others. Gradients are those of
    the softmax.
    """
    together = torch.cat([logits, rest], dim=2)
    soft = together.softmax(dim=2)
    hard = one_hot(together.argmax(dim=2), together.shape[2]).to(soft.dtype)
    return (hard + soft - soft.detach())[..., :-1]


def latent_total(shape: RollShape, size: int) -> int:
    """Number of dimensions of a generator's latent whose parts have `size`."""
    return size * (1 + shape.bars) * (1 + shape.tracks)
