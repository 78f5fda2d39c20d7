"""The common size of all images of a source, and the common value range of images of more than 8 bits a value."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Sequence

from sparring.core.errors import DataError
from sparring.core.parallel_map import in_order
from sparring.data.listed_images import Source, name_examples
from sparring.data.preprocessing import Preprocessing
from sparring.media.image_decoding import read_header, value_extremes
from sparring.media.value_range import ValueRange, choose_range, describe_range, join_ranges


def common_size(source: Source, max_pixels: int | None = None, workers: int | None = None) -> tuple[int, int] | None:
    """(height, width) of all images if they have one size, else None. Reads headers only, and stops at the first that differs."""
    if source.native_size is not None:
        return source.native_size

    def sizes(indices: range) -> set[tuple[int, int]]:
        found = set()
        for index in indices:
            with contextlib.suppress(Exception):  # reported when the image is decoded
                header = read_header(source.read(index), max_pixels)[1]
                found.add((header.height, header.width))
        return found

    all_sizes: set[tuple[int, int]] = set()
    with contextlib.closing(in_order(sizes, len(source), workers, chunk=8)) as chunks:
        for found in chunks:
            all_sizes |= found
            if len(all_sizes) > 1:
                return None
    return all_sizes.pop() if all_sizes else None


class SharedRange:
    """The common value range of images of more than 8 bits a value, computed when the first of them is decoded, by any thread."""

    def __init__(self, find: Callable[[], ValueRange]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self.found: ValueRange | None = None
        """The range, or None as long as no such image was decoded."""

    def __call__(self) -> ValueRange:
        """The range, computed on the first call."""
        with self._lock:
            if self.found is None:
                self.found = self._find()
            return self.found


def shared_range(sources: Sequence[Source], preprocessing: Preprocessing, workers: int | None = None) -> SharedRange:
    """The values of black and white in images of more than 8 bits a value: from the preprocessing, or from all sources together."""

    def find() -> ValueRange:
        if preprocessing.value_range is not None:
            return preprocessing.value_range
        found: ValueRange | None = None
        whole = True
        for source in sources:

            def extremes_of_images(indices: range, source: Source = source) -> list[tuple[ValueRange, bool]]:
                extremes = (_image_extremes(source, index, preprocessing.max_pixels) for index in indices)
                return [each for each in extremes if each is not None]

            for extremes, are_whole in itertools.chain.from_iterable(in_order(extremes_of_images, len(source), workers, chunk=8)):
                found, whole = extremes if found is None else join_ranges(found, extremes), whole and are_whole
        return (0.0, 1.0) if found is None else choose_range(*found, whole=whole)

    return SharedRange(find)


def _image_extremes(source: Source, index: int, max_pixels: int | None) -> tuple[ValueRange, bool] | None:
    try:
        return value_extremes(source.read(index), max_pixels)
    except DataError:  # the whole source is broken
        raise
    except Exception:  # reported when the image is decoded
        return None


def value_range_notes(deep: Sequence[str], taken: ValueRange | None, preprocessing: Preprocessing) -> list[str]:
    """A note on the value range of the images named in `deep`, which have more than 8 bits a value; empty if there are none."""
    if not deep or taken is None:
        return []
    how = (
        "as given by value_range"
        if preprocessing.value_range is not None
        else "from the values of all of them; to change it: --value-range BLACK WHITE"
    )
    return [
        f"More than 8 bits a value: in {len(deep):,} images ({name_examples(deep)}) {describe_range(taken)} was used as black to white, "
        f"{how}."
    ]
