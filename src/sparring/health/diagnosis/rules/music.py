"""Findings about music."""

from collections.abc import Callable

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy, Severity
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.remedies import against_mode_collapse, against_non_convergence, change_learning_rates
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    COPIED_PHRASES,
    COPIED_PHRASES_HOLDOUT,
    EMPTY_BARS,
    EMPTY_BARS_OF_DATA,
    QUALIFIED_NOTES,
    QUALIFIED_NOTES_OF_DATA,
    SAME_PHRASE,
    SAME_PHRASE_OF_DATA,
    SILENT_PHRASES,
    SILENT_PHRASES_OF_DATA,
    SOUNDING,
    SOUNDING_OF_DATA,
    Signal,
)

LONGER = Remedy(action="Train for longer: rhythm is learned after pitches.")
FEWER_COPIES = Remedy(action="Take more songs, or stop earlier: the best checkpoint may be before it (--checkpoint best).")


def silent_music(record: Record) -> Finding | None:
    """Nothing sounds in many phrases."""

    def wrong(now: float, real: float) -> bool:
        return now > real + thresholds.SILENT_PHRASES

    summary, evidence = "Many phrases are silent.", "Nothing sounds in {now:.0%} of the phrases; in {real:.0%} of the data's."
    return found(
        record,
        "silent music",
        (SILENT_PHRASES, SILENT_PHRASES_OF_DATA),
        wrong,
        summary,
        evidence,
        "severe",
        against_non_convergence(record),
    )


def empty_bars(record: Record) -> Finding | None:
    """Many bars of single tracks are empty."""

    def wrong(now: float, real: float) -> bool:
        return now > real + thresholds.EMPTY_BARS

    summary = "Bars of single tracks are empty, and in the data they are not."
    evidence = "Nothing sounds in {now:.0%} of the tracks' bars; in {real:.0%} of the data's."
    remedies = (*against_non_convergence(record), LONGER)
    return found(record, "empty bars", (EMPTY_BARS, EMPTY_BARS_OF_DATA), wrong, summary, evidence, "warning", remedies)


def same_phrase(record: Record) -> Finding | None:
    """One phrase comes again and again."""

    def wrong(now: float, real: float) -> bool:
        return now > real + thresholds.SAME_PHRASE

    summary = "One phrase comes again and again."
    evidence = "{now:.0%} of the phrases are the same, in some key; of the data's {real:.0%}."
    return found(
        record, "same phrase", (SAME_PHRASE, SAME_PHRASE_OF_DATA), wrong, summary, evidence, "severe", against_mode_collapse(record)
    )


def notes_everywhere(record: Record) -> Finding | None:
    """Nearly all notes are on."""

    def wrong(now: float, real: float) -> bool:
        return now > thresholds.NOTES_EVERYWHERE * real

    summary = "Far too many notes sound at once."
    evidence = "{now:.1%} of the cells of rolls sound; of the data's {real:.1%}."
    return found(
        record, "notes everywhere", (SOUNDING, SOUNDING_OF_DATA), wrong, summary, evidence, "severe", change_learning_rates(record)
    )


def fragmented_notes(record: Record) -> Finding | None:
    """Notes are crumbs of one step."""

    def wrong(now: float, real: float) -> bool:
        return now < real - thresholds.FRAGMENTED_NOTES

    summary = "Notes are fragments of a single step each."
    evidence = "{now:.0%} of the notes are longer than one step; of the data's {real:.0%}."
    return found(
        record, "fragmented notes", (QUALIFIED_NOTES, QUALIFIED_NOTES_OF_DATA), wrong, summary, evidence, "warning",
        (LONGER, *against_non_convergence(record)),
    )  # fmt: skip


def copied_phrases(record: Record) -> Finding | None:
    """Phrases are those of the data."""

    def wrong(now: float, real: float) -> bool:
        return now > real + thresholds.COPIED_PHRASES

    summary = "Phrases of the data are copied."
    evidence = "{now:.0%} of the phrases are one that is trained on, in some key; of held-out ones {real:.0%}."
    return found(record, "copied phrases", (COPIED_PHRASES, COPIED_PHRASES_HOLDOUT), wrong, summary, evidence, "warning", (FEWER_COPIES,))


def found(
    record: Record,
    name: str,
    signals: tuple[Signal, Signal],
    wrong: Callable[[float, float], bool],
    summary: str,
    evidence: str,
    severity: Severity,
    remedies: tuple[Remedy, ...],
) -> Finding | None:
    """The finding that a measurement of games is wrong beside that of the data; None if it is not, or was not measured often enough."""
    own, real = record.signal(signals[0]), signals[1].of(record.data, None)
    if len(own) < thresholds.MIN_MEASUREMENTS or real is None:
        return None
    now = own.last_three.median
    if not wrong(now, real):
        return None
    beginning = not is_mature(record)
    return Finding(
        name=name,
        summary=summary,
        evidence=(evidence.format(now=now, real=real),),
        severity="note" if beginning else severity,
        confidence=0.4 if beginning else 0.85,
        curves={summary: own},
        remedies=remedies,
    )
