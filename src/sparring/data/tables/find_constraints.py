"""Finds what holds between the columns of a table in all rows and is no chance. Candidates are tried on some rows, and then on all."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.constraints import TOLERANCE, Constraint, MissingTogether, MissingWhen, Ordered, SumOf, Unique
from sparring.data.tables.find_dependencies import CHANCE, calendar_parts, determined_by_pairs, determined_columns
from sparring.data.tables.row_values import numbers_in

SAMPLE_ROWS = 2_000
FEWEST_ROWS = 20
"""In fewer rows nothing is found: it could be chance."""
_SCALES = (1.0, 60.0, 3600.0, 86_400.0, 604_800.0)
"""Seconds in the units that a number of a length of time may have."""


def find_constraints(values: TableValues, columns: Sequence[Column]) -> tuple[Constraint, ...]:
    """The constraints that hold in all rows: keys, parts of dates, columns that determine others, sums, order, and gaps."""
    rows = len(next(iter(values.values()))) if values else 0
    keys: list[Constraint] = [
        Unique(column.name) for column in columns if column.kind == "identifier" and Unique(column.name).holds(values).all()
    ]
    modeled = [column for column in columns if column.is_modeled]
    if rows < FEWEST_ROWS:
        return tuple(keys)
    sample = np.linspace(0, rows - 1, min(rows, SAMPLE_ROWS)).astype(int)
    few = {column.name: values[column.name].take(sample) for column in modeled}
    parts = calendar_parts(values, few, modeled)
    determined = determined_columns(values, few, modeled, {(each.source, each.target) for each in parts})
    paired = determined_by_pairs(values, few, modeled, {each.target for each in (*parts, *determined)})
    # Where two columns say a number that in turn says both, the number is what follows.
    back = {(pair.target, source) for pair in paired for source in pair.sources}
    determined = [each for each in determined if (each.source, each.target) not in back]
    sums = _sums(values, few, modeled)
    ordered = _ordered(values, few, modeled, sums)
    return (*keys, *parts, *determined, *paired, *sums, *ordered, *_gaps(values, modeled))


def _sums(values: TableValues, few: TableValues, columns: Sequence[Column]) -> list[SumOf]:
    numeric = [column for column in columns if column.is_numeric and len(np.unique(few[column.name].numbers)) >= 5]  # pyright: ignore
    found: list[SumOf] = []
    used: set[str] = set()
    for candidate in _possible_sums(numeric, few):
        names = set(candidate.columns)
        # One equation among the same columns says it all: total = a + b, and not a = total - b, too.
        if candidate.target in used or any(names <= set(each.columns) for each in found):
            continue
        if _is_sum(candidate, few) and _is_sum(candidate, values):
            found.append(candidate)
            used.add(candidate.target)
    return found


def _possible_sums(columns: Sequence[Column], few: TableValues) -> list[SumOf]:
    """Sums whose first rows are right: copies in other units, pairs, three of few columns, and runs of neighbors."""
    names = [column.name for column in columns]
    kinds = {column.name: column.kind for column in columns}
    candidates = [copy for pair in itertools.permutations(names, 2) if (copy := _copy(pair[0], pair[1], kinds, few)) is not None]
    groups: list[tuple[str, ...]] = list(itertools.combinations(names, 2))
    if len(names) <= 16:
        groups += itertools.combinations(names, 3)
    groups += [tuple(names[start : start + size]) for size in range(4, 13) for start in range(len(names) - size + 1)]
    numbers = np.array([numbers_in(few, name)[:: max(1, len(few[name]) // 200)] for name in names])
    place = {name: index for index, name in enumerate(names)}
    is_date = np.array([kinds[name] == "datetime" for name in names])
    for group in groups:
        dates = [name for name in group if kinds[name] == "datetime"]
        if len(dates) > 1 or (dates and len(group) > 2):
            continue
        for scale in _SCALES if dates else (1.0,):
            weights = tuple(1.0 if kinds[name] == "datetime" or not dates else scale for name in group)
            total = np.sum([numbers[place[name]] * weight for name, weight in zip(group, weights, strict=True)], axis=0)
            equal = _equal_rows(numbers, total) & (is_date == bool(dates))
            candidates += [SumOf(names[index], group, weights) for index in np.flatnonzero(equal).tolist() if names[index] not in group]
    return candidates


def _equal_rows(numbers: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Which columns are equal to `total` wherever both are present, and in some row they are."""
    apart = np.abs(numbers - total)
    missing = np.isnan(apart)
    equal = (apart <= TOLERANCE * np.maximum(np.abs(total), 1)) | missing
    return np.asarray(equal.all(axis=1) & ~missing.all(axis=1))


def _copy(target: str, part: str, kinds: dict[str, str], few: TableValues) -> SumOf | None:
    """One column as a multiple of another, if the first rows allow it."""
    one, other = few[target].numbers, few[part].numbers
    assert one is not None
    assert other is not None
    both = ~(np.isnan(one) | np.isnan(other)) & (other != 0)
    if kinds[target] != kinds[part] or both.sum() < FEWEST_ROWS:
        return None
    ratio = float(np.median(one[both] / other[both]))
    if ratio == 0 or not math.isfinite(ratio) or (kinds[target] == "datetime" and ratio != 1) or abs(ratio) < 1:
        return None
    return SumOf(target, (part,), (float(f"{ratio:.12g}"),))


