"""The order in which data is shown: a function of seed and batch number, with nothing to save."""

from functools import lru_cache

import numpy as np
from jaxtyping import Int64

from sparring.core.random_streams import stream_seed


@lru_cache(maxsize=4)
def _shuffled(seed: int, count: int, epoch: int, kind: int) -> Int64[np.ndarray, " count"]:
    name = f"data order {kind}" if kind else "data order"
    return np.random.Generator(np.random.Philox(stream_seed(seed, name, epoch))).permutation(count)


def batch_indices(seed: int, count: int, batch_size: int, batch: int, kind: int = 0) -> Int64[np.ndarray, " batch_size"]:
    """Which of `count` items batch number `batch` holds. Every item comes once before any comes again; each pass has its own order, and so
    has each kind of items.
    """
    start = batch * batch_size
    parts = []
    for epoch in range(start // count, (start + batch_size - 1) // count + 1):
        offset = epoch * count
        parts.append(_shuffled(seed, count, epoch, kind)[max(0, start - offset) : start + batch_size - offset])
    return np.concatenate(parts)
