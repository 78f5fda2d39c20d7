"""Axes of a small plot, drawn without a library of plots: a box, numbers beside it, and lines, bands and marks within it."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

from sparring.core.chart_scales import format_number, ticks

SMOOTH = 3
"""Plots are drawn so many times larger and made smaller, so that slanted lines have no stairs."""
Color = tuple[int, int, int]
INK, MUTED, GRID, FRAME = (32, 36, 42), (108, 114, 124), (236, 238, 241), (200, 204, 210)
TEXT, TITLE = 11, 13
"""Height of letters of the numbers and of the titles, in pixels."""


class Canvas:
    """An image that axes are drawn on. All places and lengths are in pixels of the finished image."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.image = Image.new("RGB", (width * SMOOTH, height * SMOOTH), "white")
        self.drawing = ImageDraw.Draw(self.image)
        self.fonts = {height: ImageFont.load_default(size=height * SMOOTH) for height in (TEXT, TITLE)}

    def finished(self) -> UInt8[np.ndarray, "h w 3"]:
        """The image in its own size, as pixels."""
        return np.asarray(self.image.resize(self.size, Image.Resampling.LANCZOS))

    def write(self, place: tuple[float, float], text: str, color: Color = MUTED, anchor: str = "la", height: int = TEXT) -> None:
        """A text at a place. `anchor`: which of its points is there (see Pillow's documentation)."""
        self.drawing.text(scaled(place), text, fill=color, font=self.fonts[height], anchor=anchor)

    def width_of(self, text: str, height: int = TEXT) -> float:
        """The width of a text."""
        return self.drawing.textlength(text, font=self.fonts[height]) / SMOOTH

    def line(self, points: Sequence[tuple[float, float]], color: Color, width: float = 1) -> None:
        """A line that goes through these points in their order."""
        self.drawing.line([scaled(point) for point in points], fill=color, width=max(1, round(width * SMOOTH)), joint="curve")

    def dashes(self, start: tuple[float, float], end: tuple[float, float], color: Color, length: float = 4) -> None:
        """A broken line between two points. `length`: of each dash."""
        count = max(1, int(math.dist(start, end) / (2 * length)))
        for number in range(count):
            shares = (number / count, (number + 0.5) / count)
            self.line([tuple(a + share * (b - a) for a, b in zip(start, end, strict=True)) for share in shares], color)  # pyright: ignore[reportArgumentType] (two numbers)


class Axes:
    """A box on a canvas, in which x and y are drawn to scale. What lies outside of the scale is drawn at its edge."""

    def __init__(self, canvas: Canvas, box: tuple[float, float, float, float], x: tuple[float, float], y: tuple[float, float]) -> None:
        self.canvas, self.box, self.x, self.y = canvas, box, widened(x), widened(y)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is on the canvas."""
        left, top, right, bottom = self.box
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return left + min(max(across, 0), 1) * (right - left), bottom - min(max(up, 0), 1) * (bottom - top)

    def frame(self, y_numbers: bool = True, percent: bool = False) -> None:
        """Lines at round numbers of y, and these numbers."""
        left, top, right, bottom = self.box
        for value in ticks(*self.y, 5):
            _, height = self.place(self.x[0], value)
            self.canvas.line([(left, height), (right, height)], GRID)
            if y_numbers:
                self.canvas.write((left - 6, height), f"{value:.0%}" if percent else format_number(value), anchor="rm")
        self.canvas.line([(left, top), (left, bottom), (right, bottom)], FRAME)

    def under(self, x: float, text: str, anchor: str = "ma") -> None:
        """A text below the box, with a mark at x."""
        across, bottom = self.place(x, self.y[0])
        self.canvas.line([(across, bottom), (across, bottom + 4)], FRAME)
        self.canvas.write((across, bottom + 7), text, anchor=anchor)

    def line(self, x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"], color: Color, width: float = 1.5) -> None:
        """A line through points; broken where y is not a number."""
        for piece in np.split(np.arange(len(x)), np.flatnonzero(np.diff(np.isnan(y))) + 1):
            points = [self.place(float(x[row]), float(y[row])) for row in piece if not np.isnan(y[row])]
            if len(points) > 1:
                self.canvas.line(points, color, width)

    def band(self, x: Float64[np.ndarray, " n"], low: Float64[np.ndarray, " n"], high: Float64[np.ndarray, " n"], color: Color) -> None:
        """The area between two lines."""
        lower = [self.place(float(a), float(b)) for a, b in zip(x, low, strict=True)]
        upper = [self.place(float(a), float(b)) for a, b in zip(x, high, strict=True)]
        self.canvas.drawing.polygon([scaled(point) for point in [*lower, *upper[::-1]]], fill=color)

    def mark(self, x: float, y: float, color: Color, radius: float = 4) -> None:
        """A filled circle with a white edge around a point of the scale."""
        across, down = self.place(x, y)
        box = (*scaled((across - radius, down - radius)), *scaled((across + radius, down + radius)))
        self.canvas.drawing.ellipse(box, fill=color, outline="white", width=SMOOTH)

    def at(self, x: float, color: Color = MUTED) -> None:
        """A broken line from top to bottom."""
        self.canvas.dashes(self.place(x, self.y[1]), self.place(x, self.y[0]), color, length=3)


def scaled(place: tuple[float, float]) -> tuple[float, float]:
    """A place on the image that is drawn."""
    return place[0] * SMOOTH, place[1] * SMOOTH


def widened(span: tuple[float, float]) -> tuple[float, float]:
    """A span that is not empty."""
    low, high = span
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def tint(color: Color, share: float) -> Color:
    """A color mixed with white; `share`: of the color."""
    red, green, blue = (round(255 + share * (value - 255)) for value in color)
    return red, green, blue
