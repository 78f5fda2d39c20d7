"""What recipes for images have in common."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.data.images.image_spec import ImageSpec, default_size
from sparring.games.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class ImageRecipe(Recipe):
    """A recipe that learns from images."""

    modality: ClassVar[str] = "images"

    def class_problems(self, spec: ImageSpec, condition: str) -> list[str]:
        """What is wrong if classes are asked for, and there are none."""
        if condition == "none" or spec.classes:
            return []
        return ["condition needs data with classes, and this data has none. Make a folder for each class, or leave it out."]

    def size_for(self, native: tuple[int, int] | None) -> int:
        """Side in pixels that images are brought to if the user names none. `native`: (height, width) if all images have the same."""
        return default_size(native)
