"""Directions in latent space along which images change in one respect. All have length 1; the strongest come first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent.mixing import POOLED_SIDE
from sparring.latent.points import ImagesOfPoints, Points
from sparring.latent.space import Images, Label, LatentSpace
from sparring.nets import biggan
from sparring.nets.blocks.equalized_lr import Linear
from sparring.nets.style_generator import StyleGenerator

SHRINKAGE = 0.1
"""Weight of the mean variance in the covariance of discriminant directions, so that they are stable with few points (Ledoit and Wolf
2004)."""
SEARCH_SAMPLES = 2000
"""Number of samples that directions are computed from."""
Method = Literal["weights", "principal", "class"]


def sefa_directions(weights: Sequence[Float[Tensor, "_ latent"]], count: int) -> Float[Tensor, "count latent"]:
    """Directions that change the outputs of layers with these weights the most (SeFa: Shen and Zhou 2021, equation 8).

    They are the first eigenvectors of the sum of all WᵀW, with each output's weights scaled to length 1 as in the authors' code.
    """
    normal = torch.cat([weight.double() for weight in weights])
    normal = normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-12)
    _, vectors = torch.linalg.eigh(normal.t() @ normal)
    return _fix_signs(vectors.t().flip(0)[:count]).to(weights[0].dtype)


def principal_components(points: Float[Tensor, "n latent"], count: int) -> tuple[Float[Tensor, "count latent"], Float[Tensor, " count"]]:
    """Principal components of points (GANSpace for w: Härkönen et al. 2020), and the standard deviation along each."""
    centered = points.double() - points.double().mean(dim=0)
    _, sizes, directions = torch.linalg.svd(centered, full_matrices=False)
    deviations = sizes / max(1, len(points) - 1) ** 0.5
    return _fix_signs(directions[:count]).to(points.dtype), deviations[:count].to(points.dtype)


def regressed_directions(
    points: Float[Tensor, "n latent"], activations: Float[Tensor, "n features"], count: int
) -> Float[Tensor, "count latent"]:
    """Directions of points along which the principal components of the generator's activations grow, by least squares.

    This is GANSpace for z (section 2.2), whose own distribution has no principal components. Returns at most `count` directions, and no
    more than the activations have components.
    """
    centered = activations.double() - activations.double().mean(dim=0)
    scores, sizes, _ = torch.linalg.svd(centered, full_matrices=False)
    kept = int((sizes[:count] > 1e-9 * sizes[0]).sum())
    directions = scores[:, :kept].t() @ points.double()
    return _fix_signs(directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)).to(points.dtype)


def discriminant_direction(points: Float[Tensor, "n latent"], has_feature: Bool[Tensor, " n"]) -> Float[Tensor, " latent"]:
    """Direction that best separates points with a feature from points without it (Fisher's linear discriminant, 1936).

    InterFaceGAN (Shen et al. 2020) uses a support vector machine instead. Raises a ValueError if all points or none have the feature.
    """
    if has_feature.all() or not has_feature.any():
        raise ValueError("all points have the feature, or none has")
    having, lacking = points[has_feature].double(), points[~has_feature].double()
    within = torch.cat([having - having.mean(dim=0), lacking - lacking.mean(dim=0)])
    scatter = within.t() @ within / len(within)
    shrunk = (1 - SHRINKAGE) * scatter
    shrunk.diagonal().add_(SHRINKAGE * scatter.diagonal().mean())
    direction = torch.linalg.solve(shrunk, having.mean(dim=0) - lacking.mean(dim=0))
    return (direction / direction.norm()).to(points.dtype)


def _fix_signs(directions: Float[Tensor, "count latent"]) -> Float[Tensor, "count latent"]:
    """Directions with signs that make the entry of largest size positive, because eigenvectors have no sign of their own."""
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return directions * torch.sign(largest)


@dataclass(frozen=True)
class Directions:
    """Directions in a latent space, the strongest first."""

    vectors: Float[Tensor, "count latent"]
    """Directions in w or z, each of length 1."""
    unit: float
    """Length of one step: the mean standard deviation of points over the dimensions of the space."""
    names: tuple[str, ...]
    """Name of each direction, such as "component 1" or a class."""


def find_directions(
    model: Model,
    method: Method = "weights",
    count: int = 8,
    *,
    predict_classes: Callable[[Images], Int64[Tensor, " n"]] | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
) -> Directions:
    """Find up to `count` directions in a model's latent space.

    `method` "weights" factorizes the layers that read the latent first (SeFa). "principal" takes principal components of w, or of the
    generator's feature maps for z (GANSpace). "class" finds a direction towards each class: `predict_classes` classifies samples, and
    `classes` are the names of its classes. Raises a SettingsError if there is nothing to find, for example directions towards classes in z
    when the generator gets the class beside z.
    """
    space = LatentSpace(model)
    if count < 1:
        raise SettingsError(f"count must be at least 1, not {count}.")
    points = flatten_points(space.sample_points(SEARCH_SAMPLES, seed))
    unit = points.std(dim=0).mean().item()
    if method == "weights":
        vectors = sefa_directions(_first_layer_weights(space), count)
        return Directions(vectors, unit, tuple(f"weights {i + 1}" for i in range(len(vectors))))
    if method == "principal":
        vectors = principal_components(points, count)[0] if space.has_styles else _feature_map_directions(space, count, seed)
        return Directions(vectors, unit, tuple(f"component {i + 1}" for i in range(len(vectors))))
    if predict_classes is None:
        raise SettingsError("Directions towards classes need a classifier, which is trained on data with classes: name such data.")
    check_class_directions(model)
    predicted = predict_classes(space.generate(space.sample_points(SEARCH_SAMPLES, seed), space.sample_labels(SEARCH_SAMPLES, None, seed)))
    found = {
        label: discriminant_direction(points, predicted == label)
        for label in range(len(classes))
        if 1 < int((predicted == label).sum()) < SEARCH_SAMPLES - 1
    }
    if not found:
        raise SettingsError("All samples have the same class, so there is no direction from one class to another.")
    first = list(found.items())[:count]
    return Directions(torch.stack([direction for _, direction in first]), unit, tuple(classes[label] for label, _ in first))


def check_class_directions(model: Model) -> None:
    """Raise a SettingsError if the latent space has no directions towards classes: z of a generator that gets the class beside it."""
    space = LatentSpace(model)
    if space.game.conditional and not space.has_styles:
        raise SettingsError(
            f"{model.source} gets the class beside z, so no direction in z changes the class: sample with --label, or use the method "
            "'weights' or 'principal'."
        )


def flatten_points(points: Points) -> Float[Tensor, "n latent"]:
    """One vector for each point: the first layer's for points in w, where all layers have the same style."""
    return points[:, 0] if points.ndim == 3 else points


def _first_layer_weights(space: LatentSpace) -> list[Float[Tensor, "_ latent"]]:
    """Weights of the linear layers that read the latent first: every layer's affine map from w, or the first layer from z."""
    if isinstance(space.generator, biggan.Generator):
        return [weight.detach() for weight in space.generator.latent_weights()]
    size = flatten_points(space.sample_points(1, 0)).shape[1]
    maps = [module for module in space.generator.modules() if isinstance(module, nn.Linear | Linear)]
    if isinstance(space.generator, StyleGenerator):
        mapping = {id(module) for module in space.generator.mapping.modules()}
        return [module.weight.detach() for module in maps if id(module) not in mapping]
    maps = [module for module in maps if module.weight.shape[1] >= size]  # others read the class
    if not maps:
        raise SettingsError(f"{space.model.source} has no linear layer that reads the latent. Use the method 'principal'.")
    return [maps[0].weight.detach()[:, :size]]  # before the class


def _feature_map_directions(space: LatentSpace, count: int, seed: int) -> Float[Tensor, "count latent"]:
    """Directions in z along which the generator's feature maps change the most, apart from differences between classes.

    The maps are the last ones of at most half the images' side; without maps, the images themselves are used.
    """
    points, labels = space.sample_points(SEARCH_SAMPLES, seed), space.sample_labels(SEARCH_SAMPLES, None, seed)
    images, maps, _ = space.generate_with_features(points, labels, lambda maps: adaptive_avg_pool2d(maps, POOLED_SIDE).flatten(1))
    sides = [side for side in maps if side <= images.shape[2] // 2]
    features = maps[max(sides)] if sides else images.flatten(1)
    if labels is not None:
        rows = one_hot(labels).float() if labels.ndim == 1 else space.game.spec.condition_of(labels)
        features = features - rows @ (rows.t() @ features / rows.sum(dim=0).clamp_min(1)[:, None])
    return regressed_directions(points, features, count)


def move_along_direction(
    model: Model,
    images: ImagesOfPoints,
    found: Directions,
    *,
    which: int = 0,
    reach: float = 3.0,
    steps: int = 7,
    label: Label = None,
    layers: tuple[int, int] | None = None,
) -> Float[Tensor, "n steps c h w"]:
    """Images (the first sample of each seed, or those of points), moved along a direction from -reach to +reach units in equal steps.

    `which` is the index of the direction. `layers` restricts the movement in w to layers from the first to before the last. Raises a
    SettingsError for layers that do not exist.
    """
    space = LatentSpace(model)
    if steps < 1:
        raise SettingsError(f"steps must be at least 1, not {steps}.")
    points, labels = space.points_of(images, label)
    if layers is not None and points.ndim != 3:
        raise SettingsError(f"{model.source} has a generator without styles, so it has no layers to choose from.")
    if layers is not None and not 0 <= layers[0] <= layers[1] <= points.shape[1]:
        raise SettingsError(f"layers must be two numbers from 0 to {points.shape[1]}, the smaller first, not {layers}.")
    offsets = torch.linspace(-reach, reach, steps, device=points.device) * found.unit
    change = offsets[:, None] * found.vectors[which]
    if points.ndim == 3:
        change = change[:, None, :].repeat(1, points.shape[1], 1)
        if layers is not None:
            change[:, : layers[0]] = 0
            change[:, layers[1] :] = 0
    moved = (points[:, None] + change[None]).flatten(0, 1)
    repeated = None if labels is None else labels.repeat_interleave(steps)
    return space.generate(moved, repeated).unflatten(0, (len(points), steps))
