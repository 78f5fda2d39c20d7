"""What every reader hands over: a source, described but not yet decoded."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Int64, UInt8


class Item(NamedTuple):
    """One picture of a source."""

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
    """Where pictures come from. Opening one decodes nothing; `read` may be called from many threads, in any order."""

    name: str
    """What the user wrote."""
    items: Sequence[Item] = field(repr=False)
    """The candidates, in an order that depends on their names alone."""
    read: Callable[[int], bytes | UInt8[np.ndarray, "h w c"]] = field(repr=False)
    """The i-th picture as the bytes of its file, or as pixels (c: 1 grey, 3 RGB, 4 RGBA). May raise OSError and the like for
    that one picture, and DataError if the whole source is broken."""
    key: str
    """Changes when the source does (absolute path, names, sizes, times of change): the cache goes by it."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty if there are none."""
    native_size: tuple[int, int] | None = None
    """(height, width) of every picture where that is known without looking, else None."""
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    """What is unusable as opening showed: counted as quarantined."""
    passed_over: tuple[Problem, ...] = field(default=(), repr=False)
    """Files that are no pictures and do not claim to be: listed, not counted."""
    notes: tuple[str, ...] = ()
    """What was decided at opening, in whole sentences."""

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


def key_of(*parts: object) -> str:
    """A short fingerprint of some plain values."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:32]


def examples(names: Iterable[str], most: int = 3) -> str:
    """The first few names, for a note: 'a.png, b.png, ...'."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
