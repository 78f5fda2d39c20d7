"""Images with more than 8 bits a value: which of their values are black and white. It is one range for all images of a set, for a range
of each image's own would lose what is bright and what is dark.
"""

import math

import numpy as np
from jaxtyping import Shaped, UInt8

ValueRange = tuple[float, float]
"""The values that become black and white."""
BIT_DEPTHS = (8, 10, 12, 14, 16)
"""Bits a value that cameras and scanners have. (They write them into 16.)"""
MIN_FLOAT_REACH = 0.25
"""Floats that all lie nearer to zero are not of a range that ends at 1."""


def extremes(values: Shaped[np.ndarray, "..."]) -> ValueRange:
    """The least and the greatest of values, all of which are finite."""
    return float(values.min()), float(values.max())


def join_ranges(one: ValueRange, other: ValueRange) -> ValueRange:
    """From the less of both to the greater of both."""
    return min(one[0], other[0]), max(one[1], other[1])


def choose_range(low: float, high: float, *, whole: bool) -> ValueRange:
    """What is taken as black and white where values lie from `low` to `high`. `whole`: they are whole numbers.

    Whole numbers that are not negative: 0 to what 8, 10, 12, 14 or 16 bits can hold at most, the fewest that suffice. Floats: [0, 1] or
    [-1, 1] if they lie within and reach a quarter of the way to its ends. Others: from the least to the greatest.
    """
    usual = [(0.0, 2.0**bits - 1) for bits in BIT_DEPTHS] if whole else [(0.0, 1.0), (-1.0, 1.0)]
    own = (low, high if high > low else low + 1)
    fitting = next((each for each in usual if each[0] <= low and high <= each[1]), own)
    return own if not whole and max(abs(low), abs(high)) < MIN_FLOAT_REACH else fitting


def to_8_bits(values: Shaped[np.ndarray, "..."], black_white: ValueRange) -> UInt8[np.ndarray, "..."]:
    """Values from black to white as 0 to 255, those beyond clipped."""
    black, white = black_white
    scaled = (values.astype(np.float64) - black) * (255 / (white - black))
    return np.floor(np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)


def describe_range(black_white: ValueRange) -> str:
    """A range in words."""
    black, white = (f"{value:,.0f}" if math.isclose(value, round(value)) else f"{value:.4g}" for value in black_white)
    return f"{black} to {white}"
