"""Discriminator of VAE/GAN (Larsen et al. 2016): its features say how alike two images are."""

from jaxtyping import Float
from torch import Tensor

from sparring.nets.blocks.convolution import Convolution
from sparring.nets.dcgan import Discriminator, beside_class


class FeatureDiscriminator(Discriminator):
    """DCGAN's discriminator, which also gives its features of 8x8: what the last convolution sees."""

    def outputs_and_features(
        self, images: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"] | None
    ) -> tuple[Float[Tensor, "n outputs"], Float[Tensor, "n features"]]:
        """What `forward` gives, and the features."""
        last = max(place for place, layer in enumerate(self.layers) if isinstance(layer, Convolution))
        features = self.layers[:last](beside_class(images, condition if self.concatenated else None))
        return self.outputs(self.layers[last:](features), condition), features.flatten(1).float()
