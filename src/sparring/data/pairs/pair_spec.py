"""What one pair of images is, and a batch of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Batch
from sparring.data.images.image_spec import ImageSpec


@dataclass(frozen=True)
class PairSpec(ImageSpec):
    """Inputs and targets: images to be translated into other images of the same size. Fields of ImageSpec are those of the targets."""

    kind: ClassVar[str] = "pairs"

    input_channels: int = 3
    """Number of channels of the inputs."""
    paired: bool = True
    """Whether each target is the one that its input should become; else inputs and targets are two sets without pairs."""

    @property
    def known_channels(self) -> tuple[int, ...]:
        """See ImageSpec."""
        return self.channels, self.input_channels

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PairSpec":
        """See ImageSpec."""
        target = ImageSpec.from_json(value)
        return cls(*target.shape[1:], target.channels, target.classes, int(value["input_channels"]), bool(value["paired"])).checked()  # pyright: ignore[reportReturnType]

    def __str__(self) -> str:
        channels = f"{self.channels}" if self.channels == self.input_channels else f"from {self.input_channels} to {self.channels}"
        return f"{self.resolution}, {channels} channels, {'paired' if self.paired else 'unpaired'}"


@dataclass(frozen=True)
class PairBatch(Batch):
    """Targets (`samples`) and inputs; of paired data the i-th go together."""

    inputs: Float[Tensor, "n inputs h w"] = None  # pyright: ignore[reportAssignmentType] (required: it follows a field with a default)
    """The images to be translated, in [-1, 1], in channels-last memory."""

    @property
    def targets(self) -> Float[Tensor, "n targets h w"]:
        """What the inputs should become, or images of the second set."""
        return self.samples

    def __post_init__(self) -> None:
        if self.inputs is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise TypeError("a batch of pairs needs inputs")
