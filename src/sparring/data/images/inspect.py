"""A look at a source before it is prepared: what is in it, and what is wrong with it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from sparring.core.errors import DataError
from sparring.core.formatting import plural
from sparring.core.parallel import in_order, progress_bar
from sparring.data.images.sizes_and_range import SharedRange, shared_range, value_range_notes
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.source import Problem, Source
from sparring.media.image_decoding import UnusableImageError, decode_image, fit_to_square
from sparring.media.image_files import grid

CONTACT_SHEET_IMAGES = 100
MAX_THUMBNAIL_SIDE = 96
MAX_LISTED = 8


@dataclass(frozen=True, eq=False)
class Inspection:
    """What all images of a source are."""

    name: str
    found: int
    """Files and rows that claim to be images."""
    sizes: Mapping[tuple[int, int], int]
    """How many images have each (height, width), the most frequent first."""
    modes: Mapping[str, int]
    """How many are stored in each of Pillow's modes: L gray, P palette, RGB, RGBA, ..."""
    formats: Mapping[str, int]
    classes: Mapping[str, int]
    """Usable images of each class; empty without classes."""
    bad: tuple[Problem, ...]
    """Unusable images, with reasons."""
    skipped: tuple[Problem, ...]
    """Files that are no images and do not claim to be."""
    notes: tuple[str, ...]
    layout: str
    """How the source is laid out: the name of a well-known layout, if it is one."""
    contact_sheet: UInt8[np.ndarray, "rows columns 3"] = field(repr=False)
    """Up to 100 usable images, evenly spread over the source; one white pixel if there are none."""

    @property
    def usable(self) -> int:
        """How many images can be used."""
        return sum(self.sizes.values())

    def lines(self) -> list[str]:
        """For the terminal. Nothing is left out but rare sizes."""
        sizes = {f"{width}x{height}": count for (height, width), count in self.sizes.items()}
        lines = [
            f"{self.name}: {self.usable:,} of {plural(self.found, 'image', 'images')} can be used.",
            *([f"layout: {self.layout}"] if self.layout else []),
            f"sizes (width x height): {_format_counts(sizes)}",
            f"modes: {_format_counts(self.modes)}",
            f"formats: {_format_counts(self.formats)}",
            f"classes: {_format_counts(self.classes, len(self.classes))}" if self.classes else "classes: none",
        ]
        lines += self.notes
        lines += [f"unusable: {name}: {reason}" for name, reason in self.bad]
        return lines + [f"passed over: {name}: {reason}" for name, reason in self.skipped]


def _format_counts(counts: Mapping[str, int], most: int = MAX_LISTED) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:most]]
    rest = len(counts) - len(shown)
    return ", ".join(shown + ([f"and {rest} others"] if rest > 0 else [])) or "none"


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
    """Decode every image of a source, and keep none but those for the contact sheet. Of the preprocessing, what tells how files are read
    counts: background, value_range, max_pixels.

    Raises DataError only if the source as a whole is broken: unusable images are what it is there to find.
    """
    preprocessing = preprocessing or Preprocessing()
    color = check_and_parse_background(preprocessing)
    black_white = shared_range([source], preprocessing, workers)
    count = len(source)
    on_sheet = set(np.linspace(0, count - 1, min(count, CONTACT_SHEET_IMAGES)).round().astype(int).tolist())
    side = min(MAX_THUMBNAIL_SIDE, max(source.native_size or (MAX_THUMBNAIL_SIDE,)))

    def look(indices: range) -> list[_InspectedImage | str]:
        shown = ((index, side if index in on_sheet else None) for index in indices)
        return [_inspect_image(source, index, on, color, black_white, preprocessing.max_pixels) for index, on in shown]

    images: list[np.ndarray] = []
    bad, deep = list(source.problems), []
    sizes, modes, formats, classes, notes = Counter(), Counter(), Counter(), Counter(), Counter()
    with progress_bar(f"Inspecting {source.name}", count, progress) as advance:
        index = 0
        for chunk in in_order(look, count, workers):
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
    """What is said of shapes that training cuts."""
    oblong = sum(count for (height, width), count in sizes.items() if height != width)
    if not oblong:
        return []
    count = sum(sizes.values())
    return [f"{oblong:,} of {count:,} images are not square: of them the middle is cut out, unless --crop pad or squash says otherwise."]


def _inspect_image(
    source: Source, index: int, side: int | None, background: tuple[int, int, int], black_white: SharedRange, max_pixels: int | None
) -> _InspectedImage | str:
    try:
        loaded = decode_image(source.read(index), MAX_THUMBNAIL_SIDE, black_white=black_white, max_pixels=max_pixels)
        small = None if side is None else fit_to_square(loaded.image, side, "pad", background, 3)
    except DataError:  # the source as a whole is broken
        raise
    except UnusableImageError as problem:
        return str(problem)
    except Exception as problem:  # a reader's own: a file that has gone, a damaged entry of a zip
        return f"cannot be read: {problem}"
    header = loaded.header
    return _InspectedImage(loaded.upright_size, header.mode, header.format, loaded.notes, loaded.black_white is not None, small)
