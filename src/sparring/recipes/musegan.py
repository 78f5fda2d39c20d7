"""MuseGAN: phrases of several tracks, as piano rolls."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.music.music_spec import MusicSpec
from sparring.games.music_gan import MusicGAN
from sparring.games.stepwise_music import StepwiseMusicGAN, StepwiseSettings
from sparring.losses.objectives import ObjectiveName
from sparring.nets import music as nets
from sparring.nets.chord_voices import ChordGenerator
from sparring.nets.stepwise_voices import PhraseEncoder, StepwiseGenerator


@dataclass(frozen=True, kw_only=True)
class MuseGAN(StepwiseSettings):
    """A network that all tracks share and one for each track, binary neurons, and a discriminator of all tracks together."""

    title: ClassVar[str] = "Phrases of several tracks, with shared and private networks and binary neurons"
    paper: ClassVar[str] = (
        "Dong, Hsiao, Yang, Yang 2018: MuseGAN (arXiv:1709.06298); Dong, Yang 2018: Convolutional GANs with Binary Neurons for Polyphonic "
        "Music Generation (arXiv:1804.09399)"
    )
    data: ClassVar[str] = "music: MIDI, MusicXML, ABC, or chorales"
    ranges: ClassVar[Ranges] = {**StepwiseSettings.ranges, "width": {"at least": 2, "at most": 1024}}

    batch_size: int = 16
    """Number of real phrases in each discriminator batch."""
    ema_samples: float = 3_000
    """Half-life, in phrases, of the moving average of the weights, which phrases are made with."""
    latent_size: int = 16
    """Number of dimensions of each part of the latent: of all tracks for the phrase and for each bar, and of each track for both."""
    width: int = 32
    """Number of channels, of which layers have two or four times as many."""
    objective: ObjectiveName = "relativistic"
    """Losses of discriminator and generator (see `sparring train dcgan --help`). The papers have Wasserstein losses with a gradient
    penalty."""
    learning_rate: float = 2e-4
    """Learning rate of the generator in the game. For `--voices chords` 1e-6: it begins near the data, and faster steps undo that. For auto
    and free, 1e-3 for both networks."""
    discriminator_learning_rate: float | None = 5e-4
    """Learning rate of the discriminator. None: that of the generator."""
    r1: float | None = 0.3
    """Weight gamma of R1, half of which times the squared gradient at real samples is added (Mescheder 2018). 0: no penalty."""
    r2: float | None = 0.3
    """Weight gamma of R2, the same at generated samples. 0: no penalty."""
    penalty_every: int = 4
    """Compute gradient penalties only every this many steps, with weights that are as many times larger (lazy regularization, Karras
    2020)."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""

    def build(self, spec: MusicSpec) -> MusicGAN:
        """See Recipe."""
        given = None if self.given is None else spec.track_number(self.given)
        shape, moves = self.roll_shape(spec), self.voices in {"stepwise", "chords"}
        kinds = {"stepwise": StepwiseGenerator, "chords": ChordGenerator}
        generator = kinds.get(self.voices, nets.Generator)(shape, self.latent_size, self.width, given)
        discriminator = nets.Discriminator(
            len(spec.tracks), spec.bars, spec.bar_steps, spec.pitches, spec.lowest, self.width, self.packing, moves=moves
        )
        if not isinstance(generator, StepwiseGenerator):
            return MusicGAN(spec, generator, discriminator, self)
        encoder = PhraseEncoder(shape, self.latent_size, self.width)
        return StepwiseMusicGAN(spec, generator, discriminator, encoder, self)


RECIPE = MuseGAN
