"""Findings: what is wrong with the samples themselves."""

import numpy as np

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import (
    describe_main_modes,
    has_images,
    has_series,
    is_conditional,
    is_mature,
    labels_match_images,
)
from sparring.health.diagnosis.remedies import against_mode_collapse, against_non_convergence, change_learning_rates
from sparring.health.diagnosis.rules.other_programs import collapsed_sheets
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.health.signals import (
    CHECKERBOARD,
    CLASS_AGREEMENT,
    CLASS_AGREEMENT_BY_CLASS,
    COVERAGE,
    DATA_CHECKERBOARD,
    DATA_MODE_SHARES,
    DATA_SATURATION,
    DISCRIMINATOR_COUNT,
    DIVERSITY,
    LABEL_AGREEMENT,
    LABEL_AGREEMENT_BY_CHANCE,
    LABEL_AGREEMENT_BY_CLASS,
    MODE_SHARES,
    MODES_ARE,
    NEAREST_REAL,
    NEAREST_SAMPLE,
    PRECISION,
    SAMPLE_NEAR_DUPLICATES,
    SATURATION,
)


def mode_collapse(record: Record) -> Finding | None:
    """All samples are nearly the same. (Of series: `series.paths_alike`.)"""
    if has_series(record):
        return None
    diversity = record.signal(DIVERSITY)
    if len(diversity) < thresholds.MIN_MEASUREMENTS or record.last_step < thresholds.MIN_STEPS:
        return collapsed_sheets(record) if record.is_of_another_program else None
    end, early, now = diversity.last_three.median, diversity.early.median, diversity.last
    duplicates, nearest = record.signal(SAMPLE_NEAR_DUPLICATES), record.signal(NEAREST_SAMPLE)
    images = has_images(record)
    duplicate_share = min(duplicates.last_three.median, duplicates.last) if images and len(duplicates) else 0.0
    distance = max(nearest.last_three.median, nearest.last) if images and len(nearest) >= thresholds.MIN_MEASUREMENTS else 1.0
    duplicated = duplicate_share > thresholds.DUPLICATED_SAMPLES
    one_image = max(end, now) < thresholds.SINGLE_POINT or duplicated
    few_images = distance < thresholds.FEW_IMAGES_DISTANCE and distance <= thresholds.FEW_IMAGES_GROWTH * nearest.early.median
    alike = max(end, now) < thresholds.COLLAPSED_DIVERSITY and end < thresholds.COLLAPSED_DIVERSITY_GROWTH * early
    if not (one_image or few_images or alike):
        return None
    evidence = [f"Two samples differ by {end:.2g} times what two real images do. Early on it was {early:.2g} times."]
    if duplicated:
        others = "others of their class" if is_conditional(record) else "the others"
        evidence.append(f"{duplicate_share:.0%} of the samples have a near-duplicate among {others}.")
    elif few_images:
        evidence.append(
            f"A sample is {distance:.2g} times as far from the sample most like it as a real image is from the one most like it."
        )
    if (names := describe_main_modes(record)) and (one_image or not few_images):
        evidence.append(f"They look like: {names}.")
    beginning = not one_image and not is_mature(record) and float(np.max(diversity.values)) < thresholds.COLLAPSED_DIVERSITY
    if beginning:
        evidence.append("It has been so from the start, which is usual: untrained generators give nearly the same image for all latents.")
    return Finding(
        name="mode collapse",
        summary="Mode collapse: the generator produces one image, or very few.",
        evidence=tuple(evidence),
        severity="note" if beginning else "severe",
        confidence=0.4 if beginning else 0.95 if one_image else 0.9 if few_images else 0.85,
        since=nearest.holds_since(lambda values: values < 2 * thresholds.FEW_IMAGES_DISTANCE)
        if few_images
        else diversity.holds_since(lambda values: values < max(thresholds.COLLAPSED_ONSET, 1.01 * end)),
        curves={"diversity of samples": diversity}
        | ({"distance to the nearest other sample": nearest} if few_images else {})
        | {"coverage": record.signal(COVERAGE)},
        remedies=against_mode_collapse(record),
    )


