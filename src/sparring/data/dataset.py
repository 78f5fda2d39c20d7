"""What training asks of data of any kind."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64

from sparring.core.batch import Batch
from sparring.core.privacy_accounting import NoisySums
from sparring.core.random_streams import Streams


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


@runtime_checkable
class HasLabelRows(Protocol):
    """A dataset whose samples may have several or continuous labels in place of a class."""

    @property
    def label_rows(self) -> Float32[np.ndarray, "n labels"] | None:
        """The labels of every item, as `Spec.condition_of` takes them; None if there is a class or nothing."""
        ...


@runtime_checkable
class ChoosesSamples(Protocol):
    """A dataset that chooses the samples of a batch itself, in place of every sample in turn."""

    def choose(self, streams: Streams, n: int) -> Batch:
        """`n` samples, a function of the streams alone."""
        ...


@runtime_checkable
class Budget(Protocol):
    """How much differential privacy may be spent on a dataset."""

    @property
    def epsilon(self) -> float:
        """In all."""
        ...

    @property
    def delta(self) -> float:
        """In all."""
        ...

    @property
    def noise_delta(self) -> float:
        """The part of delta for sums with noise."""
        ...

    @property
    def encodings(self) -> NoisySums:
        """What was spent before training."""
        ...


@runtime_checkable
class PrivateDataset(Dataset, ChoosesSamples, Protocol):
    """A dataset that is trained on with differential privacy: its batches have each sample by a chance of its own."""

    @property
    def budget(self) -> Budget:
        """What may be spent."""
        ...

    def secret(self, streams: Streams) -> Streams:
        """Random numbers that nobody can guess, for the same moment as `streams`."""
        ...


@runtime_checkable
class PreparedDataset(Dataset, Protocol):
    """A dataset that knows what it is."""

    @property
    def spec(self) -> Any:  # noqa: ANN401 (the Spec of its kind of data)
        """What one of its samples is."""
        ...

    @property
    def fingerprint(self) -> str:
        """A digest of its content: two datasets hold the same if theirs are equal."""
        ...
