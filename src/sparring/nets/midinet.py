"""Networks of MidiNet (Yang, Chou, Yang 2017, arXiv:1703.10847): a bar of melody from noise, a chord, and the bar before.

The authors' generator draws a bar by four transposed convolutions over steps, of which the last gives all pitches, and gets the features
of the bar before at each of them from a network that mirrors it (their conditioner). Here, too; steps of any number are divided by their
factors.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, linear, pad

from sparring.nets.music import (
    SLOPE,
    Coarser,
    Finer,
    Neighbors,
    PitchesToFeatures,
    RollShape,
    binary,
    factors_of,
    one_at_most,
    unit_size,
)
from sparring.nets.stepwise_voices import StepwiseVoices

CHORD = 13
"""Numbers of a chord: its root, one-hot, and whether it is minor (section 3.4 of the paper)."""


class Conditioner(nn.Module):
    """From a bar to its features at each level, from one vector to steps: what the bar before says (section 3.3)."""

    def __init__(self, pitches: int, lowest: int, bar_steps: int, hidden: int) -> None:
        super().__init__()
        self.steps = PitchesToFeatures(2, pitches, lowest, hidden)
        self.down = nn.ModuleList(Coarser(hidden, hidden, factor) for factor in reversed(factors_of(bar_steps)))

    def forward(self, before: Float[Tensor, "n 2 steps pitches"]) -> list[Float[Tensor, "n _ hidden"]]:
        """Features of the bar, of finer parts, and of steps."""
        found = [self.steps(before)]
        for layer in self.down:
            found.append(layer(found[-1]))
        return found[::-1]


class BarTrunk(nn.Module):
    """From noise, a chord and the bar before to features of each step."""

    chances: int = 0
    """How many numbers in [0, 1), by which a bar is drawn, come after its noise."""

    def __init__(self, latent_size: int, pitches: int, lowest: int, bar_steps: int, width: int) -> None:
        super().__init__()
        hidden = 2 * width
        self.conditioner = Conditioner(pitches, lowest, bar_steps, hidden)
        channels = 8 * width
        self.enter = nn.Linear(latent_size + CHORD + hidden, channels)
        self.up, self.mix = nn.ModuleList(), nn.ModuleList()
        factors = factors_of(bar_steps)
        for place, factor in enumerate(factors):
            narrower = min(8, 2 ** (len(factors) - place)) * width
            self.up.append(Finer(channels, narrower, factor))
            self.mix.append(Neighbors(narrower + hidden + CHORD, narrower))
            channels = narrower
        self.channels = channels

    def features(
        self, noise: Float[Tensor, "n latent"], chord: Float[Tensor, "n 13"], before: Float[Tensor, "n 2 steps pitches"]
    ) -> Float[Tensor, "n steps c"]:
        """Features of each step, of a root mean square of 1."""
        levels = self.conditioner(before)
        y = self.enter(torch.cat([noise, chord, levels[0][:, 0]], dim=1))[:, None]
        for up, mix, level in zip(self.up, self.mix, levels[1:], strict=True):
            y = up(unit_size(y))
            y = mix(torch.cat([leaky_relu(y, SLOPE), level, chord[:, None].expand(-1, y.shape[1], -1).to(y.dtype)], dim=2))
        return unit_size(leaky_relu(y, SLOPE).float())


class BarGenerator(BarTrunk):
    """A bar of melody, as planes of what sounds and what begins: the likeliest at each step, with straight-through gradients."""

    def __init__(self, latent_size: int, pitches: int, lowest: int, bar_steps: int, width: int, *, single: bool) -> None:
        super().__init__(latent_size, pitches, lowest, bar_steps, width)
        self.single = single
        self.leave = nn.Linear(self.channels, 2 * pitches)
        self.rest = nn.Linear(self.channels, 1)

    def forward(
        self, noise: Float[Tensor, "n latent"], chord: Float[Tensor, "n 13"], before: Float[Tensor, "n 2 steps pitches"]
    ) -> Float[Tensor, "n 2 steps pitches"]:
        """A bar of -1 and 1, in its one form."""
        y = self.features(noise, chord, before)
        # in the precision of the weights: near thresholds, small errors are notes
        with torch.autocast(y.device.type, enabled=False):
            logits, rest = linear(y, self.leave.weight.float(), self.leave.bias.float()), self.rest(y)
        logits = logits.unflatten(2, (2, -1)).transpose(1, 2)
        sounding = one_at_most(logits[:, 0], rest) if self.single else binary(logits[:, 0])
        earlier = pad(sounding, (0, 0, 1, 0))[:, :-1]
        begins = sounding * (1 - (1 - binary(logits[:, 1])) * earlier)
        return 2 * torch.stack([sounding, begins], dim=1) - 1


class StepwiseBarGenerator(BarTrunk, StepwiseVoices):
    """A bar of melody that is drawn step by step, each after the one before. Behind the noise stand numbers in [0, 1) by which it is drawn.
    Its log-probabilities are exact; rolls have no gradients.
    """

    def __init__(self, latent_size: int, pitches: int, lowest: int, bar_steps: int, width: int, *, single: bool) -> None:
        super().__init__(latent_size, pitches, lowest, bar_steps, width)
        self.shape = RollShape(1, (single,), 1, bar_steps, pitches, lowest)
        self.add_voices(self.channels, 4 * width)

    def forward(
        self, noise: Float[Tensor, "n latent"], chord: Float[Tensor, "n 13"], before: Float[Tensor, "n 2 steps pitches"]
    ) -> Float[Tensor, "n 2 steps pitches"]:
        """A bar of -1 and 1, in its one form. A note of the bar before may go on."""
        told = self.told[0](self.features(noise[:, : -self.chances], chord, before))[:, :, None]
        return self.draw_steps(told, noise[:, -self.chances :], ((before[:, :1, -1] + 1) / 2).to(told.dtype))

    def log_probabilities(
        self,
        noise: Float[Tensor, "bars latent"],
        chords: Float[Tensor, "bars 13"],
        before: Float[Tensor, "bars 2 bar_steps pitches"],
        melodies: Float[Tensor, "n 2 steps pitches"],
        forgotten: float = 0.0,
    ) -> Float[Tensor, "n steps 1"]:
        """Natural logarithms of the probabilities of what whole melodies do at each step, each bar after the one before. The first inputs
        are of all bars of all melodies, without the numbers by which bars are drawn.
        """
        told = self.told[0](self.features(noise, chords, before)).unflatten(0, (len(melodies), -1)).flatten(1, 2)
        return self.log_probabilities_of([told], melodies, forgotten)


class BarDiscriminator(nn.Module):
    """From a bar, its chord and the bar before to a logit. (The paper's sees the bar before in its losses alone; here it is told, which
    says more of how bars go on.)
    """

    def __init__(self, pitches: int, lowest: int, bar_steps: int, width: int) -> None:
        super().__init__()
        channels = 2 * width
        self.steps = PitchesToFeatures(4, pitches, lowest, channels)
        self.chord = nn.Linear(CHORD, channels)
        layers: list[nn.Module] = [Neighbors(channels, channels)]
        for factor in reversed(factors_of(bar_steps)):
            wider = min(2 * channels, 8 * width)
            layers += [Coarser(channels, wider, factor), nn.LeakyReLU(SLOPE), Neighbors(wider, wider)]
            channels = wider
        self.time = nn.Sequential(*layers, nn.LeakyReLU(SLOPE))
        self.leave = nn.Linear(channels, 1)

    def forward(self, bars: Float[Tensor, "n 4 steps pitches"], chord: Float[Tensor, "n 13"]) -> Float[Tensor, "n 1"]:
        """Logits. `bars`: the planes of each bar, then those of the bar before it."""
        return self.leave(self.time(leaky_relu(self.steps(bars) + self.chord(chord)[:, None], SLOPE))[:, 0])
