"""Encodings of columns from noisy counts, so that no category, range or quantile betrays a row (Dwork and Roth 2014, sections 3.3 and 7.1).

A row is counted once in each count. All counts together are one vector with normal noise; how much of its length a row may move is what
the noise is measured in. Counts differ in weight: one of weight w has w times the noise of others, and moves the vector by 1/w.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.secret_streams import SecretStreams
from sparring.data.tables.columns import ColumnValues
from sparring.data.tables.encoding import ATOM_COUNT, ATOM_SHARE, Encoding
from sparring.data.tables.privacy import PrivacyBudget
from sparring.data.tables.table_json import KnownColumn

TREE_WEIGHT = 4.0
"""Noise of a count in the halves of a range, in that of a category: quantiles forgive more."""
DEPTH = 12
"""How often a range is halved at most."""
SPLIT, PRUNED = 4.0, 2.0
"""A part of a range is halved if its count is at least so many times the noise; the outermost parts of a range that have less than so many
times the noise are cut off."""
SMALLEST_POWER, LARGEST_POWER = -30, 60
"""Magnitudes of numbers are told from 2^-30 to 2^60."""


class NoisyCounter:
    """Counts with noise, for a number of columns. `moved` is how far one row moves all counts together, by the weights that were asked for:
    it is known before anything is counted.
    """

    def __init__(self, budget: PrivacyBudget, columns: Sequence[tuple[bool, KnownColumn]], streams: SecretStreams) -> None:
        """`columns`: of each, whether it has numbers, and what is known of it."""
        self.streams, self.asked = streams, 0
        moved = sum(1.0 if not numeric else 1.0 + (known.range is None) + DEPTH / TREE_WEIGHT**2 for numeric, known in columns)
        self.noise = budget.encoding_noise * moved**0.5
        """Standard deviation of the noise of a count of weight 1, in rows."""
        keys = max(1, sum(1 + (numeric and known.range is None) for numeric, known in columns))
        self.threshold = 1 + self.noise * NormalDist().inv_cdf(1 - budget.counting_delta / keys)
        """A value is released if its noisy count is above this: one that a single row has is not, but for the chance of delta."""

    def counts(self, exact: np.ndarray, weight: float = 1.0) -> Float64[np.ndarray, " k"]:
        """Counts with noise."""
        self.asked += 1
        return exact + self.noise * weight * self.streams.normals(f"count {self.asked}", len(exact))


def private_encoding(name: str, values: ColumnValues, known: KnownColumn, counter: NoisyCounter, step: float | None = None) -> Encoding:
    """The encoding of a column, and nothing of it from exact counts. Values that are rare have no code of their own."""
    return _of_categories(name, values, known, counter) if values.codes is not None else _of_numbers(name, values, known, counter, step)


def _of_categories(name: str, values: ColumnValues, known: KnownColumn, counter: NoisyCounter) -> Encoding:
    assert values.codes is not None
    places = {text: code for code, text in enumerate(values.categories)}
    names = values.categories if known.categories is None else known.categories
    exact = np.array([*((values.codes == places[text]).sum() if text in places else 0 for text in names), values.missing.sum()], float)
    noisy = counter.counts(exact)
    has_missing = bool(noisy[-1] > counter.threshold)
    kept = np.flatnonzero(noisy[:-1] > counter.threshold) if known.categories is None else np.arange(len(names))
    if known.categories is None:  # the table's own order may be that in which rows came
        kept = np.array(sorted(kept, key=lambda place: names[place]), np.int64)
    if not len(kept) and not has_missing:
        has_missing = True  # nothing can be said of the column: all its cells are gaps
    categories = tuple(names[place] for place in kept)
    counts = np.append(noisy[:-1][kept], noisy[-1]) if has_missing else noisy[:-1][kept]
    return Encoding(name, categories or ("",), has_missing=has_missing, shares=_shares(counts if categories else np.append(0.0, counts)))


def says_nothing(encoding: Encoding) -> bool:
    """Whether nothing of a column's values could be told privately, so that all its cells are gaps."""
    no_numbers = encoding.atoms == (0.0,) and encoding.has_missing and not encoding.grid
    return encoding.categories == ("",) or (encoding.is_numeric and no_numbers)


def _of_numbers(name: str, values: ColumnValues, known: KnownColumn, counter: NoisyCounter, step: float | None) -> Encoding:
    numbers = values.numbers
    assert numbers is not None
    present = np.sort(numbers[~np.isnan(numbers)])
    distinct, exact = np.unique(present, return_counts=True)
    noisy = counter.counts(np.append(exact, values.missing.sum()).astype(float))
    has_missing = bool(noisy[-1] > counter.threshold)
    ends = known.range or _range(present, counter)
    if ends is None:
        return Encoding(name, atoms=(0.0,), has_missing=True, shares=_shares(np.array([0.0, len(numbers)], np.float64)))
    low, high = ends
    frequent = noisy[:-1] > max(counter.threshold, ATOM_COUNT, ATOM_SHARE * len(numbers))
    is_atom = frequent & (distinct >= low) & (distinct <= high)
    rest = np.clip(present[~np.repeat(is_atom, exact)], low, high)
    edges, counts = _halved(rest, low, high, counter)
    atom_counts = noisy[:-1][is_atom]
    encoding = Encoding(name, atoms=tuple(distinct[is_atom].tolist()), has_missing=has_missing)
    has_piece = bool(counts.sum() > SPLIT * counter.noise) or not is_atom.any()
    if has_piece:
        encoding = _with_piece(encoding, edges, counts, step)
    found = [*atom_counts, *([noisy[-1]] if has_missing else [])]
    rest_count = len(numbers) - sum(found)  # the number of rows is known
    return replace(encoding, shares=_shares(np.array([*found, rest_count] if has_piece else found, np.float64)))