def missing_modes(record: Record) -> Finding | None:
    """Whole modes of the data are hardly generated, or classes are not when they are asked for. (Windows of series have no modes: which of
    ten clusters noise is nearest to says little.)
    """
    if has_series(record):
        return None
    steps, generated = record.vectors(MODE_SHARES)
    real = np.array(DATA_MODE_SHARES.of(record.data, []))
    diversity = record.signal(DIVERSITY).recent.median
    enough = len(steps) >= thresholds.MIN_MEASUREMENTS + 1 and steps[-1] >= thresholds.MIN_STEPS
    if not enough or generated.shape[1] != len(real) or diversity < thresholds.MIN_DIVERSITY_FOR_MODES:
        return None
    agreement = record.vectors(CLASS_AGREEMENT_BY_CLASS)[1]
    real_agreement = np.array(LABEL_AGREEMENT_BY_CLASS.of(record.data, []))
    by_class = is_conditional(record) and agreement.shape == generated.shape and len(real_agreement) == len(real)
    share_of_due = generated / np.maximum(real, 1e-9)
    if by_class:
        of_agreement = agreement / np.maximum(real_agreement, thresholds.MIN_CLASS_AGREEMENT)
        share_of_due = np.minimum(share_of_due, np.where(real_agreement < thresholds.MIN_CLASS_AGREEMENT, np.inf, of_agreement))
    on_points, last = not has_images(record), slice(-5, None)
    bound = thresholds.MISSING_POINT_MODE if on_points else thresholds.MISSING_IMAGE_MODE
    expected = real * DISCRIMINATOR_COUNT.of(record.data, 128) >= thresholds.MIN_EXPECTED_SAMPLES
    missing = (np.maximum(share_of_due[last].mean(axis=0), share_of_due[-1]) < bound) & expected
    mass = float(real[missing].sum())
    if mass < (thresholds.MISSING_POINT_MASS if on_points else thresholds.MISSING_IMAGE_MASS):
        return None
    slight = not is_mature(record) or mass < thresholds.SLIGHT_MASS
    classes = record.data_config.get("spec", {}).get("classes", [])
    has_names = MODES_ARE.of(record.data, None) == "classes" and len(classes) == len(real)
    names = ", ".join(str(classes[index]) for index in np.flatnonzero(missing)) if has_names else f"{missing.sum()} of {len(real)} clusters"
    missing_mass = Curve(steps, ((share_of_due < bound) * real).sum(axis=1))
    generated_mass = generated[last].mean(axis=0)[missing].sum()
    evidence = [f"Modes that make up {mass:.0%} of the data make up {generated_mass:.1%} of the samples."]
    if by_class:
        evidence.append(
            f"Of samples that are asked to be of these classes, {agreement[last].mean(axis=0)[missing].mean():.0%} are nearest to a real "
            f"image of their class. Of other real images {real_agreement[missing].mean():.0%} are."
        )
    return Finding(
        name="missing modes",
        summary=f"Partial mode collapse: some modes of the data are hardly generated ({names}).",
        evidence=tuple(evidence),
        severity="note" if slight else "severe" if mass > thresholds.SEVERE_MASS else "warning",
        confidence=min(0.4 if slight else 0.92, 0.6 + mass),
        since=missing_mass.holds_since(lambda values: values > 0.5 * mass),
        curves={"share of the data that is not generated": missing_mass},
        remedies=against_mode_collapse(record),
    )


def ignored_classes(record: Record) -> Finding | None:
    """Samples are not of the class that was asked for."""
    agreement, data = record.signal(CLASS_AGREEMENT), record.data
    enough = len(agreement) >= thresholds.MIN_MEASUREMENTS and record.last_step >= thresholds.MIN_STEPS
    if not is_conditional(record) or not enough or not labels_match_images(data):
        return None
    chance, real, end = LABEL_AGREEMENT_BY_CHANCE.of(data), LABEL_AGREEMENT.of(data), agreement.recent.median
    if not end <= chance + thresholds.IGNORED_CLASSES * (real - chance):
        return None
    projection = {} if record.settings.get("condition") == "projection" else {"condition": "projection"}
    return Finding(
        name="ignored classes",
        summary="The generator ignores the class that it is given.",
        evidence=(
            f"The real image nearest to a sample has the sample's class in {end:.0%} of the cases. The one nearest to another real image "
            f"has that image's class in {real:.0%} ({chance:.0%} by chance).",
        ),
        severity="severe" if is_mature(record) else "note",
        confidence=0.8 if is_mature(record) else 0.4,
        since=agreement.holds_since(lambda values: values < chance + thresholds.IGNORED_CLASSES_ONSET * (real - chance)),
        curves={"samples of the class that was asked for": agreement},
        remedies=(
            Remedy(
                action="Give the discriminator the class by projection, and check that images and labels are in the same order.",
                settings=projection,
            ),
        ),
    )


def forgetting(record: Record) -> Finding | None:
    """Samples cover far less of the data than they once did."""
    coverage = record.signal(COVERAGE)
    if len(coverage) < 2 * thresholds.MIN_MEASUREMENTS or not is_mature(record):
        return None
    smoothed = np.median(np.lib.stride_tricks.sliding_window_view(coverage.values, thresholds.MIN_MEASUREMENTS), axis=1)
    best, end = float(smoothed.max()), coverage.last_three.median
    if not (best >= thresholds.FORGETTING_BEST and end <= thresholds.FORGETTING_LEFT * best):
        return None
    return Finding(
        name="forgetting",
        summary="The generator forgets: samples cover far less of the data than they did before.",
        evidence=(
            f"They cover {end:.0%} of the data, and covered {best:.0%} at best (near step {coverage.steps[int(smoothed.argmax()) + 1]:,}).",
        ),
        severity="severe",
        confidence=0.7,
        since=coverage.holds_since(lambda values: values < thresholds.FORGETTING_ONSET * best),
        curves={"coverage": coverage},
        remedies=(Remedy(action="Use the best checkpoint that was kept (--checkpoint best)."), *against_non_convergence(record)),
    )


