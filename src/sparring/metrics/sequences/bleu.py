"""BLEU of sequences against others, and against each other."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from sparring.metrics.sequences.ngrams import NOTHING, Coded, Ngrams, Tokens, coded, ngrams_upto

ORDERS = (2, 3, 4, 5)
NONE_FOUND = 0.1
"""Stands for the number of n-grams that were found where none was (method 1 of Chen and Cherry 2014, which the field's codes use)."""


def bleu(made: Sequence[Tokens], references: Sequence[Tokens], orders: Sequence[int] = ORDERS) -> dict[int, Float64[np.ndarray, " n"]]:
    """BLEU of each sequence with all references (Papineni et al. 2002), 0 to 1, by the largest order of n-grams, each with equal weights:
    as SeqGAN and Texygen report it. High for sequences whose n-grams are all known, one that is repeated included.
    """
    own, others = coded(made, references)
    apart = np.abs(others.lengths[None, :] - np.unique(own.lengths)[:, None])
    nearest = {
        int(length): int(others.lengths[np.lexsort((others.lengths, row))[0]])
        for length, row in zip(np.unique(own.lengths), apart, strict=True)
    }
    precisions = [_precisions(each, alone=False) for each in ngrams_upto(max(orders), own, others)]
    return _combined(precisions, own.lengths, np.array([nearest[int(length)] for length in own.lengths], np.int64), orders)


def self_bleu(made: Sequence[Tokens], orders: Sequence[int] = ORDERS) -> dict[int, Float64[np.ndarray, " n"]]:
    """BLEU of each sequence with all others as references, 0 to 1 (Zhu et al. 2018, Texygen, section 3.4). 1: all are the same."""
    (own,) = coded(made)
    precisions = [_precisions(each, alone=True) for each in ngrams_upto(max(orders), own)]
    return _combined(precisions, own.lengths, _nearest_other_lengths(own), orders)


def _nearest_other_lengths(own: Coded) -> Int64[np.ndarray, " n"]:
    """Of each sequence, the length of the other one that is nearest in length; of two as near, the shorter."""
    counts = np.bincount(own.lengths)
    found = np.zeros(len(counts), np.int64)
    for length in np.flatnonzero(counts):
        left = np.flatnonzero(counts - (np.arange(len(counts)) == length))
        found[length] = left[np.abs(left - length).argmin()] if len(left) else length
    return found[own.lengths]


def _precisions(ngrams: Ngrams, *, alone: bool) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Of each sequence, how many of its n-grams a reference has as often, and how many it has. `alone`: references are the others."""
    own = ngrams.of_sets[0]
    row, kind, count = _counts_by_row(own, ngrams.kinds)
    if alone:
        limit = _most_in_another(kind, count)
    else:
        most = np.zeros(ngrams.kinds, np.int64)
        _, kinds, counts = _counts_by_row(ngrams.of_sets[1], ngrams.kinds)
        np.maximum.at(most, kinds, counts)
        limit = most[kind]
    found = np.bincount(row, np.minimum(count, limit), minlength=len(own)).astype(np.int64)
    return found, (own != NOTHING).sum(axis=1)


def _counts_by_row(
    numbers: Int64[np.ndarray, "n places"], kinds: int
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
    """Row, kind and count of all n-grams that a row has."""
    rows = np.broadcast_to(np.arange(len(numbers))[:, None], numbers.shape)[numbers != NOTHING]
    pairs, counts = np.unique(rows * kinds + numbers[numbers != NOTHING], return_counts=True)
    return pairs // max(1, kinds), pairs % max(1, kinds), counts


def _most_in_another(kind: Int64[np.ndarray, " k"], count: Int64[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
    """Of each row's count of a kind, the largest count of that kind in another row."""
    order = np.lexsort((-count, kind))
    first = np.ones(len(kind), bool)
    first[1:] = kind[order][1:] != kind[order][:-1]
    begins = np.flatnonzero(first)
    group = np.cumsum(first) - 1
    sorted_counts = np.append(count[order], 0)
    has_second = np.append(begins[1:], len(kind)) - begins > 1
    second = np.where(has_second, sorted_counts[np.minimum(begins + 1, len(kind))], 0)
    found = np.empty(len(kind), np.int64)
    found[order] = np.where(first, second[group], sorted_counts[begins][group])
    return found


def _combined(
    precisions: Sequence[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]],
    lengths: Int64[np.ndarray, " n"],
    reference_lengths: Int64[np.ndarray, " n"],
    orders: Sequence[int],
) -> dict[int, Float64[np.ndarray, " n"]]:
    """Geometric means of precisions, times the penalty on sequences that are too short."""
    with np.errstate(divide="ignore"):
        penalty = np.where(lengths > reference_lengths, 1.0, np.exp(1 - reference_lengths / np.maximum(lengths, 1)))
    logs = []
    for found, of in precisions:
        logs.append(np.log(np.where(found == 0, NONE_FOUND, found) / np.maximum(of, 1)))
    some = (precisions[0][0] > 0) & (lengths > 0)
    return {order: np.where(some, penalty * np.exp(np.mean(logs[:order], axis=0)), 0.0) for order in orders}
