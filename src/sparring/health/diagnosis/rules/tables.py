"""Findings about rows of tables."""

from typing import Any

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    COLUMNS_DISTANCE,
    COLUMNS_DISTANCE_HOLDOUT,
    COPIED_ROWS,
    COPIED_ROWS_HOLDOUT,
    INFLATED_CATEGORIES,
    LOST_CATEGORIES,
    PAIRS_DISTANCE,
    PAIRS_DISTANCE_HOLDOUT,
    PAIRS_DISTANCE_INDEPENDENT,
    Signal,
)

ANOTHER_RECIPE = Remedy(action="Train tabular-ar, which learns every column from the others: its pairs are right first.")
LONGER = Remedy(action="Train for longer: pairs of columns are learned after the columns themselves.")


def pairs_wrong(record: Record) -> Finding | None:
    """Columns are right, and how they go together is not."""
    pairs, columns = record.signal(PAIRS_DISTANCE), record.signal(COLUMNS_DISTANCE)
    if len(pairs) < thresholds.MIN_MEASUREMENTS:
        return None
    best, floor = PAIRS_DISTANCE_HOLDOUT.of(record.data), PAIRS_DISTANCE_INDEPENDENT.of(record.data)
    own, now = COLUMNS_DISTANCE_HOLDOUT.of(record.data), pairs.last_three.median
    if floor - best < thresholds.DEPENDENT_PAIRS or columns.last_three.median > own + thresholds.RIGHT_COLUMNS:
        return None
    way = (floor - now) / (floor - best)
    if way > thresholds.RIGHT_PAIRS:
        return None
    return Finding(
        name="pairs wrong",
        summary="Columns are right, pairs are wrong: values of a row do not go together as in the table.",
        evidence=(
            f"Columns differ from the table's by {columns.last_three.median:.3f} (held-out rows: {own:.3f}).",
            f"Pairs of columns differ by {now:.3f}: {max(way, 0):.0%} of the way from columns shuffled independently ({floor:.3f}) to "
            f"held-out rows ({best:.3f}).",
        ),
        severity="warning" if is_mature(record) else "note",
        confidence=0.8,
        since=pairs.holds_since(lambda values: (floor - values) / (floor - best) < thresholds.RIGHT_PAIRS),
        curves={"distance of pairs of columns": pairs, "distance of columns": columns},
        remedies=(LONGER, ANOTHER_RECIPE),
    )


def category_lost(record: Record) -> Finding | None:
    """Categories of the table do not come."""
    lost = latest_names(record, LOST_CATEGORIES)
    if not lost or not is_mature(record):
        return None
    return Finding(
        name="category lost",
        summary="Categories are lost: values that the table has are never generated.",
        evidence=(f"Expected ten times or more among 4,096 rows, and not there: {listed_names(lost)}.",),
        severity="warning",
        confidence=0.85,
        remedies=(ANOTHER_RECIPE,),
    )


def rare_category_inflated(record: Record) -> Finding | None:
    """Rare categories come too often."""
    inflated = latest_names(record, INFLATED_CATEGORIES)
    if not inflated or not is_mature(record):
        return None
    return Finding(
        name="rare category inflated",
        summary="Rare categories are inflated: they come more than twice as often as in the table.",
        evidence=(f"Too frequent among 4,096 rows: {listed_names(inflated)}.",),
        severity="warning",
        confidence=0.8,
        remedies=(ANOTHER_RECIPE,),
    )


def copied_rows(record: Record) -> Finding | None:
    """Rows that are trained on come again."""
    copied = record.signal(COPIED_ROWS)
    if len(copied) < thresholds.MIN_MEASUREMENTS:
        return None
    by_chance, now = COPIED_ROWS_HOLDOUT.of(record.data), copied.last_three.median
    if now < 2 * by_chance + thresholds.COPIED_ROWS:
        return None
    return Finding(
        name="copied rows",
        summary="Rows are copied: generated rows repeat rows of the table more often than unseen rows do.",
        evidence=(f"{now:.1%} of generated rows have all the codes of a row that is trained on; of held-out rows {by_chance:.1%} do.",),
        severity="warning",
        confidence=0.8,
        since=copied.holds_since(lambda values: values > 2 * by_chance + thresholds.COPIED_ROWS),
        curves={"share of copied rows": copied},
        remedies=(Remedy(action="Stop earlier, or train a smaller network: more steps on the same rows only copy more of them."),),
    )


def latest_names(record: Record, signal: Signal) -> list[str]:
    """Names that the last two measurements of a signal have in common."""
    lines: list[Any] = [signal.of(line, []) for line in record.measurements[-2:]]
    return [name for name in lines[-1] if all(name in line for line in lines)] if len(lines) == 2 else []


def listed_names(names: list[str], most: int = 6) -> str:
    """Names, the first of them if there are many."""
    return f"{', '.join(names[:most])}{f' and {len(names) - most} more' if len(names) > most else ''}"