def no_progress(record: Record) -> Finding | None:
    """Samples are not like the data, and come no nearer to it."""
    coverage, nearest, precision = record.signal(COVERAGE), record.signal(NEAREST_REAL), record.signal(PRECISION).recent.median
    now = nearest.recent
    before = Curve(nearest.steps[: -len(now)], nearest.values[: -len(now)]).last_three
    if not has_images(record) or len(coverage) < 2 * thresholds.MIN_MEASUREMENTS or not is_mature(record):
        return None
    unlike = (
        coverage.values.max() < thresholds.NO_PROGRESS_COVERAGE
        and coverage.recent.median < thresholds.NO_PROGRESS_RECENT_COVERAGE
        and precision < thresholds.NO_PROGRESS_PRECISION
    )
    if not (unlike and now.median > thresholds.NO_PROGRESS_DISTANCE * before.median):
        return None
    return Finding(
        name="no progress",
        summary="The generator does not learn: its samples are not like the data, and come no nearer to it.",
        evidence=(
            f"Samples cover {coverage.recent.median:.1%} of the data, and never covered more than {coverage.values.max():.0%}; "
            f"{precision:.0%} of them lie among real images.",
            f"Half of them are within {now.median:.2g} of a real image (in units of the mean distance of two), and were within "
            f"{before.median:.2g} before.",
        ),
        severity="warning",
        confidence=0.6,
        since=coverage.holds_since(lambda values: values < thresholds.NO_PROGRESS_COVERAGE),
        curves={"coverage": coverage, "distance to the nearest real image": nearest},
        remedies=(
            Remedy(action="Look at the data as training sees it (sparring data inspect), and start as sparring doctor recommends for it."),
            *against_non_convergence(record),
        ),
    )


def checkerboard_artifacts(record: Record) -> Finding | None:
    """Samples have a pattern that alternates from pixel to pixel."""
    share, real = record.signal(CHECKERBOARD), DATA_CHECKERBOARD.of(record.data, 0.0)
    if len(share) < thresholds.MIN_MEASUREMENTS or (record.kind == "run" and record.last_step < thresholds.MIN_STEPS):
        return None  # (other programs count epochs)
    end, diversity = share.recent.median, record.signal(DIVERSITY).recent.median
    bound = max(thresholds.CHECKERBOARD_SHARE, thresholds.CHECKERBOARD_TIMES * real)
    collapsed = record.measurements and diversity < thresholds.CHECKERBOARD_MIN_DIVERSITY
    if not end >= bound or (collapsed and end < thresholds.CHECKERBOARD_WITHOUT_DIVERSITY):
        return None
    fading_below = 0.0
    if diversity < thresholds.CHECKERBOARD_VARIED:
        fading_below = min(3 * thresholds.FIRST_CHECKERBOARD, thresholds.CHECKERBOARD_FADING * share.early.median)
    fading = record.kind == "run" and not is_mature(record) and end < max(thresholds.FIRST_CHECKERBOARD, fading_below)
    return Finding(
        name="checkerboard artifacts",
        summary="Samples have a checkerboard pattern.",
        evidence=(f"{end:.1%} of the samples' variation alternates from pixel to pixel; of real images' variation {real:.2%} does.",),
        severity="note" if fading else "warning",
        confidence=0.4 if fading else min(0.9, 0.6 + end),
        since=share.holds_since(lambda values: values > bound),
        curves={"share of alternating pixels": share},
        remedies=(
            Remedy(
                action="Upsample by resizing and convolving, not by transposed convolutions whose stride does not divide their kernel size."
            ),
        ),
    )


def saturated_samples(record: Record) -> Finding | None:
    """Pixels stick to the ends of the range."""
    share, real = record.signal(SATURATION), DATA_SATURATION.of(record.data, None)
    grown = record.is_of_another_program or record.last_step >= thresholds.MIN_STEPS  # other programs count epochs
    enough = len(share) >= thresholds.MIN_MEASUREMENTS and grown
    if real is None or not has_images(record) or not enough:
        return None
    end = share.recent.median
    if not end >= max(real + thresholds.SATURATED_EXCESS, thresholds.SATURATED_SHARE):
        return None
    return Finding(
        name="saturated samples",
        summary="Samples are saturated: their pixels stick to black and white.",
        evidence=(f"{end:.0%} of the samples' pixels are at an end of the range; in real images {real:.0%} are.",),
        severity="warning",
        confidence=min(0.95, 0.5 + (end - real)),
        since=share.holds_since(lambda values: values > real + thresholds.SATURATED_ONSET),
        curves={"share of saturated pixels": share},
        remedies=change_learning_rates(record)
        or (Remedy(action="Lower the learning rates, or use a generator with less gain before its output."),),
    )
