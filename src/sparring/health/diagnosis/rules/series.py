"""Findings about windows of series."""

import numpy as np

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import is_mature, learns_returns
from sparring.health.diagnosis.remedies import against_mode_collapse, against_non_convergence, change_learning_rates
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.health.signals import (
    FUTURES_APART,
    LARGEST_VALUE,
    MEMORY,
    MEMORY_OF_DATA,
    SEASON_OF_DATA,
    SEASON_STRENGTH,
    WINDOWS_APART,
)

LONGER = Remedy(action="Train for longer: values of single steps are learned before what follows what.")
LONGER_WINDOWS = Remedy(action="Take longer windows (--window), so that both networks see what comes after what.")
TELL_THE_CALENDAR = Remedy(action="Train cgan-series or ganslicing, whose networks are told the calendar.")


def no_memory(record: Record) -> Finding | None:
    """What comes does not depend on what came before, though it does in the data."""
    steps, memory = record.vectors(MEMORY)
    real = np.array(MEMORY_OF_DATA.of(record.data, []))
    if len(steps) < thresholds.MIN_MEASUREMENTS or not len(real) or memory.shape[1] != len(real):
        return None
    if np.abs(real).mean() < thresholds.REMEMBERED:
        return None
    share = Curve(steps, memory @ real / (real @ real))
    now = share.last_three.median
    if not now < thresholds.LOST_MEMORY:
        return None
    returns, beginning = learns_returns(record), not is_mature(record)
    of = "absolute returns" if returns else "values"
    meaning = "calm and wild times do not follow each other" if returns else "a step does not follow from the steps before it"
    late = memory[-thresholds.MIN_MEASUREMENTS :].mean(axis=0)
    return Finding(
        name="no memory",
        summary=f"There is no memory in {of}: {meaning} as in the data.",
        evidence=(
            f"The mean autocorrelation of {of} over {len(real)} lags is {late.mean():.3f} in generated windows, and {real.mean():.3f} in "
            f"the data; at lag 1 it is {late[0]:.3f}, and {real[0]:.3f}.",
        ),
        severity="note" if beginning else "warning",
        confidence=0.4 if beginning else 0.85,
        since=share.holds_since(lambda values: values < thresholds.LOST_MEMORY),
        curves={f"memory in {of}, as a share of the data's": share},
        remedies=(LONGER, LONGER_WINDOWS),
    )


def seasonality_lost(record: Record) -> Finding | None:
    """The season of the data is not in generated windows."""
    strength, real = record.signal(SEASON_STRENGTH), SEASON_OF_DATA.of(record.data, None)
    if len(strength) < thresholds.MIN_MEASUREMENTS or real is None or real < thresholds.SEASONAL:
        return None
    now = strength.last_three.median
    if not now < thresholds.LOST_SEASON * real:
        return None
    beginning = not is_mature(record)
    knows = bool(record.data_config.get("spec", {}).get("calendar"))
    return Finding(
        name="seasonality lost",
        summary="The season is lost: generated windows hardly have the course that comes round in the data.",
        evidence=(f"The season explains {now:.0%} of the variance of generated windows, and {real:.0%} in the data.",),
        severity="note" if beginning else "warning",
        confidence=0.4 if beginning else 0.85,
        since=strength.holds_since(lambda values: values < thresholds.LOST_SEASON * real),
        curves={"share of the variance that the season explains": strength},
        remedies=(LONGER, LONGER_WINDOWS) if knows else (LONGER, LONGER_WINDOWS, TELL_THE_CALENDAR),
    )


def paths_alike(record: Record) -> Finding | None:
    """All windows are nearly the same, or all futures of a past."""
    apart, futures = record.signal(WINDOWS_APART), record.signal(FUTURES_APART)
    if len(apart) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return None
    now, of_past = max(apart.last_three.median, apart.last), max(futures.last_three.median, futures.last)
    all_alike = now < thresholds.ALIKE_WINDOWS
    same_future = len(futures) >= thresholds.MIN_MEASUREMENTS and of_past < thresholds.SAME_FUTURE
    if not (all_alike or same_future):
        return None
    beginning = not is_mature(record) and float(np.max(apart.values)) < thresholds.ALIKE_WINDOWS
    evidence = []
    if all_alike:
        evidence.append(
            f"Two generated windows differ by {now:.2g} times what two real ones do. Early on it was {apart.early.median:.2g} times."
        )
    if same_future:
        evidence.append(f"Two futures of the same past differ by {of_past:.2g} times what two real windows do: noise is ignored.")
    if beginning:
        evidence.append("It has been so from the start, which is usual: untrained generators give nearly the same window for all noise.")
    return Finding(
        name="paths alike",
        summary="Paths are alike: the generator makes one window, or very few."
        if all_alike
        else "Paths are alike: the generator makes one future of each past, whatever the noise.",
        evidence=tuple(evidence),
        severity="note" if beginning else "severe",
        confidence=0.4 if beginning else 0.9,
        since=apart.holds_since(lambda values: values < 1.3 * thresholds.ALIKE_WINDOWS)
        if all_alike
        else futures.holds_since(lambda values: values < 2 * thresholds.SAME_FUTURE),
        curves={"distance of two windows": apart} | ({"distance of two futures of a past": futures} if len(futures) else {}),
        remedies=against_mode_collapse(record),
    )


def explodes(record: Record) -> Finding | None:
    """Values go far beyond those of the data."""
    largest = record.signal(LARGEST_VALUE)
    if len(largest) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return None
    now = min(largest.last_three.median, largest.last)
    if not now > thresholds.EXPLODING_VALUE:
        return None
    return Finding(
        name="explodes",
        summary="Values explode: generated windows go far beyond what the data has.",
        evidence=(f"The largest number that networks make is {now:.3g} times the largest of the data.",),
        severity="severe",
        confidence=0.9,
        since=largest.holds_since(lambda values: values > thresholds.EXPLODING_VALUE),
        curves={"largest value, over the data's": largest},
        remedies=(*change_learning_rates(record), *against_non_convergence(record)),
    )
