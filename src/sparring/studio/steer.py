"""The answers of the tab Steer for models that make images of latents."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from jaxtyping import UInt8

from sparring.core.errors import SettingsError, SparringError
from sparring.games.capabilities import DrawsRowByRow
from sparring.inference.model import Model
from sparring.inference.sampling import in_proportion
from sparring.latent.mixing import style_mixing_grid
from sparring.latent.points import images_named
from sparring.latent.space import LatentSpace
from sparring.latent.steering import DIRECTIONS, FARTHEST, Steering, SteeringMethod, steer
from sparring.media.image_files import grid, png
from sparring.media.pixel_range import float_to_pixels
from sparring.studio import same_file
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel, OpenModels

METHODS: tuple[SteeringMethod, ...] = ("weights", "principal")
MOST_IMAGES = 16
"""Number of images that are drawn at once."""
MOST_MIXED = 6
"""Number of rows, and of columns, of a grid of mixed styles."""


def described(opened: OpenModel, models: OpenModels) -> dict[str, Any]:
    """What the page needs to know to make its sliders."""
    model = opened.model
    found: dict[str, Any] = {
        "view": "images",
        "classes": list(model.spec.classes) if model.latent_game.conditional else [],
        "labels": _example_of_labels(model),
        "moves": not isinstance(model.game, DrawsRowByRow),
        "layers": 0,
        "points": [],
    }
    if found["moves"]:
        space = LatentSpace(model)
        if space.has_styles:
            layers = int(space.generator.layers)
            found |= {"layers": layers, "coarse": min(int(space.generator.coarse_layers), layers - 1)}
        found["method"] = "principal" if space.has_styles else "weights"
        found["points"] = [
            {"id": place.id, "name": place.name, "count": len(models.points(place.id).points)} for place in models.points_for(opened)
        ]
    return found


def _example_of_labels(model: Model) -> str:
    """What may be asked for of a model with several or continuous labels, as text; "" for others."""
    labels = getattr(model.spec, "labels", ()) if model.latent_game.conditional else ()
    return ",".join(f"{label.name}={label.classes[0] if label.classes else f'{label.knots[len(label.knots) // 2]:g}'}" for label in labels)


def directions(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """The names of the directions that a method finds."""
    method = cast(SteeringMethod, asked.choice("method", "weights", METHODS))
    try:
        return {"method": method, "names": list(opened.directions_by(method).names)}, b""
    except SparringError as problem:
        return {"method": method, "names": [], "note": str(problem)}, b""


def steered(asked: Asked, opened: OpenModel, models: OpenModels) -> tuple[dict[str, Any], bytes]:
    """Images at a place in latent space; of models without one, samples."""
    images, same = drawn(asked, opened, models)
    about = same.to_json()
    to = asked.whole_or_none("to", 0)
    if to is not None:
        points = models.places.find(asked.text("points"))
        begin = asked.whole("seed", 0, 0) if points is None else f"p{asked.whole('point', 0, 0)}"
        about["walk"] = same_file.walked(opened, [begin, to], points)
    return about, png(grid(images))


def drawn(asked: Asked, opened: OpenModel, models: OpenModels) -> tuple[UInt8[np.ndarray, "n h w c"], same_file.SameFile]:
    """The images of a state as pixels, and what else makes the file of them."""
    model = opened.model
    model.refuse_unless_images()
    if isinstance(model.game, DrawsRowByRow):
        return _samples(asked, opened)
    steering = Steering(
        seed=asked.whole("seed", 0, 0),
        number=asked.whole("number", 1, 1, MOST_IMAGES),
        label=asked.text("label"),
        to=asked.whole_or_none("to", 0),
        at=asked.number("at", 0.5, 0, 1),
        truncation=asked.number_or_none("truncation", 0.01, 10),
        move=_moves(asked.values.get("move", {})),
        method=cast(SteeringMethod, asked.choice("method", "weights", METHODS)),
        layers=_layers(asked.values.get("layers")),
        point=asked.whole("point", 0, 0, 10**6),
    )
    named = asked.text("points")
    found = None if named is None else models.points(named)
    directions = opened.directions_by(steering.method) if steering.move else None
    images = steer(model, steering, points=found, directions=directions)
    return float_to_pixels(images).cpu().numpy(), same_file.steered(opened, steering, models.places.find(named))


def _moves(given: object) -> dict[int, float]:
    if not isinstance(given, Mapping) or len(given) > DIRECTIONS:
        raise SettingsError(f"move must be distances by the number of the direction, not {given!r:.60}.")
    moves = Asked({str(which): distance for which, distance in given.items()})
    numbers = [int(which) if which.isdecimal() and len(which) < 3 else -1 for which in moves.values]
    if not all(0 <= which < DIRECTIONS for which in numbers):
        raise SettingsError(f"Directions are numbered from 0 to {DIRECTIONS - 1}.")
    found = {which: moves.number(str(which), 0, -FARTHEST, FARTHEST) for which in sorted(numbers)}
    return {which: distance for which, distance in found.items() if distance}


def _layers(given: object) -> tuple[int, int] | None:
    if given is None:
        return None
    first, last = Asked({"layers": given}).wholes("layers", [], 2) if isinstance(given, list) and len(given) == 2 else (-1, -1)
    return first, last


def _samples(asked: Asked, opened: OpenModel) -> tuple[UInt8[np.ndarray, "n h w c"], same_file.SameFile]:
    number, seed = asked.whole("number", 1, 1, MOST_IMAGES), asked.whole("seed", 0, 0)
    label, truncation = asked.text("label"), asked.number_or_none("truncation", 0.01, 10)
    images = in_proportion(opened.model, opened.model.sample(number, seed=seed, label=label, truncation=truncation))
    return float_to_pixels(images).cpu().numpy(), same_file.sampled(opened, number, seed, label, truncation)


def mixed(asked: Asked, opened: OpenModel, models: OpenModels) -> tuple[dict[str, Any], bytes]:
    """A grid of images with the coarse styles of the rows (of seeds, or of projected images) and the fine styles of the columns."""
    model, named = opened.model, asked.text("points")
    found = None if named is None else models.points(named)
    coarse, fine = asked.wholes("coarse", [0, 1, 2], MOST_MIXED), asked.wholes("fine", [3, 4, 5], MOST_MIXED)
    label = asked.text("label")
    space = LatentSpace(model)
    layers = int(space.generator.layers) if space.has_styles else 0
    layer = asked.whole("layer", min(int(space.generator.coarse_layers), layers - 1) if layers else 1, 1, max(1, layers - 1))
    rows = coarse if found is None else [f"p{which}" for which in range(min(len(found.points), MOST_MIXED))]
    images = style_mixing_grid(model, images_named(rows, found), fine, layer=layer, label=label)
    sheet = grid(float_to_pixels(images.flatten(0, 1)).cpu().numpy(), columns=len(fine) + 1)
    return same_file.mixed(opened, rows, fine, layer, label, models.places.find(named)).to_json(), png(sheet)
