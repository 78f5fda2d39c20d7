"""What one image of a data set is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sparring.core.data_spec import Spec

LARGEST_SIDE = 8192
IMAGE_CHANNELS = {1, 3, 4}
"""Numbers of channels that images can be read and written with."""
DEFAULT_SIDE = 64


def default_size(native: tuple[int, int] | None) -> int:
    """Side in pixels of the squares that images are brought to where no size is named: their own if all have this (height, width), equal
    and at most 64, else 64.
    """
    return min(DEFAULT_SIDE, native[0]) if native is not None and native[0] == native[1] else DEFAULT_SIDE


def nearest_square(side: int, smallest: int) -> int:
    """The smallest power of two that is not below an image's own side, but at most 64."""
    return min(64, max(smallest, 1 << (side - 1).bit_length()))


@dataclass(frozen=True)
class ImageSpec(Spec):
    """Images of one size, with or without classes."""

    kind: ClassVar[str] = "images"

    height: int
    """Rows of pixels."""
    width: int
    """Columns of pixels."""
    channels: int
    """1 gray, 3 red-green-blue, 4 with alpha."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if the images have no labels."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.height, self.width

    @property
    def known_channels(self) -> tuple[int, ...]:
        """The number of channels of the images; of pairs, of targets and of inputs."""
        return (self.channels,)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ImageSpec":
        """The inverse of `to_json`. ValueError for sizes and channels that no image has."""
        return cls(*_size(value)).checked()

    def checked(self) -> "ImageSpec":
        """This spec; a ValueError for sizes and channels that no image has."""
        if not (1 <= self.height <= LARGEST_SIDE and 1 <= self.width <= LARGEST_SIDE and set(self.known_channels) <= IMAGE_CHANNELS):
            raise ValueError(f"no images are {self}")
        return self

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{self.height}x{self.width}x{self.channels}{classes}"


def _size(value: Mapping[str, Any]) -> tuple[int, int, int, tuple[str, ...]]:
    return int(value["height"]), int(value["width"]), int(value["channels"]), tuple(map(str, value["classes"]))
