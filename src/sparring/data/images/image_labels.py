"""Several or continuous labels of images: what each label is, and how networks are told of them.

A class is told as a one-hot row. A continuous label is told in the same way, as a blend of two neighbors among up to 16 values that serve
as its classes: its knots, with as many training images between each two. So a linear layer is a piecewise linear function of the value,
whatever the network, and where values are rare knots are farther apart. A value's *position* is its place among the knots: 2.5 is in the
middle between the third and the fourth. Rows of labels hold the numbers of classes and the positions of values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor
from torch.nn.functional import one_hot

from sparring.core.random_streams import stream_seed

KNOTS = 16
"""Largest number of values of a continuous label that serve as its classes."""
MOST_MOVED = 0.5
"""Farthest that a vicinity reaches, in positions."""
EXAMPLES, NEAREST = 512, 32
"""Number of training images whose labels are kept, to draw from where none are asked for, and how many of them are like what is."""


@dataclass(frozen=True)
class ImageLabel:
    """One label that every image has: a class, or a number."""

    name: str
    """The column of the table that it comes from."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by number; empty for a continuous label."""
    knots: tuple[float, ...] = ()
    """Of a continuous label: rising values with as many training images between each two, from the smallest to the largest."""
    vicinity: float = 0.0
    """Of a continuous label: half the largest gap between neighboring values, as a share of the range, so that every value among them is in
    the vicinity of some image (kappa of Ding et al. 2021, with m = 1/2, but of the middle 98% of the images: outliers lie far apart)."""
    examples: tuple[float, ...] = ()
    """Values (or numbers of classes) of some training images, in the same order for all labels of a data set."""

    @property
    def size(self) -> int:
        """Number of weights that networks are told of it."""
        return len(self.classes) or len(self.knots)

    @property
    def weight_names(self) -> tuple[str, ...]:
        """A name for each weight. Knots are called by their number, so that equal parts of two data sets have equal names."""
        return tuple(f"{self.name}={each}" for each in self.classes or range(len(self.knots)))

    def positions(self, values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Values as rows of labels have them; values beyond the knots are at their ends."""
        return values if self.classes else np.interp(values, self.knots, np.arange(len(self.knots)))

    def values(self, positions: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Numbers of classes, or values in the label's own unit, of the positions that rows of labels have."""
        return positions if self.classes else np.interp(positions, np.arange(len(self.knots)), self.knots)

    def weights(self, column: Float[Tensor, " n"]) -> Float[Tensor, "n size"]:
        """What networks are told: a weight for each class or knot, which sum to 1."""
        if self.classes:
            return one_hot(column.long(), self.size).float()
        return (1 - (column[:, None] - torch.arange(self.size, device=column.device)).abs()).clamp(min=0)

    def nearby(self, column: Float[Tensor, " n"], noise: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Values that are `noise` times the vicinity away, but at most half a position, so that values that are far from all others do not
        blur the rest; classes as they are.
        """
        if self.classes:
            return column
        scaled = np.array(self.knots, np.float64)
        knots = torch.from_numpy((scaled - scaled[0]) / (scaled[-1] - scaled[0])).to(column)
        moved = self.weights(column) @ knots + noise * self.vicinity
        positions = ((moved[:, None] - knots[:-1]) / knots.diff()).clamp(0, 1).sum(dim=1)
        return positions.clamp(column - MOST_MOVED, column + MOST_MOVED)

    def with_one_more(self) -> "ImageLabel":
        """The label with one weight more."""
        if self.classes:
            return replace(self, classes=(*self.classes, "one more"))
        return replace(self, knots=(*self.knots, np.nextafter(self.knots[-1], np.inf)))

    def __str__(self) -> str:
        return f"{self.name} ({len(self.classes)} classes)" if self.classes else f"{self.name} ({self.knots[0]:g} to {self.knots[-1]:g})"

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold, with the examples in one line."""
        shared = {"name": self.name, "examples": " ".join(f"{value:.7g}" for value in self.examples)}
        return shared | ({"classes": list(self.classes)} if self.classes else {"knots": list(self.knots), "vicinity": self.vicinity})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ImageLabel":
        """The inverse of `to_json`. ValueError for what no label is."""
        classes, knots = tuple(map(str, value.get("classes", ()))), tuple(map(float, value.get("knots", ())))
        examples = tuple(map(float, str(value["examples"]).split()))
        label = cls(str(value["name"]), classes, knots, float(value.get("vicinity", 0)), examples)
        numbers = np.array(examples)
        if bool(classes) == bool(knots) or not examples or not (np.diff(knots) > 0).all() or not np.isfinite([*knots, *examples]).all():
            raise ValueError(f"no label is {value}")
        if classes and not ((numbers % 1 == 0) & (numbers >= 0) & (numbers < len(classes))).all():
            raise ValueError(f"no numbers of {len(classes)} classes are {value['examples']}")
        return label


def describe_label(name: str, classes: Sequence[str], values: Float64[np.ndarray, " n"]) -> ImageLabel:
    """What a label is whose values (numbers of classes, or finite numbers of at least two kinds) are those of all training images."""
    examples = tuple(float(f"{value:.7g}") for value in values[np.linspace(0, len(values) - 1, min(EXAMPLES, len(values))).astype(int)])
    if classes:
        return ImageLabel(name, tuple(classes), examples=examples)
    distinct = np.unique(values)
    knots = distinct if len(distinct) <= KNOTS else np.unique(np.quantile(values, np.linspace(0, 1, KNOTS), method="nearest"))
    found = ImageLabel(name, (), tuple(knots.tolist()), examples=examples)
    low, high = np.quantile(values, (0.01, 0.99), method="nearest")
    middle = distinct[(distinct >= low) & (distinct <= high)]
    gap = float(np.diff(middle if len(middle) > 1 else distinct).max() / (distinct[-1] - distinct[0]))
    return ImageLabel(name, (), found.knots, gap / 2, examples)


def rows_of_labels(labels: Sequence[ImageLabel], values: Float64[np.ndarray, "n labels"]) -> Float32[np.ndarray, "n labels"]:
    """Rows of labels from a column of numbers of classes or of values for each."""
    columns = [label.positions(values[:, place]) for place, label in enumerate(labels)]
    return np.stack(columns, axis=1).astype(np.float32)


def values_of_labels(labels: Sequence[ImageLabel], rows: Float32[np.ndarray, "n labels"]) -> Float64[np.ndarray, "n labels"]:
    """Numbers of classes, or values in each label's own unit, from rows of labels: what `rows_of_labels` was given."""
    return np.stack([label.values(rows[:, place].astype(np.float64)) for place, label in enumerate(labels)], axis=1)


def rows_like(labels: Sequence[ImageLabel], asked: Mapping[int, float], seed: int, n: int) -> Float32[np.ndarray, "n labels"]:
    """Rows of labels in which those of `asked` (by number of the label) are as asked for, and the others as in training images: of those
    that have the most of the classes asked for, the 32 that are nearest to the values asked for, in an order that the seed chooses. Row i
    does not depend on `n`.
    """
    rows = rows_of_labels(labels, np.stack([np.array(label.examples) for label in labels], axis=1))
    misses = sum(((rows[:, place] != value) for place, value in asked.items() if labels[place].classes), np.zeros(len(rows)))
    rows = rows[misses == misses.min()]
    far = [np.abs(rows[:, place] - value) / labels[place].size for place, value in asked.items() if labels[place].knots]
    rows = rows[np.sum(far, axis=0).argsort(kind="stable")[:NEAREST]] if far else rows
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "labels", 0))).permutation(len(rows))
    found = rows[np.resize(order, n)]
    found[:, list(asked)] = list(asked.values())
    return found
