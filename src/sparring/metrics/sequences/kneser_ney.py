"""An n-gram model with interpolated Kneser-Ney smoothing: fast, exact, and the same in every run. A judge of fluency, and of what a set of
samples has lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sparring.metrics.sequences.ngrams import NOTHING, Coded, Tokens, coded

ORDER = 4
"""Tokens that the model looks at together."""


@dataclass(frozen=True, eq=False)
class LogChances:
    """How likely a model finds sequences."""

    of_sequences: Float64[np.ndarray, " n"]
    """Natural logarithm of the probability of each sequence, its end included."""
    tokens: Int64[np.ndarray, " n"]
    """Number of tokens of each, and one for its end."""

    @property
    def nats_per_token(self) -> float:
        """Mean negative logarithm of the probability of a token."""
        return float(-self.of_sequences.sum() / max(1, self.tokens.sum()))


def kneser_ney(training: Sequence[Tokens], scored: Sequence[Tokens], order: int = ORDER, vocabulary: int | None = None) -> LogChances:
    """How likely sequences are to an n-gram model of other sequences (Kneser and Ney 1995; Chen and Goodman 1999, section 3, interpolated,
    with one discount n1 / (n1 + 2 n2) for each order). `vocabulary`: number of tokens that could come, where they are more than both sets
    have; those that `training` lacks share what all others have left.
    """
    known, asked = coded(training, scored)
    places = [_windows(each, order) for each in (known, asked)]
    windows = np.concatenate(places)
    trained = np.arange(len(windows)) < len(places[0])
    kinds = max(known.vocabulary, vocabulary or 0) + 1  # and the end
    chances = np.full(len(windows), 1 / kinds)
    for level in _levels(windows, trained, order):
        chances = level.interpolated(chances)
    logs = np.log(chances[~trained])
    rows = np.repeat(np.arange(len(asked)), asked.lengths + 1)
    return LogChances(np.bincount(rows, logs, minlength=len(asked)), asked.lengths + 1)


def _windows(sequences: Coded, order: int) -> Int64[np.ndarray, "places order"]:
    """The last `order` tokens at each place of each sequence, its end included, one sequence after the other. Codes from 2: 0 is before the
    beginning, 1 the end.
    """
    n, longest = sequences.codes.shape
    padded = np.zeros((n, order - 1 + longest + 1), np.int64)
    padded[:, order - 1 : -1] = np.where(sequences.codes == NOTHING, 0, sequences.codes + 2)
    padded[np.arange(n), order - 1 + sequences.lengths] = 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, order, axis=1)
    read = np.arange(longest + 1) <= sequences.lengths[:, None]
    return windows[read]


@dataclass(frozen=True, eq=False)
class _Level:
    """One order of n-grams: how often each is, at each window."""

    counts: Float64[np.ndarray, " places"]
    """Of the n-gram that ends at each place."""
    totals: Float64[np.ndarray, " places"]
    """Of all n-grams with its context."""
    kinds: Float64[np.ndarray, " places"]
    """Number of different n-grams with its context."""
    discount: float

    def interpolated(self, lower: Float64[np.ndarray, " places"]) -> Float64[np.ndarray, " places"]:
        """Chances by this order, where what is discounted is shared out by the next lower one."""
        known = np.maximum(self.totals, 1)
        own = np.maximum(self.counts - self.discount, 0) / known + self.discount * self.kinds / known * lower
        return np.where(self.totals > 0, own, lower)


def _levels(windows: Int64[np.ndarray, "places order"], trained: Bool[np.ndarray, " places"], order: int) -> list[_Level]:
    """The orders from 1 to the highest. Lower orders count the different tokens before an n-gram, and not how often it comes."""
    numbers = {0: np.zeros(len(windows), np.int64)}
    contexts = {1: np.zeros(len(windows), np.int64)}
    for n in range(1, order + 1):  # n-grams that end at a place; contexts: without their last token
        token = windows[:, order - n]
        numbers[n] = _pair_numbers(token, numbers[n - 1]) if n > 1 else windows[:, order - 1]
        contexts[n] = _numbered(windows[:, order - n : order - 1])
    levels = []
    for n in range(1, order + 1):
        counted = numbers[n][trained]
        if n < order:  # once for each different (n+1)-gram that ends so
            _, first = np.unique(numbers[n + 1][trained], return_index=True)
            counts = np.bincount(counted[first], minlength=int(numbers[n].max(initial=0)) + 1)
        else:
            counts = np.bincount(counted, minlength=int(numbers[n].max(initial=0)) + 1)
        seen, where = np.unique(counted, return_index=True)
        of_context = contexts[n][trained][where]
        size = int(contexts[n].max(initial=0)) + 1
        totals = np.bincount(of_context, counts[seen], minlength=size)
        kinds = np.bincount(of_context, minlength=size)
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        discount = once / (once + 2 * twice) if once else 0.5
        levels.append(_Level(counts[numbers[n]].astype(float), totals[contexts[n]], kinds[contexts[n]].astype(float), discount))
    return levels


def _numbered(columns: Int64[np.ndarray, "places n"]) -> Int64[np.ndarray, " places"]:
    """A number from 0 for each different row."""
    numbers = np.zeros(len(columns), np.int64)
    for column in columns.T:
        numbers = _pair_numbers(column, numbers)
    return numbers


def _pair_numbers(one: Int64[np.ndarray, " places"], other: Int64[np.ndarray, " places"]) -> Int64[np.ndarray, " places"]:
    """A number from 0 for each different pair."""
    if not len(one):
        return one
    return np.unique(one * (int(other.max()) + 1) + other, return_inverse=True)[1]
