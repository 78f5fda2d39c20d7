"""Latent arithmetic: images of sums and differences of mean latents (Radford et al. 2016, section 6.3.3)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent.directions import SEARCH_SAMPLES, flatten_points
from sparring.latent.points import ImagesOfPoints
from sparring.latent.space import Label, LatentSpace


def arithmetic(
    model: Model, terms: Sequence[tuple[float, ImagesOfPoints]], *, n: int = 9, spread: float = 0.25, seed: int = 0, label: Label = None
) -> tuple[Float[Tensor, "terms c h w"], Float[Tensor, "n c h w"]]:
    """Images of mean latents and of their weighted sum, such as smiling woman - woman + man (Radford et al. 2016, section 6.3.3).

    Each term is a weight and the images whose latents are averaged: seeds, or points that were found. Returns the image of each mean, and
    `n` images of the sum: the sum itself and `n` - 1 points around it at `spread` standard deviations. A generator that gets the class
    beside z is conditioned on the same sum of the terms' classes, scaled to a total weight of 1, or on `label`. Raises a SettingsError if
    there is no class to condition on, or for points of another model.
    """
    space = LatentSpace(model)
    if n < 1:
        raise SettingsError(f"n must be at least 1, not {n}.")
    found = [space.points_of(images, label) for _, images in terms]
    means = torch.stack([points.mean(dim=0) for points, _ in found])
    total = sum((weight * mean for (weight, _), mean in zip(terms, means, strict=True)), torch.zeros_like(means[0]))
    noise = torch.randn(n - 1, *means.shape[1:], generator=torch.Generator().manual_seed(seed)) if n > 1 else means[:0]
    noise = noise.to(means.device)
    if noise.ndim == 3:
        noise = noise[:, :1].expand(-1, means.shape[1], -1)
    unit = flatten_points(space.sample_points(SEARCH_SAMPLES, seed)).std(dim=0).mean()
    about = torch.cat([total[None], total + spread * unit * noise])
    if space.has_styles or not space.game.conditional:
        return space.generate(means), space.generate(about)
    rows = torch.stack([_mean_condition(space, labels) for _, labels in found])
    weights = torch.tensor([weight for weight, _ in terms], device=rows.device)[:, None]
    if label is None and weights.sum() <= 0:
        raise SettingsError("The weights of the terms sum to 0 or less, so no class is left: name one with --label, or add seeds.")
    result = rows[:1] if label is not None else (weights * rows).sum(dim=0, keepdim=True) / weights.sum()
    return space.generate(means, rows), space.generate(about, result.expand(n, -1))


def _mean_condition(space: LatentSpace, labels: Labels | None) -> Float[Tensor, " classes"]:
    condition = space.game.condition(labels)
    assert condition is not None
    return condition.mean(dim=0)
