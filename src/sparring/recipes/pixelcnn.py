"""PixelCNN: images pixel by pixel, with exact likelihoods."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.autoregressive_image import AutoregressiveImageRecipe


@dataclass(frozen=True, kw_only=True)
class PixelCNN(AutoregressiveImageRecipe):
    """No GAN: it learns by likelihood, and knows that of every image exactly. Samples are made pixel by pixel. The paper's
    networks, for GPUs, have a width of 384 and 20 layers.
    """

    title: ClassVar[str] = "Pixel by pixel, each predicted from those before it: exact likelihoods"
    paper: ClassVar[str] = "van den Oord et al. 2016: Conditional Image Generation with PixelCNN Decoders (arXiv:1606.05328)"
    data: ClassVar[str] = "images of any side, best 8x8 to 64x64, with or without classes"


RECIPE = PixelCNN
