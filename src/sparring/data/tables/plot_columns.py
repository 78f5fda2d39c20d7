"""A plain view of a table's columns: how often values are, in a table and in another one."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

from sparring.data.tables.columns import ColumnValues

PANEL, MARGIN, BARS = (196, 120), 8, 16
"""Width and height of a column's panel, the space around its bars, and the number of bars, in pixels."""
ACROSS, MOST_COLUMNS = 4, 16
INK, REAL, MADE = (30, 30, 30), (190, 190, 190), (38, 102, 204)


def draw_columns(real: Mapping[str, ColumnValues], made: Mapping[str, ColumnValues]) -> UInt8[np.ndarray, "h w 3"]:
    """One panel for each of the first 16 columns: gray bars for the table, blue lines for the other one."""
    names = list(real)[:MOST_COLUMNS]
    across, down = min(ACROSS, len(names)), -(-len(names) // ACROSS)
    image = Image.new("RGB", (across * PANEL[0], down * PANEL[1]), "white")
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default()
    for number, name in enumerate(names):
        left, top = number % ACROSS * PANEL[0], number // ACROSS * PANEL[1]
        drawing.text((left + MARGIN, top + 2), name[:26], fill=INK, font=font)
        heights, others = frequencies(real[name], made[name])
        highest = max(heights.max(initial=0), others.max(initial=0), 1e-9)
        bottom, room = top + PANEL[1] - MARGIN, PANEL[1] - 3 * MARGIN - 4
        width = (PANEL[0] - 2 * MARGIN) / len(heights)
        for place, (height, other) in enumerate(zip(heights, others, strict=True)):
            x = left + MARGIN + place * width
            drawing.rectangle((x, bottom - room * height / highest, x + width - 2, bottom), fill=REAL)
            y = bottom - room * other / highest
            drawing.line((x, y, x + width - 2, y), fill=MADE, width=2)
    return np.asarray(image)


def frequencies(real: ColumnValues, made: ColumnValues) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Shares of groups of values in both: of numbers between quantiles of the first, of categories by frequency; then of missing ones."""
    if real.numbers is not None:
        assert made.numbers is not None
        numbers = [each[~np.isnan(each)] for each in (real.numbers, made.numbers)]
        low, high = (numbers[0].min(), numbers[0].max()) if len(numbers[0]) else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, BARS + 1)
        counts = [np.histogram(np.clip(each, edges[0], edges[-1]), edges)[0] for each in numbers]
        found = [count / max(1, len(values)) for count, values in zip(counts, (real, made), strict=True)]
    else:
        assert real.codes is not None
        assert made.codes is not None
        counts = [np.bincount(codes[codes >= 0], minlength=len(real.categories)) for codes in (real.codes, made.codes)]
        order = np.argsort(-counts[0], kind="stable")[:BARS]
        found = [count[order] / max(1, len(values)) for count, values in zip(counts, (real, made), strict=True)]
    missing = [values.missing.mean() for values in (real, made)]
    if not any(missing):
        return found[0], found[1]
    return np.append(found[0], missing[0]), np.append(found[1], missing[1])
