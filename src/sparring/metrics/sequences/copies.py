"""Sequences that are copied from the training set, or nearly so."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sparring.metrics.sequences.ngrams import NOTHING, Coded, Ngrams, Tokens, coded, ngrams_upto

NEAR = 0.2
"""A sequence is a near copy if at most this share of the longer one's tokens has to be changed."""


def exact_copies(made: Sequence[Tokens], real: Sequence[Tokens]) -> Bool[np.ndarray, " n"]:
    """Whether each sequence is in the training set."""
    known = set(map(tuple, real))
    return np.array([tuple(each) in known for each in made], bool)


def near_copies(made: Sequence[Tokens], real: Sequence[Tokens], near: float = NEAR) -> Bool[np.ndarray, " n"]:
    """Whether each sequence is a near copy of the one of the training set that shares most pairs of tokens with it (exact copies are near
    copies, too). Few near copies are missed: those of which another training sequence shares more pairs.
    """
    own, others = coded(made, real)
    nearest = most_pairs_shared(ngrams_upto(2, own, others)[1], len(real))
    found = np.zeros(len(made), bool)
    some = np.flatnonzero(nearest >= 0)
    pair = others.at(nearest[some])
    longer = np.maximum(np.maximum(own.at(some).lengths, pair.lengths), 1)
    found[some] = edit_distances(own.at(some), pair) <= near * longer
    return found | exact_copies(made, real)


def most_pairs_shared(pairs: Ngrams, count: int) -> Int64[np.ndarray, " n"]:
    """Of each sequence of the first set, the one of the second that shares most pairs of tokens with it; -1: none shares any."""
    made, real = pairs.of_sets
    rows = np.broadcast_to(np.arange(len(real))[:, None], real.shape)[real != NOTHING]
    numbers, rows = np.unique(np.stack([real[real != NOTHING], rows]), axis=1)
    begins = np.searchsorted(numbers, np.arange(pairs.kinds + 1))
    found = np.full(len(made), -1, np.int64)
    for row, each in enumerate(made):
        holders = [rows[begins[number] : begins[number + 1]] for number in np.unique(each[each != NOTHING])]
        if holders and len(together := np.concatenate(holders)):
            found[row] = np.bincount(together, minlength=count).argmax()
    return found


def edit_distances(one: Coded, other: Coded) -> Int64[np.ndarray, " n"]:
    """Levenshtein distance of each sequence of one set from the one at its place in the other: the fewest tokens to insert, delete or
    replace.
    """
    lengths, ends = one.lengths, other.lengths
    places = np.arange(other.codes.shape[1] + 1)
    row = np.broadcast_to(places, (len(one), len(places))).copy()
    found = np.where(lengths == 0, ends, 0)
    for place in range(one.codes.shape[1]):
        replaced = row[:, :-1] + (other.codes != one.codes[:, place : place + 1])
        best = np.concatenate([row[:, :1] + 1, np.minimum(replaced, row[:, 1:] + 1)], axis=1)
        row = np.minimum.accumulate(best - places, axis=1) + places  # insertions: one more for each place to the right
        done = lengths == place + 1
        found[done] = row[done, ends[done]]
    return found


def unseen_shares(ngrams: Ngrams, made: int = 0, real: int = 1) -> Float64[np.ndarray, " n"]:
    """Of each sequence, the share of its n-grams that no sequence of the training set has; NaN for sequences without n-grams."""
    seen = ngrams.counts(real) > 0
    own = ngrams.of_sets[made]
    there = own != NOTHING
    unseen = there & ~seen[np.where(there, own, 0)] if ngrams.kinds else there
    with np.errstate(invalid="ignore"):
        return unseen.sum(axis=1) / there.sum(axis=1)
