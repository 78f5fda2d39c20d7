"""Transfer learning: a game that begins with the weights of another one, and weights that do not move.

Tensors go by their names in the game. Where shapes differ, it is found out what a dimension stands for: the game is described again for one
class more, and for another number of channels, and the dimensions that change with these are those of classes and of channels.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from sparring.core.data_spec import Spec
from sparring.core.errors import SettingsError, listed
from sparring.core.formatting import plural
from sparring.data.images.image_sizes import doublings
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.training.state import State, ema_tensors, select, weights_of

LEAST_TAKEN = 0.5
"""Share of the weights of the network that draws that must fit. With less, another network was meant."""
MOST_NAMED = 8
"""Tensors that a message names."""


@dataclass(frozen=True)
class StartingWeights:
    """What a run can begin with."""

    called: str
    """What messages call it: "the run runs/a at step 5,000"."""
    recipe: Recipe
    spec: Spec
    networks: dict[str, Tensor]
    """Weights and buffers by name in the recipe's game, as they were trained."""
    averages: dict[str, Tensor] = field(default_factory=dict)
    """Their moving averages, as far as there are any."""
    optimizers: dict[str, Tensor] = field(default_factory=dict)
    """States of optimizers by player, weight and name in the state: "generator/generator.project.weight/exp_avg"."""
    real_samples: int = 0
    """Number of real samples from which these were learned, or 0 where that is not known."""

    @property
    def optimizer(self) -> str:
        """What kind of optimizer these are of."""
        return optimizer_of(self.recipe)


def optimizer_of(recipe: Recipe) -> str:
    """The kind of a recipe's optimizers: that of its setting, or Adam."""
    return str(getattr(recipe, "optimizer", "adam")) if isinstance(getattr(recipe, "optimizer", "adam"), str) else "adam"


@dataclass
class Taken:
    """What a game took over."""

    as_they_are: list[str] = field(default_factory=list)
    adapted: dict[str, str] = field(default_factory=dict)
    """Tensors of another shape, by how they were made to fit."""
    new: list[str] = field(default_factory=list)
    """Tensors that begin with new values, because there are none that fit."""
    left: list[str] = field(default_factory=list)
    """Tensors of the source that nothing was made of."""
    optimizer_states: int = 0
    """Weights whose optimizer's state was taken, too."""

    def lines(self) -> Iterator[str]:
        """What is said of it, most important first."""
        everything = len(self.as_they_are) + len(self.adapted) + len(self.new)
        yield f"{len(self.as_they_are):,} of {plural(everything, 'tensor', 'tensors')} taken as they are."
        for how in dict.fromkeys(self.adapted.values()):
            yield f"{how}: {_named([name for name, own in self.adapted.items() if own == how])}"
        if self.new:
            yield f"New, for there is nothing that fits: {_named(self.new)}"
        if self.left:
            yield f"Not taken: {_named(self.left)}"
        if self.optimizer_states:
            yield f"The optimizers' states of {plural(self.optimizer_states, 'weight', 'weights')} were taken, too."


def _named(names: list[str]) -> str:
    more = f", and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}."


def take_over(state: State, recipe: Recipe, spec: Spec, source: StartingWeights) -> Taken:
    """Begin with the weights of `source`, before the first step. Its averages become the averages here, and states of optimizers are taken
    for weights that fit as they are. Raises a SettingsError if too little fits.
    """
    taken, fit = Taken(), Fit(state.game, recipe, spec, source)
    networks = {name.partition(".")[0] for player in state.game.players for name in player.networks}
    own = {name: tensor for name, tensor in state.game.state_dict(keep_vars=True).items() if name.partition(".")[0] in networks}
    values: dict[str, Tensor] = {}
    for name, tensor in own.items():
        fitted = fit(name, tensor.detach(), source.networks)
        if fitted is None:
            taken.new.append(name)
            continue
        values[name], how = fitted
        if how:
            taken.adapted[name] = how
        else:
            taken.as_they_are.append(name)
    taken.left = [name for name in source.networks if name not in own]
    refuse_another_network(state.game, own, taken, source)
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)
        if state.ema is not state.game:
            for name, average in ema_tensors(state.ema):
                fitted = fit(name, average, source.averages)
                average.copy_(own[name] if fitted is None else fitted[0])
    same = set(taken.as_they_are) if optimizer_of(recipe) == source.optimizer else set[str]()
    for player in state.game.players:
        for name, weight in weights_of(state.game, player):
            entries = dict(select(source.optimizers, f"{player.name}/{name}/"))
            if entries and name in same and all(value.shape in {weight.shape, torch.Size([])} for value in entries.values()):
                restored = {key: value.to(weight.device).clone() for key, value in entries.items()}
                shaped = {key: torch.empty_like(weight).copy_(value) for key, value in restored.items() if value.shape == weight.shape}
                state.optimizers[player.name].state[weight] = {**restored, **shaped}
                taken.optimizer_states += 1
    return taken


