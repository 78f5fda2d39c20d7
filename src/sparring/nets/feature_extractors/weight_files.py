"""Reads weight files of published networks, and folds batch norms into the convolutions before them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from sparring.core.errors import CheckpointError, listed

EPSILON = 1e-3
"""Epsilon of batch norm in TensorFlow's networks."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file written by `torch.save`, by name. Nothing in it is executed. Raises a CheckpointError for other files."""
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"There is no weights file at {path}. Check the path.") from None
    except Exception as problem:
        first = str(problem).partition("\n")[0]
        raise CheckpointError(f"{path} cannot be read as weights: {first}") from None
    if not isinstance(weights, Mapping) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise CheckpointError(f"{path} must hold a dictionary of tensors by name, but holds a {type(weights).__name__}.")
    return dict(weights)


class WeightReader:
    """Hands out tensors by name, and collects those that are missing, of another shape, or unused."""

    def __init__(self, tensors: Mapping[str, Tensor], source: str) -> None:
        self.tensors, self.source = tensors, source
        self.used: set[str] = set()
        self.problems: list[str] = []

    def take(self, name: str, *shape: int) -> Tensor:
        """The tensor of this name and shape; zeros if there is none, which `check_all_used` reports."""
        self.used.add(name)
        tensor = self.tensors.get(name)
        if tensor is None or tensor.shape != shape:
            self.problems.append(f"{name}: {'missing' if tensor is None else f'has the shape {tuple(tensor.shape)}, not {shape}'}")
            return torch.zeros(shape)
        return tensor.detach().float()

    def fold_batch_norm(
        self, convolution: str, norm: str, before: int, after: int, kernel: tuple[int, int], *, stride: int = 1, groups: int = 1
    ) -> nn.Conv2d:
        """A convolution without padding and the batch norm after it as one convolution, which is exact up to rounding.

        `convolution` and `norm` are the names of the two in the file.
        """
        weight = self.take(f"{convolution}.weight", after, before // groups, *kernel).double()
        scale, offset, mean, variance = (
            self.take(f"{norm}.{part}", after).double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        self.used.add(f"{norm}.num_batches_tracked")
        factor = scale / (variance + EPSILON).sqrt()
        folded: nn.Conv2d = nn.utils.skip_init(  # pyright: ignore[reportAssignmentType] (its type says Module)
            nn.Conv2d, before, after, kernel, stride=stride, groups=groups
        )
        folded.weight = nn.Parameter((weight * factor[:, None, None, None]).float())
        folded.bias = nn.Parameter((offset - mean * factor).float())
        return folded

    def check_all_used(self) -> None:
        """Raise a CheckpointError that lists every tensor that is missing, has a wrong shape, or was not used."""
        self.problems += [f"{name}: not a part of this network" for name in self.tensors if name not in self.used]
        if self.problems:
            raise CheckpointError(listed(f"{self.source} does not hold the weights of this network:", self.problems))
