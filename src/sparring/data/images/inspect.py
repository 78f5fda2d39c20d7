"""`sparring data inspect`: reports what a source contains, and what is wrong with it, before it is prepared."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from sparring.core.errors import DataError
from sparring.core.formatting import plural
from sparring.core.parallel_map import in_order, progress_bar
from sparring.data.images.image_sizes import rectangle_for
from sparring.data.images.sizes_and_range import SharedRange, shared_range, value_range_notes
from sparring.data.listed_images import LabelColumn, Problem, Source
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.readers.label_columns import with_label_columns
from sparring.media.image_decoding import UnusableImageError, decode_image, fit_to_size
from sparring.media.image_files import grid

CONTACT_SHEET_IMAGES = 100
MAX_THUMBNAIL_SIDE = 96
MAX_LISTED = 8
SIDE_OF_RECTANGLES = 128
"""Rectangles that are offered for training have no side above twice this, and about as many pixels as a square of it at most."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """Summary of all images of a source."""

    name: str
    found: int
    """Number of files and rows that claim to be images."""
    sizes: Mapping[tuple[int, int], int]
    """Number of images of each (height, width), the most frequent first."""
    modes: Mapping[str, int]
    """Number of images in each of Pillow's modes: L gray, P palette, RGB, RGBA, and so on."""
    formats: Mapping[str, int]
    """Number of images in each file format."""
    classes: Mapping[str, int]
    """Number of usable images of each class; empty without classes."""
    labels: Mapping[str, str]
    """What each of several or continuous labels is, in words; empty without a table of them."""
    bad: tuple[Problem, ...]
    """Unusable images, with reasons."""
    skipped: tuple[Problem, ...]
    """Files that are not images and do not claim to be."""
    notes: tuple[str, ...]
    """Decisions and warnings, in whole sentences."""
    layout: str
    """Name of the source's layout if it is a well-known one, else an empty string."""
    contact_sheet: UInt8[np.ndarray, "rows columns 3"] = field(repr=False)
    """Up to 100 usable images at equal spacing over the source; one white pixel if there are none."""

    @property
    def usable(self) -> int:
        """Number of usable images."""
        return sum(self.sizes.values())

    def lines(self) -> list[str]:
        """The summary for the terminal, complete except for rare sizes, modes and formats."""
        sizes = {f"{width}x{height}": count for (height, width), count in self.sizes.items()}
        lines = [
            f"{self.name}: {self.usable:,} of {plural(self.found, 'image', 'images')} can be used.",
            *([f"layout: {self.layout}"] if self.layout else []),
            f"sizes (width x height): {_format_counts(sizes)}",
            f"modes: {_format_counts(self.modes)}",
            f"formats: {_format_counts(self.formats)}",
            f"classes: {_format_counts(self.classes, len(self.classes))}" if self.classes else "",
            "" if self.classes or self.labels else "classes: none",
            *(f"label {name}: {what}" for name, what in self.labels.items()),
        ]
        lines = [line for line in lines if line]
        lines += self.notes
        lines += [f"unusable: {name}: {reason}" for name, reason in self.bad]
        return lines + [f"skipped: {name}: {reason}" for name, reason in self.skipped]


def _format_counts(counts: Mapping[str, int], most: int = MAX_LISTED) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    rest = len(counts) - len(shown)
    return ", ".join(shown + ([f"and {rest} others"] if rest > 0 else [])) or "none"


def _describe_column(label: LabelColumn) -> str:
    """The classes of a label with their numbers of images, or the range of its numbers."""
    if label.classes:
        counts = np.bincount(label.values.astype(np.int64), minlength=len(label.classes)).tolist()
        return f"classes {_format_counts(dict(zip(label.classes, counts, strict=True)), 2 * MAX_LISTED)}"
    smallest, middle, largest = np.quantile(label.values, (0, 0.5, 1)).tolist()
    return f"{smallest:g} to {largest:g}, median {middle:g}"


@dataclass(frozen=True)
class _InspectedImage:
    size: tuple[int, int]
    mode: str
    format: str
    notes: tuple[str, ...]
    deep: bool
    small: UInt8[np.ndarray, "side side 3"] | None


