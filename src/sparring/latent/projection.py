"""Real pictures brought into a latent space: the point from which the generator draws what is nearest."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

Points = Float[Tensor, "n *point"]
Pictures = Float[Tensor, "n c h w"]
RISE, FALL = 0.05, 0.25
"""Shares of the steps in which the rate rises from zero and falls back to it (Karras et al. 2020, appendix D)."""
BLURS = 3
"""Halvings of the side at which pictures are compared too: far from the target, fine detail leads nowhere."""


@dataclass(frozen=True)
class Projection:
    """Where pictures were found."""

    points: Points
    """In the latent space."""
    pictures: Pictures
    """What is drawn from there."""
    losses: Float[Tensor, "steps n"]
    """The distance of each picture to its target, step by step."""

    def peak_ratios(self, targets: Pictures) -> Float[Tensor, " n"]:
        """Peak signal-to-noise ratio of each picture to its target, in decibels; pixels in [-1, 1], outside of which they are clipped."""
        error = (self.pictures.clamp(-1, 1) - targets).square().mean(dim=(1, 2, 3))
        return 10 * torch.log10(4 / error.clamp_min(1e-12))


def distances(pictures: Pictures, targets: Pictures) -> Float[Tensor, " n"]:
    """Mean squared differences of pixels, summed over the full side and its halvings. A picture is cut at white and black: where the target
    is either, what lies beyond is no difference.
    """
    beyond = ((targets >= 1) & (pictures > 1)) | ((targets <= -1) & (pictures < -1))
    pictures = torch.where(beyond, targets, pictures)
    total = (pictures - targets).square().mean(dim=(1, 2, 3))
    for _ in range(BLURS):
        if min(pictures.shape[2:]) < 2:
            break
        pictures, targets = avg_pool2d(pictures, 2), avg_pool2d(targets, 2)
        total = total + (pictures - targets).square().mean(dim=(1, 2, 3))
    return total


def nearest(pictures: Pictures, points: Points, targets: Float[Tensor, "m c h w"]) -> Float[Tensor, "m ..."]:
    """Of the points from which `pictures` were drawn, that whose picture is nearest to each target."""
    return points[torch.stack([distances(pictures, target.expand_as(pictures)).argmin() for target in targets])]


def project(
    draw: Callable[[Points], Pictures],
    start: Points,
    targets: Pictures,
    *,
    steps: int,
    rate: float,
    distance: Callable[[Pictures, Pictures], Float[Tensor, " n"]] = distances,
) -> Projection:
    """Move each point by gradient descent (Adam) on the distance of its picture to its target; the best point met is kept."""
    points = start.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([points], lr=rate, betas=(0.9, 0.99))
    losses = torch.full((steps + 1, len(start)), math.inf)
    best, best_points = losses[0].clone(), start.detach().clone()
    for step in range(steps + 1):
        done = step / max(1, steps)
        optimiser.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / (RISE * steps + 1), (1 - done) / FALL + 1e-3)
        found = distance(draw(points), targets)
        losses[step] = found.detach()
        better = losses[step] < best
        best[better], best_points[better] = losses[step][better], points.detach()[better]
        if step < steps:
            optimiser.zero_grad()
            found.sum().backward()
            optimiser.step()
    with torch.no_grad():
        return Projection(best_points, draw(best_points), losses)
