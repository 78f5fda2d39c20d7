"""Discriminator of VAE/GAN (Larsen et al. 2016): its features say how alike two images are."""

from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.blocks.convolution import Convolution
from sparring.nets.blocks.layers import ImageLayerNorm
from sparring.nets.dcgan import Discriminator, beside_class


class FeatureDiscriminator(Discriminator):
    """DCGAN's discriminator, which also gives its features of 8x8: what the last convolution sees."""

    def features(self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None) -> Float[Tensor, "n features 8 8"]:
        """Features of images."""
        last = max(place for place, layer in enumerate(self.layers) if isinstance(layer, Convolution))
        return self.layers[:last](beside_class(images, condition if self.concatenated else None)).float()

    @property
    def is_unscaled(self) -> bool:
        """Whether no norm gives the features a scale."""
        return not any(isinstance(layer, nn.BatchNorm2d | ImageLayerNorm) for layer in self.layers)
