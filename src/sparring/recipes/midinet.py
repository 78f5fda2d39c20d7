"""MidiNet: a melody over chords, bar by bar."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.likelihood_first import FitSettings
from sparring.games.melody_gan import MelodyGAN
from sparring.games.stepwise_melody import StepwiseMelodyGAN
from sparring.losses.objectives import ObjectiveName
from sparring.nets.midinet import BarDiscriminator, BarGenerator, StepwiseBarGenerator


@dataclass(frozen=True, kw_only=True)
class MidiNet(FitSettings):
    """Each bar of a melody from noise, a chord, and the bar before."""

    title: ClassVar[str] = "A melody over chords, each bar made after the one before"
    paper: ClassVar[str] = (
        "Yang, Chou, Yang 2017: MidiNet: A Convolutional Generative Adversarial Network for Symbolic-domain Music Generation "
        "(arXiv:1703.10847)"
    )
    data: ClassVar[str] = "music with a melody (--melody TRACK)"
    ranges: ClassVar[Ranges] = {**FitSettings.ranges, "width": {"at least": 2, "at most": 1024}}
    of_older_runs: ClassVar[Mapping[str, object]] = {"voices": "likeliest"}

    voices: Literal["stepwise", "likeliest"] = "stepwise"
    """stepwise: each step of the melody is sampled after the one before, on the chord and after the bar before; it learns by likelihood
    first. likeliest: the likeliest pitch at each step, with straight-through gradients, without a beginning by likelihood."""
    fit_steps: int = 900
    """Number of steps at the beginning in which the generator learns by likelihood. 0: it begins at random. For stepwise voices alone."""
    latent_size: int = 32
    """Number of dimensions of the noise of each bar."""
    width: int = 32
    """Number of channels, of which layers have two to eight times as many."""
    objective: ObjectiveName = "relativistic"
    """Losses of discriminator and generator (see `sparring train dcgan --help`). The paper has non-saturating ones, with feature
    matching."""
    learning_rate: float = 2e-5
    """Learning rate of the generator in the game. For `--voices likeliest` 5e-4."""
    discriminator_learning_rate: float | None = 5e-4
    """Learning rate of the discriminator. None: that of the generator."""
    ema_samples: float = 3_000
    """Half-life, in phrases, of the moving average of the weights, which melodies are made with."""
    r1: float | None = 3.0
    """Weight gamma of R1, half of which times the squared gradient at real samples is added (Mescheder 2018). 0: no penalty."""
    r2: float | None = 3.0
    """Weight gamma of R2, the same at generated samples. 0: no penalty."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization, Karras
    2020)."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""

    def incompatibilities(self, spec: MusicSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if not spec.chords:
            names = ", ".join(track.name for track in spec.tracks)
            found.append(f"midinet learns a melody over chords, which are found from the other tracks: set melody to one of {names}.")
        if self.packing > 1:
            found.append("packing is for whole phrases, and midinet's discriminator sees bars. Leave it out.")
        if self.latent != "normal":
            found.append("midinet draws normal noise: leave latent out.")
        return found

    def build(self, spec: MusicSpec) -> MelodyGAN:
        """See Recipe."""
        kind = StepwiseBarGenerator if self.voices == "stepwise" else BarGenerator
        generator = kind(self.latent_size, spec.pitches, spec.lowest, spec.bar_steps, self.width, single=spec.tracks[0].single)
        discriminator = BarDiscriminator(spec.pitches, spec.lowest, spec.bar_steps, self.width)
        if not isinstance(generator, StepwiseBarGenerator):
            return MelodyGAN(spec, generator, discriminator, self)
        return StepwiseMelodyGAN(spec, generator, discriminator, self)


RECIPE = MidiNet
