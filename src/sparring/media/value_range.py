"""Chooses which values are black and white in images of more than 8 bits a value.

All images of a set share one range: with a range for each image, bright and dark images could not be told apart.
"""

import math

import numpy as np
from jaxtyping import Shaped, UInt8

ValueRange = tuple[float, float]
"""The values of black and white."""
BIT_DEPTHS = (8, 10, 12, 14, 16)
"""Bit depths of cameras and scanners, which store their values in 16 bits."""
MIN_FLOAT_REACH = 0.25
"""Floats whose absolute values are all smaller than this do not belong to a range that ends at 1."""


def extremes(values: Shaped[np.ndarray, "..."]) -> ValueRange:
    """Smallest and largest of an array of finite values."""
    return float(values.min()), float(values.max())


def join_ranges(one: ValueRange, other: ValueRange) -> ValueRange:
    """The smallest range that contains both ranges."""
    return min(one[0], other[0]), max(one[1], other[1])


def choose_range(low: float, high: float, *, whole: bool) -> ValueRange:
    """The values of black and white for values from `low` to `high`, which are integers if `whole`.

    For integers that are not negative it is 0 to the largest value of 8, 10, 12, 14 or 16 bits, the fewest that suffice. For floats it is
    [0, 1] or [-1, 1] if they lie within and reach a quarter of the way to its ends. For others it is the smallest to the largest value.
    """
    usual = [(0.0, 2.0**bits - 1) for bits in BIT_DEPTHS] if whole else [(0.0, 1.0), (-1.0, 1.0)]
    own = (low, high if high > low else low + 1)
    fitting = next((each for each in usual if each[0] <= low and high <= each[1]), own)
    return own if not whole and max(abs(low), abs(high)) < MIN_FLOAT_REACH else fitting


def to_8_bits(values: Shaped[np.ndarray, "..."], black_white: ValueRange) -> UInt8[np.ndarray, "..."]:
    """Values from black to white scaled to 0 to 255; values beyond are clipped."""
    black, white = black_white
    scaled = (values.astype(np.float64) - black) * (255 / (white - black))
    return np.floor(np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)


def describe_range(black_white: ValueRange) -> str:
    """A range as text, such as "0 to 4,095"."""
    black, white = (f"{value:,.0f}" if math.isclose(value, round(value)) else f"{value:.4g}" for value in black_white)
    return f"{black} to {white}"
