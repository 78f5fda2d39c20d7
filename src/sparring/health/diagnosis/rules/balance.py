"""Findings: one player wins, or overfits."""

import math

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import has_images, has_log_odds, has_series, is_mature, median_updates
from sparring.health.diagnosis.remedies import against_overfitting, against_vanishing_gradients, against_weak_discriminator
from sparring.health.diagnosis.rules.other_programs import discriminator_wins_by_losses, generator_wins_by_losses
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import (
    AUC_HOLDOUT,
    AUC_REAL,
    AUC_TRAINING,
    COVERAGE,
    DISCRIMINATOR_COUNT,
    DIVERSITY,
    GENERATOR_GRADIENT,
    HOLDOUT_COUNT,
    IMAGE_COUNT,
    LOGITS_OF_GENERATED,
    MEAN_LOGIT_OF_GENERATED,
    MEASURED_COUNT,
    NEAREST_OTHER,
    NEAREST_REAL,
    NEAREST_REAL_OF_HOLDOUT,
    PAIRWISE_DISTANCE,
    RECALL,
    SEPARATE_WINDOWS,
    SEPARATE_WINDOWS_OF_HOLDOUT,
)


def vanishing_gradients(record: Record) -> Finding | None:
    """The discriminator wins: it separates all images, and next to no gradient reaches the generator."""
    auc = record.signal(AUC_REAL)
    gradient = record.signal(GENERATOR_GRADIENT)
    if len(auc) < thresholds.MIN_MEASUREMENTS:
        return discriminator_wins_by_losses(record) if record.is_of_another_program or not record.measurements else None
    coverage = record.signal(COVERAGE).recent.median
    if record.last_step < thresholds.MIN_STEPS or auc.recent.median < thresholds.WINNING_AUC or coverage > thresholds.WINNING_COVERAGE:
        return None
    early_gradient, recent_gradient = gradient.early.median, gradient.recent.median
    vanished = len(gradient) > 2 and recent_gradient < thresholds.VANISHED_GRADIENT * early_gradient
    logit = record.signal(MEAN_LOGIT_OF_GENERATED).recent.median
    certain = has_log_odds(record) and logit < thresholds.CERTAIN_LOGIT
    update = median_updates(record, "generator").recent.median
    stalled = update < thresholds.STALLED_UPDATE
    if not (vanished or certain or stalled):
        return None
    unsure = not (certain or stalled or is_mature(record))
    evidence = [
        f"The discriminator ranks a real image above a generated one in {auc.recent.median:.1%} of the cases, and samples cover "
        f"{coverage:.0%} of the data."
    ]
    if vanished:
        evidence.append(f"The gradient that reaches the generator fell from {early_gradient:.2g} to {recent_gradient:.2g}.")
    if certain:
        evidence.append(
            f"The discriminator's logits of generated images are {logit:.1f}: it gives them a chance of {math.exp(logit):.1g} to be real."
        )
    if stalled:
        evidence.append(f"A step changes the generator's weights by {update:.1g} of their size.")
    return Finding(
        name="vanishing gradients",
        summary="The discriminator wins: it separates real from generated images, and next to no gradient reaches the generator.",
        evidence=tuple(evidence),
        severity="note" if unsure else "severe",
        confidence=0.4 if unsure else min(0.97, 0.6 + 0.15 * (vanished + certain + stalled)),
        since=auc.holds_since(lambda values: values > thresholds.WINNING_AUC),
        curves={
            "AUC of real against generated images": auc,
            "gradient of the generator": gradient,
            "logits of generated images": record.signal(LOGITS_OF_GENERATED),
        },
        remedies=against_vanishing_gradients(record),
    )


def weak_discriminator(record: Record) -> Finding | None:
    """The generator wins against a discriminator that does not see what is wrong with its samples."""
    auc, coverage = record.signal(AUC_REAL), record.signal(COVERAGE)
    if record.is_of_another_program or not record.measurements:
        return generator_wins_by_losses(record)
    if len(auc) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return None
    update, of_generator = median_updates(record, "discriminator").recent.median, median_updates(record, "generator").early.median
    stalled = update < thresholds.STALLED_UPDATE and update < thresholds.STALLED_DISCRIMINATOR * of_generator
    collapsed = record.signal(DIVERSITY).recent.median < thresholds.SINGLE_POINT and not stalled
    if not (auc.recent.median <= thresholds.WEAK_AUC and coverage.recent.median <= thresholds.WEAK_COVERAGE) or collapsed:
        return None
    evidence = [
        f"The discriminator ranks a real image above a generated one in {auc.recent.median:.0%} of the cases (by chance it would in half), "
        f"while samples cover {coverage.recent.median:.0%} of the data."
    ]
    if stalled:
        evidence.append(f"A step changes the discriminator's weights by {update:.1g} of their size.")
    # points on their way lie around and between the modes, which a critic of small weights hardly separates from them
    on_the_way = not has_images(record) and record.signal(RECALL).recent.median > thresholds.SURROUNDED_RECALL
    settled = stalled or (not on_the_way and (is_mature(record) or auc.recent.values.max() <= thresholds.WEAK_AUC))
    return Finding(
        name="weak discriminator",
        summary="The generator wins against a weak discriminator: samples are wrong, and the discriminator does not see it.",
        evidence=tuple(evidence),
        severity="severe" if settled else "note",
        confidence=0.95 if stalled else 0.65 if settled else 0.4,
        since=auc.holds_since(lambda values: values < thresholds.WEAK_AUC_ONSET),
        curves={"AUC of real against generated images": auc, "coverage": coverage},
        remedies=against_weak_discriminator(record),
    )


