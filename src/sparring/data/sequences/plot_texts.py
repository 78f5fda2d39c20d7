"""A plain view of texts, as an image."""

import textwrap
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

WIDTH, MARGIN, SIZE, LINE = 960, 12, 15, 20
"""Width of the image, the space around texts, the size of letters, and the height of a line, in pixels."""
MOST_LINES = 6
"""Number of lines of a text that are shown."""
INK, RULE, NONE = (30, 30, 30), (225, 225, 225), (170, 60, 50)
FONTS = ("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "PingFang.ttc", "msyh.ttc")
"""Fonts with Chinese, Japanese and Korean characters, by the names that systems give their files."""


def draw_texts(texts: Sequence[str | None]) -> UInt8[np.ndarray, "h w 3"]:
    """Texts below each other in two columns, each cut after a few lines; None is shown as what it is: no text."""
    font = _font_for("".join(text or "" for text in texts))
    column = (WIDTH - 3 * MARGIN) // 2
    wide = font.getlength("\u6708") > font.getlength("n") * 1.4 and any(ord(each) > 0x2E80 for text in texts for each in text or "")
    letters = int(column / (SIZE if wide else SIZE * 0.52))
    blocks = [_lines_of(text, letters) for text in texts]
    half = -(-len(blocks) // 2)
    heights = [sum(len(lines) * LINE + MARGIN for lines in some) for some in (blocks[:half], blocks[half:])]
    image = Image.new("RGB", (WIDTH, max(*heights, LINE) + MARGIN), "white")
    drawing = ImageDraw.Draw(image)
    for number, some in enumerate((range(half), range(half, len(blocks)))):
        left, top = MARGIN + number * (column + MARGIN), MARGIN // 2
        for index in some:
            for line in blocks[index]:
                drawing.text((left, top), line, fill=NONE if texts[index] is None else INK, font=font)
                top += LINE
            drawing.line((left, top + MARGIN // 2 - 2, left + column, top + MARGIN // 2 - 2), fill=RULE)
            top += MARGIN
    return np.asarray(image)


def _lines_of(text: str | None, letters: int) -> list[str]:
    if text is None:
        return ["(no text)"]
    wrapped = [piece for line in text.split("\n") for piece in textwrap.wrap(line, letters) or [""]]
    return [*wrapped[: MOST_LINES - 1], "..."] if len(wrapped) > MOST_LINES else wrapped or [""]


def _font_for(text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with the characters of a text, if this machine has one; else the usual font, which shows boxes for what it lacks."""
    if any(ord(each) > 0x2E80 for each in text):
        for name in FONTS:
            try:
                return ImageFont.truetype(name, SIZE)
            except OSError:
                continue
    return ImageFont.load_default(SIZE)
