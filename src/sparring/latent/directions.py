"""Directions in a latent space along which images change in one way. All are of length 1, the strongest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from sparring.core.errors import SettingsError
from sparring.inference.model import Model
from sparring.latent import directions as ways
from sparring.latent.mixing import POOLED_SIDE
from sparring.latent.space import Images, Label, LatentSpace, Points
from sparring.nets import biggan
from sparring.nets.blocks.equalized_lr import Linear
from sparring.nets.style_generator import StyleGenerator

SHRINKAGE = 0.1
"""Share of the mean variance in each direction's, so that few points do not decide (Ledoit and Wolf 2004)."""


def sefa_directions(weights: Sequence[Float[Tensor, "_ latent"]], count: int) -> Float[Tensor, "count latent"]:
    """Directions that change most what the layers make of a latent: the first eigenvectors of the sum of all WᵀW (closed-form
    factorization, SeFa: Shen and Zhou 2021, equation 8), the weights of each output brought to length 1 (the authors' code).
    """
    normal = torch.cat([weight.double() for weight in weights])
    normal = normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-12)
    _, vectors = torch.linalg.eigh(normal.t() @ normal)
    return _fix_signs(vectors.t().flip(0)[:count]).to(weights[0].dtype)


def principal_components(points: Float[Tensor, "n latent"], count: int) -> tuple[Float[Tensor, "count latent"], Float[Tensor, " count"]]:
    """The principal components of points (GANSpace: Härkönen et al. 2020, of w), and the standard deviation along each."""
    centerd = points.double() - points.double().mean(dim=0)
    _, sizes, directions = torch.linalg.svd(centerd, full_matrices=False)
    deviations = sizes / max(1, len(points) - 1) ** 0.5
    return _fix_signs(directions[:count]).to(points.dtype), deviations[:count].to(points.dtype)


def regressed_directions(
    points: Float[Tensor, "n latent"], activations: Float[Tensor, "n features"], count: int
) -> Float[Tensor, "count latent"]:
    """Where points go as the principal components of what the generator makes of them grow: by least squares (GANSpace, section 2.2, of
    z, whose own components are none). At most as many as there are components.
    """
    centerd = activations.double() - activations.double().mean(dim=0)
    scores, sizes, _ = torch.linalg.svd(centerd, full_matrices=False)
    kept = int((sizes[:count] > 1e-9 * sizes[0]).sum())
    ways = scores[:, :kept].t() @ points.double()
    return _fix_signs(ways / ways.norm(dim=1, keepdim=True).clamp_min(1e-12)).to(points.dtype)


def discriminant_direction(points: Float[Tensor, "n latent"], has_feature: Bool[Tensor, " n"]) -> Float[Tensor, " latent"]:
    """The direction that best tells points that have something from those that have not (Fisher 1936; InterFaceGAN, Shen et al. 2020,
    takes a support vector machine's). ValueError if all have it or none has.
    """
    if has_feature.all() or not has_feature.any():
        raise ValueError("all points have it, or none")
    having, lacking = points[has_feature].double(), points[~has_feature].double()
    within = torch.cat([having - having.mean(dim=0), lacking - lacking.mean(dim=0)])
    scatter = within.t() @ within / len(within)
    shrunk = (1 - SHRINKAGE) * scatter
    shrunk.diagonal().add_(SHRINKAGE * scatter.diagonal().mean())
    direction = torch.linalg.solve(shrunk, having.mean(dim=0) - lacking.mean(dim=0))
    return (direction / direction.norm()).to(points.dtype)


def _fix_signs(directions: Float[Tensor, "count latent"]) -> Float[Tensor, "count latent"]:
    """With the sign that makes each one's largest number positive: eigenvectors have none of their own."""
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    return directions * torch.sign(largest)


Method = Literal["weights", "principal", "class"]


SEARCH_SAMPLES = 2000
"""Points that principal components and classes are found among."""


@dataclass(frozen=True)
class Directions:
    """Ways to move in a latent space, the strongest first."""

    vectors: Float[Tensor, "count latent"]
    """Each of length 1, in w or z."""
    unit: float
    """How far one step is: the standard deviation of points along a direction, on average."""
    names: tuple[str, ...]
    """What each is."""


