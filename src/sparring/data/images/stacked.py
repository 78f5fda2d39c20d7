"""Stacked sets: color images whose channels are gray images chosen at random, so that the modes can be counted."""

import functools

import numpy as np
from jaxtyping import Int64, UInt8

from sparring.data.source import NumberedItems, Source, hash_key

COUNT = 50_000
CHANNELS = 3
SEED = 0


def stacked_source(name: str, gray: Source) -> Source:
    """Images that have no classes, each of three of `gray` drawn independently, with equal chances for all.

    With ten classes these are the 1,000 modes of Stacked MNIST (Metz et al. 2017, Unrolled Generative Adversarial Networks, 3.3.1).
    """

    def read(index: int) -> UInt8[np.ndarray, "h w 3"]:
        if not 0 <= index < COUNT:
            raise IndexError(index)
        return np.concatenate([gray.read(int(choice)) for choice in stacked_choices(len(gray))[index]], axis=2)

    return Source(name, NumberedItems(COUNT), read, lambda: hash_key("stacked", gray.key, SEED, COUNT), native_size=gray.native_size)


@functools.cache
def stacked_choices(among: int) -> Int64[np.ndarray, "50000 3"]:
    """Which gray image each channel of each stacked image is."""
    from sparring.core.random_streams import Streams  # noqa: PLC0415 (torch: a second that only those who read images should wait)

    return Streams(SEED, 0, scope="stacked").integers("choices", among, COUNT, CHANNELS).numpy()
