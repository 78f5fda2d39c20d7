"""Finds columns that follow from others: parts of dates, and what one or two columns determine."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sparring.data.tables.columns import Column, ColumnValues, TableValues
from sparring.data.tables.constraints import CalendarPart, Determines, PairDetermines
from sparring.data.tables.date_text import time_zones, zone_offsets
from sparring.data.tables.row_values import Part, Value, calendar_part, numbers_in

CHANCE = 30.0
"""A constraint is found if the odds of its holding by chance are below exp(-30)."""
MOST_SOURCE_VALUES = 5_000
MOST_PAIRED = 20
"""Pairs are tried of so many columns of categories at most."""
_PARTS: tuple[Part, ...] = ("year", "quarter", "month", "day", "weekday", "isoweekday", "hour", "minute", "second")


def _factorized(values: ColumnValues) -> tuple[np.ndarray, int]:
    """A number for each distinct value, a missing one among them, and how many there are."""
    array = values.codes if values.codes is not None else values.numbers
    assert array is not None
    distinct, where = np.unique(array, return_inverse=True)
    return where.reshape(-1).astype(np.int64), len(distinct)


def calendar_parts(values: TableValues, few: TableValues, columns: Sequence[Column]) -> list[CalendarPart]:
    """Columns of integers that are a part of a date in another column, in its own time zone or one that is found. `few` are some rows of
    `values`, as in all of this module.
    """
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


def determined_columns(values: TableValues, few: TableValues, columns: Sequence[Column], known: set[tuple[str, str]]) -> list[Determines]:
    """Columns that follow from a single other one, without what follows from the rest. Pairs in `known` are not tried."""
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


def determined_by_pairs(values: TableValues, few: TableValues, columns: Sequence[Column], known: set[str]) -> list[PairDetermines]:
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
            or any(_maps(*sampled[source], *sampled[target]) for source in (first, second))  # one of two columns that say the same
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