def refuse_another_network(game: Game, own: Mapping[str, Tensor], taken: Taken, source: StartingWeights) -> None:
    """Raise a SettingsError if most of the network that draws would be new."""
    drawing = f"{game.sampling_networks[0]}."
    wanted = {name: tensor.numel() for name, tensor in own.items() if name.startswith(drawing)}
    fits = {*taken.as_they_are, *taken.adapted}
    share = sum(count for name, count in wanted.items() if name in fits) / max(1, sum(wanted.values()))
    if share >= LEAST_TAKEN:
        return
    problems = []
    for name in [name for name in wanted if name not in fits][:MOST_NAMED]:
        there = tuple(source.networks[name].shape) if name in source.networks else "nothing"
        problems.append(f"{name}: {there} there, {tuple(own[name].shape)} here")
    raise SettingsError(
        listed(
            f"Of the weights of {drawing[:-1]}, only {share:.0%} fit those of {source.called} ({source.spec}). Use the same recipe, size "
            "and settings of networks:",
            problems,
        )
    )


class Fit:
    """Makes tensors of a source fit a game: as they are, or by classes and channels."""

    def __init__(self, game: Game, recipe: Recipe, spec: Spec, source: StartingWeights) -> None:
        self.source, self.drawing = source, f"{game.sampling_networks[0]}."
        self.classes, self.source_classes = spec.condition_names, source.spec.condition_names
        self.channels, self.source_channels = (getattr(each, "channels", None) for each in (spec, source.spec))
        self.class_places = changing_dimensions(recipe, spec, "classes")
        self.source_class_places = changing_dimensions(source.recipe, source.spec, "classes")
        self.channel_places = changing_dimensions(recipe, spec, "channels")
        self.source_map, self.map = smallest_map_of(source.spec), smallest_map_of(spec)
        with torch.device("meta"):
            self.source_gains = gains_of(source.recipe.build(source.spec))
        self.gains = gains_of(game)

    def __call__(self, name: str, own: Tensor, given: Mapping[str, Tensor]) -> tuple[Tensor, str] | None:
        """What becomes of a tensor, and how ("" for as it is); None if nothing fits."""
        value, how = given.get(name), ""
        if value is None and (plain := given.get(name_without_classes(name))) is not None:
            value = plain.expand(own.shape) if plain.shape == own.shape[-plain.ndim :] or not plain.ndim else plain
            how = "Of batch norms without classes, the same for each class"
        if value is None or value.ndim != own.ndim:
            return None
        value = value.to(own.device, own.dtype)
        if name in self.class_places and name in self.source_class_places and self.classes != self.source_classes:
            value = self.by_classes(value, own, self.class_places[name])
            how = "By class where names agree, and otherwise the mean of all classes"
        if value.shape != own.shape and name in self.channel_places and self.channels != self.source_channels:
            value, how = self.by_channels(name, value, own, self.channel_places[name]), "By channels"
        if value.shape != own.shape and self.source_map and self.map and self.source_map != self.map:
            if value.ndim == 2 and value.shape[1] * math.prod(self.map) == own.shape[1] * math.prod(self.source_map):
                return None  # of noise, or of a layer that sees all of a map: its numbers stand for other places here
            value, how = resized(value, own, self.source_map, self.map), "Resized, for images of another proportion"
        if value.ndim == 2 and value.shape[0] == own.shape[0] and value.shape != own.shape:
            value, how = leading_part(value, own), "The first inputs; others begin at zero"
        if value.shape != own.shape:
            return None
        if name in self.gains and (before := self.source_gains.get(name)):  # of a layer that divides by its number of inputs
            value = value * (before / self.gains[name])
        return value, how

    def by_classes(self, value: Tensor, own: Tensor, place: int) -> Tensor:
        """The entries of classes, which come last in their dimension, for the classes here."""
        before = value.shape[place] - len(self.source_classes)
        if before < 0 or own.shape[place] - len(self.classes) != before:
            return value
        start, each = value.split([before, len(self.source_classes)], dim=place)
        mean = each.mean(dim=place, keepdim=True) if each.is_floating_point() else each.narrow(place, 0, 1)
        known = {label: index for index, label in enumerate(self.source_classes)}
        chosen = [each.narrow(place, known[label], 1) if label in known else mean for label in self.classes]
        return torch.cat([start, *chosen], dim=place)

    def by_channels(self, name: str, value: Tensor, own: Tensor, place: int) -> Tensor:
        """The entries of color channels: gray is the mean of colors, colors are copies of gray, and transparency begins at zero."""
        if value.shape[place] != self.source_channels or own.shape[place] != self.channels:
            return value
        makes_images = name.startswith(self.drawing)
        colors = value.narrow(place, 0, min(3, value.shape[place]))
        if own.shape[place] == 1:
            colors = colors.mean(dim=place, keepdim=True) if makes_images else colors.sum(dim=place, keepdim=True)
        elif colors.shape[place] == 1:  # what sees images sees each color, so that a gray image remains what it was
            colors = colors.repeat_interleave(3, dim=place) / (1 if makes_images else 3)
        missing = own.shape[place] - colors.shape[place]
        return torch.cat([colors, torch.zeros_like(colors.narrow(place, 0, missing))], dim=place)