def inspect_source(
    source: Source, preprocessing: Preprocessing | None = None, *, progress: bool = False, workers: int | None = None
) -> Inspection:
    """Decode every image of a source and summarize them.

    Only those settings of the preprocessing apply that say how files are read (background, value_range and max_pixels), and its table of
    labels. Unusable images are part of the result; a DataError is raised only if the whole source or the table is broken.
    """
    preprocessing = preprocessing or Preprocessing()
    color = check_and_parse_background(preprocessing)
    if preprocessing.labels is not None:
        source = with_label_columns(source, preprocessing.labels, preprocessing.label_columns)
    black_white = shared_range([source], preprocessing, workers)
    count = len(source)
    on_sheet = set(np.linspace(0, count - 1, min(count, CONTACT_SHEET_IMAGES)).round().astype(int).tolist())
    side = min(MAX_THUMBNAIL_SIDE, max(source.native_size or (MAX_THUMBNAIL_SIDE,)))

    def inspect_images(indices: range) -> list[_InspectedImage | str]:
        thumbnail_sides = ((index, side if index in on_sheet else None) for index in indices)
        return [_inspect_image(source, index, each, color, black_white, preprocessing.max_pixels) for index, each in thumbnail_sides]

    images: list[np.ndarray] = []
    bad, deep = list(source.problems), []
    sizes, modes, formats, classes, notes = Counter(), Counter(), Counter(), Counter(), Counter()
    with progress_bar(f"Inspecting {source.name}", count, progress) as advance:
        index = 0
        for chunk in in_order(inspect_images, count, workers):
            for result in chunk:
                if isinstance(result, str):
                    bad.append(Problem(source.items[index].name, result))
                else:
                    sizes[result.size] += 1
                    modes[result.mode] += 1
                    formats[result.format] += 1
                    notes.update(result.notes)
                    deep.extend([source.items[index].name] if result.deep else [])
                    label = source.items[index].label
                    classes.update([] if label is None else [source.classes[label]])
                    if result.small is not None:
                        images.append(result.small)
                index += 1
            advance(len(chunk))
    return Inspection(
        name=source.name,
        found=count + len(source.problems),
        sizes=dict(sizes.most_common()),
        modes=dict(modes.most_common()),
        formats=dict(formats.most_common()),
        classes={name: classes[name] for name in source.classes},
        labels={label.name: _describe_column(label) for label in source.labels},
        bad=tuple(bad),
        skipped=source.skipped,
        notes=(
            *source.notes,
            *_shape_warnings(sizes),
            *value_range_notes(deep, black_white.found, preprocessing),
            *(f"{note}: {times:,}." for note, times in notes.items()),
        ),
        layout=source.layout,
        contact_sheet=grid(np.stack(images)) if images else np.full((1, 1, 3), 255, np.uint8),
    )


def _shape_warnings(sizes: Mapping[tuple[int, int], int]) -> list[str]:
    """Warnings about images that training would crop."""
    oblong = sum(count for (height, width), count in sizes.items() if height != width)
    if not oblong:
        return []
    rectangle = rectangle_for([size for size, count in sizes.items() for _ in range(count)], SIDE_OF_RECTANGLES)
    offer = "" if rectangle is None else f" To train on rectangles: --size {rectangle} (width x height), for recipes that can."
    return [
        f"{oblong:,} of {sum(sizes.values()):,} images are not square: they are cropped to the central square, unless you give --crop pad "
        f"or squash.{offer}"
    ]


def _inspect_image(
    source: Source, index: int, side: int | None, background: tuple[int, int, int], black_white: SharedRange, max_pixels: int | None
) -> _InspectedImage | str:
    try:
        decoded = decode_image(source.read(index), MAX_THUMBNAIL_SIDE, black_white=black_white, max_pixels=max_pixels)
        small = None if side is None else fit_to_size(decoded.image, (side, side), "pad", background, 3)
    except DataError:  # the whole source is broken
        raise
    except UnusableImageError as problem:
        return str(problem)
    except Exception as problem:  # from the reader: a file that was removed, a damaged zip entry
        return f"cannot be read: {problem}"
    header = decoded.header
    return _InspectedImage(decoded.upright_size, header.mode, header.format, decoded.notes, decoded.black_white is not None, small)
