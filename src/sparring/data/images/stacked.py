"""Stacked sets: colour pictures whose channels are grey pictures chosen at random, so that the modes can be counted."""

import functools

import numpy as np
from jaxtyping import Int64, UInt8

from sparring.data.source import NumberedItems, Source, key_of

COUNT = 50_000
CHANNELS = 3
SEED = 0


def stacked(name: str, grey: Source) -> Source:
    """Pictures that have no classes, each of three of `grey` drawn independently, with equal chances for all.

    With ten classes these are the 1,000 modes of Stacked MNIST (Metz et al. 2017, Unrolled Generative Adversarial Networks, 3.3.1).
    """

    def read(index: int) -> UInt8[np.ndarray, "h w 3"]:
        if not 0 <= index < COUNT:
            raise IndexError(index)
        return np.concatenate([grey.read(int(choice)) for choice in choices(len(grey))[index]], axis=2)

    return Source(name, NumberedItems(COUNT), read, lambda: key_of("stacked", grey.key, SEED, COUNT), native_size=grey.native_size)


@functools.cache
def choices(among: int) -> Int64[np.ndarray, "50000 3"]:
    """Which grey picture each channel of each stacked picture is."""
    from sparring.core.random_streams import Streams  # noqa: PLC0415 (torch: a second that only those who read pictures should wait)

    return Streams(SEED, 0, scope="stacked").integers("choices", among, COUNT, CHANNELS).numpy()
