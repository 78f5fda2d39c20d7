"""How far the distributions of n-grams and of lengths are apart."""

import numpy as np
from jaxtyping import Float64, Int64

from sparring.metrics.sequences.ngrams import Ngrams


def jensen_shannon(one: Int64[np.ndarray, " kinds"], other: Int64[np.ndarray, " kinds"]) -> float:
    """Jensen-Shannon distance of two distributions given as counts: the square root of the divergence in bits, 0 to 1 (Endres and
    Schindelin 2003). Finite samples of the same distribution are apart, too, the more kinds there are.
    """
    p, q = one / max(1, one.sum()), other / max(1, other.sum())
    middle = (p + q) / 2
    divergence = (_divergence(p, middle) + _divergence(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _divergence(p: Float64[np.ndarray, " kinds"], q: Float64[np.ndarray, " kinds"]) -> float:
    """Kullback-Leibler divergence in bits."""
    there = p > 0
    return float((p[there] * np.log2(p[there] / q[there])).sum())


def ngram_distance(ngrams: Ngrams, one: int = 0, other: int = 1) -> float:
    """Jensen-Shannon distance of the n-grams of two of the sets, 0 to 1."""
    return jensen_shannon(ngrams.counts(one), ngrams.counts(other))


def length_distance(one: Int64[np.ndarray, " n"], other: Int64[np.ndarray, " m"]) -> float:
    """Wasserstein-1 distance of two sets of lengths, in tokens: the area between their distribution functions."""
    longest = int(max(one.max(initial=0), other.max(initial=0)))
    upto = [np.cumsum(np.bincount(each, minlength=longest + 1)) / max(1, len(each)) for each in (one, other)]
    return float(np.abs(upto[0] - upto[1]).sum())
