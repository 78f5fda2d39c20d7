"""What one image of a data set is."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Labels
from sparring.core.data_spec import Spec
from sparring.data.images.image_labels import ImageLabel, rows_like
from sparring.data.images.image_sizes import LARGEST_SIDE, Doublings, doublings, size_of

IMAGE_CHANNELS = {1, 3, 4}
"""Numbers of channels that images can be read and written with."""


@dataclass(frozen=True)
class ImageSpec(Spec):
    """Images of one size, with or without labels."""

    kind: ClassVar[str] = "images"

    height: int
    """Rows of pixels."""
    width: int
    """Columns of pixels."""
    channels: int
    """1 gray, 3 red-green-blue, 4 with alpha."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if the images have no labels, or other ones."""
    labels: tuple[ImageLabel, ...] = field(default=(), kw_only=True)
    """Several or continuous labels, in the order of the rows that images have of them; empty if the images have a class or nothing."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    @property
    def size(self) -> int | str:
        """The side of squares, or "192x128" (width by height): as settings name sizes."""
        return size_of(self.height, self.width)

    @property
    def resolution(self) -> str:
        """Width by height, as image programs say it: 64x64, 192x128."""
        return f"{self.width}x{self.height}"

    @property
    def mean_side(self) -> int:
        """Side of the square with as many pixels."""
        return math.isqrt(self.height * self.width)

    @property
    def doublings(self) -> Doublings:
        """How networks that double sides come to these images. A ValueError for sizes that they cannot make."""
        found = doublings(self.height, self.width)
        if found is None:
            raise ValueError(f"no network that doubles sides makes {self.resolution}")
        return found

    @property
    def known_channels(self) -> tuple[int, ...]:
        """The number of channels of the images; of pairs, of targets and of inputs."""
        return (self.channels,)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ImageSpec":
        """The inverse of `to_json`. ValueError for sizes and channels that no image has."""
        return cls(*_size(value), labels=tuple(map(ImageLabel.from_json, value.get("labels", ())))).checked()

    def to_json(self) -> dict[str, Any]:
        """See Spec."""
        plain = {"kind": self.kind, **asdict(self)}
        del plain["labels"]
        return plain | ({"labels": [label.to_json() for label in self.labels]} if self.labels else {})

    @property
    def condition_names(self) -> tuple[str, ...]:
        """See Spec."""
        return tuple(name for label in self.labels for name in label.weight_names) if self.labels else super().condition_names

    @property
    def condition_groups(self) -> tuple[int, ...]:
        """See Spec."""
        return tuple(label.size for label in self.labels) if self.labels else super().condition_groups

    def condition_of(self, labels: Labels) -> Float[Tensor, "n weights"]:
        """See Spec. Of several labels: the weights of one label beside those of the next."""
        if not self.labels:
            return super().condition_of(labels)
        return torch.cat([label.weights(labels[:, place]) for place, label in enumerate(self.labels)], dim=1)

    def usual_labels(self, seed: int, n: int) -> Labels:
        """See Spec. Of several labels: rows of training images, in an order that the seed chooses, so that labels go together as there."""
        if not self.labels:
            return super().usual_labels(seed, n)
        return torch.from_numpy(rows_like(self.labels, {}, seed, n))

    def vicinal(self, labels: Labels, noise: Float[Tensor, "n labels"]) -> Labels:
        """See Spec."""
        if not self.labels:
            return labels
        columns = [label.nearby(labels[:, place], noise[:, place]) for place, label in enumerate(self.labels)]
        return torch.stack(columns, dim=1)

    def checked(self) -> "ImageSpec":
        """This spec; a ValueError for sizes and channels that no image has."""
        if not (1 <= self.height <= LARGEST_SIDE and 1 <= self.width <= LARGEST_SIDE and set(self.known_channels) <= IMAGE_CHANNELS):
            raise ValueError(f"no images are {self}")
        return self

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        labels = f", labels: {', '.join(map(str, self.labels))}" if self.labels else ""
        return f"{self.resolution}x{self.channels}{classes}{labels}"


def _size(value: Mapping[str, Any]) -> tuple[int, int, int, tuple[str, ...]]:
    return int(value["height"]), int(value["width"]), int(value["channels"]), tuple(map(str, value["classes"]))
