"""The labels that samples are asked for: a class by name or number, or values of several labels by name."""

import math
import operator
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.data.images.image_labels import ImageLabel, rows_like, values_of_labels
from sparring.games.capabilities import MakesSequences
from sparring.inference.interpolation import walk

if TYPE_CHECKING:
    from sparring.inference.model import Model

Asked = str | int | Mapping[str, object]
"""A class, by name or number; of models with several labels {"color": "red", "age": 30}, or the text color=red,age=30."""
SHOWN_VALUES = 8
"""Number of values of a continuous label that are shown where all are asked for."""


def label_of(model: "Model", label: str | int) -> int:
    """The number of a class given by name or number; a SettingsError says which there are. Text is a name first, and where classes are
    called by numbers nothing else: the class called 2 need not be class number 2.
    """
    classes = model.spec.classes
    refuse_unconditional(model)
    if isinstance(label, str) and label in classes:
        return classes.index(label)
    if isinstance(label, str) and any(name.lstrip("-").isdecimal() for name in classes):
        raise SettingsError(f"There is no class called {label!r}. They are called: {', '.join(classes)}.")
    try:
        number = int(label) if isinstance(label, str) else operator.index(label)
    except (ValueError, TypeError):
        raise SettingsError(f"There is no class {label!r}. {did_you_mean(str(label), classes)}") from None
    if not 0 <= number < len(classes):
        raise SettingsError(f"There is no class number {number}: they go from 0 ({classes[0]}) to {len(classes) - 1} ({classes[-1]}).")
    return number


def refuse_unconditional(model: "Model") -> None:
    """Raise a SettingsError if samples of a model cannot be asked for by label."""
    game = model.game if isinstance(model.game, MakesSequences) else model.latent_game
    if not game.conditional:
        raise SettingsError(
            f"{model.source} was trained without classes, so none can be asked for. Train with a --condition, on data that has classes."
        )


def labels_of(model: "Model", label: Asked, n: int, seed: int = 0, first: int = 0) -> Labels:
    """The labels of samples `first` to `first + n - 1` of `seed` where `label` is asked for. Of several labels, those that are not named
    are as in training images that are like what is named. Raises a SettingsError that lists everything that is wrong with `label`.
    """
    device = model.game.device
    if not getattr(model.spec, "labels", ()):
        if isinstance(label, Mapping):
            raise SettingsError(
                f"{model.source} has one label, its class. Ask for it by its name: {', '.join(model.spec.classes) or 'none'}."
            )
        return torch.full((n,), label_of(model, label), device=device)
    refuse_unconditional(model)
    rows = rows_like(model.spec.labels, positions_of(model.spec.labels, label), seed, first + n)[first:]
    return torch.from_numpy(rows).to(device)


def positions_of(labels: Sequence[ImageLabel], asked: Asked) -> dict[int, float]:
    """By number of the label, the class's number or the value's position that is asked for."""
    named = asked if isinstance(asked, Mapping) else _named_values(labels, asked)
    places = {label.name: place for place, label in enumerate(labels)}
    problems = [f"There is no label {name!r}. {did_you_mean(str(name), places)}" for name in named if name not in places]
    found: dict[int, float] = {}
    for name, value in named.items():
        if name in places:
            try:
                found[places[name]] = _position_of(labels[places[name]], value)
            except ValueError as problem:
                problems.append(str(problem))
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These labels cannot be asked for:", problems))
    return found


def _named_values(labels: Sequence[ImageLabel], text: object) -> dict[str, str]:
    """The values in a text such as color=red,age=30. Values may hold commas."""
    starts = [*re.finditer(r"(?:^|,)\s*([^=,]+?)\s*=", str(text))]
    if not starts or starts[0].start():
        wanted = " ".join(shlex.quote(f"{label.name}={label.classes[0] if label.classes else label.knots[0]}") for label in labels)
        raise SettingsError(f"{text!r} does not say which label it is of. Ask for one or more of them by name, such as: {wanted}")
    ends = [*(match.start() for match in starts[1:]), len(str(text))]
    return {match[1]: str(text)[match.end() : end].strip() for match, end in zip(starts, ends, strict=True)}


def _position_of(label: ImageLabel, value: object) -> float:
    """A class's number or a value's position; a ValueError if there is none."""
    text = str(value)
    number = float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else math.nan
    if label.classes:
        whole = str(int(number)) if math.isfinite(number) and number % 1 == 0 else text
        for name in (text, whole):
            if name in label.classes:
                return float(label.classes.index(name))
        raise ValueError(f"{label.name} is never {text!r}. {did_you_mean(text, label.classes)}")
    if not math.isfinite(number):
        raise ValueError(f"{label.name} is a number, and {text!r} is none.")
    if not label.knots[0] <= number <= label.knots[-1]:
        raise ValueError(f"{label.name}={number:g} is beyond what it learned from, {label.knots[0]:g} to {label.knots[-1]:g}.")
    return float(label.positions(np.array([number]))[0])


def joined(model: "Model", words: Sequence[str]) -> str:
    """The words of a command line as what is asked for: a class, whose name may have spaces, or labels by name."""
    return (", " if getattr(model.spec, "labels", ()) else " ").join(words)


def each_of(model: "Model", asked: Asked) -> list[Asked]:
    """What is asked for, one after the other, where that is `all` of a label: each class, or values of a continuous label from the smallest
    to the largest.
    """
    labels: Sequence[ImageLabel] = getattr(model.spec, "labels", ())
    if not labels:
        if asked != "all":
            return [asked]
        label_of(model, 0)  # refuses runs without classes
        return list(range(len(model.spec.classes)))
    if asked == "all":
        raise SettingsError(f"all of what? Name one label: {' or '.join(f'{label.name}=all' for label in labels)}")
    named = asked if isinstance(asked, Mapping) else _named_values(labels, asked)
    spread = [label for label in labels if str(named.get(label.name)) == "all" and "all" not in label.classes]
    if len(spread) > 1:
        raise SettingsError(f"One label at a time can be all, not {' and '.join(label.name for label in spread)}.")
    if not spread:
        return [named]
    (label,) = spread
    values = label.classes or [f"{value:.7g}" for value in label.values(np.linspace(0, label.size - 1, SHOWN_VALUES)).tolist()]
    return [{**named, label.name: value} for value in values]


def labels_of_stops(model: "Model", asked: Sequence[Asked]) -> Labels:
    """The labels of the stops of a walk. Of several labels, those that a stop does not name stay as they were at the one before."""
    first = labels_of(model, asked[0], 1)
    if first.ndim == 1:
        return torch.cat([labels_of(model, each, 1) for each in asked])
    rows = [first[0]]
    for each in asked[1:]:
        row = rows[-1].clone()
        for place, position in positions_of(model.spec.labels, each).items():
            row[place] = position
        rows.append(row)
    return torch.stack(rows)


def walk_of_conditions(model: "Model", labels: Labels, frames: int) -> Float[Tensor, "places weights"]:
    """What networks are told on the way from stop to stop: the weights of classes cross-fade, and continuous labels move evenly."""
    conditions = walk(model.spec.condition_of(labels), frames, torch.lerp)
    if labels.ndim == 1:
        return conditions
    values = walk(torch.from_numpy(values_of_labels(model.spec.labels, labels.cpu().numpy())), frames, torch.lerp).numpy()
    groups = conditions.split(model.spec.condition_groups, dim=1)
    told = [
        group if label.classes else label.weights(torch.from_numpy(label.positions(values[:, place])).to(conditions))
        for place, (label, group) in enumerate(zip(model.spec.labels, groups, strict=True))
    ]
    return torch.cat(told, dim=1)
