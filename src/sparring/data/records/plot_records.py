"""A plain view of records: how often codes are, and how many a patient has, in the data and in samples."""

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from PIL import Image, ImageDraw, ImageFont

SIDE, MARGIN, TITLE = 300, 10, 16
"""Side of a panel, the space around what is drawn in it, and the height of its title, in pixels."""
BARS = 24
INK, AXIS, REAL, MADE = (30, 30, 30), (215, 215, 215), (190, 190, 190), (38, 102, 204)
LOWEST = 1e-3
"""Frequencies below this are drawn at the edge."""


def draw_frequencies(
    real: Float64[np.ndarray, " codes"],
    made: Float64[np.ndarray, " codes"],
    real_numbers: Int64[np.ndarray, " n"],
    made_numbers: Int64[np.ndarray, " m"],
) -> UInt8[np.ndarray, "h w 3"]:
    """A point for each code, its frequency in the data across and in samples up (logarithmic); and bars of how many codes patients have."""
    image = Image.new("RGB", (2 * SIDE, SIDE), "white")
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default()
    drawing.text((MARGIN, 2), "frequency of codes: data across, samples up", fill=INK, font=font)
    box = (MARGIN, MARGIN + TITLE, SIDE - MARGIN, SIDE - MARGIN)
    drawing.rectangle(box, outline=AXIS)
    drawing.line((box[0], box[3], box[2], box[1]), fill=AXIS)
    x, y = (np.log(np.clip(each, LOWEST, 1) / LOWEST) / -np.log(LOWEST) for each in (real, made))
    for a, b in zip(box[0] + x * (box[2] - box[0]), box[3] - y * (box[3] - box[1]), strict=True):
        drawing.ellipse((a - 2, b - 2, a + 2, b + 2), fill=MADE)
    drawing.text((SIDE + MARGIN, 2), "codes of a patient: data gray, samples blue", fill=INK, font=font)
    edges = np.linspace(0, max(1, real_numbers.max(initial=0), made_numbers.max(initial=0)) + 1, BARS + 1)
    heights, others = (np.histogram(each, edges)[0] / max(1, len(each)) for each in (real_numbers, made_numbers))
    highest, room = max(heights.max(), others.max(), 1e-9), SIDE - 2 * MARGIN - TITLE
    width = (SIDE - 2 * MARGIN) / BARS
    for place, (height, other) in enumerate(zip(heights, others, strict=True)):
        left, bottom = SIDE + MARGIN + place * width, SIDE - MARGIN
        drawing.rectangle((left, bottom - room * height / highest, left + width - 2, bottom), fill=REAL)
        level = bottom - room * other / highest
        drawing.line((left, level, left + width - 2, level), fill=MADE, width=2)
    return np.asarray(image)
