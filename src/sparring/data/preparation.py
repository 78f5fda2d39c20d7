"""The settings of preparing data."""

from dataclasses import dataclass
from typing import Literal

from PIL import ImageColor

from sparring.core.errors import SettingsError, listed
from sparring.data.decode import Colour, Crop

LARGEST_SIDE = 8192


@dataclass(frozen=True)
class Preparation:
    """How the pictures of a source become squares of one size."""

    size: int | None = None
    """Side in pixels of the square pictures. None: the pictures' own size if all are equal and square, else 64."""
    channels: Literal[1, 3, 4] | None = None
    """1 grey, 3 colour, 4 colour with alpha. None: 1 if every picture is stored as grey, else 3."""
    crop: Crop = "centre"
    """What becomes of pictures that are not square: 'centre' cuts the middle out, 'squash' distorts, 'pad' adds background."""
    background: str = "white"
    """Colour under transparency and in padding: a name or #rrggbb. With 4 channels both stay transparent."""
    max_bad: float = 0.1
    """Largest share of unusable pictures that is put up with, from 0 to 1."""


def checked_background(preparation: Preparation) -> Colour:
    """The background as red, green, blue. SettingsError with all that is wrong with the settings."""
    problems = []
    if preparation.size is not None and not 1 <= preparation.size <= LARGEST_SIDE:
        problems.append(f"size is {preparation.size}: it must lie between 1 and {LARGEST_SIDE}.")
    if preparation.channels not in (None, 1, 3, 4):
        problems.append(f"channels is {preparation.channels}: it must be 1 (grey), 3 (colour) or 4 (with alpha).")
    if preparation.crop not in ("centre", "squash", "pad"):
        problems.append(f"crop is {preparation.crop!r}: it must be 'centre', 'squash' or 'pad'.")
    if not 0 <= preparation.max_bad <= 1:
        problems.append(f"max_bad is {preparation.max_bad}: it is a share, from 0 to 1.")
    background = (255, 255, 255)
    try:
        background = ImageColor.getrgb(preparation.background)[:3]
    except ValueError:
        problems.append(f"background is {preparation.background!r}: give a colour's English name or #rrggbb.")
    if problems:
        raise SettingsError(listed("These settings of the preparation cannot be used:", problems))
    return background
