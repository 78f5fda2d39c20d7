"""Fan charts: what was, and bands of what may come."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from sparring.data.series.axes import INK, TITLE, Axes, Canvas, Color, tint
from sparring.data.series.plot_series import COLORS

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles that bands lie between; the middle one is a line."""
PANEL, LEFT, TOP, BOTTOM, RIGHT, GAP = (360, 250), 52, 30, 26, 14, 8
"""Width and height of a panel, and the space around its box, in pixels."""
ACROSS, FOOT = 3, 26
"""Number of panels beside each other, and height of the line that explains them."""
WHOLE_MINUTES = re.compile(r"( \d\d:\d\d):00$")
NARROWEST = 490
"""Width that the line below needs, in pixels."""
OWN, OTHER, TRUTH = COLORS[0], (120, 126, 136), COLORS[1]


@dataclass(frozen=True, eq=False)
class Fan:
    """A panel of the chart: a history and the paths that follow it."""

    title: str
    history: Float64[np.ndarray, " h"]
    """What was, up to the value that paths follow; NaN where it is missing."""
    paths: Float64[np.ndarray, "n steps"]
    labels: tuple[str, str, str]
    """The times of the first value, of the last one before the paths, and of the last step."""
    truth: Float64[np.ndarray, " steps"] | None = None
    """What came, where it is known."""
    own: bool = True
    """Whether paths are the model's, and not of something that it is compared with."""
    scale: str = ""
    """Panels with the same name here have the same scale."""


def draw_fans(fans: Sequence[Fan], line: bool = True) -> UInt8[np.ndarray, "h w 3"]:
    """Panels side by side. `line`: whether the last value before the paths belongs to them, so that bands begin there."""
    across, down = min(ACROSS, len(fans)), -(-len(fans) // ACROSS)
    canvas = Canvas(max(across * PANEL[0] + RIGHT, NARROWEST), down * PANEL[1] + FOOT)
    quantiles = [np.quantile(fan.paths, LEVELS, axis=0) for fan in fans]
    for number, (fan, bands) in enumerate(zip(fans, quantiles, strict=True)):
        alike = [(one, its) for one, its in zip(fans, quantiles, strict=True) if one.scale == fan.scale]
        left, top = number % ACROSS * PANEL[0], number // ACROSS * PANEL[1]
        draw_fan(canvas, (left, top), fan, bands, span_of([(one, its) for one, its in alike]), line)
    legend(canvas, any(fan.truth is not None for fan in fans))
    return canvas.finished()


def span_of(fans: Sequence[tuple[Fan, Float64[np.ndarray, "levels steps"]]]) -> tuple[float, float]:
    """Lowest and highest number that panels with these quantiles show, with a little room."""
    shown = [bands for _, bands in fans] + [fan.history for fan, _ in fans] + [fan.truth for fan, _ in fans if fan.truth is not None]
    numbers = np.concatenate([each.ravel() for each in shown])
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    room = 0.04 * (high - low)
    return low - room, high + room


def draw_fan(
    canvas: Canvas,
    corner: tuple[float, float],
    fan: Fan,
    bands: Float64[np.ndarray, "levels steps"],
    scale: tuple[float, float],
    line: bool,
) -> None:
    """One panel with its upper left corner there."""
    left, top = corner
    past, steps = len(fan.history), fan.paths.shape[1]
    box = (left + LEFT, top + TOP, left + PANEL[0] - GAP, top + PANEL[1] - BOTTOM)
    axes = Axes(canvas, box, (1 - past, steps), scale)
    canvas.write((left + LEFT, top + 9), fan.title, INK, height=TITLE)
    color: Color = OWN if fan.own else OTHER
    begins = line and past and not np.isnan(fan.history[-1])
    x = np.arange(0 if begins else 1, steps + 1, dtype=np.float64)
    if begins:
        bands = np.concatenate([np.full((len(LEVELS), 1), fan.history[-1]), bands], axis=1)
    axes.frame()
    axes.band(x, bands[0], bands[4], tint(color, 0.22))
    axes.band(x, bands[1], bands[3], tint(color, 0.45))
    axes.line(x, bands[2], color, 1.8)
    axes.line(np.arange(1.0 - past, 1.0), fan.history, INK, 1.2)
    if fan.truth is not None:
        axes.line(np.arange(1.0, steps + 1), fan.truth, TRUTH, 1.6)
    axes.at(0)
    first, now, last = (WHOLE_MINUTES.sub(r"\1", label) for label in fan.labels)
    axes.under(0, now)
    half, middle = canvas.width_of(now) / 2 + 8, axes.place(0, scale[0])[0]
    if middle - half - canvas.width_of(first) > box[0]:
        axes.under(1 - past, first, "la")
    if middle + half + canvas.width_of(last) < box[2]:
        axes.under(steps, last, "ra")


def legend(canvas: Canvas, truth: bool) -> None:
    """A line below all panels that says what is what."""
    x, y = float(LEFT), canvas.size[1] - FOOT / 2
    entries = [("5 to 95 %", tint(OWN, 0.22), 9), ("25 to 75 %", tint(OWN, 0.45), 9), ("median", OWN, 2), ("data before", INK, 1.5)]
    for text, color, width in [*entries, *([("data after", TRUTH, 2)] if truth else [])]:
        canvas.line([(x, y), (x + 18, y)], color, width)
        canvas.write((x + 24, y), text, anchor="lm")
        x += 24 + canvas.width_of(text) + 18
