"""What every reader hands over: a source, described but not yet decoded."""

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Int64, UInt8


class Item(NamedTuple):
    """One image of a source."""

    name: str
    """Where it lies in the source, with forward slashes; a number for arrays."""
    label: int | None = None
    """Its class as a number, or None if the source has no classes."""


class Problem(NamedTuple):
    """A file or row that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Source:
    """Where images come from. Opening one decodes nothing; `read` may be called from many threads, in any order."""

    name: str
    """What the user wrote."""
    items: Sequence[Item] = field(repr=False)
    """The candidates, in an order that depends on their names alone."""
    read: Callable[[int], bytes | UInt8[np.ndarray, "h w c"]] = field(repr=False)
    """The i-th image as the bytes of its file, or as pixels (c: 1 gray, 3 RGB, 4 RGBA). May raise OSError and the like for
    that one image, and DataError if the whole source is broken."""
    identify: Callable[[], str] = field(repr=False)
    """Works out `key`, for which files may have to be read."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if there are none."""
    native_size: tuple[int, int] | None = None
    """(height, width) of every image where that is known without looking, else None."""
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    """What is unusable as opening showed: counted as quarantined."""
    skipped: tuple[Problem, ...] = field(default=(), repr=False)
    """Files that are no images and do not claim to be: listed, not counted."""
    notes: tuple[str, ...] = ()
    """What was decided at opening, in whole sentences."""
    layout: str = ""
    """How it is laid out, for a person: the name of a well-known layout, or nothing."""
    top: str = ""
    """The path in the source of the folder that holds all images; it ends with a slash unless it is empty."""
    splits: tuple[str, ...] = ()
    """Folders in `top` that are parts of a data set (train, test, trainA, ...), where no part was chosen. `prepare` refuses such a
    source; `part` takes some of them."""

    @functools.cached_property
    def key(self) -> str:
        """Changes when names, classes or the content of files do: the cache goes by it."""
        return self.identify()

    def select_splits(self, splits: Sequence[str]) -> "Source":
        """The images of these splits alone."""
        folders = tuple(f"{self.top}{split}/" for split in splits)
        chosen = [index for index, item in enumerate(self.items) if item.name.startswith(folders)]
        return replace(
            self,
            items=[self.items[index] for index in chosen],
            read=lambda index: self.read(chosen[index]),
            identify=lambda: hash_key("part", splits, self.key),
            splits=(),
        )

    def __len__(self) -> int:
        return len(self.items)


class NumberedItems(Sequence[Item]):
    """Items of an array: named by their number, made when asked for."""

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
    """A short fingerprint of some plain values."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:32]


def name_examples(names: Iterable[str], most: int = 3) -> str:
    """The first few names, for a note: 'a.png, b.png, ...'."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
