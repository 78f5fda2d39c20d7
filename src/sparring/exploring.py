"""Floor 5: a trained model's latent space as a tool: mixing, truncation, projection, directions, arithmetic, dropping features.

Everything works in w where the generator has styles, and in z where not.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from sparring.core.errors import SettingsError
from sparring.data.store import Store
from sparring.judge.classifier import names, trained
from sparring.latent import directions as ways
from sparring.latent.dropping import responsible
from sparring.latent.mixing import mixed
from sparring.latent.projection import Projection, nearest, project
from sparring.latent_space import Label, Pictures, Points, Space
from sparring.models import Model
from sparring.nets import biggan
from sparring.nets.equalised import Linear
from sparring.nets.maps import without
from sparring.nets.styles import StyleGenerator
from sparring.trained_on import data_of

Method = Literal["weights", "principal", "class"]
COARSE = 4
"""The side that maps are brought to before their components are found."""
SAMPLES = 2000
"""Points that principal components and classes are found among."""
CANDIDATES = 512
"""Points that the start of a projection is found among."""


# ----------------------------------------------------------------------------------------------------- pictures


def mix(
    model: Model, coarse: Sequence[int], fine: Sequence[int], *, layer: int | None = None, label: Label = None
) -> Float[Tensor, "rows_and_one columns_and_one c h w"]:
    """A grid of styles mixed: the coarse ones of each row's picture with the fine ones of each column's. The first column shows the rows'
    own pictures, the first row the columns', and the corner is white.

    `coarse`, `fine`: seeds, whose first samples are meant. `layer`: the first with fine styles; by default the first of 16x16.
    A SettingsError for generators without styles.
    """
    space = Space(model)
    if not isinstance(space.generator, StyleGenerator):
        raise SettingsError(f"{model.source} has a generator without styles, so there are none to mix. Train stylegan or stylegan2.")
    layers = space.generator.layers
    layer = min(space.generator.coarse_layers, layers - 1) if layer is None else layer
    if not 0 < layer < layers:
        raise SettingsError(f"layer must be from 1 to {layers - 1}, for this generator has {layers}; it is {layer}.")
    rows, columns = space.points(coarse, label), space.points(fine, label)
    pictures = space.draw(mixed(rows, columns, layer).flatten(0, 1)).unflatten(0, (len(coarse), len(fine)))
    corner = torch.ones(1, 1, *pictures.shape[2:], device=pictures.device)
    top = torch.cat([corner, space.draw(columns)[None]], dim=1)
    return torch.cat([top, torch.cat([space.draw(rows)[:, None], pictures], dim=1)])


def truncations(model: Model, values: Sequence[float], n: int, *, seed: int = 0, label: Label = None) -> Float[Tensor, "values n c h w"]:
    """The first `n` samples of a seed at each truncation (see `Model.sample`)."""
    if not values:
        raise SettingsError("Name at least one truncation.")
    return torch.stack([model.sample(n, seed=seed, label=label, truncation=value) for value in values])


def projected(
    model: Model,
    targets: Pictures,
    *,
    space: Literal["w", "w+"] = "w",
    steps: int = 500,
    rate: float = 0.05,
    label: Label = None,
    seed: int = 0,
) -> Projection:
    """Points from which the model draws what is nearest to these pictures in [-1, 1]: in "w" one style for all layers, in "w+" one for each
    (Abdal et al. 2019). Without styles both are z. Of many samples the nearest is the start.
    """
    room = Space(model)
    if steps < 0 or not rate > 0:
        raise SettingsError(f"steps must be at least 0 and rate more than 0, not {steps} and {rate}.")
    if targets.shape[1:] != torch.Size(model.spec.shape):
        raise SettingsError(
            f"The pictures are {tuple(targets.shape[1:])}, and the model draws {model.spec.shape} (channels, height, width)."
        )
    targets = targets.to(room.game.device)
    labels = room.labels(CANDIDATES, label, seed)
    points = room.many(CANDIDATES, seed, label)
    if room.styled:  # the mean of all w is a good start too
        mean = points.mean(dim=0, keepdim=True)
        points, labels = torch.cat([points, mean]), None
    start = nearest(room.draw(points, labels), points, targets)
    labels = None if labels is None else labels[[int((points == one).flatten(1).all(dim=1).nonzero()[0]) for one in start]]
    draw = room.drawing(labels)
    with _fixed(room.generator):
        if not room.styled or space == "w+":
            return project(draw, start, targets, steps=steps, rate=rate)
        layers = start.shape[1]
        found = project(lambda w: draw(w[:, None].expand(-1, layers, -1)), start[:, 0], targets, steps=steps, rate=rate)
        return Projection(found.points[:, None].expand(-1, layers, -1), found.pictures, found.losses)


class _fixed:  # noqa: N801 (a context manager)
    """In use, and with weights that need no gradients."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __enter__(self) -> None:
        self.modes = [(module, module.training) for module in self.network.modules()]
        self.wanted = [(weight, weight.requires_grad) for weight in self.network.parameters()]
        self.network.eval().requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for module, training in self.modes:
            module.training = training
        for weight, wanted in self.wanted:
            weight.requires_grad_(wanted)


