"""Discriminator of VAE/GAN (Larsen et al. 2016): its features say how alike two images are."""

from jaxtyping import Float
from torch import Tensor

from sparring.nets.blocks.convolution import Convolution
from sparring.nets.dcgan import Discriminator, beside_class


class FeatureDiscriminator(Discriminator):
    """DCGAN's discriminator, which also gives its features of 8x8: what the last convolution sees."""

    def features(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n features"]:
        """Features of images."""
        last = max(place for place, layer in enumerate(self.layers) if isinstance(layer, Convolution))
        return self.layers[:last](beside_class(images, condition if self.concatenated else None)).flatten(1).float()
