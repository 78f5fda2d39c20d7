"""Directions in a latent space along which pictures change in one way. All are of length 1, the strongest first."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SHRINKAGE = 0.1
"""Share of the mean variance in each direction's, so that few points do not decide (Ledoit and Wolf 2004)."""


def of_weights(weights: Sequence[Float[Tensor, "_ latent"]], count: int) -> Float[Tensor, "count latent"]:
    """Directions that change most what the layers make of a latent: the first eigenvectors of the sum of all WᵀW (closed-form
    factorisation, SeFa: Shen and Zhou 2021, equation 8), the weights of each output brought to length 1 (the authors' code).
    """
    normal = torch.cat([weight.double() for weight in weights])
    normal = normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-12)
    _, vectors = torch.linalg.eigh(normal.t() @ normal)
    return _oriented(vectors.t().flip(0)[:count]).to(weights[0].dtype)


def principal(points: Float[Tensor, "n latent"], count: int) -> tuple[Float[Tensor, "count latent"], Float[Tensor, " count"]]:
    """The principal components of points (GANSpace: Härkönen et al. 2020, of w), and the standard deviation along each."""
    centred = points.double() - points.double().mean(dim=0)
    _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
    deviations = sizes / max(1, len(points) - 1) ** 0.5
    return _oriented(directions[:count]).to(points.dtype), deviations[:count].to(points.dtype)


def regressed(points: Float[Tensor, "n latent"], activations: Float[Tensor, "n features"], count: int) -> Float[Tensor, "count latent"]:
    """Where points go as the principal components of what the generator makes of them grow: by least squares (GANSpace, section 2.2, of
    z, whose own components are none). At most as many as there are components.
    """
    centred = activations.double() - activations.double().mean(dim=0)
    scores, sizes, _ = torch.linalg.svd(centred, full_matrices=False)
    kept = int((sizes[:count] > 1e-9 * sizes[0]).sum())
    ways = scores[:, :kept].t() @ points.double()
    return _oriented(ways / ways.norm(dim=1, keepdim=True).clamp_min(1e-12)).to(points.dtype)


def discriminant(points: Float[Tensor, "n latent"], has_it: Bool[Tensor, " n"]) -> Float[Tensor, " latent"]:
    """The direction that best tells points that have something from those that have not (Fisher 1936; InterFaceGAN, Shen et al. 2020,
    takes a support vector machine's). ValueError if all have it or none has.
    """
    if has_it.all() or not has_it.any():
        raise ValueError("all points have it, or none")
    having, lacking = points[has_it].double(), points[~has_it].double()
    within = torch.cat([having - having.mean(dim=0), lacking - lacking.mean(dim=0)])
    scatter = within.t() @ within / len(within)
    shrunk = (1 - SHRINKAGE) * scatter
    shrunk.diagonal().add_(SHRINKAGE * scatter.diagonal().mean())
    direction = torch.linalg.solve(shrunk, having.mean(dim=0) - lacking.mean(dim=0))
    return (direction / direction.norm()).to(points.dtype)


def _oriented(directions: Float[Tensor, "count latent"]) -> Float[Tensor, "count latent"]:
    """With the sign that makes each one's largest number positive: eigenvectors have none of their own."""
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return directions * torch.sign(largest)
