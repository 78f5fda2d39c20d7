"""A melody, bar by bar, each on a chord and on the bar before, against a discriminator."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.data.music.keys_and_chords import CHORDS, chord_table
from sparring.data.music.music_spec import MusicSpec
from sparring.games.adversarial import TwoPlayerGame
from sparring.games.exported_parts import Draws
from sparring.games.music_gan import MusicRecipe, music_spec
from sparring.games.step_context import StepContext
from sparring.nets import midinet as nets

NEVER_SEEN = 1e-9
"""Added to how often one chord follows another, so that something follows each."""


class MelodyGAN(TwoPlayerGame):
    """A generator of bars against a discriminator of bars. A latent is the noise of each bar, then for each bar a number in [0, 1) that
    draws its chord: as often as chords follow each other in the data. Then come the numbers by which bars are drawn, if they are.
    """

    generator: nets.BarTrunk

    def __init__(self, spec: MusicSpec, generator: nets.BarTrunk, discriminator: nets.BarDiscriminator, settings: MusicRecipe) -> None:
        super().__init__(spec, generator, discriminator, settings)
        counts = np.array(spec.chord_counts, np.float64) + NEVER_SEEN
        self.shares: list[list[float]] = (counts / counts.sum(axis=1, keepdims=True)).cumsum(axis=1).tolist()
        self.table: list[list[float]] = chord_table(spec.lowest, spec.pitches).astype(float).tolist()

    @property
    def music_spec(self) -> MusicSpec:
        """See capabilities.MakesMusic."""
        return music_spec(self.spec)

    @property
    def latent_draws(self) -> Draws:
        """See LatentGame."""
        bars = self.music_spec.bars
        return (self.settings.latent, self.settings.latent_size * bars), ("share", bars * (1 + self.generator.chances))

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """See LatentGame."""
        bars = self.music_spec.bars
        draw = streams.normal if self.settings.latent == "normal" else streams.uniform
        parts = [draw("latent", n, self.settings.latent_size * bars), (streams.uniform("chords", n, bars) + 1) / 2]
        if chances := self.generator.chances:
            parts.append((streams.uniform("notes", n, bars * chances) + 1) / 2)
        return torch.cat(parts, dim=1)

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n 4 steps pitches"]:
        """See LatentGame."""
        bars = self.music_spec.bars
        noise, shares = self.bar_noise(latents)
        chords = self.chords_of(shares)
        melody = self.melodies(noise, numbers_of(chords.flatten()).unflatten(0, (-1, bars)).to(latents.dtype))
        planes = self.chord_planes(chords).to(melody)
        return torch.stack([melody[:, 0], planes[:, 0], melody[:, 1], planes[:, 1]], dim=1)

    def bar_noise(self, latents: Float[Tensor, "n latent"]) -> tuple[Float[Tensor, "n bars noise"], Float[Tensor, "n bars"]]:
        """What the generator is given for each bar besides its chord, and the numbers by which chords are drawn."""
        bars, size, chances = self.music_spec.bars, self.settings.latent_size, self.generator.chances
        noise, shares, drawn_by = latents.split([size * bars, bars, chances * bars], dim=1)
        return torch.cat([noise.unflatten(1, (bars, size)), drawn_by.unflatten(1, (bars, chances))], dim=2), shares

    def melodies(self, noise: Float[Tensor, "n bars noise"], chords: Float[Tensor, "n bars 13"]) -> Float[Tensor, "n 2 steps pitches"]:
        """Melodies over chords (see `numbers_of`), each bar after the one before, the first after silence."""
        spec = self.music_spec
        before = noise.new_full((noise.shape[0], 2, spec.bar_steps, spec.pitches), -1.0)
        bars = []
        for bar in range(spec.bars):
            before = self.generator(noise[:, bar], chords[:, bar], before)
            bars.append(before)
        return torch.cat(bars, dim=2)

    def chords_of(self, shares: Float[Tensor, "n bars"]) -> Int64[Tensor, "n bars"]:
        """Chords, each drawn after the one before by the inverse of how often they follow each other."""
        table = torch.tensor(self.shares, device=shares.device, dtype=shares.dtype)
        found = []
        before = torch.full((shares.shape[0],), CHORDS, device=shares.device)
        for bar in range(shares.shape[1]):
            before = (shares[:, bar, None] >= table[before]).sum(dim=1).clamp_max(CHORDS - 1)
            found.append(before)
        return torch.stack(found, dim=1)

    def chord_planes(self, chords: Int64[Tensor, "n bars"]) -> Float[Tensor, "n 2 steps pitches"]:
        """What sounds and what begins in the track of chords, -1 and 1."""
        spec = self.music_spec
        sounding = torch.tensor(self.table, device=chords.device)[chords].repeat_interleave(spec.bar_steps, dim=1)
        first = torch.zeros(spec.steps, 1, device=chords.device)
        first[:: spec.bar_steps] = 1
        return 2 * torch.stack([sounding, sounding * first], dim=1) - 1

    # ------------------------------------------------------------------------------------------- training, on single bars

    def bars_of(self, samples: Float[Tensor, "n 4 steps pitches"]) -> tuple[Tensor, Tensor, Tensor]:
        """Of phrases, all bars of the melody, the numbers of their chords, and the bars before them, which are silent before the first."""
        spec = self.music_spec
        bars = samples[:, [0, 2]].unflatten(2, (spec.bars, spec.bar_steps)).transpose(1, 2)
        before = torch.cat([torch.full_like(bars[:, :1], -1.0), bars[:, :-1]], dim=1)
        planes = (samples[:, 1, :: spec.bar_steps] > 0).to(samples.dtype)
        fits = planes @ torch.tensor(self.table, device=samples.device, dtype=samples.dtype).T
        chords = torch.where(planes.sum(dim=2) > 0, fits.argmax(dim=2), 0)
        return bars.flatten(0, 1), numbers_of(chords.flatten()).to(samples.dtype), before.flatten(0, 1)

    def generate_fakes(self, context: StepContext, labels: Labels | None) -> Float[Tensor, "n 4 steps pitches"]:
        """See TwoPlayerGame: phrases whose bars are each made after a real one, on its chord."""
        spec = self.music_spec
        _, chords, before = self.bars_of(context.batch.samples)
        made = self.generator(context.streams.normal("latent", len(chords), self.settings.latent_size), chords, before)
        melody = made.unflatten(0, (-1, spec.bars)).transpose(1, 2).flatten(2, 3)
        real = context.batch.samples
        return torch.stack([melody[:, 0], real[:, 1], melody[:, 1], real[:, 3]], dim=1)

    def discriminate(
        self, shown: Float[Tensor, "n 4 steps pitches"], labels: Labels | None, weights: dict[str, Tensor] | None = None
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 0"]]:
        """See TwoPlayerGame. The logit of a phrase is the mean of those of its bars, each beside the bar before in the same phrase."""
        bars, chords, before = self.bars_of(shown)
        outputs = self.discriminator_outputs(weights, torch.cat([bars, before], dim=1), chords).to(shown.dtype)
        logits = outputs[:, 0].unflatten(0, (-1, self.music_spec.bars)).mean(dim=1)
        return logits, outputs.new_zeros(len(shown), 0)


def numbers_of(chords: Int64[Tensor, " n"]) -> Float[Tensor, "n 13"]:
    """Chords as their root, one-hot, and 1 for minor ones (section 3.4 of the paper). Zeros for no chord."""
    root = torch.nn.functional.one_hot((chords - 1).clamp_min(0) % 12, 12) * (chords > 0)[:, None]
    return torch.cat([root, (chords > 12)[:, None]], dim=1).float()