def _with_piece(encoding: Encoding, edges: Float64[np.ndarray, " k"], counts: Float64[np.ndarray, " k-1"], step: float | None) -> Encoding:
    """With numbers between `edges`, as often as `counts` says."""
    weights = np.maximum(counts, 1e-3)
    ranks = np.round(np.concatenate([[0.0], np.cumsum(weights) / weights.sum()]), 6)
    ranks[-1] = 1.0
    if step is not None:
        edges = np.round(edges / step) * step
    distinct = np.append(np.diff(edges) > 0, True)  # rounding may have made neighbors equal
    edges, ranks = edges[distinct], ranks[distinct]
    low, high = float(edges[0]), float(edges[-1])
    ranks[0] = 0.0
    return replace(encoding, grid=tuple(edges.tolist()), ranks=tuple(ranks.tolist()), lowest=low, highest=high, step=step)


def _range(present: Float64[np.ndarray, " n"], counter: NoisyCounter) -> tuple[float, float] | None:
    """A range that holds almost all numbers, between powers of two; None if there are too few to tell one."""
    places = _magnitudes(present)
    powers = LARGEST_POWER - SMALLEST_POWER + 1
    noisy = counter.counts(np.bincount(places + powers, minlength=2 * powers + 1).astype(float))
    seen = np.flatnonzero(noisy > counter.threshold) - powers
    if not len(seen):
        return None
    return _end(int(seen[0]), upper=False), _end(int(seen[-1]), upper=True)


def _magnitudes(numbers: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """0 for numbers near zero, else how many powers of two they are above the smallest, from 1, with their sign."""
    with np.errstate(divide="ignore"):
        powers = np.clip(np.floor(np.log2(np.abs(numbers))), SMALLEST_POWER - 1, LARGEST_POWER)
    return (np.sign(numbers) * (powers - SMALLEST_POWER + 1)).astype(np.int64)


def _end(place: int, *, upper: bool) -> float:
    """The lower or upper end of the numbers of a magnitude."""
    if place == 0:
        return 0.0
    inner, outer = 2.0 ** (abs(place) + SMALLEST_POWER - 1), 2.0 ** (abs(place) + SMALLEST_POWER)
    return (outer if upper else inner) if place > 0 else (-inner if upper else -outer)


def _halved(
    numbers: Float64[np.ndarray, " n"], low: float, high: float, counter: NoisyCounter
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k-1"]]:
    """Edges of the parts of a range, and how many numbers are in each. Parts with many numbers are halved, again and again."""
    if not low < high:
        return np.array([low, high]), np.zeros(1)
    noise = counter.noise * TREE_WEIGHT
    parts: list[tuple[float, float, float]] = [(low, high, np.inf)]
    for _ in range(DEPTH):
        edges = [parts[0][0]]
        splits = [count >= SPLIT * noise and start < (start + end) / 2 < end for start, end, count in parts]
        for (start, end, _), split in zip(parts, splits, strict=True):
            edges += [(start + end) / 2, end] if split else [end]
        exact = np.histogram(numbers, edges)[0].astype(float) if len(numbers) else np.zeros(len(edges) - 1)
        noisy = counter.counts(exact, TREE_WEIGHT)
        new, place = [], 0
        for part, split in zip(parts, splits, strict=True):
            if split:
                new += [(edges[place], edges[place + 1], noisy[place]), (edges[place + 1], edges[place + 2], noisy[place + 1])]
            else:
                new.append(part)
            place += 1 + split
        parts = new
        if not any(splits):
            break
    while len(parts) > 1 and parts[0][2] < PRUNED * noise:
        parts.pop(0)
    while len(parts) > 1 and parts[-1][2] < PRUNED * noise:
        parts.pop()
    return np.array([parts[0][0], *(end for _, end, _ in parts)]), np.array([max(0.0, count) for _, _, count in parts])


def _shares(counts: Float64[np.ndarray, " k"]) -> tuple[float, ...]:
    """Shares of noisy counts, in few digits: more would only help to guess the noise."""
    positive = np.maximum(counts, 0.5)
    return tuple(np.round(positive / positive.sum(), 6).tolist())


def published(values: ColumnValues, encoding: Encoding, seed: int = 0) -> ColumnValues:
    """Values of which each has a code. Categories that are not in the encoding become others by chance (of `seed`), as often as these are,
    so that no share but theirs changes.
    """
    if values.codes is None:
        return values
    places = {text: code for code, text in enumerate(encoding.categories)}
    unknown = len(encoding.categories)
    lookup = np.array([*(places.get(text, unknown) for text in values.categories), -1], np.int32)
    codes = lookup[values.codes]
    replaced = (codes == unknown) | ((codes < 0) & (not encoding.has_missing))
    shares = np.array(encoding.shares[:unknown])
    chances = SecretStreams(seed, 0, scope="published").shares(encoding.name, len(codes))[replaced]
    codes[replaced] = np.minimum(np.searchsorted(np.cumsum(shares / shares.sum()), chances, side="right"), unknown - 1)
    return ColumnValues(codes=codes, categories=encoding.categories)
