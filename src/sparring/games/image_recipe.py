"""What recipes for images have in common."""

from dataclasses import dataclass
from typing import Any, ClassVar

from sparring.data.dataset import Dataset
from sparring.data.images.image_sizes import default_size, nearest_square
from sparring.data.images.image_spec import ImageSpec
from sparring.data.images.mirrored import WithMirrored
from sparring.games.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class ImageRecipe(Recipe):
    """A recipe that learns from images."""

    modality: ClassVar[str] = "images"
    smallest_side: ClassVar[int | None] = None
    """Smallest side of the images that the networks generate, where sides are doubled on the way. None: any side will do."""

    def class_problems(self, spec: ImageSpec, condition: str) -> list[str]:
        """What is wrong if classes are asked for, and there are none."""
        if condition == "none":
            return unused_labels(spec)
        if spec.condition_names:
            return []
        return ["condition needs data with classes, and this data has none. Make a folder for each class, or leave it out."]

    def size_for(self, native: tuple[int, int] | None) -> int:
        """Side in pixels that images are brought to if the user names none: their own, at most 64, or the power of two that loses none of
        its pixels. `native`: (height, width) if all images have the same.
        """
        own = default_size(native)
        return own if self.smallest_side is None else nearest_square(own, self.smallest_side)


def unused_labels(spec: Any) -> list[str]:  # noqa: ANN401 (images, or points on the playground)
    """What is wrong if a recipe without a condition is given labels that were asked for."""
    if spec.classes or not spec.condition_names:
        return []
    names = ", ".join(label.name for label in spec.labels)
    return [f"This data has labels ({names}), which condition='none' does not use. Choose another condition, or leave labels out."]


@dataclass(frozen=True, kw_only=True)
class SamplingImageRecipe(ImageRecipe):
    """A recipe whose models sample images like those of the data."""

    mirror: bool = False
    """Show every image mirrored (left and right exchanged) as often as it is: twice as many images, where mirrored ones could be real."""

    def shown(self, data: Dataset) -> Dataset:
        """See Recipe."""
        return WithMirrored(data) if self.mirror else data

    def incompatibilities(self, spec: Any) -> list[str]:  # noqa: ANN401 (images, or points on the playground)
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.mirror and spec.kind != "images":
            found.append(f"mirror is for images, and this data is {spec.kind}. Leave it out.")
        return found
