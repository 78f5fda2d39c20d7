"""Real images brought into a latent space: the point from which the generator draws what is nearest."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent.space import Images, Label, LatentSpace, Points, frozen

WARMUP_SHARE, DECAY_SHARE = 0.05, 0.25
"""Shares of the steps in which the rate rises from zero and falls back to it (Karras et al. 2020, appendix D)."""
HALVINGS = 3
"""Halvings of the side at which images are compared too: far from the target, fine detail leads nowhere."""


@dataclass(frozen=True)
class Projection:
    """Where images were found."""

    points: Points
    """In the latent space."""
    images: Images
    """What is drawn from there."""
    losses: Float[Tensor, "steps n"]
    """The distance of each image to its target, step by step."""

    def peak_signal_to_noise_ratios(self, targets: Images) -> Float[Tensor, " n"]:
        """Peak signal-to-noise ratio of each image to its target, in decibels; pixels in [-1, 1], outside of which they are clipped."""
        error = (self.images.clamp(-1, 1) - targets).square().mean(dim=(1, 2, 3))
        return 10 * torch.log10(4 / error.clamp_min(1e-12))


def multiscale_distances(images: Images, targets: Images) -> Float[Tensor, " n"]:
    """Mean squared differences of pixels, summed over the full side and its halvings. A image is cut at white and black: where the target
    is either, what lies beyond is no difference.
    """
    beyond = ((targets >= 1) & (images > 1)) | ((targets <= -1) & (images < -1))
    images = torch.where(beyond, targets, images)
    total = (images - targets).square().mean(dim=(1, 2, 3))
    for _ in range(HALVINGS):
        if min(images.shape[2:]) < 2:
            break
        images, targets = avg_pool2d(images, 2), avg_pool2d(targets, 2)
        total = total + (images - targets).square().mean(dim=(1, 2, 3))
    return total


def nearest_points(images: Images, points: Points, targets: Float[Tensor, "m c h w"]) -> Float[Tensor, "m ..."]:
    """Of the points from which `images` were drawn, that whose image is nearest to each target."""
    return points[torch.stack([multiscale_distances(images, target.expand_as(images)).argmin() for target in targets])]


def optimize_points(
    draw: Callable[[Points], Images],
    start: Points,
    targets: Images,
    *,
    steps: int,
    rate: float,
    distance: Callable[[Images, Images], Float[Tensor, " n"]] = multiscale_distances,
) -> Projection:
    """Move each point by gradient descent (Adam) on the distance of its image to its target; the best point met is kept."""
    points = start.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=rate, betas=(0.9, 0.99))
    losses = torch.full((steps + 1, len(start)), math.inf)
    best, best_points = losses[0].clone(), start.detach().clone()
    for step in range(steps + 1):
        done = step / max(1, steps)
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / (WARMUP_SHARE * steps + 1), (1 - done) / DECAY_SHARE + 1e-3)
        found = distance(draw(points), targets)
        losses[step] = found.detach()
        better = losses[step] < best
        best[better], best_points[better] = losses[step][better], points.detach()[better]
        if step < steps:
            optimizer.zero_grad()
            found.sum().backward()
            optimizer.step()
    with torch.no_grad():
        return Projection(best_points, draw(best_points), losses)


START_CANDIDATES = 512
"""Points that the start of a projection is found among."""


def project_images(
    model: Model,
    targets: Images,
    *,
    space: Literal["w", "w+"] = "w",
    steps: int = 500,
    rate: float = 0.05,
    label: Label = None,
    seed: int = 0,
) -> Projection:
    """Points from which the model draws what is nearest to these images in [-1, 1]: in "w" one style for all layers, in "w+" one for each
    (Abdal et al. 2019). Without styles both are z. Of many samples the nearest is the start.
    """
    room = LatentSpace(model)
    if steps < 0 or not rate > 0:
        raise SettingsError(f"steps must be at least 0 and rate more than 0, not {steps} and {rate}.")
    if targets.shape[1:] != torch.Size(model.spec.shape):
        raise SettingsError(f"The images are {tuple(targets.shape[1:])}, and the model draws {model.spec.shape} (channels, height, width).")
    targets = targets.to(room.game.device)
    labels = room.sample_labels(START_CANDIDATES, label, seed)
    points = room.sample_points(START_CANDIDATES, seed, label)
    if room.has_styles:  # the mean of all w is a good start too
        mean = points.mean(dim=0, keepdim=True)
        points, labels = torch.cat([points, mean]), None
    start = nearest_points(room.generate(points, labels), points, targets)
    labels = None if labels is None else labels[[int((points == one).flatten(1).all(dim=1).nonzero()[0]) for one in start]]
    draw = room.generation_function(labels)
    with frozen(room.generator):
        if not room.has_styles or space == "w+":
            return optimize_points(draw, start, targets, steps=steps, rate=rate)
        layers = start.shape[1]
        found = optimize_points(lambda w: draw(w[:, None].expand(-1, layers, -1)), start[:, 0], targets, steps=steps, rate=rate)
        return Projection(found.points[:, None].expand(-1, layers, -1), found.images, found.losses)
