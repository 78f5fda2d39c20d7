"""What one item of a data set is: all that a recipe needs to know in order to build its networks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LARGEST_SIDE = 8192


@dataclass(frozen=True)
class ImageSpec:
    """Pictures of one size, with or without classes."""

    height: int
    """Rows of pixels."""
    width: int
    """Columns of pixels."""
    channels: int
    """1 grey, 3 red-green-blue, 4 with alpha."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if the pictures have no labels."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width), as networks see a picture."""
        return self.channels, self.height, self.width

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold and `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ImageSpec":
        """The inverse of `to_json`. ValueError for what is no picture's size."""
        spec = cls(int(value["height"]), int(value["width"]), int(value["channels"]), tuple(map(str, value["classes"])))
        if not (1 <= spec.height <= LARGEST_SIDE and 1 <= spec.width <= LARGEST_SIDE and spec.channels in {1, 3, 4}):
            raise ValueError(f"no pictures are {spec}")
        return spec

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{self.height}x{self.width}x{self.channels}{classes}"