def discriminator_overfitting(record: Record) -> Finding | None:
    """The discriminator finds images that it is trained on more real than held-out ones."""
    auc = record.signal(AUC_TRAINING)
    held_out = HOLDOUT_COUNT.of(record.data, 0)
    if len(auc) < thresholds.MIN_MEASUREMENTS or held_out < thresholds.MIN_HOLDOUT:
        return None
    packing = record.settings.get("packing") or 1  # each pack has one logit
    trained = DISCRIMINATOR_COUNT.of(record.data, 128)
    if has_series(record):  # windows that overlap are not independent
        trained, held_out = min(trained, SEPARATE_WINDOWS.of(record.data, trained)), SEPARATE_WINDOWS_OF_HOLDOUT.of(record.data, held_out)
    if min(trained, held_out) < packing:
        return None
    trained, held_out = trained / packing, held_out / packing
    standard_error = math.sqrt((1 / trained + 1 / min(held_out, trained)) / 12)
    end = auc.recent.median
    if not end - 0.5 >= max(thresholds.OVERFITTING_GAP, thresholds.OVERFITTING_STANDARD_ERRORS * standard_error):
        return None
    beginning = not is_mature(record) and end < thresholds.OVERFITTING_YOUNG
    return Finding(
        name="discriminator overfitting",
        summary="The discriminator overfits: it separates the images that it is trained on from others like them.",
        evidence=(
            f"It ranks an image that it was trained on above a held-out one in {end:.0%} of the cases; by chance it would in half, give or "
            f"take {standard_error:.0%}.",
        ),
        severity="note" if beginning else "severe" if end > thresholds.OVERFITTING_SEVERE else "warning",
        confidence=0.4 if beginning else min(0.95, 0.6 + 1.2 * (end - 0.6)),
        since=auc.holds_since(lambda values: values > 0.5 + 0.5 * (end - 0.5)),
        curves={"AUC of training against held-out images": auc, "AUC of held-out against generated images": record.signal(AUC_HOLDOUT)},
        remedies=against_overfitting(record),
    )


def memorization(record: Record) -> Finding | None:
    """Samples are copies of training images."""
    nearest, data = record.signal(NEAREST_REAL), record.data
    if (
        not has_images(record)
        or len(nearest) < thresholds.MIN_MEASUREMENTS
        or record.signal(DIVERSITY).recent.median < thresholds.MIN_DIVERSITY_TO_MEMORIZE
    ):
        return None
    if not is_mature(record) and IMAGE_COUNT.of(data) > thresholds.MOSTLY_MEASURED * MEASURED_COUNT.of(data):
        return None  # the smooth samples of a young game are near smooth images
    compares_holdout = HOLDOUT_COUNT.of(data, 0) >= thresholds.MIN_HOLDOUT_TO_COMPARE
    of_real = record.signal(NEAREST_REAL_OF_HOLDOUT).recent.median if compares_holdout else NEAREST_OTHER.of(data)
    end = nearest.recent.median
    if not (end < thresholds.MEMORIZED * of_real and PAIRWISE_DISTANCE.of(data) > thresholds.MIN_DATA_DISTANCE):
        return None
    return Finding(
        name="memorization",
        summary="The generator memorizes: its samples repeat training images.",
        evidence=(f"Half of the samples are within {end:.2g} of a training image. Other real images are {of_real:.2g} from the nearest.",),
        severity="severe" if end < thresholds.MEMORIZED_SEVERELY * of_real else "warning",
        confidence=0.85,
        since=nearest.holds_since(lambda values: values < thresholds.MEMORIZED * of_real),
        curves={"distance to the nearest training image": nearest},
        remedies=(Remedy(action="Add images: thousands, if you can get them."), *against_overfitting(record)),
    )
