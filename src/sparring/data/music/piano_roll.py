"""Piano rolls as images: time from left to right, pitch from bottom to top, a color for each track."""

import numpy as np
from jaxtyping import Bool, UInt8

from sparring.data.music.music_spec import MusicSpec

COLORS = ((214, 69, 65), (242, 153, 30), (46, 148, 92), (52, 109, 219), (139, 76, 178), (23, 158, 168), (176, 122, 58), (110, 110, 110))
"""Colors of tracks."""
BACKGROUND, BLACK_KEYS, BAR, BEAT = (255, 255, 255), (241, 243, 246), (150, 155, 165), (222, 225, 230)
IS_BLACK = (1, 3, 6, 8, 10)
STEP, ROW = 4, 4
"""Pixels of a step and of a pitch."""


def draw_roll(
    roll: Bool[np.ndarray, "planes steps pitches"], spec: MusicSpec, step: int = STEP, row: int = ROW
) -> UInt8[np.ndarray, "h w 3"]:
    """One phrase. The first pixels of a note are dark; where two tracks sound together, both colors are mixed."""
    picture = np.zeros((spec.pitches, spec.steps, row, step, 3), np.float32)
    keys = np.isin((spec.lowest + np.arange(spec.pitches)) % 12, IS_BLACK)
    picture[:] = np.where(keys[:, None, None, None, None], BLACK_KEYS, BACKGROUND)
    beat = max(1, round(spec.steps_per_quarter))
    picture[:, ::beat, :, 0] = BEAT
    picture[:, :: spec.bar_steps, :, 0] = BAR
    tracks = len(spec.tracks)
    sounding = roll[:tracks].swapaxes(1, 2)
    count = sounding.sum(axis=0)
    mixed = np.einsum("tps,tc->psc", sounding.astype(np.float32), np.array(COLORS, np.float32)[np.arange(tracks) % len(COLORS)])
    cells = np.argwhere(count > 0)
    colors = (mixed / np.maximum(count, 1)[..., None])[cells[:, 0], cells[:, 1]]
    picture[cells[:, 0], cells[:, 1]] = colors[:, None, None]
    starts = np.argwhere(roll[tracks:].any(axis=0).T & (count > 0))
    picture[starts[:, 0], starts[:, 1], :, 0] *= 0.55
    image = picture[::-1].swapaxes(1, 2).reshape(spec.pitches * row, spec.steps * step, 3)
    return image.round().astype(np.uint8)


def draw_rolls(
    rolls: Bool[np.ndarray, "n planes steps pitches"], spec: MusicSpec, columns: int | None = None, step: int = STEP, row: int = ROW
) -> UInt8[np.ndarray, "h w 3"]:
    """Phrases in a grid on white."""
    columns = columns or max(1, round((len(rolls) * spec.pitches * row / (spec.steps * step)) ** 0.5))
    rows, gap = -(-len(rolls) // columns), 6
    height, width = spec.pitches * row, spec.steps * step
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for number, roll in enumerate(rolls):
        top, left = gap + number // columns * (height + gap), gap + number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = draw_roll(roll, spec, step, row)
    return sheet
