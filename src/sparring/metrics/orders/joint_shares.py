"""How far apart the shares of groups are, of one kind or of several together."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

MOST_GROUPS = 8
"""Groups of one kind that are told apart; the rarest of the real log are one."""


def few_groups(codes: Int64[np.ndarray, " n"], shares: Float64[np.ndarray, " k"], most: int = MOST_GROUPS) -> Int64[np.ndarray, " n"]:
    """Codes below `most`: the most frequent groups (by `shares`), and all others as one."""
    ranks = np.empty(len(shares), np.int64)
    ranks[np.argsort(-shares, kind="stable")] = np.arange(len(shares))
    return np.minimum(ranks, most - 1)[codes]


def joined(kinds: Sequence[Int64[np.ndarray, " n"]]) -> tuple[Int64[np.ndarray, " n"], int]:
    """Codes of combinations of groups, and how many there may be. Each kind has codes below `MOST_GROUPS`."""
    found = np.zeros(len(kinds[0]), np.int64)
    for codes in kinds:
        found = found * MOST_GROUPS + codes
    return found, MOST_GROUPS ** len(kinds)


def share_distance(real: Int64[np.ndarray, " n"], generated: Int64[np.ndarray, " m"], count: int) -> float:
    """Total variation distance of the shares of `count` groups, 0 to 1."""
    one, other = (np.bincount(codes, minlength=count) / max(1, len(codes)) for codes in (real, generated))
    return float(np.abs(one - other).sum() / 2)


def joint_distance(real: Sequence[Int64[np.ndarray, " n"]], generated: Sequence[Int64[np.ndarray, " m"]]) -> float:
    """Total variation distance of the shares of combinations of groups, 0 to 1."""
    one, count = joined(real)
    return share_distance(one, joined(generated)[0], count)


def expected_distance(shares: Float64[np.ndarray, " k"], n: int, m: int) -> float:
    """About what the distance of two samples of n and m items is by chance, where both are of these shares: the sum over groups of the
    mean absolute difference of two normal numbers.
    """
    deviation = np.sqrt(shares * (1 - shares) * (1 / n + 1 / m))
    return float(deviation.sum() * np.sqrt(2 / np.pi) / 2)


def dependence(one: Int64[np.ndarray, " n"], other: Int64[np.ndarray, " n"]) -> float:
    """Cramér's V of two kinds of groups without its bias (Bergsma 2013), 0 (independent) to 1."""
    n = len(one)
    rows, a = np.unique(one, return_inverse=True)
    columns, b = np.unique(other, return_inverse=True)
    r, k = len(rows), len(columns)
    if min(r, k) < 2 or n < 2:
        return 0.0
    counts = np.bincount(a.reshape(-1) * k + b.reshape(-1), minlength=r * k).reshape(r, k)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / n
    phi = max(0.0, float(((counts - expected) ** 2 / expected).sum()) / n - (k - 1) * (r - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(phi / smaller)) if smaller > 0 else 0.0


def unevenness(codes: Int64[np.ndarray, " n"], count: int) -> float:
    """Total variation distance of the shares of `count` groups (months) from even ones, beyond about what chance makes, 0 to 1."""
    even = np.full(count, 1 / count)
    shares = np.bincount(codes, minlength=count) / max(1, len(codes))
    chance = float(np.sqrt(even * (1 - even) / max(1, len(codes))).sum() * np.sqrt(2 / np.pi) / 2)
    return max(0.0, float(np.abs(shares - even).sum() / 2) - chance)