def _is_sum(candidate: SumOf, values: TableValues) -> bool:
    """Whether it holds in all rows, in enough of which all parts count."""
    if not candidate.holds(values).all():
        return False
    parts = np.array([values[part].numbers for part in candidate.parts])
    counted = (~np.isnan(parts) & (parts != 0)).all(axis=0)
    varied = all(len(np.unique(part[counted])) >= 3 for part in parts)
    return int(counted.sum()) >= max(FEWEST_ROWS, 0.02 * len(counted)) and varied


def _ordered(values: TableValues, few: TableValues, columns: Sequence[Column], sums: Sequence[SumOf]) -> list[Ordered]:
    numeric = [column for column in columns if column.is_numeric]
    copies = {frozenset(each.columns) for each in sums if len(each.parts) == 1}
    holding = []
    for low, high in itertools.permutations(numeric, 2):
        pair = Ordered(low.name, high.name)
        alike = low.kind == high.kind and frozenset(pair.columns) not in copies
        if alike and pair.holds(few).all() and _are_comparable(few[low.name], few[high.name]) and pair.holds(values).all():
            holding.append((low.name, high.name))
    said = {(low, high) for low, high in holding if _follows(low, high, sums, values)}
    said |= {(low, high) for low, middle in holding for other, high in holding if middle == other}
    return [Ordered(*pair) for pair in holding if pair not in said]


def _follows(low: str, high: str, sums: Sequence[SumOf], values: TableValues) -> bool:
    """Whether an order is told by a sum: a part is not above the whole if the other parts are never negative."""
    others = [
        [numbers_in(values, part) * weight for part, weight in zip(each.parts, each.weights, strict=True) if part != low]
        for each in sums
        if each.target == high and (low, 1.0) in zip(each.parts, each.weights, strict=True)
    ]
    return any(all(np.nanmin(part) >= 0 for part in parts) for parts in others)


def _are_comparable(low: ColumnValues, high: ColumnValues) -> bool:
    """Whether two columns measure the same thing at different moments or places: their ranges overlap for the most part, and in other
    rows' company the order would often be broken.
    """
    assert low.numbers is not None
    assert high.numbers is not None
    both = ~(np.isnan(low.numbers) | np.isnan(high.numbers))
    lows, highs = low.numbers[both], high.numbers[both]
    if both.sum() < FEWEST_ROWS or len(np.unique(lows)) < 10 or len(np.unique(highs)) < 10:
        return False
    (bottom, top), (other_bottom, other_top) = np.quantile(lows, [0.05, 0.95]), np.quantile(highs, [0.05, 0.95])
    span = max(top, other_top) - min(bottom, other_bottom)
    overlap = min(top, other_top) - max(bottom, other_bottom)
    shuffled = np.roll(highs, len(highs) // 2 + 1)
    # Half of the columns' common span, and at least one row in seven wrong when rows are mixed up.
    return bool(span > 0 and overlap >= 0.5 * span and (lows > shuffled).mean() > 1 / 7)


def _gaps(values: TableValues, columns: Sequence[Column]) -> list[Constraint]:
    masks = {column.name: values[column.name].missing for column in columns}
    gappy = {name: mask for name, mask in masks.items() if 3 <= mask.sum() < len(mask)}
    together: dict[bytes, list[str]] = {}
    for name, mask in gappy.items():
        together.setdefault(np.packbits(mask).tobytes(), []).append(name)
    found: list[Constraint] = [MissingTogether(tuple(names)) for names in together.values() if len(names) > 1]
    leaders = [names[0] for names in together.values()]
    nested = {
        (source, target)
        for source, target in itertools.permutations(leaders, 2)
        if not (gappy[source] & ~gappy[target]).any() and gappy[source].sum() * -math.log(gappy[target].mean()) > CHANCE / 2
    }
    through = {(one, three) for one, two in nested for other, three in nested if two == other}
    found += [
        MissingWhen(target, source, (None,), only=False)
        for source, target in sorted(nested - through, key=lambda each: leaders.index(each[0]))
    ]
    discrete = [column.name for column in columns if not column.is_numeric]
    by_category = [_missing_when(values[source], gappy[target], source, target) for source in discrete for target in leaders]
    said = [each for each in by_category if each is not None]
    more = {(each.source, each.target) for each in said}
    return [*(each for each in found if not (isinstance(each, MissingWhen) and (each.source, each.target) in more)), *said]


def _missing_when(source: ColumnValues, mask: np.ndarray, source_name: str, target: str) -> MissingWhen | None:
    """That a column is missing for some categories of another, if so many gaps would hardly be chance."""
    if source_name == target or source.codes is None or len(source.categories) > 50:
        return None
    counts = np.bincount(source.codes + 1, minlength=len(source.categories) + 1)
    gaps = np.bincount(source.codes + 1, mask, minlength=len(source.categories) + 1)
    always = (counts > 0) & (gaps == counts) & (counts * -math.log(mask.mean()) > CHANCE / 2)
    if not always[1:].any():  # missing when missing is told by the masks
        return None
    only = bool(gaps[~always].sum() == 0)
    named = tuple(source.categories[index - 1] if index else None for index in np.flatnonzero(always).tolist())
    return MissingWhen(target, source_name, (*named[1:], None) if named[0] is None else named, only)
