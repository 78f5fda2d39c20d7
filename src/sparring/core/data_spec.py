"""What one item of a data set is: all that a recipe needs to know in order to build its networks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LARGEST_SIDE = 8192
IMAGE_CHANNELS = {1, 3, 4}
"""That images can be read and written with."""


DEFAULT_SIDE = 64


def default_size(native: tuple[int, int] | None) -> int:
    """The side in pixels of the squares that images are brought to where none is named: their own if all have this (height, width), equal
    and at most 64, else 64.
    """
    return min(DEFAULT_SIDE, native[0]) if native is not None and native[0] == native[1] else DEFAULT_SIDE


@dataclass(frozen=True)
class ImageSpec:
    """Images of one size, with or without classes."""

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
        """(channels, height, width), as networks see a image."""
        return self.channels, self.height, self.width

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold and `spec_from_json` reads back."""
        return asdict(self)

    @property
    def known_channels(self) -> tuple[int, ...]:
        """Every number of channels that it speaks of."""
        return (self.channels,)

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{self.height}x{self.width}x{self.channels}{classes}"


@dataclass(frozen=True)
class PairSpec(ImageSpec):
    """Images to be made of other images of the same size. Its own fields are those of what is made: the targets."""

    input_channels: int = 3
    """Of the images that they are made of."""
    paired: bool = True
    """Whether each target is the one that its input should become; else the two are only of two kinds."""

    @property
    def known_channels(self) -> tuple[int, ...]:
        """See ImageSpec."""
        return self.channels, self.input_channels

    def __str__(self) -> str:
        channels = f"{self.channels}" if self.channels == self.input_channels else f"from {self.input_channels} to {self.channels}"
        return f"{self.height}x{self.width}, {channels} channels, {'paired' if self.paired else 'unpaired'}"


def spec_from_json(value: Mapping[str, Any]) -> ImageSpec:
    """The inverse of `to_json`. ValueError for what is no image's size."""
    size = int(value["height"]), int(value["width"]), int(value["channels"]), tuple(map(str, value["classes"]))
    spec = PairSpec(*size, int(value["input_channels"]), bool(value["paired"])) if "input_channels" in value else ImageSpec(*size)
    if not (1 <= spec.height <= LARGEST_SIDE and 1 <= spec.width <= LARGEST_SIDE and set(spec.known_channels) <= IMAGE_CHANNELS):
        raise ValueError(f"no images are {spec}")
    return spec
