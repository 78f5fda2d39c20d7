"""The common result of all readers: a source of images that are listed but not yet decoded."""

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Float64, Int64, UInt8


class Item(NamedTuple):
    """One image of a source."""

    name: str
    """Path of the image within the source, with forward slashes; a number for arrays."""
    label: int | None = None
    """Index of the image's class, or None if the source has no classes."""
    cut_as: str | None = None
    """What decides at which places pieces are cut out of the image: its name, unless another one is given."""


class Problem(NamedTuple):
    """A file or row that cannot be used, and why."""

    name: str
    reason: str


class LabelColumn(NamedTuple):
    """One of several labels of the images of a source."""

    name: str
    classes: tuple[str, ...]
    """Names of the classes; empty for numbers."""
    values: Float64[np.ndarray, " n"]
    """The number of each image's class, or its number."""


@dataclass(frozen=True)
class Source:
    """A source of images. Opening one decodes nothing. `read` can be called from many threads, in any order."""

    name: str
    """The name or path that the user gave."""
    items: Sequence[Item] = field(repr=False)
    """The images, in an order that depends on their names alone."""
    read: Callable[[int], bytes | UInt8[np.ndarray, "h w c"]] = field(repr=False)
    """Reads the i-th image as the bytes of its file, or as pixels (c: 1 gray, 3 RGB, 4 RGBA). May raise any error for this image, and a
    DataError if the whole source is broken."""
    identify: Callable[[], str] = field(repr=False)
    """Computes `key`, for which files may have to be read."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if there are none."""
    native_size: tuple[int, int] | None = None
    """(height, width) of every image if it is known without decoding, else None."""
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    """Images that were found to be unusable on opening; they count as quarantined."""
    skipped: tuple[Problem, ...] = field(default=(), repr=False)
    """Files that are not images and do not claim to be. They are listed, but not counted."""
    notes: tuple[str, ...] = ()
    """Decisions made on opening, in whole sentences."""
    layout: str = ""
    """Name of the source's layout if it is a well-known one, for messages; else an empty string."""
    top: str = ""
    """Path within the source of the folder that holds all images, ending in a slash; empty if there is none."""
    labels: tuple["LabelColumn", ...] = field(default=(), repr=False)
    """Several or continuous labels of the images, in place of classes."""
    splits: tuple[str, ...] = ()
    """Folders in `top` that are splits of a data set (train, test, trainA, ...), if no split was chosen. `prepare` refuses such a source;
    `select_splits` takes some of them."""

    @functools.cached_property
    def key(self) -> str:
        """Cache key of the source, which changes with names, classes and the content of files."""
        return self.identify()

    def select_splits(self, splits: Sequence[str]) -> "Source":
        """A source with the images of these splits only."""
        folders = tuple(f"{self.top}{split}/" for split in splits)
        return self.select([item.name.startswith(folders) for item in self.items], ("part", splits))

    def select(self, which: Sequence[bool], why: object) -> "Source":
        """A source with some of the images. `why` identifies the choice."""
        chosen = [index for index, is_chosen in enumerate(which) if is_chosen]
        return replace(
            self,
            items=[self.items[index] for index in chosen],
            read=lambda index: self.read(chosen[index]),
            identify=lambda: hash_key(*why, self.key) if isinstance(why, tuple) else hash_key(why, self.key),
            labels=tuple(LabelColumn(name, classes, values[chosen]) for name, classes, values in self.labels),
            splits=(),
        )

    def cut_like(self, names: Sequence[str]) -> "Source":
        """A source of the same images, of which pieces are cut out at the places that these names decide."""
        items = [item._replace(cut_as=name) for item, name in zip(self.items, names, strict=True)]
        return replace(self, items=items, identify=lambda: hash_key("cut like", list(names), self.key))

    def __len__(self) -> int:
        return len(self.items)


class NumberedItems(Sequence[Item]):
    """Items of an array, created on access and named by their index."""

    def __init__(self, count: int, labels: Int64[np.ndarray, " n"] | None = None) -> None:
        self._count = count
        self._labels = labels

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        index %= self._count
        return Item(f"{index:06d}", None if self._labels is None else int(self._labels[index]))


def hash_key(*parts: object) -> str:
    """A hash of plain values, as 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:32]


def name_examples(names: Iterable[str], most: int = 3) -> str:
    """The first few names, for a message: "a.png, b.png, ..."."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
