"""Sequences as arrays of codes, and their n-grams as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

Tokens = Sequence[str]
"""One sequence."""
NOTHING = -1
"""Stands where a sequence has no token, or no n-gram, any more."""


@dataclass(frozen=True, eq=False)
class Coded:
    """Sequences as codes of a vocabulary that several sets share."""

    codes: Int64[np.ndarray, "n longest"]
    """Codes from 0; `NOTHING` after the last token."""
    vocabulary: int
    """Number of different tokens in all of the sets."""

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def lengths(self) -> Int64[np.ndarray, " n"]:
        """Number of tokens of each sequence."""
        return (self.codes != NOTHING).sum(axis=1)

    def at(self, rows: Int64[np.ndarray, " k"]) -> "Coded":
        """Some of the sequences."""
        return Coded(self.codes[rows], self.vocabulary)


def coded(*sets: Sequence[Tokens]) -> tuple[Coded, ...]:
    """Sets of sequences, as codes of one vocabulary."""
    code_of: dict[str, int] = {}
    longest = max((len(each) for some in sets for each in some), default=0)
    found = []
    for some in sets:
        codes = np.full((len(some), longest), NOTHING, np.int64)
        for row, each in enumerate(some):
            codes[row, : len(each)] = [code_of.setdefault(token, len(code_of)) for token in each]
        found.append(codes)
    return tuple(Coded(codes, len(code_of)) for codes in found)


@dataclass(frozen=True, eq=False)
class Ngrams:
    """The n-grams of several sets of sequences, numbered from 0 across all of them."""

    order: int
    of_sets: tuple[Int64[np.ndarray, "_ places"], ...]
    """Of each set, the n-gram that begins at each place of each sequence; `NOTHING` where there is none any more."""
    kinds: int
    """Number of different n-grams."""

    def counts(self, number: int) -> Int64[np.ndarray, " kinds"]:
        """How often each n-gram is in set `number`."""
        of_set = self.of_sets[number]
        return np.bincount(of_set[of_set != NOTHING], minlength=self.kinds)

    def with_rows(self, rows: Int64[np.ndarray, " k"]) -> "Ngrams":
        """The same, with some sequences of the first set alone."""
        return Ngrams(self.order, (self.of_sets[0][rows], *self.of_sets[1:]), self.kinds)


def ngrams_upto(order: int, *sets: Coded) -> tuple[Ngrams, ...]:
    """The n-grams of orders 1 to `order` of sets with one vocabulary."""
    stacked = np.concatenate([each.codes for each in sets])
    ends = np.cumsum([len(each) for each in sets])[:-1]
    vocabulary = max(1, *(each.vocabulary for each in sets))
    numbers, kinds, found = stacked, vocabulary, []
    for n in range(1, order + 1):
        if n > 1:  # an n-gram is the (n-1)-gram at its place, and the token after that
            following = stacked[:, n - 1 :]
            shorter = numbers[:, : following.shape[1]]
            pairs = np.where(following == NOTHING, NOTHING, shorter * vocabulary + following)
            there = pairs != NOTHING
            distinct, numbered = np.unique(pairs[there], return_inverse=True)
            numbers, kinds = np.full(pairs.shape, NOTHING, np.int64), len(distinct)
            numbers[there] = numbered
        found.append(Ngrams(n, tuple(np.split(numbers, ends)), kinds))
    return tuple(found)
