"""What can be judged: images that come in order and more than once, wherever they come from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int64, UInt8

from sparring.core.errors import DataError
from sparring.core.parallel import in_order
from sparring.data.images.sizes_and_range import SharedRange
from sparring.data.preprocessing import Preprocessing, checked_background
from sparring.data.source import Problem, Source, key_of
from sparring.data.store import Store
from sparring.media.image_decoding import UnusableError, fit, load, whole
from sparring.media.value_range import Range

PIECE = 1024
AT_A_TIME = 4
"""Files that a thread decodes at a time: they may be large."""
THUMBNAIL = 128
"""Side in pixels of what a report shows of images of any sizes."""


@dataclass(frozen=True, eq=False)
class Images:
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
    brought: str = "as they are"
    """How they came to be what the extractor resizes, for the protocol."""
    black_white: Callable[[], Range] | None = field(default=None, repr=False)
    """Of files: gives the values that are black and white in images of more than 8 bits a value."""
    notes: tuple[str, ...] = ()
    """What a reader should know: what was left out, enlarged and so on."""

    def name_of(self, number: int) -> str:
        """Of one image."""
        return f"number {number}" if self.names is None else self.names[number]

    def only(self, numbers: Int64[np.ndarray, " n"], notes: Sequence[str]) -> "Images":
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


def of_store(store: Store, name: str, brought: str = "") -> Images:
    """Prepared images, `brought` to what they are in some way (by default: prepared, at their size)."""

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for start in range(0, len(store), PIECE):
            yield store.pixels[start : start + PIECE].view(np.ndarray)

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        return store.pixels.view(np.ndarray)[np.asarray(numbers, dtype=np.int64)]

    report = store.report
    left_out = f"{name}: {len(report.quarantined):,} of {report.found:,} images could not be used and are not judged."
    notes = (*((left_out,) if report.quarantined else ()), *(f"{name}: {note}" for note in (*report.warnings, *report.notes)))
    brought = brought or f"prepared data of {store.spec.width}x{store.spec.height}"
    return Images(
        name, len(store), store.spec.classes, batches, pick, store.labels, store.names, store.fingerprint, brought=brought, notes=notes
    )


def of_source(source: Source, preprocessing: Preprocessing, black_white: SharedRange) -> Images:
    """The images of a source as they are: each from its own pixels, the whole of it. Nothing is cut, resized or kept on the disk.

    Of the preprocessing, what tells how files are read counts: background, value_range, max_pixels, max_bad.
    """
    background = checked_background(preprocessing)

    def read(index: int) -> UInt8[np.ndarray, "1 h w c"] | Problem:
        try:
            loaded = load(source.read(index), black_white=black_white, max_pixels=preprocessing.max_pixels)
            return whole(loaded.image, background)[None]
        except DataError:  # the source as a whole is broken
            raise
        except UnusableError as problem:
            return Problem(source.items[index].name, str(problem))
        except Exception as problem:  # a reader's own: a file that has gone, a damaged entry of a zip
            return Problem(source.items[index].name, f"cannot be read: {problem}")

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"] | Problem]:
        for chunk in in_order(lambda indices: [read(index) for index in indices], len(source), chunk=AT_A_TIME):
            yield from chunk

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        shown = []
        for number in numbers:
            loaded = load(source.read(number), THUMBNAIL, black_white=black_white, max_pixels=preprocessing.max_pixels)
            side = min(THUMBNAIL, max(loaded.upright))
            shown.append(fit(loaded.image, side, "pad", background, 3))
        largest = max((len(each) for each in shown), default=1)
        return np.stack([each if len(each) == largest else _on_white(each, largest) for each in shown])

    labels = np.asarray([item.label for item in source.items], np.int64) if source.classes else None
    names = [item.name for item in source.items]
    unusable = len(source.problems)
    notes = [f"{source.name}: {note}" for note in source.notes]
    if unusable:
        notes.append(f"{source.name}: {unusable:,} of {unusable + len(source):,} images could not be used and are not judged.")
    fingerprint = key_of("own pixels", source.key, background, preprocessing.value_range, preprocessing.max_pixels)
    return Images(
        source.name,
        len(source),
        source.classes,
        batches,
        pick,
        labels,
        names,
        fingerprint,
        brought="the whole of each image, from its own pixels",
        black_white=black_white,
        notes=tuple(notes),
    )


def _on_white(pixels: UInt8[np.ndarray, "side side 3"], side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    """A small image in the middle of a white square."""
    square = np.full((side, side, 3), 255, np.uint8)
    start = (side - len(pixels)) // 2
    square[start : start + len(pixels), start : start + len(pixels)] = pixels
    return square
