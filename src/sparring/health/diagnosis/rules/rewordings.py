"""Findings about rewordings of texts."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import ASTRAY_REWORDINGS, COPIED_REWORDINGS, SAME_REWORDINGS, Signal

REWARD = Remedy(action="Let the scorer's reward count for more (--reward), or finding the text again for less (--back-translation).")
BACK = Remedy(action="Let finding the text again count for more (--back-translation), and the scorer's reward for less (--reward).")
KEEPING = Remedy(
    action="Let each word that is lost or made up cost more (--keeping), or reconstruct for longer (--reconstruction-samples)."
)
LONGER = Remedy(action="Train for longer: words are copied from what was read only once the writer has learned to look there.")


def rewordings_copy(record: Record) -> Finding | None:
    """Rewordings are the texts that came in."""
    return _share_is_high(
        record,
        COPIED_REWORDINGS,
        thresholds.COPIED_REWORDINGS,
        Finding(
            name="rewordings copy",
            summary="Rewordings copy: most are the text that came in.",
            evidence=("{share} of the rewordings, as drawn, are their text (the median of three measurements).",),
            severity="warning",
            confidence=0.9,
            remedies=(REWARD,),
        ),
    )


def rewordings_same(record: Record) -> Finding | None:
    """One rewording is given for whatever text."""
    return _share_is_high(
        record,
        SAME_REWORDINGS,
        thresholds.SAME_REWORDINGS,
        Finding(
            name="rewordings same",
            summary="Rewordings are the same whatever the text: the writer ignores what it reads.",
            evidence=("{share} of the rewordings of 64 texts are one and the same.",),
            severity="severe",
            confidence=0.95,
            remedies=(BACK,),
        ),
    )


def rewordings_astray(record: Record) -> Finding | None:
    """Rewordings lose or make up numbers, names and telling words."""
    return _share_is_high(
        record,
        ASTRAY_REWORDINGS,
        thresholds.ASTRAY_REWORDINGS,
        Finding(
            name="rewordings astray",
            summary="Rewordings go astray: they lose or make up numbers, names, or words that tell groups apart.",
            evidence=(
                "{share} of the rewordings, as drawn, have not the same words of that kind as their text; `reword` leaves these out.",
            ),
            severity="warning",
            confidence=0.85,
            remedies=(LONGER, KEEPING),
        ),
    )


def _share_is_high(record: Record, signal: Signal, limit: float, finding: Finding) -> Finding | None:
    """The finding, with its share in place of {share}, if a share is above a limit once the game has learned for a while."""
    share = record.signal(signal)
    if len(share) < thresholds.MIN_MEASUREMENTS or not is_mature(record):
        return None
    now = min(share.last_three.median, share.last)
    if not now > limit:
        return None
    return Finding(
        name=finding.name,
        summary=finding.summary,
        evidence=tuple(each.replace("{share}", f"{now:.0%}") for each in finding.evidence),
        severity=finding.severity,
        confidence=finding.confidence,
        since=share.holds_since(lambda values: values > limit),
        curves={signal.meaning: share},
        remedies=finding.remedies,
    )
