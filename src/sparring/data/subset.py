"""Subsets of a store: the training set, and the holdout that is never trained on."""

import numpy as np
from jaxtyping import Int64

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.store import Store

HOLDOUT_ONE_IN, LARGEST_HOLDOUT = 20, 128


class Subset:
    """Some of a store's images, as a dataset. `indices` are their numbers in the store."""

    def __init__(self, store: Store, indices: Int64[np.ndarray, " n"]) -> None:
        self.store, self.indices, self.spec = store, indices, store.spec
        self.labels = None if store.labels is None else store.labels[indices]
        self.label_rows = None if store.label_rows is None else store.label_rows[indices]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def counts(self) -> tuple[int]:
        """Number of images, as a tuple: an image subset has one kind of items."""
        return (len(self),)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """See Store."""
        return self.store.batch(self.indices[indices])


def split_holdout(store: Store, count: int | None, seed: int) -> tuple[Subset, Subset]:
    """The training set, and a holdout of `count` images that the seed chooses (None: one in twenty, at most 128). Of pieces that were cut
    out of larger images, as many as whole images give, one image at most being left to train on.
    """
    count = min(LARGEST_HOLDOUT, len(store) // HOLDOUT_ONE_IN) if count is None else count
    if count >= len(store):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(store)} images does not.")
    random = np.random.Generator(np.random.Philox(stream_seed(seed, "kept back", 0)))
    if not store.are_pieces:
        order = random.permutation(len(store))
        return Subset(store, np.sort(order[count:])), Subset(store, np.sort(order[:count]))
    groups = store.of_one_image()  # pieces of one image overlap: all are held out, or none
    order, held = random.permutation(len(groups)), list[int]()
    for group in order[: len(groups) - 1].tolist():
        if len(held) >= count:
            break
        held += groups[group].tolist()
    return Subset(store, np.setdiff1d(np.arange(len(store)), held)), Subset(store, np.sort(np.array(held, np.int64)))
