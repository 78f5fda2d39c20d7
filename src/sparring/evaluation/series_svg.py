"""Lines, bars and points as SVG: small, without a script, in the colors of the page around them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from sparring.core.chart_scales import format_number, limits, ticks

WIDTH, HEIGHT = 340, 180
"""Size of a chart in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 18
"""Margins, for the numbers at the axes."""
CUT_OFF = 3.0
"""A distribution is drawn up to so many times the highest share of real values."""
Points = Float64[np.ndarray, " _"]


def line_chart(
    lines: Sequence[tuple[str, Points, Points]],
    label: str,
    *,
    band: tuple[Points, Points, Points] | None = None,
    including: Sequence[float] = (),
    within: tuple[float, float] | None = None,
) -> Markup:
    """Lines, each with its class in the page's style, and its x and y. `band`: x, low and high of an area behind them; `including`: values
    that the scale includes; `within`: the ends of the scale, where lines may go beyond; `label`: what it is, for people who cannot see it.
    """
    x = np.concatenate([each for _, each, _ in lines])
    y = np.concatenate([*(each for _, _, each in lines), *(band[1:] if band else ()), np.asarray(including, np.float64)])
    scale = _Scale((float(x.min()), float(x.max())), within or limits(y))
    parts = [scale.axes(label)]
    if band:
        edge = [*zip(band[0], band[1], strict=True), *reversed([*zip(band[0], band[2], strict=True)])]
        parts.append(f'<polygon class="band" points="{scale.points(edge)}"/>')
    parts += [f'<polyline class="{name}" points="{scale.points(zip(a, b, strict=True))}"/>' for name, a, b in lines]
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 (numbers, and a label that was escaped)


def histogram_chart(edges: Float64[np.ndarray, " n_and_one"], shares: Mapping[str, Points], label: str) -> Markup:
    """Bars of the shares of generated values ("yours"), and a line of steps for the real ones ("real"). Bars that are many times as high as
    this line are cut off.
    """
    top = 1.05 * min(max(float(each.max()) for each in shares.values()), CUT_OFF * float(shares["real"].max()))
    scale = _Scale((float(edges[0]), float(edges[-1])), (0.0, top))
    parts = [scale.axes(label)]
    for low, high, value in zip(edges[:-1], edges[1:], shares["yours"], strict=True):
        (left, top), (right, bottom) = scale.place(low, value), scale.place(high, 0.0)
        parts.append(
            f'<rect class="bar" x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 0.6, 0.4):.1f}" height="{bottom - top:.1f}"/>'
        )
    steps = zip(np.repeat(edges, 2)[1:-1], np.repeat(shares["real"], 2), strict=True)
    return Markup("".join([*parts, f'<polyline class="real" points="{scale.points(steps)}"/></svg>']))  # noqa: S704


def scatter_chart(x: Points, y: Points, names: Sequence[str], label: str) -> Markup:
    """A point for each name, both axes from 0 to 1, and a line where both are equal."""
    scale = _Scale((0.0, 1.0), (0.0, 1.0))
    (left, bottom), (right, top) = scale.place(0.0, 0.0), scale.place(1.0, 1.0)
    parts = [scale.axes(label), f'<line class="even" x1="{left:.1f}" x2="{right:.1f}" y1="{bottom:.1f}" y2="{top:.1f}"/>']
    for name, a, b in zip(names, x, y, strict=True):
        across, up = scale.place(float(a), float(b))
        about = Markup.escape(f"{name}: {a:.3f}, {b:.3f}")
        parts.append(f'<circle class="point" cx="{across:.1f}" cy="{up:.1f}" r="2.4"><title>{about}</title></circle>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 (numbers, and names that were escaped)


def windows_chart(windows: Float64[np.ndarray, "n steps"], within: tuple[float, float], kind: str, past: int, label: str) -> Markup:
    """Windows as thin lines. `kind`: their class; `past`: number of their first steps that were given, which a line parts from the rest."""
    steps = np.arange(windows.shape[1], dtype=np.float64)
    scale = _Scale((0.0, float(steps[-1])), within)
    parts = [scale.axes(label)]
    if past:
        (x, top), (_, bottom) = scale.place(past - 0.5, within[1]), scale.place(past - 0.5, within[0])
        parts.append(f'<line class="past" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>')
    parts += [f'<polyline class="{kind} thin" points="{scale.points(zip(steps, each, strict=True))}"/>' for each in windows]
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704


class _Scale:
    """From numbers to pixels of a chart."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], marks: int = 4) -> None:
        self.x, self.y, self.marks = (x if x[1] > x[0] else (x[0] - 0.5, x[0] + 0.5)), y, marks

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is; beyond the ends of the scale, at its edge."""
        across, up = ((value - ends[0]) / (ends[1] - ends[0]) for value, ends in ((x, self.x), (y, self.y)))
        up = min(max(up, 0.0), 1.0)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def points(self, pairs: Sequence[tuple[float, float]] | zip) -> str:
        """Points as an attribute of SVG."""
        return " ".join("{:.1f},{:.1f}".format(*self.place(x, y)) for x, y in pairs)

    def axes(self, label: str) -> str:
        """The beginning of a chart: lines at round numbers, and these."""
        parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{Markup.escape(label)}">']
        for value in ticks(*self.y, self.marks):
            (_, y) = self.place(self.x[0], value)
            kind = "zero" if value == 0 else "grid"
            parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{format_number(value)}</text>')
        for value in ticks(*self.x, 4):
            x, _ = self.place(value, self.y[0])
            anchor = "end" if x > WIDTH - RIGHT - 12 else "start" if x < LEFT + 12 else "middle"
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{format_number(value)}</text>')
        return "".join(parts)
