"""A plain view of series: lines of real windows above lines of generated ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

PANEL, MARGIN, TITLE = (340, 130), 6, 14
"""Width and height of a panel of lines, the space around them, and the height of its title, in pixels."""
MOST_COLUMNS, LINES = 4, 8
INK, AXIS = (30, 30, 30), (215, 215, 215)
COLORS = ((38, 102, 204), (214, 96, 32), (46, 140, 80), (150, 70, 170), (200, 160, 20), (20, 150, 170), (190, 50, 90), (110, 110, 110))


def draw_series(
    names: Sequence[str], real: Float64[np.ndarray, "n values t"], generated: Float64[np.ndarray, "m values t"]
) -> UInt8[np.ndarray, "h w 3"]:
    """For each of the first four columns a panel of real windows and one of generated ones beside it, on the same scale."""
    names = names[:MOST_COLUMNS]
    image = Image.new("RGB", (2 * PANEL[0], len(names) * PANEL[1]), "white")
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default()
    for row, name in enumerate(names):
        low, high = np.quantile(real[:, row], [0.001, 0.999])
        span = max(high - low, 1e-9)
        low, high = low - 0.1 * span, high + 0.1 * span
        for side, (title, windows) in enumerate((("data", real), ("generated", generated))):
            left, top = side * PANEL[0], row * PANEL[1]
            drawing.text((left + MARGIN, top + 1), f"{name[:30]}: {title} ({low:.3g} to {high:.3g})", fill=INK, font=font)
            box = (left + MARGIN, top + TITLE, left + PANEL[0] - MARGIN, top + PANEL[1] - MARGIN)
            drawing.rectangle(box, outline=AXIS)
            for number, window in enumerate(windows[:LINES, row]):
                draw_line(drawing, window, (low, high), box, COLORS[number % len(COLORS)])
    return np.asarray(image)


def draw_line(
    drawing: ImageDraw.ImageDraw,
    values: Float64[np.ndarray, " t"],
    scale: tuple[float, float],
    box: tuple[float, float, float, float],
    color: tuple[int, int, int],
    width: int = 1,
) -> None:
    """Values as a line across a box (left, top, right, bottom) whose bottom and top are the numbers of `scale`; beyond it, at its edge."""
    left, top, right, bottom = box
    x = np.linspace(left + 1, right - 1, len(values))
    share = np.clip((values - scale[0]) / (scale[1] - scale[0]), 0, 1)
    y = bottom - 1 - share * (bottom - top - 2)
    drawing.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill=color, width=width)
