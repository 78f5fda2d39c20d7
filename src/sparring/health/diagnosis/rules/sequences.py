"""Findings about sequences of tokens."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.remedies import against_alike_sequences, against_repeated_tokens
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    ENDED,
    ENDED_OF_DATA,
    LONGEST_RUN,
    LONGEST_RUN_OF_DATA,
    MOST_FREQUENT,
    MOST_FREQUENT_OF_DATA,
    SELF_BLEU,
    SELF_BLEU_OF_DATA,
)


def same_sequence(record: Record) -> Finding | None:
    """One sequence comes again and again."""
    share, real = record.signal(MOST_FREQUENT), MOST_FREQUENT_OF_DATA.of(record.data, None)
    if len(share) < thresholds.MIN_MEASUREMENTS or real is None:
        return None
    least, now = real + thresholds.SAME_SEQUENCE, min(share.last_three.median, share.last)
    if not now > least:
        return None
    return Finding(
        name="same sequence",
        summary="The generator makes one sequence again and again.",
        evidence=(f"Of 256 generated sequences {now:.0%} are one and the same, of 256 real ones {real:.0%}.",),
        severity="severe",
        confidence=0.95,
        since=share.holds_since(lambda values: values > least),
        curves={"share of the most frequent sequence": share},
        remedies=against_alike_sequences(record),
    )


def sequences_alike(record: Record) -> Finding | None:
    """Sequences differ, but are variations of a few."""
    alike, real = record.signal(SELF_BLEU), SELF_BLEU_OF_DATA.of(record.data, None)
    if len(alike) < thresholds.MIN_MEASUREMENTS or real is None or same_sequence(record) is not None:
        return None
    least, now = real + thresholds.MORE_ALIKE * (1 - real), min(alike.last_three.median, alike.last)
    if not now > least:
        return None
    beginning = not is_mature(record)
    return Finding(
        name="sequences alike",
        summary="Sequences are all alike: variations of a few, though real ones are varied.",
        evidence=(f"Self-BLEU-3 is {now:.2f} of generated sequences and {real:.2f} of as many real ones (1: all are the same).",),
        severity="note" if beginning else "warning",
        confidence=0.5 if beginning else 0.85,
        since=alike.holds_since(lambda values: values > least),
        curves={"self-BLEU-3": alike},
        remedies=against_alike_sequences(record),
    )


def repeated_tokens(record: Record) -> Finding | None:
    """A token is repeated within sequences."""
    run, real = record.signal(LONGEST_RUN), LONGEST_RUN_OF_DATA.of(record.data, None)
    if len(run) < thresholds.MIN_MEASUREMENTS or real is None:
        return None
    least, now = thresholds.LONGER_RUNS * real + 1, min(run.last_three.median, run.last)
    if not now > least:
        return None
    beginning = not is_mature(record)
    return Finding(
        name="repeated tokens",
        summary="Sequences repeat one token.",
        evidence=(f"In the mean generated sequence a token comes {now:.1f} times without a break, in real ones {real:.1f} times.",),
        severity="note" if beginning else "warning",
        confidence=0.5 if beginning else 0.9,
        since=run.holds_since(lambda values: values > least),
        curves={"longest run of one token": run},
        remedies=against_repeated_tokens(record),
    )


def never_ends(record: Record) -> Finding | None:
    """Sequences go on until they are cut off, though real ones end."""
    ended, real = record.signal(ENDED), ENDED_OF_DATA.of(record.data, None)
    if len(ended) < thresholds.MIN_MEASUREMENTS or real is None:
        return None
    most, now = thresholds.ENDS_LOST * real, max(ended.last_three.median, ended.last)
    if real < thresholds.ENDING or not now < most:
        return None
    beginning = not is_mature(record)
    return Finding(
        name="never ends",
        summary="Sequences never end: they go on until they are cut off.",
        evidence=(f"{now:.0%} of generated sequences end before the largest length, and {real:.0%} of real ones.",),
        severity="note" if beginning else "warning",
        confidence=0.5 if beginning else 0.9,
        since=ended.holds_since(lambda values: values < most),
        curves={"share of sequences that end": ended},
        remedies=against_repeated_tokens(record),
    )
