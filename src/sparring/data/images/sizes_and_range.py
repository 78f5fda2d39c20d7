"""What all images of a source have in common: their size, and which of their values are black and white."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Sequence

from sparring.core.errors import DataError
from sparring.core.parallel import in_order
from sparring.data.preprocessing import Preprocessing
from sparring.data.source import Source, name_examples
from sparring.media.image_decoding import read_header, value_extremes
from sparring.media.value_range import ValueRange, choose_range, describe_range, join_ranges


def common_size(source: Source, max_pixels: int | None = None, workers: int | None = None) -> tuple[int, int] | None:
    """(height, width) of all images, if it is the same. Reads headings only, and stops at the first that differs."""
    if source.native_size is not None:
        return source.native_size

    def sizes(indices: range) -> set[tuple[int, int]]:
        found = set()
        for index in indices:
            with contextlib.suppress(Exception):  # whatever is wrong with it is found and told when it is decoded
                header = read_header(source.read(index), max_pixels)[1]
                found.add((header.height, header.width))
        return found

    seen: set[tuple[int, int]] = set()
    with contextlib.closing(in_order(sizes, len(source), workers, chunk=8)) as chunks:
        for found in chunks:
            seen |= found
            if len(seen) > 1:
                return None
    return seen.pop() if seen else None


class SharedRange:
    """The range of a set, found out when its first image of more than 8 bits is met, by whichever thread meets it."""

    def __init__(self, find: Callable[[], ValueRange]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self.found: ValueRange | None = None
        """None as long as no such image was met."""

    def __call__(self) -> ValueRange:
        """The range."""
        with self._lock:
            if self.found is None:
                self.found = self._find()
            return self.found


def shared_range(sources: Sequence[Source], preprocessing: Preprocessing, workers: int | None = None) -> SharedRange:
    """The values of black and white in images of more than 8 bits a value: as the preprocessing says, or found in all of these sources."""

    def find() -> ValueRange:
        if preprocessing.value_range is not None:
            return preprocessing.value_range
        found: ValueRange | None = None
        whole = True
        for source in sources:

            def look(indices: range, source: Source = source) -> list[tuple[ValueRange, bool]]:
                seen = (_image_extremes(source, index, preprocessing.max_pixels) for index in indices)
                return [one for one in seen if one is not None]

            for extremes, are_whole in itertools.chain.from_iterable(in_order(look, len(source), workers, chunk=8)):
                found, whole = extremes if found is None else join_ranges(found, extremes), whole and are_whole
        return (0.0, 1.0) if found is None else choose_range(*found, whole=whole)

    return SharedRange(find)


def _image_extremes(source: Source, index: int, max_pixels: int | None) -> tuple[ValueRange, bool] | None:
    try:
        return value_extremes(source.read(index), max_pixels)
    except DataError:  # the source as a whole is broken
        raise
    except Exception:  # a file that has gone: told when it is decoded
        return None


def value_range_notes(deep: Sequence[str], taken: ValueRange | None, preprocessing: Preprocessing) -> list[str]:
    """What is said where images have more than 8 bits a value."""
    if not deep or taken is None:
        return []
    how = (
        "as value_range says"
        if preprocessing.value_range is not None
        else "from what all of them hold; --value-range BLACK WHITE chooses otherwise"
    )
    return [
        f"More than 8 bits a value: of {len(deep):,} images ({name_examples(deep)}) {describe_range(taken)} was taken as black to white, "
        f"{how}."
    ]
