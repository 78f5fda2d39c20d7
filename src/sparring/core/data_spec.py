"""The base of what one sample of a data set is: all that a recipe needs to know in order to build its networks."""

from dataclasses import asdict
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from sparring.core.batch import Labels


class Spec:
    """What one sample is. Each kind of data has a frozen dataclass of its own, in `data/KIND/`."""

    kind: ClassVar[str]
    """The name of the kind of data: that of its adapter in `modalities/`."""
    classes: tuple[str, ...]
    """Names of the classes, by label; empty for data without classes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample as networks see it."""
        raise NotImplementedError

    def comparable(self, samples: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """Samples as numbers whose differences say how unlike they are. By default they are such numbers."""
        return samples

    @property
    def condition_names(self) -> tuple[str, ...]:
        """A name for each number of a condition (what conditional networks are told): those of the classes. Empty without labels."""
        return self.classes

    @property
    def condition_groups(self) -> tuple[int, ...]:
        """How many numbers of a condition belong to each label, in order. The numbers of one label are from 0 to 1 and sum to 1."""
        return (len(self.classes),)

    def condition_of(self, labels: Labels) -> Float[Tensor, "n weights"]:
        """What conditional networks are told of samples with these labels: a weight for each class, one-hot."""
        return one_hot(labels, len(self.classes)).float()

    def usual_labels(self, seed: int, n: int) -> Labels:
        """The labels of the first `n` samples of `seed` where none are asked for: each class in turn, so that all are there."""
        return (torch.arange(n) + seed) % max(1, len(self.classes))

    def vicinal(self, labels: Labels, noise: Float[Tensor, "n labels"]) -> Labels:
        """Labels in the vicinity of these. `noise`: how far each continuous label goes, in units of its vicinity. Classes stay."""
        return labels

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold; `modalities.spec_from_json` reads it back."""
        return {"kind": self.kind, **asdict(self)}  # pyright: ignore[reportArgumentType] (a dataclass)
