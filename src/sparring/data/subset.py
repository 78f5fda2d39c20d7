"""Parts of data: what is trained on, and what is kept back to look at."""

import numpy as np
from jaxtyping import Int64

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.store import Store

ONE_IN, MOST_KEPT_BACK = 20, 128


class Part:
    """Some of a store's images, as the training loop asks for data."""

    def __init__(self, store: Store, places: Int64[np.ndarray, " n"]) -> None:
        self.store, self.places = store, places
        self.labels = None if store.labels is None else store.labels[places]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def counts(self) -> tuple[int]:
        """Of the one kind of items that there is."""
        return (len(self),)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """See Store."""
        return self.store.batch(self.places[indices])


def split_holdout(store: Store, count: int | None, seed: int) -> tuple[Part, Part]:
    """All images but `count` (None: one in twenty, at most 128), and those, which the seed chooses."""
    count = min(MOST_KEPT_BACK, len(store) // ONE_IN) if count is None else count
    if count >= len(store):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(store)} images does not.")
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "kept back", 0))).permutation(len(store))
    return Part(store, np.sort(order[count:])), Part(store, np.sort(order[:count]))
