"""Stacked sets for counting modes: color images whose three channels are gray images chosen at random."""

import functools

import numpy as np
from jaxtyping import Int64, UInt8

from sparring.data.listed_images import NumberedItems, Source, hash_key

COUNT = 50_000
"""Number of images in a stacked set."""
CHANNELS = 3
SEED = 0


def stacked_source(name: str, gray: Source) -> Source:
    """A source of images without classes, each stacked from three images of `gray` that are chosen independently and uniformly.

    With ten classes in `gray`, there are 1,000 modes, as in Stacked MNIST (Metz et al. 2017, Unrolled Generative Adversarial Networks,
    3.3.1).
    """

    def read(index: int) -> UInt8[np.ndarray, "h w 3"]:
        if not 0 <= index < COUNT:
            raise IndexError(index)
        return np.concatenate([gray.read(int(choice)) for choice in stacked_choices(len(gray))[index]], axis=2)

    return Source(name, NumberedItems(COUNT), read, lambda: hash_key("stacked", gray.key, SEED, COUNT), native_size=gray.native_size)


@functools.cache
def stacked_choices(among: int) -> Int64[np.ndarray, "50000 3"]:
    """Index of the gray image in each channel of each stacked image. `among` is the number of gray images."""
    from sparring.core.random_streams import Streams  # noqa: PLC0415 (imports torch, which takes a second, only when images are read)

    return Streams(SEED, 0, scope="stacked").integers("choices", among, COUNT, CHANNELS).numpy()
