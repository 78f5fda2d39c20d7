"""Images by where they lie in latent space: a seed, a walk towards another, truncation, and steps along directions, all at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.errors import SettingsError, listed
from sparring.games.game import evaluating
from sparring.inference.interpolation import spherical
from sparring.inference.model import Model
from sparring.inference.sampling import in_proportion
from sparring.latent.directions import Directions, find_directions
from sparring.latent.points import FoundPoints, Points
from sparring.latent.space import Classes, Images, LatentSpace
from sparring.nets.style_generator import StyleGenerator

DIRECTIONS = 8
"""Number of directions that images can be moved along."""
MOST_STEERED = 64
"""Number of images that are steered at once."""
FARTHEST = 100.0
"""Largest distance that images are moved along a direction, in standard deviations."""
Change = Float[Tensor, "1 *point"]
SteeringMethod = Literal["weights", "principal"]


@dataclass(frozen=True, kw_only=True)
class Steering:
    """Where in latent space images lie."""

    seed: int = 0
    """Seed of the images."""
    number: int = 1
    """Number of images: the first ones of the seed, which are moved together."""
    label: str | int | None = None
    """Class of all images, for conditional generators. None: every class in turn."""
    to: int | None = None
    """Seed of the images to walk towards, along a great circle in z; from a point in w, in a straight line. None: no walk."""
    at: float = 0.5
    """Share of the way that was walked, from 0 to 1."""
    truncation: float | None = None
    """As for `Model.sample`. None: no truncation."""
    move: Mapping[int, float] = field(default_factory=dict)
    """By number of the direction, from 0, how far images are moved along it, in standard deviations."""
    method: SteeringMethod = "weights"
    """How directions are found (see `find_directions`)."""
    layers: tuple[int, int] | None = None
    """Of style generators, the layers that are moved: from the first number up to, but not including, the second. None: all."""
    point: int = 0
    """Where points are given in place of seeds: the number of the point, from 0."""

    def problems(self) -> list[str]:
        """A sentence for every value that is out of range for any model."""
        found = []
        if self.seed < 0 or (self.to is not None and self.to < 0):
            found.append(f"Seeds are at least 0, not {self.seed if self.seed < 0 else self.to}.")
        if not 1 <= self.number <= MOST_STEERED:
            found.append(f"The number of images is from 1 to {MOST_STEERED}, not {self.number}.")
        if not 0 <= self.at <= 1:
            found.append(f"The share of the way is from 0 to 1, not {self.at}.")
        if self.truncation is not None and not 0 < self.truncation < float("inf"):
            found.append(f"truncation must be more than 0, not {self.truncation}.")
        for which, distance in self.move.items():
            if not 0 <= which < DIRECTIONS:
                found.append(f"There is no direction {which}: they are numbered from 0 to {DIRECTIONS - 1}.")
            if not abs(distance) <= FARTHEST:
                found.append(f"Images are moved by at most {FARTHEST:g} standard deviations, not by {distance}.")
        return found


def steering_directions(model: Model, method: SteeringMethod) -> Directions:
    """The directions that `Steering.move` numbers."""
    return find_directions(model, method, DIRECTIONS)


def steer(
    model: Model, steering: Steering, *, points: FoundPoints | None = None, directions: Directions | None = None
) -> Float[Tensor, "n c h w"]:
    """The images at that place, in [-1, 1] and in the proportion of the training images.

    `points`: of projected images, one of which (`Steering.point`) takes the place of the seed. `directions`: those of
    `steering_directions`, if they were found before. The same steering gives the same images to the bit. Raises a SettingsError that lists
    everything that is wrong.
    """
    space = LatentSpace(model)
    problems = steering.problems() + _problems_of(space, steering, points)
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These images cannot be made:", problems))
    with evaluating(space.game):
        places, classes = _start(space, steering) if points is None else _found(space, steering, points)
        moves = {which: distance for which, distance in steering.move.items() if distance}
        if moves:
            found = directions or steering_directions(model, steering.method)
            if max(moves) >= len(found.names):
                raise SettingsError(f"There is no direction {max(moves)}. The last one is {len(found.names) - 1}.")
            places = places + _change(found, moves, places, steering.layers)
        images = _generated(space, places, classes, steering.truncation)
    return in_proportion(model, images.clamp(-1, 1))


def _problems_of(space: LatentSpace, steering: Steering, points: FoundPoints | None) -> list[str]:
    """A sentence for every value that does not fit the model."""
    found = []
    if steering.layers is not None:
        layers = space.generator.layers if space.has_styles else 0
        first, last = steering.layers
        if not space.has_styles:
            found.append(f"{space.model.source} has a generator without styles, so it has no layers to choose from.")
        elif not 0 <= first < last <= layers:
            found.append(f"layers must be two numbers from 0 to {layers}, the smaller first, not {first} and {last}.")
    if points is not None:
        if not 0 <= steering.point < len(points.points):
            found.append(f"There is no point {steering.point}: they are numbered from 0 to {len(points.points) - 1}.")
        if steering.number != 1:
            found.append(f"A point is one image, not {steering.number}.")
    return found


def _start(space: LatentSpace, steering: Steering) -> tuple[Points, Classes]:
    """The points of the seed's first images, or of those on the way to another seed's, and their classes."""
    labels = space.sample_labels(steering.number, steering.label, steering.seed)
    latents = _latents(space, steering.seed, steering.number)
    if steering.to is not None:
        others = _latents(space, steering.to, steering.number)
        latents = torch.stack([spherical(start, end, steering.at) for start, end in zip(latents, others, strict=True)])
    if not space.has_styles:
        return latents, labels
    truncation = 1.0 if steering.truncation is None else steering.truncation
    return cast(StyleGenerator, space.generator).map(latents, space.game.condition(labels), truncation), labels


def _latents(space: LatentSpace, seed: int, number: int) -> Float[Tensor, "number latent"]:
    size = space.game.sample_chunk
    return torch.cat([space.game.chunk_of_latents(seed, chunk) for chunk in range(-(-number // size))])[:number]


def _found(space: LatentSpace, steering: Steering, points: FoundPoints) -> tuple[Points, Classes]:
    """One of the points that were found, and its class."""
    places, labels = space.points_of(points, steering.label)
    chosen = slice(steering.point, steering.point + 1)
    places = places[chosen]
    if steering.to is not None:
        places = _walked(space, places, steering)
    if space.has_styles and steering.truncation is not None:
        places = torch.lerp(space.generator.mean.expand_as(places), places, steering.truncation)
    return places, None if labels is None else labels[chosen]


def _walked(space: LatentSpace, places: Points, steering: Steering) -> Points:
    """The place on the way from one that was found to the first image of a seed."""
    end = space.points_of_seeds([cast(int, steering.to)], steering.label)
    if space.has_styles:
        return torch.lerp(places, end, steering.at)
    return spherical(places[0], end[0], steering.at)[None]


def _change(found: Directions, moves: Mapping[int, float], places: Points, layers: tuple[int, int] | None) -> Change:
    """What is added to every point."""
    total = torch.stack([found.vectors[which] * (distance * found.unit) for which, distance in sorted(moves.items())]).sum(dim=0)
    if places.ndim == 2:
        return total[None]
    change = total.repeat(places.shape[1], 1)
    if layers is not None:
        change[: layers[0]] = 0
        change[layers[1] :] = 0
    return change[None]


def _generated(space: LatentSpace, places: Points, classes: Classes, truncation: float | None) -> Images:
    if space.has_styles:  # truncated in w before they were moved
        return space.generate(places)
    condition = space.game.condition(cast("torch.Tensor | None", classes))
    return torch.cat(
        [
            space.game.generate(rows, None if condition is None else condition[start : start + len(rows)], truncation)
            for start, rows in (
                (start, places[start : start + space.game.sample_chunk]) for start in range(0, len(places), space.game.sample_chunk)
            )
        ]
    )
