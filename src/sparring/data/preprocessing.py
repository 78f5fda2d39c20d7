"""Settings for preparing data."""

import math
from dataclasses import dataclass
from typing import Literal

from PIL import ImageColor

from sparring.core.errors import SettingsError, listed
from sparring.core.settings_checks import type_problems
from sparring.data.images.image_sizes import LARGEST_SIDE, plain_size, sides_of
from sparring.media.image_decoding import Color, Crop


@dataclass(frozen=True)
class Preprocessing:
    """How the images of a data set are brought to one size."""

    size: int | str | None = None
    """Size, in pixels, that images are resized to: 64 for squares, 192x128 (width x height) for rectangles. None: squares, of the images'
    own side if all are squares of the same size up to 64 pixels, else of 64 (or the nearest side that the recipe supports)."""
    channels: Literal[1, 3, 4] | None = None
    """Number of color channels: 1 gray, 3 color, 4 color with transparency. None: 1 if all images are stored as gray, else 3."""
    crop: Crop = "center"
    """How images get the proportion of the size: center cuts out the middle, squash distorts, pad adds background. random cuts several
    pieces of the size out of each image at random places, without resizing, and out of those of a pair at the same ones: for textures, maps
    and other large images."""
    proportion: float | None = None
    """Width over height that samples are stretched back to when they are written, for data that was squashed. None: that of the middle one
    of the images, with --crop squash."""
    background: str = "white"
    """Color behind transparent pixels and in padding: a name or #rrggbb. With 4 channels, both stay transparent."""
    max_bad: float = 0.1
    """Largest fraction of images that may be unusable, 0 to 1."""
    split: str | None = None
    """Part of the data to use, if it has parts: a folder (train, trainA), a set of IDX files, x_SPLIT of a .npz, or a split of a hub
    data set. None: train, where data has named splits (torchvision, hf)."""
    classes: Literal["given", "none"] = "given"
    """given: use the classes of the data (folders or a table). none: ignore them; folders then only contain images."""
    labels: str | None = None
    """A table with several or continuous labels: a .csv or .tsv with a column of files, or StyleGAN's dataset.json (also in the data)."""
    label_columns: tuple[str, ...] = ()
    """Columns of the table to use, such as color age. Text, and integers with at most 16 values, are classes; other numbers are continuous;
    age:number and kind:class say otherwise. Default: all columns."""
    value_range: tuple[float, float] | None = None
    """Values of black and white in images with more than 8 bits per channel (16-bit PNG, signed and floating-point TIFF). None: measured
    from all images, and printed."""
    max_pixels: int | None = None
    """Largest image to read, as height times width. None: 89,478,485, Pillow's limit against decompression bombs."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", plain_size(self.size))  # so that equal sizes make equal settings

    @property
    def sides(self) -> tuple[int, int] | None:
        """(height, width) of the size; None where none is named."""
        return None if self.size is None else sides_of(self.size)


def check_and_parse_background(preprocessing: Preprocessing) -> Color:
    """The background color as (red, green, blue). Raises a SettingsError that lists everything wrong with the settings."""
    problems = type_problems(preprocessing) + _size_problems(preprocessing.size)
    if isinstance(preprocessing.max_bad, int | float) and not 0 <= preprocessing.max_bad <= 1:
        problems.append(f"max_bad is {preprocessing.max_bad}: it must be a share from 0 to 1.")
    if isinstance(preprocessing.value_range, tuple) and not problems:
        black, white = preprocessing.value_range
        if not -math.inf < black < white < math.inf:
            problems.append(f"value_range is {black:g} {white:g}: give two finite numbers, the value of black and a larger value of white.")
    if isinstance(preprocessing.proportion, int | float) and not 1 / 16 <= preprocessing.proportion <= 16:
        problems.append(f"proportion is {preprocessing.proportion:g}: it must be from 1/16 to 16, the width over the height.")
    if preprocessing.proportion is not None and preprocessing.crop != "squash":
        problems.append("proportion is for images that are squashed: give crop='squash' too, or leave it out.")
    if preprocessing.label_columns and preprocessing.labels is None:
        problems.append("label_columns are of a table: name it, too, with labels='TABLE.csv'.")
    if preprocessing.labels is not None and preprocessing.classes == "none":
        problems.append("classes='none' leaves labels out, and labels names some: leave one of them out.")
    if type(preprocessing.max_pixels) is int and preprocessing.max_pixels < 1:
        problems.append(f"max_pixels is {preprocessing.max_pixels}: it must be at least 1.")
    background = _parse_color(preprocessing.background)
    if background is None and isinstance(preprocessing.background, str):
        problems.append(f"background is {preprocessing.background!r}: give a color's English name or #rrggbb.")
    if problems or background is None:
        raise SettingsError(listed("These settings of the preprocessing cannot be used:", problems))
    return background


def _size_problems(size: object) -> list[str]:
    """What is wrong with a size; nothing where it has a wrong type, which is another problem."""
    if isinstance(size, bool) or not isinstance(size, int | str):
        return []
    sides = sides_of(size)
    if sides is None:
        return [f"size is {size!r}: give the side of squares, such as 64, or width x height, such as 192x128."]
    if 1 <= min(sides) <= max(sides) <= LARGEST_SIDE:
        return []
    return [f"size is {size}: {'it' if sides[0] == sides[1] else 'both'} must be from 1 to {LARGEST_SIDE}."]


def _parse_color(written: object) -> Color | None:
    """Red, green and blue, each from 0 to 255, or None if the text is not a color."""
    try:
        red, green, blue = ImageColor.getrgb(str(written))[:3]
    except ValueError:
        return None
    return (red, green, blue) if all(0 <= part <= 255 for part in (red, green, blue)) else None
