"""The variational autoencoder: an encoder to a latent space, and a decoder from it."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.image_autoencoder import ImageAutoencoderRecipe


@dataclass(frozen=True, kw_only=True)
class VAE(ImageAutoencoderRecipe):
    """No GAN: it learns by a lower bound of the likelihood. Pixels are logistic distributions over the 256 levels, with one learned
    deviation for each channel. Samples are the means of pixels.
    """

    title: ClassVar[str] = "A variational autoencoder: a latent space with an encoder"
    paper: ClassVar[str] = "Kingma, Welling 2014: Auto-Encoding Variational Bayes (arXiv:1312.6114)"
    data: ClassVar[str] = "images, 8x8 to 64x64 (also rectangles, such as 48x32), with or without classes"


RECIPE = VAE