# --------------------------------------------------------------------------------------------------- directions


@dataclass(frozen=True)
class Directions:
    """Ways to move in a latent space, the strongest first."""

    vectors: Float[Tensor, "count latent"]
    """Each of length 1, in w or z."""
    unit: float
    """How far one step is: the standard deviation of points along a direction, on average."""
    names: tuple[str, ...]
    """What each is."""


def directions(
    model: Model,
    method: Method = "weights",
    count: int = 8,
    *,
    name_of: Callable[[Pictures], Int64[Tensor, " n"]] | None = None,
    classes: Sequence[str] = (),
    seed: int = 0,
) -> Directions:
    """Directions of change. "weights": by closed-form factorisation of the layers that latents meet first (SeFa). "principal": principal
    components of w, or of what the generator makes of z (GANSpace). "class": towards each class, as `name_of` names what is drawn;
    `classes` are their names; not in z if the network is told the class beside it.
    """
    space = Space(model)
    if count < 1:
        raise SettingsError(f"count must be at least 1, not {count}.")
    points = _flat(space.many(SAMPLES, seed))
    unit = points.std(dim=0).mean().item()
    if method == "weights":
        vectors = ways.of_weights(_first_weights(space), count)
        return Directions(vectors, unit, tuple(f"weights {i + 1}" for i in range(len(vectors))))
    if method == "principal":
        vectors = ways.principal(points, count)[0] if space.styled else _of_maps(space, count, seed)
        return Directions(vectors, unit, tuple(f"component {i + 1}" for i in range(len(vectors))))
    if name_of is None:
        raise SettingsError("Directions towards classes need a classifier: give data with classes.")
    refuse_told(model)
    named = name_of(space.draw(space.many(SAMPLES, seed), space.labels(SAMPLES, None, seed)))
    found = {
        label: ways.discriminant(points, named == label) for label in range(len(classes)) if 1 < int((named == label).sum()) < SAMPLES - 1
    }
    if not found:
        raise SettingsError("All that is drawn is of one class, so no direction leads from one to another.")
    first = list(found.items())[:count]
    return Directions(torch.stack([way for _, way in first]), unit, tuple(classes[label] for label, _ in first))


def refuse_told(model: Model) -> None:
    """Raise a SettingsError if the latent space has no directions towards classes."""
    space = Space(model)
    if space.game.conditional and not space.styled:
        raise SettingsError(
            f"{model.source} is told the class beside z, so no direction in z leads to another: sample with --label, or take the method "
            "'weights' or 'principal'."
        )


def class_names(
    model: Model, data: str | os.PathLike[str] | Store | None = None
) -> tuple[Callable[[Pictures], Int64[Tensor, " n"]], tuple[str, ...]]:
    """What names the classes of pictures (a small classifier, trained on the data once), and the classes' names. `data`: by default what
    the model was trained on.
    """
    store = data_of(model, data)
    network = trained(store).network
    return lambda pictures: names(network, pictures.cpu()).to(pictures.device), store.spec.classes


def _flat(points: Points) -> Float[Tensor, "n latent"]:
    """One vector a point: w is the same for all layers."""
    return points[:, 0] if points.ndim == 3 else points


def _first_weights(space: Space) -> list[Float[Tensor, "_ latent"]]:
    """Of the linear maps that meet a latent first: each layer's from w, or the first one from z."""
    if isinstance(space.generator, biggan.Generator):
        return [weight.detach() for weight in space.generator.weights_of_latents()]
    size = _flat(space.many(1, 0)).shape[1]
    maps = [module for module in space.generator.modules() if isinstance(module, nn.Linear | Linear)]
    if isinstance(space.generator, StyleGenerator):
        mapping = {id(module) for module in space.generator.mapping.modules()}
        return [module.weight.detach() for module in maps if id(module) not in mapping]
    return [maps[0].weight.detach()[:, :size]]  # before the class


