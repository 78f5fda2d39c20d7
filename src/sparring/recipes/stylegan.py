"""StyleGAN: a style generator with a mapping network, grown like ProGAN."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.images.image_spec import ImageSpec
from sparring.games.progressive_growing import GrowingRecipe
from sparring.games.stylegan import StyleGame, StyleRecipe
from sparring.nets import progressive_growing, stylegan


@dataclass(frozen=True, kw_only=True)
class StyleGAN(GrowingRecipe, StyleRecipe):
    """Mapping network, adaptive instance norm, noise inputs, style mixing; non-saturating losses with R1.

    The paper trains on 600,000 images at each resolution, and on as many while the next one fades in. On a laptop, use fewer:
    `--stable-samples 30000 --fading-samples 30000`, and `--channel-max 64` to `--channel-max 128`.
    """

    title: ClassVar[str] = "Style generator with adaptive instance norm, noise inputs and style mixing; grows progressively"
    paper: ClassVar[str] = (
        "Karras, Laine, Aila 2019: A Style-Based Generator Architecture for Generative Adversarial Networks (arXiv:1812.04948)"
    )
    data: ClassVar[str] = "images, 8x8 to 1024x1024 (a power of two), with or without classes"
    ranges: ClassVar[Ranges] = {**StyleRecipe.ranges, **GrowingRecipe.ranges}

    latent_size: int = 512
    """Number of dimensions of the latent vector z."""
    batch_size: int = 32
    """Number of real images in each discriminator batch. (The authors' falls from 256 to 4 on each processor as images grow.)"""
    r1: float | None = 10.0
    """Weight gamma of R1, which is gamma / 2 times the squared gradient at real samples. 0: no penalty."""
    start_side: int = 8
    """Side, in pixels, of the images that training starts with; a power of two."""
    stable_samples: int = 600_000
    """Number of real samples at each resolution before the next one is faded in."""
    fading_samples: int = 600_000
    """Number of real samples over which the next resolution is faded in."""

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
            classes=len(spec.condition_names) if self.condition != "none" else 0,
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
