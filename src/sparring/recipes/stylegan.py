"""StyleGAN: the generator draws from styles, which a mapping network makes of the latent; grown like ProGAN."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.progressive_growing import GrowingRecipe
from sparring.games.style import StyleGame, StyleRecipe
from sparring.nets import progressive_growing, stylegan


@dataclass(frozen=True, kw_only=True)
class StyleGAN(GrowingRecipe, StyleRecipe):
    """Mapping network, adaptive instance norm, noise inputs, style mixing; non-saturating losses with R1.

    The paper shows 600,000 images at each side and as many while the next comes in. On a laptop give less: `--stable-samples 30000
    --fading-samples 30000`, and `--channel-max 64` to 128.
    """

    title: ClassVar[str] = "Styles by adaptive instance norm, noise inputs, style mixing; grown"
    paper: ClassVar[str] = (
        "Karras, Laine, Aila 2019: A Style-Based Generator Architecture for Generative Adversarial Networks (arXiv:1812.04948)"
    )
    data: ClassVar[str] = "images, 8x8 to 1024x1024 (a power of two), with or without classes"
    ranges: ClassVar[Ranges] = {**StyleRecipe.ranges, **GrowingRecipe.ranges}

    latent_size: int = 512
    """Numbers in a latent vector z."""
    batch_size: int = 32
    """Real images in each turn's batch. (The authors' falls from 256 to 4 on each processor as images grow.)"""
    r1: float | None = 10.0
    """Gamma: gamma / 2 times the squared gradient at real samples."""
    start_side: int = 8
    """The side to begin with."""
    stable_samples: int = 600_000
    """Images shown at each side alone."""
    fading_samples: int = 600_000
    """Images over which the next side is faded in."""

    def build(self, spec: ImageSpec) -> StyleGame:
        """See Recipe."""
        growth, channels = self.growth(spec), self.channels(spec)
        told = self.discriminator_classes(spec)
        generator = stylegan.Generator(
            channels,
            spec.channels,
            self.latent_size,
            self.style_size,
            growth,
            classes=len(spec.classes) if self.condition != "none" else 0,
            mapping_layers=self.mapping_layers,
            mapping_rate=self.mapping_rate,
            mapping_width=self.mapping_width,
            embedding=self.embedding_size,
        )
        discriminator = progressive_growing.Discriminator(
            channels,
            spec.channels * self.packing,
            growth,
            smoothly=True,
            minibatch_deviation=self.minibatch_deviation,
            named=told["named"],
            projected=told["projected"],
        )
        return StyleGame(spec, generator, discriminator, self, growth)


RECIPE = StyleGAN
