"""Grids of images with mixed styles (Karras et al. 2019, section 3.1), and of images at several truncations."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent.points import ImagesOfPoints
from sparring.latent.space import Label, LatentSpace
from sparring.nets.style_generator import StyleGenerator


def mix_styles(
    coarse: Float[Tensor, "rows layers style"], fine: Float[Tensor, "columns layers style"], layer: int
) -> Float[Tensor, "rows columns layers style"]:
    """Styles of every row up to `layer`, combined with the styles of every column from `layer` on."""
    rows, columns = len(coarse), len(fine)
    return torch.cat(
        [coarse[:, None, :layer].expand(-1, columns, -1, -1), fine[None, :, layer:].expand(rows, -1, -1, -1)],
        dim=2,
    )


POOLED_SIDE = 4
"""Side that feature maps are averaged to before their principal components are computed."""


def style_mixing_grid(
    model: Model, coarse: ImagesOfPoints, fine: ImagesOfPoints, *, layer: int | None = None, label: Label = None
) -> Float[Tensor, "rows_and_one columns_and_one c h w"]:
    """Grid of images with the coarse styles of each row's image and the fine styles of each column's image.

    The first column has the rows' own images, the first row the columns' own images, and the corner is white. `coarse` and `fine` are
    seeds whose first samples are used, or points that were found. `layer` is the first layer with fine styles; by default the first at
    16x16. Raises a SettingsError for generators without styles.
    """
    space = LatentSpace(model)
    if not isinstance(space.generator, StyleGenerator):
        raise SettingsError(f"{model.source} has a generator without styles, so there is nothing to mix. Train stylegan or stylegan2.")
    layers = space.generator.layers
    layer = min(space.generator.coarse_layers, layers - 1) if layer is None else layer
    if not 0 < layer < layers:
        raise SettingsError(f"layer must be from 1 to {layers - 1}, not {layer}, because this generator has {layers} layers.")
    (rows, _), (columns, _) = space.points_of(coarse, label), space.points_of(fine, label)
    images = space.generate(mix_styles(rows, columns, layer).flatten(0, 1)).unflatten(0, (len(rows), len(columns)))
    corner = torch.ones(1, 1, *images.shape[2:], device=images.device)
    top = torch.cat([corner, space.generate(columns)[None]], dim=1)
    return torch.cat([top, torch.cat([space.generate(rows)[:, None], images], dim=1)])


def truncation_grid(
    model: Model, values: Sequence[float], n: int, *, seed: int = 0, label: Label = None
) -> Float[Tensor, "values n c h w"]:
    """The first `n` samples of a seed at each truncation (see `Model.sample`). Raises a SettingsError without truncations."""
    if not values:
        raise SettingsError("Name at least one truncation.")
    return torch.stack([model.sample(n, seed=seed, label=label, truncation=value) for value in values])
