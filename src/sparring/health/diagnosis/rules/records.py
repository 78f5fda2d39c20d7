"""Findings about patients of health records."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.rules.tables import latest_names, listed_names
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    CODE_PAIRS,
    CODE_PAIRS_HOLDOUT,
    CODE_PAIRS_INDEPENDENT,
    CODES_DEVIATION,
    CODES_DEVIATION_OF_DATA,
    CODES_PER_PATIENT,
    CODES_PER_PATIENT_OF_DATA,
    COPIED_PATIENTS,
    COPIED_PATIENTS_HOLDOUT,
    LOST_CODES,
)

LONGER = Remedy(action="Train for longer: how codes go together is learned after how frequent they are.")
DRAWN = Remedy(action="Let the discriminator see drawn codes (--discriminator-sees records).")
ANOTHER_GAME = Remedy(action="Take medgan's own game (its default objective and penalties), or larger batches: their mean tells more.")


def codes_lost(record: Record) -> Finding | None:
    """Codes of the data never come."""
    lost = latest_names(record, LOST_CODES)
    if not lost or not is_mature(record):
        return None
    return Finding(
        name="codes lost",
        summary="Codes are lost: patients of the data have them, and generated ones never do.",
        evidence=(f"Expected in ten patients or more of 2,048, and not there: {listed_names(lost)}.",),
        severity="warning",
        confidence=0.85,
        remedies=(DRAWN, ANOTHER_GAME),
    )


def codes_independent(record: Record) -> Finding | None:
    """Codes of a patient have nothing to do with each other."""
    pairs = record.signal(CODE_PAIRS)
    if len(pairs) < thresholds.MIN_MEASUREMENTS:
        return None
    best, floor = CODE_PAIRS_HOLDOUT.of(record.data), CODE_PAIRS_INDEPENDENT.of(record.data)
    if floor - best < thresholds.DEPENDENT_CODES:
        return None
    now = pairs.last_three.median
    way = (floor - now) / (floor - best)
    if way > thresholds.RIGHT_CODE_PAIRS:
        return None
    return Finding(
        name="codes independent",
        summary="Codes are independent: which codes a patient has tells little of the others, unlike in the data.",
        evidence=(
            f"Correlations of pairs of codes differ from the data's by {now:.3f}: {max(way, 0):.0%} of the way from codes shuffled "
            f"independently ({floor:.3f}) to held-out patients ({best:.3f}).",
        ),
        severity="warning" if is_mature(record) else "note",
        confidence=0.8,
        since=pairs.holds_since(lambda values: (floor - values) / (floor - best) < thresholds.RIGHT_CODE_PAIRS),
        curves={"distance of pairs of codes": pairs},
        remedies=(LONGER, DRAWN),
    )


def codes_per_patient_wrong(record: Record) -> Finding | None:
    """Patients have too many codes, too few, or all about as many."""
    means, deviations = record.signal(CODES_PER_PATIENT), record.signal(CODES_DEVIATION)
    if len(means) < thresholds.MIN_MEASUREMENTS or not is_mature(record):
        return None
    real, spread = CODES_PER_PATIENT_OF_DATA.of(record.data), CODES_DEVIATION_OF_DATA.of(record.data)
    mean, deviation = means.last_three.median, deviations.last_three.median
    off = abs(mean - real) / max(spread, 1e-9)
    narrow = deviation / max(spread, 1e-9)
    if off < thresholds.CODES_OFF and thresholds.CODES_NARROW < narrow < 1 / thresholds.CODES_NARROW:
        return None
    return Finding(
        name="codes per patient wrong",
        summary="Patients have another number of codes than those of the data.",
        evidence=(
            f"Generated patients have {mean:.1f} codes (standard deviation {deviation:.1f}), those of the data {real:.1f} ({spread:.1f}).",
        ),
        severity="warning",
        confidence=0.85,
        since=means.holds_since(lambda values: abs(values - real) / max(spread, 1e-9) >= thresholds.CODES_OFF)
        if off >= thresholds.CODES_OFF
        else None,
        curves={"codes of a generated patient": means},
        remedies=(LONGER, ANOTHER_GAME),
    )


def copied_patients(record: Record) -> Finding | None:
    """Patients that are trained on come again."""
    copied = record.signal(COPIED_PATIENTS)
    if len(copied) < thresholds.MIN_MEASUREMENTS:
        return None
    by_chance, now = COPIED_PATIENTS_HOLDOUT.of(record.data), copied.last_three.median
    if now < 2 * by_chance + thresholds.COPIED_ROWS:
        return None
    return Finding(
        name="copied patients",
        summary="Patients are copied: generated ones have exactly the codes of one that is trained on, more often than unseen ones do.",
        evidence=(
            f"{now:.1%} of generated patients are copies; of held-out patients {by_chance:.1%} are the same as one that is trained on.",
        ),
        severity="warning",
        confidence=0.8,
        since=copied.holds_since(lambda values: values > 2 * by_chance + thresholds.COPIED_ROWS),
        curves={"share of copied patients": copied},
        remedies=(Remedy(action="Stop earlier, or train a smaller network (--latent-size, --discriminator-hidden)."),),
    )
