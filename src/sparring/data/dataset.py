"""What training asks of data of any kind."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from sparring.core.batch import Batch


@runtime_checkable
class Dataset(Protocol):
    """What the loop asks of a store."""

    @property
    def labels(self) -> Int64[np.ndarray, " n"] | None:
        """The class of every item, if they have classes."""
        ...

    def __len__(self) -> int:
        """How many items there are."""
        ...

    @property
    def counts(self) -> tuple[int, ...]:
        """How many items there are of each kind: each kind is shown in an order of its own."""
        ...

    def batch(self, indices: Int64[np.ndarray, "n ..."]) -> Batch:
        """The items at these places; a column for each kind, where there are several."""
        ...
