"""Image sets to be judged, all with one interface: prepared data, files as they are, or a model's samples."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from sparring.core.errors import DataError
from sparring.core.parallel_map import in_order
from sparring.data.images.image_labels import ImageLabel
from sparring.data.images.sizes_and_range import SharedRange
from sparring.data.listed_images import LabelColumn, Problem, Source, hash_key
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.store import Store
from sparring.media.image_decoding import UnusableImageError, decode_image, fit_to_size, image_pixels
from sparring.media.value_range import ValueRange

CHUNK = 1024
"""Number of prepared images read at once."""
FILES_PER_TASK = 4
"""Number of files that one decoding task reads: files may be large."""
THUMBNAIL_SIDE = 128
"""Largest side in pixels of the thumbnails in a report."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A set of images that can be read in order, as often as needed."""

    name: str
    """Name of the set, for reports and messages."""
    count: int
    """Number of images."""
    classes: tuple[str, ...]
    """Names of the classes, by label; empty if there are none."""
    batches: Callable[[], Iterator[UInt8[np.ndarray, "n h w c"] | Problem]] = field(repr=False)
    """Iterates over all images from the first. The images of one batch have one size; a `Problem` takes the place of an unusable image."""
    pick: Callable[[Sequence[int]], UInt8[np.ndarray, "n h w c"]] = field(repr=False)
    """Reads the images at these indices, for display."""
    labels: Int64[np.ndarray, " n"] | None = field(default=None, repr=False)
    """The class of each image (for generated images: the requested class), or None."""
    label_columns: tuple[LabelColumn, ...] = field(default=(), repr=False)
    """Several or continuous labels (for generated images: those asked for)."""
    names: Sequence[str] | None = field(default=None, repr=False)
    """The name of each image in its source, or None."""
    fingerprint: str | None = None
    """Equal for equal images; None if their features are not to be cached."""
    seed: int | None = None
    """Seed of generated images."""
    step: int | None = None
    """Training step of the model that generated the images."""
    weights: str | None = None
    """The first 12 hexadecimal digits of the SHA-256 of the weights that generated the images."""
    truncation: float | None = None
    """Truncation of generated images."""
    provenance: str = "as they are"
    """How the images were prepared before the extractor resizes them, for the protocol."""
    black_white: Callable[[], ValueRange] | None = field(default=None, repr=False)
    """For files: returns the values of black and white in images of more than 8 bits a value."""
    notes: tuple[str, ...] = ()
    """Sentences for readers of the scores, such as how many files were left out."""

    def name_of(self, index: int) -> str:
        """Name of one image."""
        return f"number {index}" if self.names is None else self.names[index]

    def subset(self, indices: Int64[np.ndarray, " n"], notes: Sequence[str]) -> "ImageSet":
        """The images at these indices, with more notes. `batches` still iterates over all images."""
        if len(indices) == self.count:
            return replace(self, notes=(*self.notes, *notes))
        return replace(
            self,
            count=len(indices),
            pick=lambda chosen: self.pick(indices[np.asarray(chosen, np.int64)].tolist()),
            labels=None if self.labels is None else self.labels[indices],
            label_columns=tuple(LabelColumn(name, classes, values[indices]) for name, classes, values in self.label_columns),
            names=None if self.names is None else [self.names[index] for index in indices.tolist()],
            notes=(*self.notes, *notes),
        )


def columns_of(labels: Sequence[ImageLabel], values: Float64[np.ndarray, "n labels"] | None) -> tuple[LabelColumn, ...]:
    """Several or continuous labels as columns; none without values."""
    return () if values is None else tuple(LabelColumn(each.name, each.classes, values[:, place]) for place, each in enumerate(labels))


def image_set_from_store(store: Store, name: str, provenance: str = "") -> ImageSet:
    """The images of a store. `provenance` describes how they were prepared (by default: "prepared data of WIDTHxHEIGHT")."""

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for start in range(0, len(store), CHUNK):
            yield store.pixels[start : start + CHUNK].view(np.ndarray)

    def pick(indices: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        return store.pixels.view(np.ndarray)[np.asarray(indices, dtype=np.int64)]

    report = store.report
    left_out = f"{name}: {len(report.quarantined):,} of {report.found:,} images could not be used and are not judged."
    notes = (*((left_out,) if report.quarantined else ()), *(f"{name}: {note}" for note in (*report.warnings, *report.notes)))
    provenance = provenance or f"prepared data of {store.spec.resolution}"
    return ImageSet(
        name,
        len(store),
        store.spec.classes,
        batches,
        pick,
        store.labels,
        columns_of(store.spec.labels, store.label_values),
        store.names,
        store.fingerprint,
        provenance=provenance,
        notes=notes,
    )


def image_set_from_source(source: Source, preprocessing: Preprocessing, black_white: SharedRange) -> ImageSet:
    """The images of a source, each whole and at its own size. Nothing is cropped, resized or stored on disk.

    Only those settings of the preprocessing apply that say how files are read: background, value_range, max_pixels and max_bad.
    """
    background = check_and_parse_background(preprocessing)

    def read(index: int) -> UInt8[np.ndarray, "1 h w c"] | Problem:
        try:
            decoded = decode_image(source.read(index), black_white=black_white, max_pixels=preprocessing.max_pixels)
            return image_pixels(decoded.image, background)[None]
        except DataError:  # the whole source is broken
            raise
        except UnusableImageError as problem:
            return Problem(source.items[index].name, str(problem))
        except Exception as problem:  # from the reader: a file that was removed, a damaged zip entry
            return Problem(source.items[index].name, f"cannot be read: {problem}")

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"] | Problem]:
        for chunk in in_order(lambda indices: [read(index) for index in indices], len(source), chunk=FILES_PER_TASK):
            yield from chunk

    def pick(indices: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        thumbnails = []
        for index in indices:
            decoded = decode_image(source.read(index), THUMBNAIL_SIDE, black_white=black_white, max_pixels=preprocessing.max_pixels)
            side = min(THUMBNAIL_SIDE, max(decoded.upright_size))
            thumbnails.append(fit_to_size(decoded.image, (side, side), "pad", background, 3))
        largest = max((len(each) for each in thumbnails), default=1)
        return np.stack([each if len(each) == largest else _pad_with_white(each, largest) for each in thumbnails])

    labels = np.asarray([item.label for item in source.items], np.int64) if source.classes else None
    names = [item.name for item in source.items]
    unusable = len(source.problems)
    notes = [f"{source.name}: {note}" for note in source.notes]
    if unusable:
        notes.append(f"{source.name}: {unusable:,} of {unusable + len(source):,} images could not be used and are not judged.")
    fingerprint = hash_key("own pixels", source.key, background, preprocessing.value_range, preprocessing.max_pixels)
    return ImageSet(
        source.name,
        len(source),
        source.classes,
        batches,
        pick,
        labels,
        source.labels,
        names,
        fingerprint,
        provenance="the whole of each image, from its own pixels",
        black_white=black_white,
        notes=tuple(notes),
    )


def _pad_with_white(pixels: UInt8[np.ndarray, "side side 3"], side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """A small square image, centered on a white square of `side` pixels."""
    square = np.full((side, side, 3), 255, np.uint8)
    start = (side - len(pixels)) // 2
    square[start : start + len(pixels), start : start + len(pixels)] = pixels
    return square
