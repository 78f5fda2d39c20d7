"""Curves drawn as SVG: small, without a script, in the colors of the page around them."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from sparring.core.chart_scales import decades, format_number, limits, ticks
from sparring.health.diagnosis.training_record import Curve

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 18
"""Margins in pixels, for the numbers at the axes."""
MOST_POINTS = 400
DOTS = 40
"""Curves of at most this many points have a dot at each."""
DECADES = 3
"""Values that span more powers of ten are drawn on a logarithmic scale, if all are positive."""


def chart(
    curve: Curve, label: str, *, until: int, mark: int | None = None, including: Sequence[float] = (), width: int = 520, height: int = 130
) -> Markup:
    """A curve from step 0 to `until`. Values that are not finite are left out. `mark`: a step to draw a line at; `including`: values that
    the scale includes; `label`: what the curve is, for people who cannot see it.
    """
    finite = np.isfinite(curve.values)
    steps, values = curve.steps[finite].astype(np.float64), curve.values[finite]
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

    elements = [f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{Markup.escape(label)}">']
    for value in decades(low, high) if logarithmic else ticks(low, high, 4):
        elements.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        elements.append(f'<text class="y" x="{LEFT - 6}" y="{y(value) + 3.5:.1f}" text-anchor="end">{format_number(value)}</text>')
    for step in ticks(0, until, max(4, width // 110)):
        anchor = "end" if x(step) > right - 12 else "middle"
        elements.append(f'<text class="x" x="{x(step):.1f}" y="{height - 4}" text-anchor="{anchor}">{format_number(step)}</text>')
    points = [(x(step), y(value)) for step, value in thin_out(steps, values)]
    elements.append('<polyline class="curve" points="' + " ".join(f"{a:.1f},{b:.1f}" for a, b in points) + '"/>')
    if len(points) <= DOTS:
        elements += [f'<circle class="dot" cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for a, b in points]
    if mark is not None and 0 <= mark <= until:
        anchor, shift = ("end", -4) if x(mark) > width * 0.8 else ("start", 4)
        elements.append(f'<line class="mark" data-step="{mark}" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="2" y2="{bottom}"/>')
        elements.append(f'<text class="mark" x="{x(mark) + shift:.1f}" y="10" text-anchor="{anchor}">step {mark:,}</text>')
    return Markup("".join([*elements, "</svg>"]))  # noqa: S704 (numbers, and a label that was escaped)


def thin_out(steps: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " n"]) -> list[tuple[float, float]]:
    """The points of a curve. A long one keeps the smallest and the largest value of each stretch, which looks the same."""
    if len(steps) <= MOST_POINTS:
        return list(zip(steps.tolist(), values.tolist(), strict=True))
    kept: list[int] = []
    for stretch in np.array_split(np.arange(len(steps)), MOST_POINTS // 2):
        kept += sorted({int(stretch[values[stretch].argmin()]), int(stretch[values[stretch].argmax()])})
    return [(float(steps[index]), float(values[index])) for index in kept]