def find_directions(
    model: Model,
    method: Method = "weights",
    count: int = 8,
    *,
    predict_classes: Callable[[Images], Int64[Tensor, " n"]] | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
) -> Directions:
    """Directions of change. "weights": by closed-form factorization of the layers that latents meet first (SeFa). "principal": principal
    components of w, or of what the generator makes of z (GANSpace). "class": towards each class, as `name_of` names what is drawn;
    `classes` are their names; not in z if the network is told the class beside it.
    """
    space = LatentSpace(model)
    if count < 1:
        raise SettingsError(f"count must be at least 1, not {count}.")
    points = flatten_points(space.sample_points(SEARCH_SAMPLES, seed))
    unit = points.std(dim=0).mean().item()
    if method == "weights":
        vectors = ways.sefa_directions(_first_layer_weights(space), count)
        return Directions(vectors, unit, tuple(f"weights {i + 1}" for i in range(len(vectors))))
    if method == "principal":
        vectors = ways.principal_components(points, count)[0] if space.has_styles else _feature_map_directions(space, count, seed)
        return Directions(vectors, unit, tuple(f"component {i + 1}" for i in range(len(vectors))))
    if predict_classes is None:
        raise SettingsError("Directions towards classes need a classifier: give data with classes.")
    check_class_directions(model)
    named = predict_classes(space.generate(space.sample_points(SEARCH_SAMPLES, seed), space.sample_labels(SEARCH_SAMPLES, None, seed)))
    found = {
        label: ways.discriminant_direction(points, named == label)
        for label in range(len(classes))
        if 1 < int((named == label).sum()) < SEARCH_SAMPLES - 1
    }
    if not found:
        raise SettingsError("All that is drawn is of one class, so no direction leads from one to another.")
    first = list(found.items())[:count]
    return Directions(torch.stack([way for _, way in first]), unit, tuple(classes[label] for label, _ in first))


def check_class_directions(model: Model) -> None:
    """Raise a SettingsError if the latent space has no directions towards classes."""
    space = LatentSpace(model)
    if space.game.conditional and not space.has_styles:
        raise SettingsError(
            f"{model.source} is told the class beside z, so no direction in z leads to another: sample with --label, or take the method "
            "'weights' or 'principal'."
        )


def flatten_points(points: Points) -> Float[Tensor, "n latent"]:
    """One vector a point: w is the same for all layers."""
    return points[:, 0] if points.ndim == 3 else points


def _first_layer_weights(space: LatentSpace) -> list[Float[Tensor, "_ latent"]]:
    """Of the linear maps that meet a latent first: each layer's from w, or the first one from z."""
    if isinstance(space.generator, biggan.Generator):
        return [weight.detach() for weight in space.generator.latent_weights()]
    size = flatten_points(space.sample_points(1, 0)).shape[1]
    maps = [module for module in space.generator.modules() if isinstance(module, nn.Linear | Linear)]
    if isinstance(space.generator, StyleGenerator):
        mapping = {id(module) for module in space.generator.mapping.modules()}
        return [module.weight.detach() for module in maps if id(module) not in mapping]
    return [maps[0].weight.detach()[:, :size]]  # before the class


def _feature_map_directions(space: LatentSpace, count: int, seed: int) -> Float[Tensor, "count latent"]:
    """Directions in z along which the generator's maps change most: the last of at most half the image's side, or the images if it has
    none. What classes change is left out.
    """
    points, labels = space.sample_points(SEARCH_SAMPLES, seed), space.sample_labels(SEARCH_SAMPLES, None, seed)
    images, maps, _ = space.generate_with_features(points, labels, lambda maps: adaptive_avg_pool2d(maps, POOLED_SIDE).flatten(1))
    sides = [side for side in maps if side <= images.shape[2] // 2]
    features = maps[max(sides)] if sides else images.flatten(1)
    if labels is not None:
        rows = one_hot(labels).float()
        features = features - rows @ (rows.t() @ features / rows.sum(dim=0).clamp_min(1)[:, None])
    return ways.regressed_directions(points, features, count)


def move_along_direction(
    model: Model,
    seeds: Sequence[int],
    found: Directions,
    *,
    which: int = 0,
    reach: float = 3.0,
    steps: int = 7,
    label: Label = None,
    layers: tuple[int, int] | None = None,
) -> Float[Tensor, "n steps c h w"]:
    """The first sample of each seed, moved along a direction from -reach to +reach units. `layers`: in w, the first and the last (not
    included) that are moved.
    """
    space = LatentSpace(model)
    if steps < 1:
        raise SettingsError(f"steps must be at least 1, not {steps}.")
    points, labels = space.points_of_seeds(seeds, label), space.sample_labels([*seeds], label)
    if layers is not None and points.ndim != 3:
        raise SettingsError(f"{model.source} has a generator without styles, so it has no layers to choose from.")
    if layers is not None and not 0 <= layers[0] <= layers[1] <= points.shape[1]:
        raise SettingsError(f"layers must be two numbers from 0 to {points.shape[1]}, the smaller first, not {layers}.")
    places = torch.linspace(-reach, reach, steps, device=points.device) * found.unit
    change = places[:, None] * found.vectors[which]
    if points.ndim == 3:
        change = change[:, None, :].repeat(1, points.shape[1], 1)
        if layers is not None:
            change[:, : layers[0]] = 0
            change[:, layers[1] :] = 0
    everywhere = (points[:, None] + change[None]).flatten(0, 1)
    repeated = None if labels is None else labels.repeat_interleave(steps)
    return space.generate(everywhere, repeated).unflatten(0, (len(seeds), steps))
