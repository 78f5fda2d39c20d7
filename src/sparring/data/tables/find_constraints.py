"""Finds what holds between the columns of a table in all rows and is no chance. Candidates are tried on some rows, and then on all."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.constraints import (
    TOLERANCE,
    CalendarPart,
    Constraint,
    Determines,
    MissingTogether,
    MissingWhen,
    Ordered,
    PairDetermines,
    Part,
    SumOf,
    Unique,
    Value,
    calendar_part,
    numbers_in,
)
from sparring.data.tables.date_text import time_zones, zone_offsets

SAMPLE_ROWS = 2_000
FEWEST_ROWS = 20
"""In fewer rows nothing is found: it could be chance."""
CHANCE = 30.0
"""A constraint is found if the odds of its holding by chance are below exp(-30)."""
MOST_SOURCE_VALUES = 5_000
MOST_PAIRED = 20
"""Pairs are tried of so many columns of categories at most."""
_PARTS: tuple[Part, ...] = ("year", "quarter", "month", "day", "weekday", "isoweekday", "hour", "minute", "second")
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
    parts = _calendar_parts(values, few, modeled)
    determined = _determined(values, few, modeled, {(each.source, each.target) for each in parts})
    paired = _determined_by_pairs(values, few, modeled, {each.target for each in (*parts, *determined)})
    # Where two columns say a number that in turn says both, the number is what follows.
    back = {(pair.target, source) for pair in paired for source in pair.sources}
    determined = [each for each in determined if (each.source, each.target) not in back]
    sums = _sums(values, few, modeled)
    ordered = _ordered(values, few, modeled, sums)
    return (*keys, *parts, *determined, *paired, *sums, *ordered, *_gaps(values, modeled))


def _factorized(values: ColumnValues) -> tuple[np.ndarray, int]:
    """A number for each distinct value, a missing one among them, and how many there are."""
    array = values.codes if values.codes is not None else values.numbers
    assert array is not None
    distinct, where = np.unique(array, return_inverse=True)
    return where.reshape(-1).astype(np.int64), len(distinct)


def _calendar_parts(values: TableValues, few: TableValues, columns: Sequence[Column]) -> list[CalendarPart]:
    found = []
    for source in (column for column in columns if column.kind == "datetime"):
        seconds = few[source.name].numbers
        assert seconds is not None
        whole = {column.name: few[column.name] for column in columns if column.kind == "number" and column.step and column.step >= 1}
        zones = dict.fromkeys([None, _zone_of(source), *_zones_by_hours(seconds, whole)])
        for name, zone in itertools.product(whole, zones):
            if any(each.target == name and each.source == source.name for each in found):
                continue
            for part in _PARTS:
                candidate = CalendarPart(source.name, name, part, zone)
                distinct = len(np.unique(seconds[~np.isnan(seconds)]))
                varied = len(np.unique(candidate.of(seconds))) > 1 and distinct >= 5
                if varied and candidate.holds(few).all() and candidate.holds(values).all():
                    seen = np.unique(numbers_in(values, name))
                    found.append(replace(candidate, seen=tuple(seen[~np.isnan(seen)].tolist())))
                    break
    zone = next((each.zone for each in found if each.zone), None)
    # A month may be the month in UTC by luck of the hours: one zone for all parts of a date is meant.
    return [each for each in found if each.zone == zone] + [each for each in found if each.zone != zone]


def _zone_of(column: Column) -> str | None:
    zone = (column.text or {}).get("zone") or column.arrow_type.partition("tz=")[2].rstrip("]")
    return zone if zone and "/" in zone else None


def _zones_by_hours(seconds: np.ndarray, whole: TableValues) -> list[str]:
    """Time zones in which one of the columns is the hour of the dates."""
    hours = calendar_part(seconds, "hour", None)
    for column in whole.values():
        assert column.numbers is not None
        present = ~(np.isnan(hours) | np.isnan(column.numbers))
        ahead = (column.numbers[present] - hours[present]) % 24
        if not present.any() or column.numbers[present].max() > 23 or len(np.unique(ahead)) > 2 or not ahead.any():
            continue
        moments = seconds[present]
        for zone in time_zones():
            if np.array_equal(zone_offsets(moments, zone) / 3600 % 24, ahead):
                return [zone]
    return []


def _determined(values: TableValues, few: TableValues, columns: Sequence[Column], known: set[tuple[str, str]]) -> list[Determines]:
    names = [column.name for column in columns]
    sampled = {name: _factorized(few[name]) for name in names}
    full: dict[str, tuple[np.ndarray, int]] = {}

    def whole(name: str) -> tuple[np.ndarray, int]:
        if name not in full:
            full[name] = _factorized(values[name])
        return full[name]

    holding: set[tuple[str, str]] = set()
    for source, target in itertools.product((column.name for column in columns if _may_determine(column)), names):
        if source == target or (source, target) in known:
            continue
        if (
            _maps(*sampled[source], *sampled[target])
            and _maps(*whole(source), *whole(target))
            and _is_no_chance(*whole(source), whole(target)[0])
        ):
            holding.add((source, target))
    kinds = {column.name: column.kind for column in columns}
    return [Determines(*pair, _mapping(values[pair[0]], values[pair[1]])) for pair in _reduced(holding, kinds)]


def _determined_by_pairs(values: TableValues, few: TableValues, columns: Sequence[Column], known: set[str]) -> list[PairDetermines]:
    """Columns that follow from two categories, and not from a single column. Not looked for among many columns of categories."""
    sources = [column.name for column in columns if not column.is_numeric and len(values[column.name].categories) > 1]
    targets = [column.name for column in columns if column.name not in known]
    if len(sources) > MOST_PAIRED:
        return []
    sampled = {name: _factorized(few[name]) for name in {*sources, *targets}}
    found: list[PairDetermines] = []
    for target, (first, second) in itertools.product(targets, itertools.combinations(sources, 2)):
        if (
            target in {first, second}
            or any(each.target == target for each in found)
            or not _maps(*_paired(sampled[first], sampled[second]), *sampled[target])
        ):
            continue
        pair, to = _paired(_factorized(values[first]), _factorized(values[second])), _factorized(values[target])
        # Ten rows for each pair: what is seen less often may be all that is known of a person.
        if _maps(*pair, *to) and _is_no_chance(*pair, to[0]) and len(pair[0]) >= 10 * pair[1]:
            _, rows = np.unique(pair[0], return_index=True)
            plain = [_plain(values[name].take(rows)) for name in (first, second, target)]
            found.append(PairDetermines((first, second), target, tuple(zip(*plain, strict=True))))
    return found


def _paired(one: tuple[np.ndarray, int], other: tuple[np.ndarray, int]) -> tuple[np.ndarray, int]:
    distinct, where = np.unique(one[0] * other[1] + other[0], return_inverse=True)
    return where.reshape(-1).astype(np.int64), len(distinct)


def _may_determine(column: Column) -> bool:
    return not column.is_numeric or (column.kind == "number" and column.step is not None and column.step >= 1)


def _maps(source: np.ndarray, sources: int, target: np.ndarray, targets: int) -> bool:
    """Whether every source has one target, and neither is the same in all rows."""
    if sources < 2 or targets < 2 or targets > sources or sources > MOST_SOURCE_VALUES or len(source) < 1.5 * sources:
        return False
    last = np.empty(sources, np.int64)
    last[source] = target
    return bool((last[source] == target).all())


def _is_no_chance(source: np.ndarray, sources: int, target: np.ndarray) -> bool:
    """Whether rows that repeat a source would hardly have repeated its target if the columns were independent."""
    shares = np.bincount(target) / len(target)
    return (len(source) - sources) * -math.log(float((shares**2).sum())) > CHANCE and len(source) >= 2 * sources


def _reduced(holding: set[tuple[str, str]], kinds: dict[str, str]) -> list[tuple[str, str]]:
    """Without what follows from the others: the way back between columns that say the same, and what goes over a third column."""
    order = {name: place for place, name in enumerate(kinds)}

    def rank(pair: tuple[str, str]) -> tuple[bool, int, int]:  # a category is the better source
        return (kinds[pair[0]] not in {"category", "boolean"}, order[pair[0]], order[pair[1]])

    kept = set(holding)
    for source, target in sorted(holding, key=rank):
        if (source, target) in kept:
            kept.discard((target, source))
    for source, target in sorted(kept, key=rank, reverse=True):
        between = (name for name in kinds if name not in {source, target})
        if any((source, name) in kept and (name, target) in kept for name in between):
            kept.discard((source, target))
    return sorted(kept, key=lambda pair: (order[pair[0]], order[pair[1]]))


def _mapping(source: ColumnValues, target: ColumnValues) -> tuple[tuple[Value, Value], ...]:
    array = source.codes if source.codes is not None else source.numbers
    assert array is not None
    _, rows = np.unique(array, return_index=True)
    pairs = list(zip(_plain(source.take(rows)), _plain(target.take(rows)), strict=True))
    return (*(pair for pair in pairs if pair[0] is not None), *(pair for pair in pairs if pair[0] is None))


def _plain(values: ColumnValues) -> list[Value]:
    if values.numbers is not None:
        return [None if math.isnan(number) else number for number in values.numbers.tolist()]
    assert values.codes is not None
    return [None if code < 0 else values.categories[code] for code in values.codes.tolist()]


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
