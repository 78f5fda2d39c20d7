"""How often short runs of tokens are, in two sets of sequences."""

import numpy as np
from jaxtyping import Float64, Int, Int64

END = 0
"""The code after the last token of a sequence."""


def runs_of(codes: Int[np.ndarray, "n t"], size: int) -> Int64[np.ndarray, "n runs"]:
    """A number for each run of `size` tokens in every sequence, equal for equal runs; -1 for those beyond the end, of which the end
    itself counts as a token.
    """
    n, _ = codes.shape
    ended = np.concatenate([codes, np.full((n, size), END)], axis=1).astype(np.int64)
    begins = (codes != END).cumprod(axis=1).sum(axis=1)  # the length of each
    windows = np.lib.stride_tricks.sliding_window_view(ended, size, axis=1)[:, : codes.shape[1] + 1]
    names = np.zeros(windows.shape[:2], np.int64)
    for place in range(size):
        names = names * 1_000_003 + windows[:, :, place]
    last = np.arange(windows.shape[1])[None] > np.maximum(begins - size + 1, 0)[:, None]
    return np.where(last, -1, np.abs(names))


def run_shares(
    real: Int64[np.ndarray, "..."], made: Int64[np.ndarray, "..."]
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """The share of each run among all of either set, over the runs of both."""
    a, b = real[real >= 0], made[made >= 0]
    names, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    shares = (np.bincount(some, minlength=len(names)) / max(1, len(some)) for some in (places[: len(a)], places[len(a) :]))
    first, second = shares
    return first, second


def run_distance(real: Int[np.ndarray, "n t"], made: Int[np.ndarray, "m t"], size: int = 2) -> float:
    """Jensen-Shannon divergence between the shares of runs of `size` tokens, in bits: 0 for equal shares, 1 for no run in common. Small
    sets are apart by chance: compare sets of the same size alone.
    """
    shares = run_shares(runs_of(real, size), runs_of(made, size))
    middle = (shares[0] + shares[1]) / 2
    return float(sum((each[each > 0] * np.log2(each[each > 0] / middle[each > 0])).sum() for each in shares) / 2)
