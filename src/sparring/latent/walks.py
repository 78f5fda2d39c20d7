"""Walks through latent space from image to image, where some of them were projected. (`Model.interpolate` walks from seed to seed.)"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.inference.interpolation import spherical, walk
from sparring.inference.labels import Asked, labels_of_stops, walk_of_conditions
from sparring.inference.model import Model
from sparring.latent.points import ImagesOfPoints
from sparring.latent.space import LatentSpace


def walk_through(
    model: Model,
    images: ImagesOfPoints,
    *,
    labels: Sequence[Asked] | None = None,
    frames: int = 16,
    space: Literal["z", "w"] | None = None,
) -> Float[Tensor, "n c h w"]:
    """A walk through images (points that were found, or the first samples of seeds), `frames` images from one to the next, the last
    included; in [-1, 1].

    The way is that of `Model.interpolate`: straight through w, which projections of networks with styles are in, and along great circles
    through z. Classes that the latent does not say cross-fade; `labels` gives others, one for each image or one for all. Raises a
    SettingsError for another space than that of the points.
    """
    latent = LatentSpace(model)
    own = "w" if latent.has_styles else "z"
    if frames < 1:
        raise SettingsError(f"frames must be at least 1, not {frames}.")
    if space not in (None, own):
        raise SettingsError(
            f"Points of {model.source} are in {own}, so there is no walk through {space} between them: leave out the space."
        )
    if labels and latent.has_styles:
        raise SettingsError("A point in w holds its class: leave out the labels.")
    points, known = latent.points_of(images)
    if len(points) < 2:
        raise SettingsError("A walk needs two images or more.")
    if latent.has_styles:
        flat = walk(points.flatten(1), frames, torch.lerp)
        return latent.generate(flat.unflatten(1, points.shape[1:]))
    if labels:
        known = labels_of_stops(model, labels)
        known = known.repeat(len(points), *[1] * (known.ndim - 1)) if len(known) == 1 else known
        if len(known) != len(points):
            raise SettingsError(f"{len(points)} images and {len(known)} classes do not pair up: give one class for each, or one for all.")
    return latent.game.generate_chunked(
        walk(points, frames, spherical), None if known is None else walk_of_conditions(model, known, frames)
    )
