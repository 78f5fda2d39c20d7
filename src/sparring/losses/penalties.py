"""Gradient penalties and weight penalties, without the factors that weight them in a loss.

Gradients are those of the discriminator's logits with respect to its images. They are gradients per image only if the discriminator treats
images independently, so not with batch norm.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

Weight = Float[Tensor, "..."]
Images = Float[Tensor, "n *image"]
SMALLEST_SQUARE = 1e-24
"""Smallest value under a square root, so that the norm of a zero gradient can be differentiated."""


def squared_gradients(logits: Float[Tensor, " packs"], images: Images) -> Float[Tensor, " packs"]:
    """Squared Euclidean norm of each logit's gradient with respect to its image, or to all images of its pack. It can be differentiated.

    Half of it is R1 on real images and R2 on generated images (Mescheder et al. 2018, equations 9 and 10). `images` must require gradients,
    and `logits` must be computed from it.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.reshape(len(logits), -1).square().sum(dim=1)


def gradient_norms(logits: Float[Tensor, " n"], images: Images) -> Float[Tensor, " n"]:
    """Euclidean norm of each logit's gradient with respect to its image. It can be differentiated."""
    return squared_gradients(logits, images).clamp_min(SMALLEST_SQUARE).sqrt()


def two_sided_penalty(norms: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Penalty (norm - 1)^2 on gradient norms other than 1 (Gulrajani et al. 2017, equation 3)."""
    return (norms - 1).square()


def one_sided_penalty(norms: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Penalty max(0, norm - 1)^2 on gradient norms above 1 (Gulrajani et al. 2017, section 4; Petzka et al. 2018)."""
    return (norms - 1).relu().square()


def interpolated(real: Images, generated: Images, share: Float[Tensor, " n"]) -> Images:
    """Points on the straight lines from real images (share 0) to generated images (share 1), where WGAN-GP penalizes gradients."""
    return torch.lerp(real, generated, share.view(-1, *[1] * (real.ndim - 1)))


def perturbed(real: Images, noise: Images) -> Images:
    """Points around real images, where DRAGAN penalizes gradients (Kodali et al. 2017, section 2.3).

    `noise` is standard normal, and is scaled to half the standard deviation of the batch as in the authors' code.
    """
    return real + 0.5 * real.std() * noise


def orthogonal(weights: Iterable[Weight]) -> Float[Tensor, ""]:
    """Orthogonality penalty: the sum over layers of squared inner products of different filters (Brock et al. 2019, equation 3).

    It does not affect the lengths of filters. Weights with fewer than two dimensions are skipped.
    """
    total = torch.zeros(())
    for weight in weights:
        if weight.ndim > 1:
            rows = weight.flatten(1)
            with torch.autocast(rows.device.type, enabled=False):  # small differences of large numbers
                products = rows @ rows.t()
            total = total.to(products) + (products - products.diagonal().diag()).square().sum()
    return total
