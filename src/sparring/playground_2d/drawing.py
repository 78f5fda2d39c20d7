"""One moment of a game on points, drawn: what is true and what is generated, what the discriminator thinks, where it pushes."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from sparring.core.errors import missing_extra
from sparring.data.points.mixtures import Mixture
from sparring.metrics.mode_coverage import ModeCount

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

DENSITY_SIDE = 200
NARROWEST_DRAWN = 0.02
"""Deviations are drawn no smaller than this share of the extent, or modes would be invisible."""
LONGEST_ARROW = 0.2
"""In shares of the extent."""
ARROW_DECADES = 3
"""An arrow is about half as long as the longest if its gradient is 10 ** (ARROW_DECADES / 2) times smaller."""
PANELS = (40, 520, 1060)
"""Where the panels begin, in pixels of an image of 1500 by 520, from the bottom left as all of the layout."""
PANEL_SIDE, PANEL_BOTTOM = 410, 30
INK, FAINT, GENERATED = "#22262b", "#8b939c", "#e0481f"
DENSITY_COLORS = ("#ffffff", "#dce8f3", "#a9c8e2", "#6ea0cd", "#3d74ad")
FIELD_COLORS = ("#b2182b", "#e58267", "#fbd9c6", "#f7f7f7", "#cfe3f0", "#6aacd0", "#2166ac")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What an image shows of a game, in the unit of the points."""

    step: int
    samples: Float[Tensor, "n 2"]
    """Generated points."""
    field: Float[Tensor, "side side"]
    """The discriminator's output, higher for more real, at `field_points`: row 0 at the bottom, column 0 on the left."""
    arrows_at: Float[Tensor, "m 2"]
    """Generated points whose gradients are shown."""
    arrows: Float[Tensor, "m 2"]
    """Where they are pushed: minus the gradient of the generator's loss with respect to each."""
    count: ModeCount


