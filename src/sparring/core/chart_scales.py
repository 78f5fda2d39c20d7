"""Scales of charts: their ends, round numbers along them, and how these are written."""

import math

import numpy as np
from jaxtyping import Float64


def limits(values: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """The ends of a scale: a little beyond the values, with some room also where they are all the same."""
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or max(0.1 * abs(high), 1e-3)
    return low - room, high + room


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two: at least two, and at most `most` or one more."""
    rough = (high - low) / most
    scale = 10 ** math.floor(math.log10(rough))
    step = next(times * scale for times in (1, 2, 5, 10) if times * scale >= rough * 0.999)
    multiples = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [float(f"{multiple * step:.12g}") for multiple in multiples] if len(multiples) > 1 else ticks(low, high, most + 1)


def decades(low: float, high: float) -> list[float]:
    """At most five powers of ten between two numbers, which are given by their logarithms."""
    exponents = range(math.ceil(low), math.floor(high) + 1)
    return [10.0**exponent for exponent in exponents[:: -(-len(exponents) // 5)]]


def format_number(value: float) -> str:
    """A number as it is written beside an axis."""
    if value and not 1e-3 <= abs(value) < 1e7:
        mantissa, _, exponent = f"{value:.3g}".partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
