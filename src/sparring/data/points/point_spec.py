"""What one point is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sparring.core.data_spec import Spec


@dataclass(frozen=True)
class PointSpec(Spec):
    """Points of so many coordinates, with or without classes."""

    kind: ClassVar[str] = "points"

    dimensions: int
    """Number of coordinates."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if the points have no labels."""

    @property
    def shape(self) -> tuple[int]:
        """(dimensions,)."""
        return (self.dimensions,)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PointSpec":
        """The inverse of `to_json`. ValueError for less than one coordinate."""
        spec = cls(int(value["dimensions"]), tuple(map(str, value["classes"])))
        if spec.dimensions < 1:
            raise ValueError(f"no points are {spec}")
        return spec

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"points of {self.dimensions} coordinates{classes}"
