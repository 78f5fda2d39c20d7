"""What is bought together, and how often customers come back."""

import numpy as np
from jaxtyping import Float64, Int64

MOST_LINES = 10
"""Sizes of baskets, and lines of customers, from this one on are one."""


def basket_sizes(baskets: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " sizes"]:
    """Share of the lines that are in a basket of 1, 2, ... lines; the last: of `MOST_LINES` or more."""
    sizes = np.bincount(baskets)[baskets]
    return np.bincount(np.minimum(sizes, MOST_LINES) - 1, minlength=MOST_LINES) / max(1, len(baskets))


def pair_shares(baskets: Int64[np.ndarray, " n"], kinds: Int64[np.ndarray, " n"], count: int) -> Float64[np.ndarray, " pairs"]:
    """Of lines with another one in the same basket, the shares of pairs of kinds (one of each, in any order); then the share of the lines
    that are alone. Each line counts once: over its pairs.
    """
    sizes = np.bincount(baskets)
    counts = np.zeros((len(sizes), count))
    np.add.at(counts, (baskets, kinds), 1.0)
    weights = np.where(sizes > 1, 1 / np.maximum(sizes - 1, 1), 0.0)
    found = counts.T @ (weights[:, None] * counts) - np.diag(weights @ counts)
    pairs = (np.triu(found + found.T) - np.diag(np.diag(found)))[np.triu_indices(count)]
    return np.append(pairs, (sizes == 1).sum()) / max(1, len(baskets))


def lines_per_customer(customers: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " counts"]:
    """Share of the customers that have 1, 2, ... lines; the last: `MOST_LINES` or more."""
    counts = np.bincount(customers)
    return np.bincount(np.minimum(counts[counts > 0], MOST_LINES) - 1, minlength=MOST_LINES) / max(1, int((counts > 0).sum()))


def gaps_between(customers: Int64[np.ndarray, " n"], days: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " gaps"]:
    """Days between the days on which a customer bought, one after the other, of all customers, in increasing order."""
    bought = np.unique(np.stack([customers, days], axis=1), axis=0)
    same = bought[1:, 0] == bought[:-1, 0]
    return np.sort((bought[1:, 1] - bought[:-1, 1])[same].astype(np.float64))


def distribution_distance(one: Float64[np.ndarray, " n"], other: Float64[np.ndarray, " m"]) -> float:
    """Largest difference of the distribution functions of two lists of numbers (Kolmogorov and Smirnov), 0 to 1; 1 if one is empty and the
    other is not.
    """
    if not len(one) or not len(other):
        return float(len(one) != len(other))
    one, other = np.sort(one), np.sort(other)
    every = np.concatenate([one, other])
    shares = [np.searchsorted(each, every, side="right") / len(each) for each in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def shares_distance(one: Float64[np.ndarray, " k"], other: Float64[np.ndarray, " k"]) -> float:
    """Total variation distance of shares, 0 to 1."""
    return float(np.abs(one - other).sum() / 2)
