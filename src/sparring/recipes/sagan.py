"""SAGAN: self-attention and spectral normalization in both networks."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.recipes.biggan import BigGAN


@dataclass(frozen=True, kw_only=True)
class SAGAN(BigGAN):
    """The predecessor of BigGAN: classes by conditional batch norms without a shared embedding, and by projection; the latent only enters
    at 4x4.

    The paper uses a batch of 256.
    """

    title: ClassVar[str] = "Self-attention, spectral normalization in both networks, two learning rates"
    paper: ClassVar[str] = "Zhang, Goodfellow, Metaxas, Odena 2019: Self-Attention Generative Adversarial Networks (arXiv:1805.08318)"

    largest_attention: ClassVar[int] = 32

    latent_size: int = 128
    """Number of dimensions of the latent vector."""
    learning_rate: float = 1e-4
    """Learning rate of the generator."""
    discriminator_learning_rate: float | None = 4e-4
    """Learning rate of the discriminator."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Adam's decay rates, for the mean and the variance of gradients."""
    discriminator_steps: int = 1
    """Number of discriminator updates per generator update."""
    orthogonal: float = 0.0
    """Weight of the generator's orthogonal regularization. 0: no regularization."""
    width: int = 64
    """Number of channels at full resolution; feature maps at lower resolutions have four to sixteen times as many."""
    shared_size: int = 0
    """Number of dimensions of the class embedding that all conditional batch norms share. 0: each has its own embedding."""
    hierarchical: bool = False
    """Feed one chunk of the latent to each resolution of the generator."""
    attention: int | None = None
    """Side, in pixels, of the feature maps that have self-attention. 0: no self-attention. None: half the side of the images, at most
    32, as in the paper."""


RECIPE = SAGAN
