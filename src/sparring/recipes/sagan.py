"""SAGAN: self-attention in both networks, spectral norm in both."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.recipes.biggan import BigGAN


@dataclass(frozen=True, kw_only=True)
class SAGAN(BigGAN):
    """The networks that BigGAN grew out of: classes by conditional batch norms of their own and projection, one latent for all sides.

    The paper's batch is 256.
    """

    title: ClassVar[str] = "Self-attention, spectral norm in both networks, two time scales"
    paper: ClassVar[str] = "Zhang, Goodfellow, Metaxas, Odena 2019: Self-Attention Generative Adversarial Networks (arXiv:1805.08318)"

    largest_attention: ClassVar[int] = 32

    latent_size: int = 128
    """Numbers in a latent vector."""
    learning_rate: float = 1e-4
    """Adam's rate of the generator."""
    discriminator_learning_rate: float | None = 4e-4
    """Adam's rate of the discriminator."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Adam's decay rates."""
    discriminator_steps: int = 1
    """Discriminator steps for each generator step."""
    orthogonal: float = 0.0
    """Weight of the inner products between the generator's filters."""
    width: int = 64
    """Channels at the full resolution; four to sixteen times as many at the lower ones."""
    shared_size: int = 0
    """Numbers that a class is turned into, once for all norms. 0: each norm has its own rows for classes."""
    hierarchical: bool = False
    """Each doubling of the side sees a part of the latent."""
    attention: int | None = None
    """Side of the maps that have self-attention. None: half the image's, at most the paper's 32. 0: none."""


RECIPE = SAGAN