def smallest_map_of(spec: Spec) -> tuple[int, int] | None:
    """(height, width) of the smallest map of networks that double the sides of such data; None for data that has no sides."""
    height, width = getattr(spec, "height", 0), getattr(spec, "width", 0)
    found = doublings(height, width) if height and width else None
    return None if found is None else found.smallest_map


def resized(value: Tensor, own: Tensor, source_map: tuple[int, int], own_map: tuple[int, int]) -> Tensor:
    """A constant or a kernel of the size of the smallest map, resized to that here; others as they are."""
    if value.ndim < 3 or (tuple(value.shape[-2:]), tuple(own.shape[-2:])) != (source_map, own_map):
        return value
    rows = interpolate(value.reshape(1, -1, *source_map), own_map, mode="bilinear", antialias=True)
    return rows.view(*value.shape[:-2], *own_map)


def gains_of(game: Game) -> dict[str, float]:
    """The constant factors of weights with an equalized learning rate, by the weights' names."""
    return {f"{name}.weight": module.weight_gain for name, module in game.named_modules() if hasattr(module, "weight_gain")}  # pyright: ignore[reportReturnType]


def name_without_classes(name: str) -> str:
    """What a tensor of a conditional batch norm is called in a batch norm that knows no classes."""
    before, _, leaf = name.rpartition(".")
    return f"{before.removesuffix('.norm')}.{ {'scale': 'weight', 'offset': 'bias'}.get(leaf, leaf) }"


def leading_part(value: Tensor, own: Tensor) -> Tensor:
    """The first inputs of a linear layer, as many as it has here; those that there were none of begin at zero."""
    rows, inputs = own.shape
    kept = value[:, :inputs]
    return torch.cat([kept, kept.new_zeros(rows, inputs - kept.shape[1])], dim=1)


def changing_dimensions(recipe: Recipe, spec: Spec, what: str) -> dict[str, int]:
    """The dimension of each tensor of the recipe's game whose length is that of the classes or of the channels, plus a constant."""
    if what == "classes" and not spec.classes and spec.condition_names:
        return changing_dimensions(recipe, spec, "labels")
    count = getattr(spec, what, None)
    if not count:
        return {}
    more = (*count[:-1], count[-1].with_one_more()) if what == "labels" else (*count, "one more") if isinstance(count, tuple) else None
    other = replace(spec, **{what: more or (4 if count == 3 else 3)})  # pyright: ignore[reportCallIssue, reportArgumentType]
    difference = 1 if isinstance(count, tuple) else abs((4 if count == 3 else 3) - count)
    if recipe.problems(other):
        return {}
    with torch.device("meta"):
        shapes = [{name: tensor.shape for name, tensor in recipe.build(each).state_dict().items()} for each in (spec, other)]
    found = {}
    for name in shapes[0].keys() & shapes[1].keys():
        changes = [place for place, (a, b) in enumerate(zip(shapes[0][name], shapes[1][name], strict=True)) if abs(a - b) == difference]
        if len(changes) == 1:
            found[name] = changes[0]
    return found


def freeze(game: Game, discriminator_layers: int, mapping: bool) -> None:
    """Keep the first layers of discriminators where they are, those next to the image (FreezeD, Mo et al. 2020), and the mapping network
    of a generator with styles. Raises a SettingsError if the game has none.
    """
    problems = []
    if discriminator_layers:
        networks = {name: network for name, network in game.named_children() if name.startswith("discriminator")}
        if not networks:
            problems.append("freeze_discriminator has nothing to freeze: this recipe has no discriminator.")
        for name, network in networks.items():
            layers = layers_of(network)
            if len(layers) <= discriminator_layers:
                problems.append(
                    f"freeze_discriminator must be less than {len(layers)}, the number of layers of {name}, not {discriminator_layers}."
                )
                continue
            for parameters in layers[:discriminator_layers]:
                for parameter in parameters:
                    parameter.requires_grad_(False)
    if mapping:
        found = getattr(getattr(game, "generator", None), "mapping", None)
        if isinstance(found, nn.Module):
            found.requires_grad_(False)
        else:
            problems.append("freeze_mapping has nothing to freeze: this recipe has no mapping network.")
    if problems:
        raise SettingsError(listed("These settings do not work:", problems))


def layers_of(network: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each layer with a matrix of weights, from the input on: with its bias, and with norms behind it."""
    layers: dict[str, list[nn.Parameter]] = {}
    last = ""
    for name, parameter in network.named_parameters():
        layer = name.rpartition(".")[0].removesuffix(".parametrizations.weight")
        if parameter.ndim > 1:
            last = layer
        layers.setdefault(last, []).append(parameter)
    return list(layers.values())
