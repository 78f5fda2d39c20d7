"""The real and synthetic distribution of a column as a small drawing in SVG."""

from html import escape

import numpy as np

from sparring.data.tables.cell_text import number_text
from sparring.data.tables.columns import Column
from sparring.metrics.tables.column_arrays import holds_numbers, present

BINS = 24
"""Largest number of bars of a column of numbers."""
CATEGORIES = 7
"""Largest number of categories with a bar of their own; the others share one."""
TAILS = 0.005
"""Share of the real numbers at either end that lie in the outermost bars."""
WIDTH, HEIGHT, ROW = 260, 96, 17
"""Size of a drawing of numbers, and height of one category, in pixels."""
LABEL = 22
"""Longest label of a category, in letters."""


def distribution_svg(column: Column, words: tuple[str, ...], real: np.ndarray, synthetic: np.ndarray) -> str:
    """Both distributions of a column as an SVG element: synthetic bars, and the real column as a line or as marks."""
    if holds_numbers(real):
        return _numbers_svg(column, present(real), present(synthetic))
    return _categories_svg(words, present(real), present(synthetic))


def _numbers_svg(column: Column, real: np.ndarray, synthetic: np.ndarray) -> str:
    if not len(real):
        return "<p>no values</p>"
    low, high = np.quantile(real, [TAILS, 1 - TAILS])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    shares = [np.histogram(np.clip(side, low, high), edges)[0] / max(len(side), 1) for side in (real, synthetic)]
    top, width, floor = max(shares[0].max(), shares[1].max()), WIDTH / BINS, HEIGHT - 16
    heights = [share / top * (floor - 2) for share in shares]
    bars = "".join(
        f'<rect class="ours" x="{i * width + 0.5:.1f}" y="{floor - h:.1f}" width="{width - 1:.1f}" height="{h:.1f}"/>'
        for i, h in enumerate(heights[1])
    )
    line = " ".join(f"{x * width:.1f},{floor - h:.1f}" for i, h in enumerate(heights[0]) for x in (i, i + 1))
    ends = [escape(number_text(column, float(value))) for value in (low, high)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="distribution">{bars}<polyline class="real" points="{line}"/>'
        f'<text x="0" y="{HEIGHT - 3}">{ends[0]}</text><text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end">{ends[1]}</text></svg>'
    )


def _categories_svg(words: tuple[str, ...], real: np.ndarray, synthetic: np.ndarray) -> str:
    counts = [np.bincount(side, minlength=len(words)) for side in (real, synthetic)]
    order = np.argsort(-np.maximum(counts[0] / max(len(real), 1), counts[1] / max(len(synthetic), 1)), kind="stable")
    shown, others = order[:CATEGORIES], order[CATEGORIES:]
    bars = [(words[i], counts[0][i], counts[1][i]) for i in shown]
    if len(others):
        bars.append((f"{len(others)} others", counts[0][others].sum(), counts[1][others].sum()))
    shares = [(word, a / max(len(real), 1), b / max(len(synthetic), 1)) for word, a, b in bars]
    top = max((max(a, b) for _, a, b in shares), default=1) or 1
    start, full = 118, WIDTH - 118 - 40
    parts = []
    for i, (word, a, b) in enumerate(shares):
        y, label = i * ROW, word if len(word) <= LABEL else word[: LABEL - 1] + "…"
        parts.append(
            f'<text x="{start - 5}" y="{y + 12}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="ours" x="{start}" y="{y + 3}" width="{max(b / top * full, 0.5):.1f}" height="11"/>'
            f'<path class="real" d="M{start + a / top * full:.1f} {y + 1}v15"/>'
            f'<text x="{WIDTH}" y="{y + 12}" text-anchor="end">{b:.1%}</text>'
        )
    return f'<svg viewBox="0 0 {WIDTH} {max(len(shares), 1) * ROW + 2}" role="img" aria-label="shares">{"".join(parts)}</svg>'