def _of_maps(space: Space, count: int, seed: int) -> Float[Tensor, "count latent"]:
    """Directions in z along which the generator's maps change most: the last of at most half the picture's side, or the pictures if it has
    none. What classes change is left out.
    """
    points, labels = space.many(SAMPLES, seed), space.labels(SAMPLES, None, seed)
    pictures, maps, _ = space.recorded(points, labels, lambda maps: adaptive_avg_pool2d(maps, COARSE).flatten(1))
    sides = [side for side in maps if side <= pictures.shape[2] // 2]
    features = maps[max(sides)] if sides else pictures.flatten(1)
    if labels is not None:
        rows = one_hot(labels).float()
        features = features - rows @ (rows.t() @ features / rows.sum(dim=0).clamp_min(1)[:, None])
    return ways.regressed(points, features, count)


def moved(
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
    space = Space(model)
    if steps < 1:
        raise SettingsError(f"steps must be at least 1, not {steps}.")
    points, labels = space.points(seeds, label), space.labels([*seeds], label)
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
    return space.draw(everywhere, repeated).unflatten(0, (len(seeds), steps))


def arithmetic(
    model: Model, terms: Sequence[tuple[float, Sequence[int]]], *, n: int = 9, spread: float = 0.25, seed: int = 0, label: Label = None
) -> tuple[Float[Tensor, "terms c h w"], Float[Tensor, "n c h w"]]:
    """A sum of mean latents, as DCGAN's smiling woman - woman + man (Radford et al. 2016, section 6.3.3). Each term is a sign (or weight)
    and the seeds whose mean is meant. Gives the picture of each mean, and of the sum with `n` - 1 more about it. A network that is told
    classes beside z draws the same sum of their classes, brought to a weight of 1; or `label`.
    """
    space = Space(model)
    if n < 1:
        raise SettingsError(f"n must be at least 1, not {n}.")
    means = torch.stack([space.points(seeds, label).mean(dim=0) for _, seeds in terms])
    total = sum((weight * mean for (weight, _), mean in zip(terms, means, strict=True)), torch.zeros_like(means[0]))
    noise = torch.randn(n - 1, *means.shape[1:], generator=torch.Generator().manual_seed(seed)) if n > 1 else means[:0]
    noise = noise.to(means.device)
    if noise.ndim == 3:
        noise = noise[:, :1].expand(-1, means.shape[1], -1)
    unit = _flat(space.many(SAMPLES, seed)).std(dim=0).mean()
    about = torch.cat([total[None], total + spread * unit * noise])
    if space.styled or not space.game.conditional:
        return space.draw(means), space.draw(about)
    rows = torch.stack([_mean_class(space, seeds, label) for _, seeds in terms])
    weights = torch.tensor([weight for weight, _ in terms], device=rows.device)[:, None]
    if label is None and weights.sum() <= 0:
        raise SettingsError("As much is taken away as is given, so no class is left to draw: name one with --label, or add some seeds.")
    result = rows[:1] if label is not None else (weights * rows).sum(dim=0, keepdim=True) / weights.sum()
    return space.draw(means, rows), space.draw(about, result.expand(n, -1))


def _mean_class(space: Space, seeds: Sequence[int], label: Label) -> Float[Tensor, " classes"]:
    condition = space.game.condition(space.labels([*seeds], label))
    assert condition is not None
    return condition.mean(dim=0)


def without_feature(
    model: Model,
    has_it: Callable[[Pictures], Int64[Tensor, " n"]],
    *,
    side: int | None = None,
    channels: int = 16,
    n: int = 10,
    seed: int = 0,
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n c h w"]]:
    """Pictures that have something, before and after the channels that make it are dropped from the generator's maps of that side (by
    default the second largest). `has_it`: 1 for pictures that have it, 0 for others.
    """
    space = Space(model)
    if n < 1 or channels < 1:
        raise SettingsError(f"n and channels must be at least 1, not {n} and {channels}.")
    points, labels = space.many(SAMPLES // 2, seed), space.labels(SAMPLES // 2, None, seed)
    drawn, maps, names = space.recorded(points, labels, lambda maps: maps.mean(dim=(2, 3)))
    if not maps:
        raise SettingsError(f"{model.source} has a generator without maps, so there are no channels to drop.")
    side = sorted(maps)[max(0, len(maps) - 2)] if side is None else side
    if side not in maps:
        raise SettingsError(f"The generator has no maps of {side}x{side}. It has maps of: {', '.join(map(str, sorted(maps)))}.")
    having = has_it(drawn).bool()
    if having.all() or not having.any():
        raise SettingsError(
            f"{'All' if having.any() else 'None'} of {len(drawn):,} samples have it, so it cannot be told which channels make it."
        )
    chosen = responsible(maps[side], having, channels)
    places = having.nonzero().flatten()[:n]
    with without(space.generator, names[side], chosen):
        after = space.draw(points[places], None if labels is None else labels[places])
    return drawn[places], after
