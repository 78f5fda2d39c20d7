"""In which order the columns of a table are made, so that each constraint is met by the column that is made last."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from sparring.data.tables.columns import Column
from sparring.data.tables.constraints import (
    CalendarPart,
    Constraint,
    Determines,
    MissingTogether,
    MissingWhen,
    Ordered,
    PairDetermines,
    SumOf,
    Unique,
)


@dataclass(frozen=True)
class Arrangement:
    """How constraints are met. Every column has at most one of the ways `computed`, `lows` and `agreeing`."""

    computed: dict[str, Determines | PairDetermines | CalendarPart | SumOf] = field(default_factory=dict)
    """Columns that follow from others, and are not learned."""
    lows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns that are learned as differences, with those that they are not below."""
    agreeing: dict[str, Determines] = field(default_factory=dict)
    """Columns which must have a value that determines what another column already is."""
    known: dict[str, list[Determines]] = field(default_factory=dict)
    """Columns of numbers which must have a value that is known to determine others."""
    partners: dict[str, PairDetermines] = field(default_factory=dict)
    """Columns which must have a value that occurs with that of another column."""
    gaps: dict[str, list[MissingTogether | MissingWhen]] = field(default_factory=dict)
    """Columns whose gaps follow from others."""
    order: tuple[str, ...] = ()
    """Names of the columns; each follows those that it depends on."""
    left: tuple[Constraint, ...] = ()
    """Constraints that are met by none of these ways. They may follow from the others."""


def arranged(columns: Sequence[Column], constraints: Sequence[Constraint]) -> Arrangement:
    """The ways in which the constraints are met, those that come first being served first."""
    builder = _Builder({column.name: column for column in columns})
    left = [constraint for constraint in constraints if not builder.accepts(constraint)]
    return Arrangement(
        builder.computed,
        builder.lows,
        builder.agreeing,
        builder.known,
        builder.partners,
        builder.gaps,
        tuple(builder.order({}) or ()),
        tuple(left),
    )


class _Builder:
    def __init__(self, columns: dict[str, Column]) -> None:
        self.columns = columns
        self.computed: dict[str, Determines | PairDetermines | CalendarPart | SumOf] = {}
        self.lows: dict[str, tuple[str, ...]] = {}
        self.agreeing: dict[str, Determines] = {}
        self.known: dict[str, list[Determines]] = {}
        self.partners: dict[str, PairDetermines] = {}
        self.gaps: dict[str, list[MissingTogether | MissingWhen]] = {}
        self.needs: dict[str, set[str]] = {name: set() for name in columns}

    def accepts(self, constraint: Constraint) -> bool:
        """Whether there is a way to meet a constraint beside those before. If so, it is arranged."""
        match constraint:
            case Determines():
                done = self._determines(constraint)
            case PairDetermines():
                done = self._pair_determines(constraint)
            case CalendarPart(source=source, target=target):
                done = self._is_free(target) and not self._moves(source) and self._computes(constraint, (source,))
            case SumOf(target=target, parts=parts):
                done = self._is_free(target) and self._computes(constraint, parts)
            case Ordered():
                done = self._ordered(constraint)
            case MissingTogether():
                done = self._together(constraint)
            case MissingWhen():
                done = self._missing_when(constraint)
            case Unique():
                done = True  # identifiers are unique as they are made
        return done

    def _is_free(self, name: str) -> bool:
        """Whether nothing has been arranged for the values of a column."""
        return not any(name in each for each in (self.computed, self.lows, self.agreeing, self.known, self.partners, self.gaps))

    def _moves(self, name: str) -> bool:
        """Whether a column's values are moved after they were learned, other than to values that are known."""
        return name in self.lows or isinstance(self.computed.get(name), SumOf)

    def order(self, more: dict[str, set[str]]) -> list[str] | None:
        """Columns in an order in which each follows what it needs, or None if there is none."""
        needs = {name: each | more.get(name, set()) for name, each in self.needs.items()}
        try:
            return list(TopologicalSorter(needs).static_order())
        except CycleError:
            return None

    def _adds(self, name: str, needed: Sequence[str]) -> bool:
        """Whether a column can come after others. If so, it does."""
        if self.order({name: set(needed)}) is None:
            return False
        self.needs[name] |= set(needed)
        return True

    def _computes(self, constraint: Determines | PairDetermines | CalendarPart | SumOf, parts: Sequence[str]) -> bool:
        if not self._adds(constraint.target, parts):
            return False
        self.computed[constraint.target] = constraint
        return True

    def _determines(self, constraint: Determines) -> bool:
        source, target = constraint.source, constraint.target
        numeric = self.columns[source].is_numeric
        may_move = source not in self.computed and source not in self.partners and source not in self.lows and source not in self.gaps
        if numeric and not may_move:
            return False
        if self._is_free(target) and self._computes(constraint, (source,)):
            if numeric:
                self.known.setdefault(source, []).append(constraint)
            return True
        # The target is made already: then a value of the source is taken that leads to it.
        if not may_move or source in self.agreeing or target in self.lows or not self._adds(source, (target,)):
            return False
        self.agreeing[source] = constraint
        return True

    def _pair_determines(self, constraint: PairDetermines) -> bool:
        first, second = constraint.sources
        if any(each.sources == constraint.sources for each in self.partners.values()):  # their pairs are those that occur already
            return self._is_free(constraint.target) and self._computes(constraint, constraint.sources)
        if not self._is_free(second):
            first, second = second, first
        if not self._is_free(second) or not self._is_free(constraint.target) or not self._adds(second, (first,)):
            return False
        if not self._computes(constraint, constraint.sources):
            return False
        self.partners[second] = constraint
        return True

    def _ordered(self, constraint: Ordered) -> bool:
        low, high = constraint.low, constraint.high
        if high in self.computed or high in self.agreeing or high in self.known or not self._adds(high, (low,)):
            return False
        self.lows[high] = (*self.lows.get(high, ()), low)
        return True

    def _together(self, constraint: MissingTogether) -> bool:
        free = [
            name
            for name in constraint.names
            if name not in self.computed and not self.gaps.get(name) and name not in self.known and name not in self.partners
        ]
        fixed = [name for name in constraint.names if name not in free]
        leader = fixed[0] if fixed else constraint.names[0]
        if len(fixed) > 1 or not all(self._adds(name, (leader,)) for name in free if name != leader):
            return False
        for name in free:
            if name != leader:
                self.gaps[name] = [MissingTogether((leader, name))]
        return True

    def _missing_when(self, constraint: MissingWhen) -> bool:
        target = constraint.target
        others = self.gaps.get(target, [])
        exact = constraint.only or any(isinstance(each, MissingTogether) or each.only for each in others)
        if target in self.computed or target in self.known or target in self.agreeing or target in self.partners or (exact and others):
            return False
        if not self._adds(target, (constraint.source,)):
            return False
        self.gaps[target] = [*others, constraint]
        return True