def field_points(extent: float, side: int) -> Float[Tensor, "places 2"]:
    """The middles of `side` by `side` equal cells of the square from -extent to extent, row by row from the bottom left."""
    places = (torch.arange(side, dtype=torch.float32) + 0.5) * (2 * extent / side) - extent
    y, x = torch.meshgrid(places, places, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def draw(snapshot: Snapshot, mixture: Mixture, title: str, size: tuple[int, int] = (1500, 520)) -> UInt8[np.ndarray, "height width 3"]:
    """Three panels under a heading, as pixels; `size`: (width, height). A SparringError if matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (an extra)
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        raise missing_extra("matplotlib", "plots", "Drawing the playground") from None
    # Everything is laid out for 1500 by 520 and scaled; the rest of another shape is margin.
    scale = min(size[0] / 1500, size[1] / 520)
    figure = Figure(figsize=(size[0] / scale / 100, size[1] / scale / 100), dpi=100 * scale, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    count = snapshot.count
    found = f"modes {count.modes} of {count.of}, high quality {100 * count.high_quality:.0f} %, KL {count.kl:.2f}"
    _write(figure, PANELS[0], 492, title, size=15, weight="bold")
    _write(figure, PANELS[1] + PANEL_SIDE / 2, 492, f"step {snapshot.step:,}", size=15, align="center")
    _write(figure, PANELS[2] + PANEL_SIDE, 492, found, size=15, align="right")
    _draw_samples(_panel(figure, PANELS[0], mixture.extent), snapshot, mixture)
    _draw_field(figure, snapshot, mixture)
    _draw_arrows(figure, snapshot, mixture)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _draw_samples(axes: "Axes", snapshot: Snapshot, mixture: Mixture) -> None:
    axes.set_title("Truth (blue) and what is generated (orange)", fontsize=11, color=INK, loc="left")
    axes.imshow(_density(mixture), cmap=_colors(DENSITY_COLORS), vmin=0, vmax=1, **_square(mixture))
    _dots(axes, snapshot, mixture, GENERATED, size=2.6, alpha=0.5)
    lost = len(snapshot.samples) - int(_inside(snapshot.samples, mixture).sum())
    if lost:
        _note(axes, f"{lost:,} of {len(snapshot.samples):,} points are outside", GENERATED)


def _draw_field(figure: "Figure", snapshot: Snapshot, mixture: Mixture) -> None:
    axes = _panel(figure, PANELS[1], mixture.extent)
    axes.set_title("What the discriminator says: blue real, red fake", fontsize=11, color=INK, loc="left")
    field = snapshot.field.detach().cpu().double().numpy()
    finite = field[np.isfinite(field)]
    # Not the extremes: one steep corner would leave the rest white.
    low, median, high = np.quantile(finite, (0.01, 0.5, 0.99)).tolist() if finite.size else (0.0, 0.0, 0.0)
    reach = max(high - median, median - low, 1e-6 * max(1.0, abs(median)))
    colors: dict[str, Any] = {"cmap": _colors(FIELD_COLORS), "vmin": median - reach, "vmax": median + reach}
    image = axes.imshow(field, interpolation="bilinear", **colors, **_square(mixture))
    _dots(axes, snapshot, mixture, INK, size=2, alpha=0.25)
    bar = _axes(figure, PANELS[1] + PANEL_SIDE + 10, PANEL_BOTTOM, 12, PANEL_SIDE)
    figure.colorbar(image, cax=bar).outline.set_visible(False)  # pyright: ignore[reportCallIssue] (a Spine)
    # Colors reach as far up as down from the median, so that pale is flat; the bar shows what occurs.
    low, high = (low, high) if high > low else (median - reach, median + reach)
    ticks = [median, *(end for end in (low, high) if abs(end - median) > 0.05 * (high - low))]
    bar.set(ylim=(low, high), yticks=ticks, yticklabels=[f"{tick:.3g}" for tick in ticks])
    bar.tick_params(length=0, labelsize=9, labelcolor=INK)


def _draw_arrows(figure: "Figure", snapshot: Snapshot, mixture: Mixture) -> None:
    axes = _panel(figure, PANELS[2], mixture.extent)
    arrows = snapshot.arrows.detach().cpu().double()
    shown = _inside(snapshot.arrows_at, mixture) & arrows.isfinite().all(dim=1)
    at, arrows = snapshot.arrows_at.detach().cpu()[shown], arrows[shown]
    lengths = arrows.norm(dim=1, keepdim=True)
    longest = lengths.max().item() if len(lengths) else 0.0
    axes.set_title("Where the generator is pushed (log lengths)", fontsize=11, color=INK, loc="left")
    axes.contour(_density(mixture), levels=[0.2, 0.6], colors=DENSITY_COLORS[2], linewidths=0.8, **_square(mixture))
    _note(axes, f"longest gradient {longest:.2g}", INK)
    if longest > 0:
        steepness = 10**ARROW_DECADES
        drawn = LONGEST_ARROW * mixture.extent * torch.log1p(steepness * lengths / longest) / np.log1p(steepness)
        x, y = (arrows / lengths.clamp(min=1e-300) * drawn).T.numpy()
        axes.quiver(*at.T.numpy(), x, y, angles="xy", scale_units="xy", scale=1, color=GENERATED, width=0.0035, alpha=0.65)


@lru_cache(maxsize=8)
def _density(mixture: Mixture) -> Float[np.ndarray, "side side"]:
    """The square root of the density, blurred where it would be too fine to see; the largest is 1."""
    blurred = replace(mixture, deviation=max(mixture.deviation, NARROWEST_DRAWN * mixture.extent))
    half_logarithms = blurred.log_density(field_points(mixture.extent, DENSITY_SIDE)) / 2
    return (half_logarithms - half_logarithms.max()).exp().view(DENSITY_SIDE, DENSITY_SIDE).numpy()


def _inside(points: Float[Tensor, "n 2"], mixture: Mixture) -> Bool[Tensor, " n"]:
    return (points.detach().cpu().abs() <= mixture.extent).all(dim=1)


def _dots(axes: "Axes", snapshot: Snapshot, mixture: Mixture, color: str, size: float, alpha: float) -> None:
    x, y = snapshot.samples.detach().cpu()[_inside(snapshot.samples, mixture)].T.numpy()
    axes.plot(x, y, linestyle="", marker="o", markersize=size, markeredgewidth=0, color=color, alpha=alpha)


def _square(mixture: Mixture) -> dict[str, Any]:
    extent = mixture.extent
    return {"origin": "lower", "extent": (-extent, extent, -extent, extent)}


def _colors(stops: tuple[str, ...]) -> "LinearSegmentedColormap":
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("sparring", stops)


def _place(figure: "Figure", x: float, y: float) -> tuple[float, float]:
    """From pixels of an image of 1500 by 520, in the middle of this one, to shares of the figure."""
    width, height = figure.get_size_inches() * 100
    return (x + (width - 1500) / 2) / width, (y + (height - 520) / 2) / height


def _axes(figure: "Figure", left: float, bottom: float, width: float, height: float) -> "Axes":
    (x, y), (right, top) = _place(figure, left, bottom), _place(figure, left + width, bottom + height)
    return figure.add_axes((x, y, right - x, top - y))


def _panel(figure: "Figure", left: float, extent: float) -> "Axes":
    axes = _axes(figure, left, PANEL_BOTTOM, PANEL_SIDE, PANEL_SIDE)
    axes.set(xlim=(-extent, extent), ylim=(-extent, extent), autoscale_on=False)
    axes.tick_params(length=3, labelsize=9, color=FAINT, labelcolor=FAINT)
    axes.locator_params(nbins=5)
    axes.spines[:].set_color(FAINT)
    return axes


def _note(axes: "Axes", text: str, color: str) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2}
    axes.text(0.02, 0.025, text, transform=axes.transAxes, fontsize=10, color=color, bbox=box)


def _write(figure: "Figure", x: float, y: float, text: str, size: float, weight: str = "normal", align: str = "left") -> None:
    figure.text(*_place(figure, x, y), text, fontsize=size, fontweight=weight, ha=align, va="center", color=INK, parse_math=False)
