"""The chart of allocations: which share of the requests is accepted with how many resources."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, UInt8

from sparring.core.chart_scales import format_number, ticks
from sparring.data.series.axes import INK, TITLE, Axes, Canvas
from sparring.data.series.plot_series import COLORS

SIZE, BOX = (620, 380), (64, 40, 606, 316)
ORDER = (COLORS[1], COLORS[2], COLORS[3], (40, 44, 52))
"""Colors of the ways beside the model's, in their order."""


def draw_allocation(
    curves: Mapping[str, tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]],
    marks: Mapping[str, tuple[float, float]],
    own: str,
) -> UInt8[np.ndarray, "h w 3"]:
    """Curves of (resources, share accepted) by way, and a mark on each, or alone where a way has no curve. `own`: the way of the model."""
    canvas = Canvas(*SIZE)
    resources = np.concatenate([*(x for x, _ in curves.values()), [x for x, _ in marks.values()]])
    accepted = np.concatenate([*(y for _, y in curves.values()), [y for _, y in marks.values()]])
    low, most = max(0.0, float(accepted.min()) - 0.03), shown_until(curves, marks)
    axes = Axes(canvas, BOX, (max(0.0, float(resources.min()) * 0.95), most), (low, 1.005))
    canvas.write((BOX[0], 12), "Requests accepted by resources given", INK, height=TITLE)
    axes.frame(percent=True)
    for value in ticks(*axes.x, 6):
        axes.under(value, format_number(value))
    canvas.write(((BOX[0] + BOX[2]) / 2, BOX[3] + 26), "resources of all slices, mean of a step (in the unit of demand)", anchor="ma")
    colors = {own: COLORS[0]} | dict(zip([way for way in marks if way != own], ORDER, strict=False))
    for way, (x, y) in curves.items():
        order = np.argsort(x, kind="stable")
        kept = order[x[order] <= most]
        axes.line(x[kept], y[kept], colors[way], 2.4 if way == own else 1.6)
    for way, (x, y) in marks.items():
        axes.mark(x, y, colors[way], 5 if way == own else 4)
    across = float(BOX[0])
    for way, color in colors.items():
        canvas.line([(across, SIZE[1] - 16), (across + 18, SIZE[1] - 16)], color, 3)
        canvas.write((across + 24, SIZE[1] - 16), way, INK, anchor="lm")
        across += 24 + canvas.width_of(way) + 20
    return canvas.finished()


def shown_until(
    curves: Mapping[str, tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]], marks: Mapping[str, tuple[float, float]]
) -> float:
    """The largest number of resources that is shown: that of the marks, with room, for a curve may go on for long."""
    largest = max(float(x.max()) for x, _ in curves.values())
    return min(largest, 1.6 * max(x for x, _ in marks.values())) * 1.02
