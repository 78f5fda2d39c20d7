"""How varied sequences are, and what form they have."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

from sparring.metrics.sequences.ngrams import NOTHING, Coded, Ngrams, Tokens

Form = tuple[int, ...]
"""Number of tokens of each line of a verse."""
LINE_ENDS = frozenset("\n\uff0c\u3002\uff01\uff1f\uff1b")
"""Tokens that end a line: line breaks, and the punctuation of Chinese verse."""


def distinct(ngrams: Ngrams, number: int = 0) -> float:
    """Number of different n-grams over the number of n-grams, 0 to 1 (Li et al. 2016). It falls with the number of sequences: compare equal
    numbers alone.
    """
    counts = ngrams.counts(number)
    return float((counts > 0).sum() / max(1, counts.sum()))


def most_frequent_share(made: Sequence[Tokens]) -> float:
    """Share of the sequences that are the most frequent one. 1: all are the same."""
    return max(Counter(map(tuple, made)).values(), default=0) / max(1, len(made))


def distinct_share(made: Sequence[Tokens]) -> float:
    """Number of different sequences over the number of sequences."""
    return len(set(map(tuple, made))) / max(1, len(made))


def longest_runs(made: Coded) -> Int64[np.ndarray, " n"]:
    """Of each sequence, how often its most repeated token comes without a break."""
    longest, run = np.zeros(len(made), np.int64), np.zeros(len(made), np.int64)
    for place in range(made.codes.shape[1]):
        token = made.codes[:, place]
        goes_on = (token == made.codes[:, place - 1]) if place else np.zeros(len(made), bool)
        run = np.where(token == NOTHING, 0, np.where(goes_on, run + 1, 1))
        longest = np.maximum(longest, run)
    return longest


def form_of(tokens: Tokens) -> Form:
    """Number of tokens of each line."""
    lines, last = [0], tokens[-1] if tokens else ""
    for token in tokens:
        if token.strip(" ") in LINE_ENDS:
            lines.append(0)
        else:
            lines[-1] += 1
    return tuple(lines[:-1] if last.strip(" ") in LINE_ENDS else lines)


def common_forms(real: Sequence[Tokens], share: float = 0.05) -> frozenset[Form]:
    """The forms of two lines or more that at least that share of the sequences has; none unless these are half of all sequences."""
    counts = Counter(form for form in map(form_of, real) if len(form) > 1)
    forms = {form: count for form, count in counts.items() if count >= share * len(real)}
    return frozenset(forms) if 2 * sum(forms.values()) >= len(real) else frozenset()


def has_form(made: Sequence[Tokens], forms: frozenset[Form]) -> Bool[np.ndarray, " n"]:
    """Whether each sequence has one of the forms."""
    return np.array([form_of(each) in forms for each in made], bool)
