"""What can be judged: images that come in order and more than once, wherever they come from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int64, UInt8

from sparring.core.errors import DataError
from sparring.core.parallel import in_order
from sparring.data.images.sizes_and_range import SharedRange
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.source import Problem, Source, hash_key
from sparring.data.store import Store
from sparring.media.image_decoding import UnusableImageError, decode_image, fit_to_square, image_pixels
from sparring.media.value_range import ValueRange

CHUNK = 1024
FILES_PER_TASK = 4
"""Files that a thread decodes at a time: they may be large."""
THUMBNAIL_SIDE = 128
"""Side in pixels of what a report shows of images of any sizes."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images to be looked at in order."""

    name: str
    """What a person calls them."""
    count: int
    classes: tuple[str, ...]
    """Names of the classes, by label; empty if there are none."""
    batches: Callable[[], Iterator[UInt8[np.ndarray, "n h w c"] | Problem]] = field(repr=False)
    """All of them, from the first; those of a batch have one size. A `Problem` stands for one that cannot be used."""
    pick: Callable[[Sequence[int]], UInt8[np.ndarray, "n h w c"]] = field(repr=False)
    """Those with these numbers, to be shown."""
    labels: Int64[np.ndarray, " n"] | None = field(default=None, repr=False)
    """The class of each (for generated images: the one that was asked for), or None."""
    names: Sequence[str] | None = field(default=None, repr=False)
    """What each is called in its source."""
    fingerprint: str | None = None
    """The same for the same images; None if what is found out about them is not to be kept."""
    seed: int | None = None
    """Of generated images ..."""
    step: int | None = None
    """... the step of the run that drew them ..."""
    weights: str | None = None
    """... and the first figures of the SHA-256 of the weights that did."""
    truncation: float | None = None
    """With which they were drawn."""
    provenance: str = "as they are"
    """How they came to be what the extractor resizes, for the protocol."""
    black_white: Callable[[], ValueRange] | None = field(default=None, repr=False)
    """Of files: gives the values that are black and white in images of more than 8 bits a value."""
    notes: tuple[str, ...] = ()
    """What a reader should know: what was left out, enlarged and so on."""

    def name_of(self, number: int) -> str:
        """Of one image."""
        return f"number {number}" if self.names is None else self.names[number]

    def subset(self, numbers: Int64[np.ndarray, " n"], notes: Sequence[str]) -> "ImageSet":
        """Those with these numbers, with more notes. (`batches` still gives all.)"""
        if len(numbers) == self.count:
            return replace(self, notes=(*self.notes, *notes))
        return replace(
            self,
            count=len(numbers),
            pick=lambda chosen: self.pick(numbers[np.asarray(chosen, np.int64)].tolist()),
            labels=None if self.labels is None else self.labels[numbers],
            names=None if self.names is None else [self.names[number] for number in numbers.tolist()],
            notes=(*self.notes, *notes),
        )


def image_set_from_store(store: Store, name: str, provenance: str = "") -> ImageSet:
    """Prepared images, `brought` to what they are in some way (by default: prepared, at their size)."""

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for start in range(0, len(store), CHUNK):
            yield store.pixels[start : start + CHUNK].view(np.ndarray)

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        return store.pixels.view(np.ndarray)[np.asarray(numbers, dtype=np.int64)]

    report = store.report
    left_out = f"{name}: {len(report.quarantined):,} of {report.found:,} images could not be used and are not judged."
    notes = (*((left_out,) if report.quarantined else ()), *(f"{name}: {note}" for note in (*report.warnings, *report.notes)))
    provenance = provenance or f"prepared data of {store.spec.width}x{store.spec.height}"
    return ImageSet(
        name,
        len(store),
        store.spec.classes,
        batches,
        pick,
        store.labels,
        store.names,
        store.fingerprint,
        provenance=provenance,
        notes=notes,
    )


def image_set_from_source(source: Source, preprocessing: Preprocessing, black_white: SharedRange) -> ImageSet:
    """The images of a source as they are: each from its own pixels, the whole of it. Nothing is cut, resized or kept on the disk.

    Of the preprocessing, what tells how files are read counts: background, value_range, max_pixels, max_bad.
    """
    background = check_and_parse_background(preprocessing)

    def read(index: int) -> UInt8[np.ndarray, "1 h w c"] | Problem:
        try:
            loaded = decode_image(source.read(index), black_white=black_white, max_pixels=preprocessing.max_pixels)
            return image_pixels(loaded.image, background)[None]
        except DataError:  # the source as a whole is broken
            raise
        except UnusableImageError as problem:
            return Problem(source.items[index].name, str(problem))
        except Exception as problem:  # a reader's own: a file that has gone, a damaged entry of a zip
            return Problem(source.items[index].name, f"cannot be read: {problem}")

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"] | Problem]:
        for chunk in in_order(lambda indices: [read(index) for index in indices], len(source), chunk=FILES_PER_TASK):
            yield from chunk

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        shown = []
        for number in numbers:
            loaded = decode_image(source.read(number), THUMBNAIL_SIDE, black_white=black_white, max_pixels=preprocessing.max_pixels)
            side = min(THUMBNAIL_SIDE, max(loaded.upright_size))
            shown.append(fit_to_square(loaded.image, side, "pad", background, 3))
        largest = max((len(each) for each in shown), default=1)
        return np.stack([each if len(each) == largest else _pad_with_white(each, largest) for each in shown])

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
        names,
        fingerprint,
        provenance="the whole of each image, from its own pixels",
        black_white=black_white,
        notes=tuple(notes),
    )


def _pad_with_white(pixels: UInt8[np.ndarray, "side side 3"], side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """A small image in the middle of a white square."""
    square = np.full((side, side, 3), 255, np.uint8)
    start = (side - len(pixels)) // 2
    square[start : start + len(pixels), start : start + len(pixels)] = pixels
    return square
