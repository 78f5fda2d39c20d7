"""Curves as SVG: small, without a script, in the colors of the page that they stand in."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from sparring.health.diagnosis.record import Series

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 18
"""Room for the axes' numbers."""
MOST_POINTS = 400
DOTS = 40
"""Curves of so few points have a dot at each."""
DECADES = 3
"""Values that span more are drawn on a logarithmic scale, if all are positive."""


def chart(
    series: Series, label: str, *, until: int, mark: int | None = None, including: Sequence[float] = (), width: int = 520, height: int = 130
) -> Markup:
    """A curve from step 0 to `until`. Values that are not finite are left out. `mark`: a step to draw a line at; `including`: values that
    the scale reaches to; `label`: what it is, for who cannot see it.
    """
    finite = np.isfinite(series.values)
    steps, values = series.steps[finite].astype(np.float64), series.values[finite]
    if not len(values):
        return Markup('<p class="quiet small">No finite values.</p>')
    logarithmic = bool(values.min() > 0 and values.max() > 10**DECADES * values.min())
    low, high = limits(np.log10(values) if logarithmic else np.concatenate([values, np.asarray(including, np.float64)]))
    right, bottom = width - RIGHT, height - BOTTOM
    until = max(until, int(steps[-1]), 1)

    def x(step: float) -> float:
        return LEFT + (right - LEFT) * step / until

    def y(value: float) -> float:
        return bottom - (bottom - TOP) * ((math.log10(value) if logarithmic else value) - low) / (high - low)

    parts = [f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{Markup.escape(label)}">']
    for value in decades(low, high) if logarithmic else ticks(low, high, 4):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="y" x="{LEFT - 6}" y="{y(value) + 3.5:.1f}" text-anchor="end">{written(value)}</text>')
    for step in ticks(0, until, max(4, width // 110)):
        anchor = "end" if x(step) > right - 12 else "middle"
        parts.append(f'<text class="x" x="{x(step):.1f}" y="{height - 4}" text-anchor="{anchor}">{written(step)}</text>')
    points = [(x(step), y(value)) for step, value in thinned(steps, values)]
    parts.append('<polyline class="curve" points="' + " ".join(f"{a:.1f},{b:.1f}" for a, b in points) + '"/>')
    if len(points) <= DOTS:
        parts += [f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for a, b in points]
    if mark is not None and 0 <= mark <= until:
        anchor, shift = ("end", -4) if x(mark) > width * 0.8 else ("start", 4)
        parts.append(f'<line class="mark" data-step="{mark}" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="2" y2="{bottom}"/>')
        parts.append(f'<text class="mark" x="{x(mark) + shift:.1f}" y="10" text-anchor="{anchor}">step {mark:,}</text>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 (numbers, and a label that was escaped)


def limits(values: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """Between which a scale goes: a little more than the values, and something where they are all the same."""
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or max(0.1 * abs(high), 1e-3)
    return low - room, high + room


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two: at most so many or one more, and two or more."""
    rough = (high - low) / most
    scale = 10 ** math.floor(math.log10(rough))
    step = next(times * scale for times in (1, 2, 5, 10) if times * scale >= rough * 0.999)
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [float(f"{place * step:.12g}") for place in places] if len(places) > 1 else ticks(low, high, most + 1)


def decades(low: float, high: float) -> list[float]:
    """Powers of ten between two, given by their logarithms: five at most."""
    whole = range(math.ceil(low), math.floor(high) + 1)
    return [10.0**power for power in whole[:: -(-len(whole) // 5)]]


def written(value: float) -> str:
    """A number beside an axis."""
    if value and not 1e-3 <= abs(value) < 1e7:
        mantissa, _, power = f"{value:.3g}".partition("e")
        return f"{mantissa}e{int(power)}" if power else mantissa
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def thinned(steps: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " n"]) -> list[tuple[float, float]]:
    """The points of a curve; of a long one the least and the largest value of each stretch, which looks the same."""
    if len(steps) <= MOST_POINTS:
        return list(zip(steps.tolist(), values.tolist(), strict=True))
    kept: list[int] = []
    for stretch in np.array_split(np.arange(len(steps)), MOST_POINTS // 2):
        kept += sorted({int(stretch[values[stretch].argmin()]), int(stretch[values[stretch].argmax()])})
    return [(float(steps[place]), float(values[place])) for place in kept]
