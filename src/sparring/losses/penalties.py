"""What is added to a loss to hold a network together, per sample. The weight in front of each is the caller's.

Gradients are those of the discriminator's logits with respect to its images. They are gradients per image only
where the discriminator treats images apart: not with batch norm.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

Weight = Float[Tensor, "..."]
Images = Float[Tensor, "n *image"]
SMALLEST_SQUARE = 1e-24
"""Under a square root, so that a gradient of zero has a derivative."""


def squared_gradients(logits: Float[Tensor, " packs"], images: Images) -> Float[Tensor, " packs"]:
    """The squared Euclidean norm of each logit's gradient with respect to its image, or to all of its pack; can be differentiated once
    more.

    Half of it is R1 on real images and R2 on generated ones (Mescheder et al. 2018, equations 9 and 10).
    `images` requires gradients, and `logits` were computed from it.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.reshape(len(logits), -1).square().sum(dim=1)


def gradient_norms(logits: Float[Tensor, " n"], images: Images) -> Float[Tensor, " n"]:
    """The Euclidean norm of each logit's gradient with respect to its image."""
    return squared_gradients(logits, images).clamp_min(SMALLEST_SQUARE).sqrt()


def two_sided(norms: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """(norm - 1)^2: gradients shall be 1 long (Gulrajani et al. 2017, equation 3)."""
    return (norms - 1).square()


def one_sided(norms: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """max(0, norm - 1)^2: gradients shall be at most 1 long (Gulrajani et al. 2017, section 4; Petzka et al. 2018)."""
    return (norms - 1).relu().square()


def between(real: Images, generated: Images, share: Float[Tensor, " n"]) -> Images:
    """Points on the straight lines from real (share 0) to generated images (share 1), where WGAN-GP looks at gradients."""
    return torch.lerp(real, generated, share.view(-1, *[1] * (real.ndim - 1)))


def around(real: Images, noise: Images) -> Images:
    """Points about real images, where DRAGAN looks at gradients (Kodali et al. 2017, section 2.3): `noise` is standard
    normal, and is scaled to half the standard deviation of the batch, the size that its authors' code gives it.
    """
    return real + 0.5 * real.std() * noise


def orthogonal(weights: Iterable[Weight]) -> Float[Tensor, ""]:
    """The sum over layers of the squared inner products of different filters: equation 3 of Brock et al. 2019, which leaves
    the filters' lengths alone. Weights with fewer than two dimensions are passed over.
    """
    total = torch.zeros(())
    for weight in weights:
        if weight.ndim > 1:
            rows = weight.flatten(1)
            with torch.autocast(rows.device.type, enabled=False):  # small differences of what may be large
                products = rows @ rows.t()
            total = total.to(products) + (products - products.diagonal().diag()).square().sum()
    return total
