"""What is read out of files of other programs, before and after it is converted."""

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import Recipe

Role = Literal["generator", "discriminator"]
State = dict[str, Tensor]


@dataclass(frozen=True)
class OfficialWeights:
    """The content of an official file, converted to a recipe of Sparring."""

    recipe: Recipe
    """The recipe with the settings of the file's networks."""
    spec: ImageSpec
    """Size, channels and classes of the networks' images."""
    tensors: dict[str, Tensor]
    """Weights and buffers by their names in the recipe's game. Networks that the file lacks have none."""
    names: dict[str, str] = field(default_factory=dict)
    """Name in the file for each tensor whose name differs, also for missing tensors. Error messages mention it."""
    left_out: tuple[str, ...] = ()
    """Networks in the file that were recognized and not taken."""


@dataclass(frozen=True)
class Networks:
    """A generator or a discriminator of a program, or both, as state dicts with that program's tensor names."""

    generator: State | None = None
    discriminator: State | None = None
    beside: State = field(default_factory=dict)
    """Tensors in the file that belong to no network."""

    def only(self) -> State:
        """The network, where there is one."""
        found = self.generator if self.generator is not None else self.discriminator
        assert found is not None
        return found
