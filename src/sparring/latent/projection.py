"""Projection of real images into latent space: finds the points whose generated images are nearest to given ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.games.capabilities import Encodes
from sparring.inference.model import Model
from sparring.latent.points import Points
from sparring.latent.space import Images, Label, LatentSpace, frozen

WARMUP_SHARE, DECAY_SHARE = 0.05, 0.25
"""Shares of the steps in which the learning rate rises from zero and falls back to zero (Karras et al. 2020, appendix D)."""
HALVINGS = 3
"""Number of times that images are halved and compared again: far from the target, fine details give no useful gradient."""


@dataclass(frozen=True)
class Projection:
    """Points in latent space that were found for target images."""

    points: Points
    """Points in w or z."""
    images: Images
    """Images generated from these points."""
    losses: Float[Tensor, "steps n"]
    """Distance of each image to its target at each step."""
    labels: Labels | None = None
    """Class that each image was generated with, where the latent does not say it."""

    def peak_signal_to_noise_ratios(self, targets: Images) -> Float[Tensor, " n"]:
        """Peak signal-to-noise ratio of each image to its target, in decibels. Pixels are clipped to [-1, 1]."""
        error = (self.images.clamp(-1, 1) - targets).square().mean(dim=(1, 2, 3))
        return 10 * torch.log10(4 / error.clamp_min(1e-12))


def multiscale_distances(images: Images, targets: Images) -> Float[Tensor, " n"]:
    """Mean squared pixel differences of each image to its target, summed over the full side and its halvings.

    Where the target is white or black, pixels beyond that value do not count as different, because images are clipped.
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
    """For each target, the point whose image among `images` is nearest to it."""
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
    """Optimize each point with Adam so that its image approaches its target. Returns the best point of all steps."""
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


EXACT = 1e-6
"""Below this distance there is nothing to search for."""
START_CANDIDATES = 512
"""Number of random points among which the starting point of a projection is chosen."""


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
    """Find the points whose generated images are nearest to `targets`, images in [-1, 1] of the model's shape.

    `space` "w" has one style for all layers, "w+" one for each layer (Abdal et al. 2019); without styles both mean z. The starting point is
    what the model's encoder finds, if it has one, else the nearest of 512 random samples. Where an encoder loses
    nothing, as that of a reversible network, nothing is searched for. Raises a SettingsError for targets of another shape.
    """
    latent_space = LatentSpace(model)
    if steps < 0 or not rate > 0:
        raise SettingsError(f"steps must be at least 0 and rate more than 0, not {steps} and {rate}.")
    if targets.shape[1:] != torch.Size(model.spec.shape):
        raise SettingsError(
            f"The images have shape {tuple(targets.shape[1:])} (channels, height, width), but the model generates {model.spec.shape}. "
            "Resize the images."
        )
    targets = targets.to(latent_space.game.device)
    if isinstance(latent_space.game, Encodes) and (label is not None or not latent_space.game.conditional):
        labels = latent_space.sample_labels(len(targets), label)
        return project_from(latent_space, latent_space.game.encode(targets, labels), labels, targets, space, steps, rate)
    labels = latent_space.sample_labels(START_CANDIDATES, label, seed)
    points = latent_space.sample_points(START_CANDIDATES, seed, label)
    if latent_space.has_styles:  # the mean of all w is a good start too
        mean = points.mean(dim=0, keepdim=True)
        points, labels = torch.cat([points, mean]), None
    start = nearest_points(latent_space.generate(points, labels), points, targets)
    labels = None if labels is None else labels[[int((points == one).flatten(1).all(dim=1).nonzero()[0]) for one in start]]
    if isinstance(latent_space.game, Encodes):  # of which the class is known now
        start = latent_space.game.encode(targets, labels)
    return project_from(latent_space, start, labels, targets, space, steps, rate)


def project_from(
    latent_space: LatentSpace,
    start: Points,
    labels: Labels | None,
    targets: Images,
    space: Literal["w", "w+"],
    steps: int,
    rate: float,
) -> Projection:
    """Optimize points from where they start, unless they are the targets' already."""
    draw = latent_space.generation_function(labels)
    with torch.no_grad():
        there = not latent_space.has_styles and bool((multiscale_distances(draw(start), targets) < EXACT).all())
    steps = 0 if there else steps
    with frozen(latent_space.generator):
        if not latent_space.has_styles or space == "w+":
            found = optimize_points(draw, start, targets, steps=steps, rate=rate)
            return found if latent_space.has_styles else replace(found, labels=labels)
        layers = start.shape[1]
        found = optimize_points(lambda w: draw(w[:, None].expand(-1, layers, -1)), start[:, 0], targets, steps=steps, rate=rate)
        return Projection(found.points[:, None].expand(-1, layers, -1), found.images, found.losses)
