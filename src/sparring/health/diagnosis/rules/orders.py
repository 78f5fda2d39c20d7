"""Findings about order lines."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.rules.tables import latest_names, listed_names
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    DEPENDENCE,
    DEPENDENCE_OF_LOG,
    LOST_PRODUCTS,
    SEASON_OF_LINES,
    SEASON_OF_LOG,
)

LONGER = Remedy(action="Train for longer: how often products and customers come is learned before what goes with what.")
MORE_SCORE = Remedy(action="Raise the weight of the energy score (--energy), which sees what goes with what.")
LESS_NOISE = Remedy(action="Lower the noise on vectors (--embedding-noise), or take longer ones (--embedding-size).")


def products_lost(record: Record) -> Finding | None:
    """Products of the log do not come."""
    lost = latest_names(record, LOST_PRODUCTS)
    if not lost or not is_mature(record):
        return None
    return Finding(
        name="products lost",
        summary=f"{len(lost)} products that were due ten lines or more never come."
        if len(lost) > 1
        else "A product that was due ten lines or more never comes.",
        evidence=(f"In 4,096 generated lines there is none of: {listed_names(lost)}.",),
        severity="warning",
        confidence=0.85,
        remedies=(LESS_NOISE, LONGER),
    )


def purchases_independent(record: Record) -> Finding | None:
    """Who buys does not matter for what is bought, though it does in the log."""
    own, real = record.signal(DEPENDENCE), DEPENDENCE_OF_LOG.of(record.data, None)
    if len(own) < thresholds.MIN_MEASUREMENTS or real is None or real < thresholds.DEPENDENT_PURCHASES:
        return None
    now = own.last_three.median
    if not now < thresholds.LOST_DEPENDENCE * real:
        return None
    beginning = not is_mature(record)
    return Finding(
        name="purchases independent",
        summary="There is no memory of who buys what: groups of customers buy all groups of products alike.",
        evidence=(f"The dependence of both groups (Cramér's V) is {now:.2f} in generated lines, and {real:.2f} in the log.",),
        severity="note" if beginning else "warning",
        confidence=0.4 if beginning else 0.85,
        since=own.holds_since(lambda values: values < thresholds.LOST_DEPENDENCE * real),
        curves={"dependence of customers' and products' groups": own},
        remedies=(LONGER, MORE_SCORE, LESS_NOISE),
    )


def season_lost(record: Record) -> Finding | None:
    """The months of generated lines are even, though those of the log are not."""
    own, real = record.signal(SEASON_OF_LINES), SEASON_OF_LOG.of(record.data, None)
    if len(own) < thresholds.MIN_MEASUREMENTS or real is None or real < thresholds.SEASONAL_LINES:
        return None
    now = own.last_three.median
    if not now < thresholds.LOST_LINES_SEASON * real:
        return None
    beginning = not is_mature(record)
    return Finding(
        name="season lost",
        summary="The season is lost: lines come evenly over the year, and those of the log do not.",
        evidence=(
            f"The months' shares differ from even ones by {now:.2f} in generated lines, and by {real:.2f} in the log (total variation).",
        ),
        severity="note" if beginning else "warning",
        confidence=0.4 if beginning else 0.85,
        since=own.holds_since(lambda values: values < thresholds.LOST_LINES_SEASON * real),
        curves={"distance of the months from even ones": own},
        remedies=(LONGER, MORE_SCORE),
    )
