"""Findings: what was wrong before the first step. Data that cannot be learned, networks that cannot learn."""

import math

import numpy as np

from sparring.core.formatting import plural
from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy, Severity
from sparring.health.diagnosis.record_questions import (
    describe_image_count,
    died_in_first_steps,
    discriminator_wins,
    first_layer,
    has_batch_norm,
    has_images,
    has_nothing_to_learn,
    has_scores,
    is_conditional,
    labels_match_images,
    median_updates,
    relative_rate,
    translates_images,
    weights_with_gradients,
)
from sparring.health.diagnosis.remedies import against_overfitting, change_learning_rates, recipe_learning_rates
from sparring.health.diagnosis.rules.other_programs import shifted_range, unchanging_losses
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.health.signals import (
    AUC_REAL,
    CONSTANT_CHANNELS,
    COVERAGE,
    GRADIENTS,
    IMAGE_COUNT,
    LABEL_AGREEMENT,
    LABEL_AGREEMENT_BY_CHANCE,
    LOGITS_OF_GENERATED,
    LOGITS_OF_REAL,
    MAXIMUM,
    MEAN_LOGIT_OF_GENERATED,
    MEAN_LOGIT_OF_REAL,
    MEASURED_COUNT,
    MINIMUM,
    NEAR_DUPLICATES,
    PAIRWISE_DISTANCE,
    RELATIVE_UPDATES,
)

NETWORKS = ("generator", "discriminator")
NETWORKS_THAT_LEARN = (*NETWORKS, "encoder")


def value_range(record: Record) -> Finding | None:
    """Real images do not lie in [-1, 1], or use a small part of it."""
    data = record.data
    if record.is_of_another_program:
        return shifted_range(record)
    if not has_images(record):
        return None
    low, high, measured = MINIMUM.of(data), MAXIMUM.of(data), MEASURED_COUNT.of(data)
    rounding = thresholds.RANGE_ROUNDING
    severity: Severity = "severe"
    remedy = "Scale pixels to [-1, 1] before they reach the game (uint8 / 127.5 - 1), or let Sparring read the files."
    if low < -thresholds.RANGE_TOLERANCE or high > thresholds.RANGE_TOLERANCE:
        summary = "Real images reach the game with values outside [-1, 1], which the generator cannot produce."
    elif abs(low) < rounding and abs(high - 1) < rounding:
        summary = "Real images reach the game with values in [0, 1]: half of the range that the generator produces."
    elif abs(low + 0.5) < rounding and abs(high - 0.5) < rounding and measured >= thresholds.MIN_IMAGES_MEASURED:
        summary = "Real images only use the middle of [-1, 1]: they may have been scaled to [-0.5, 0.5]."
    elif high - low < thresholds.FAINTEST_RANGE:
        summary = "Real images use a small part of [-1, 1]: to the networks they are nearly the same."
    elif high - low < thresholds.RANGE_TOLERANCE:
        summary = "Real images have little contrast: they use a part of [-1, 1] only."
        severity, remedy = "note", "If that is not how they should look, stretch their contrast before training."
    else:
        return None
    return Finding(
        name="value range",
        summary=summary,
        evidence=(f"The values of {measured:,} real images lie between {low:.3g} and {high:.3g}.",),
        severity=severity,
        confidence=0.4 if severity == "note" else 0.99,
        since=0,
        remedies=(Remedy(action=remedy),),
    )


def uninformative_labels(record: Record) -> Finding | None:
    """Labels say nothing about the images."""
    data = record.data
    agreement = LABEL_AGREEMENT.of(data, None)
    if agreement is None or translates_images(record) or has_scores(record) or MEASURED_COUNT.of(data) < thresholds.MIN_IMAGES_MEASURED:
        return None
    chance = LABEL_AGREEMENT_BY_CHANCE.of(data)
    if labels_match_images(data) or chance > thresholds.SAME_LABEL_BY_CHANCE:
        return None
    conditional = is_conditional(record)
    return Finding(
        name="uninformative labels",
        summary="Labels say nothing about the images: they are shuffled, in another order than the images, or about something invisible.",
        evidence=(f"An image's nearest neighbor has its label in {agreement:.0%} of the cases; by chance it would in {chance:.0%}.",),
        severity="severe" if conditional else "note",
        confidence=0.95 if conditional else 0.6,
        since=0,
        remedies=(
            Remedy(action="Look at some images of each class (sparring data inspect), and correct the order of files and labels."),
            *([Remedy(action="Or train without classes: --condition none.")] if conditional else []),
        ),
    )


def near_duplicates(record: Record) -> Finding | None:
    """Real images are nearly all the same."""
    data = record.data
    if not has_images(record) or translates_images(record):
        return None
    remedies = (Remedy(action="Remove near-duplicates, or add images that differ: a GAN generates what the data has."),)
    distance, share = PAIRWISE_DISTANCE.of(data), NEAR_DUPLICATES.of(data)
    if distance < thresholds.MIN_DATA_DISTANCE and MAXIMUM.of(data) - MINIMUM.of(data) >= thresholds.DUPLICATES_MIN_RANGE:
        return Finding(
            name="near duplicates",
            summary="Real images are nearly identical.",
            evidence=(f"Two real images differ by {distance:.2g} of [-1, 1] on average.",),
            severity="severe",
            confidence=0.98,
            since=0,
            remedies=remedies,
        )
    if share < thresholds.DUPLICATES:
        return None
    severe, warning = share > thresholds.DUPLICATES_SEVERE, share > thresholds.DUPLICATES_WARNING
    return Finding(
        name="near duplicates",
        summary="Many real images are near-duplicates.",
        evidence=(f"{share:.0%} of {MEASURED_COUNT.of(data):,} real images have a near-duplicate among them.",),
        severity="severe" if severe else "warning" if warning else "note",
        confidence=0.6 + 0.35 * share,
        since=0,
        remedies=remedies,
    )


def few_images(record: Record) -> Finding | None:
    """There are too few images to learn a distribution from."""
    count = IMAGE_COUNT.of(record.data, math.inf)
    if not has_images(record) or translates_images(record) or count >= thresholds.FEW_IMAGES:
        return None
    augmented = record.settings.get("augment", "none") != "none"
    far_too_few, too_few = count < thresholds.FEW_IMAGES_SEVERE, count < thresholds.FEW_IMAGES_WARNING and not augmented
    few = "far too few" if far_too_few else "few"
    return Finding(
        name="few images",
        summary=f"{plural(count, 'image is', 'images are')} {few}: the discriminator will overfit to them.",
        evidence=(f"The game is trained on {describe_image_count(record)}.",),
        severity="severe" if far_too_few else "warning" if too_few else "note",
        confidence=0.97 if far_too_few else 0.8,
        since=0,
        remedies=(
            Remedy(action="Add images: thousands, if you can get them."),
            *(() if augmented else against_overfitting(record)),
        ),
    )


def data_loading(record: Record) -> Finding | None:
    """The discriminator is not trained on the data: it separates its batches from generated images, and prefers these to the data."""
    auc, real, generated = record.signal(AUC_REAL), record.signal(LOGITS_OF_REAL).recent, record.signal(LOGITS_OF_GENERATED).recent
    if min(len(auc), len(real)) < thresholds.MIN_MEASUREMENTS or len(real) != len(generated):
        return None
    ranked_right = float((real.values > generated.values).mean())
    since = auc.holds_since(lambda values: values < thresholds.FOOLED_AUC_ONSET)
    fooled = auc.last_three.values.max() < thresholds.FOOLED_AUC and not ranked_right < thresholds.FOOLED_IN_TRAINING
    if not fooled or (since == 0 and has_batch_norm(record)):  # a batch norm that mixes both kinds does this, too
        return None
    return Finding(
        name="data loading",
        summary="The batches that the discriminator gets as real are not the data: a loader repeats a few images, or alters them.",
        evidence=(
            f"In training the discriminator gives what it gets as real a higher logit than generated images ({real.median:.3g} and "
            f"{generated.median:.3g}).",
            f"But it ranks images of the data above generated ones in only {auc.last_three.median:.1%} of the cases; by chance it would in "
            "half.",
        ),
        severity="severe",
        confidence=0.95,
        since=since,
        curves={"AUC of real against generated images": auc},
        remedies=(Remedy(action="Look at the batches that reach the discriminator: do they differ, and do they look like the files?"),),
    )


def frozen_network(record: Record) -> Finding | None:
    """The weights of a network, or of much of one, do not move."""
    if record.is_of_another_program or not record.measurements:
        return unchanging_losses(record)
    reached = weights_with_gradients(record)
    for network in NETWORKS_THAT_LEARN:
        if died_in_first_steps(record, network):  # it had moved, and too far
            continue
        lines = [(step, values) for step, values in record.per_weight(RELATIVE_UPDATES, f"{network}.") if values]
        recent = [values for _, values in lines[-thresholds.MIN_MEASUREMENTS :]]
        if len(recent) < 2 or not all(all(map(math.isfinite, values.values())) for values in recent):
            continue
        weights = {name for name in recent[-1] if name in reached or "stable_samples" not in record.settings}  # others are yet to grow
        frozen = {name for name in weights if all(values.get(name, 0.0) < thresholds.FROZEN_UPDATE for values in recent)}
        if not weights or len(frozen) < thresholds.FROZEN_SHARE * len(weights):
            continue
        whole = len(frozen) == len(weights)
        if whole and has_nothing_to_learn(record, network):
            continue
        moved = [
            index for index, (_, values) in enumerate(lines) if any(values.get(name, 0.0) >= thresholds.FROZEN_UPDATE for name in frozen)
        ]
        if moved and network == "discriminator" and record.settings.get("weight_clip"):  # its weights are at the ends of their range
            continue
        return Finding(
            name="frozen network",
            summary=f"The {network} does not learn: {'none' if whole else 'many'} of its weights {'move' if whole else 'do not move'}.",
            evidence=(f"{len(frozen)} of its {len(weights)} weights were the same before and after each of the last steps measured.",),
            severity="severe",
            confidence=0.97,
            since=lines[moved[-1] + 1][0] if moved else 0,
            remedies=(
                *recipe_learning_rates(record),
                Remedy(action="Make sure that all of its parameters require gradients, and that its optimizer has all of them."),
            ),
        )
    return None


def batch_norm_mixing(record: Record) -> Finding | None:
    """Real and generated images share a batch norm: the discriminator separates batches, not images."""
    auc = record.signal(AUC_REAL)
    real, generated = record.signal(LOGITS_OF_REAL), record.signal(LOGITS_OF_GENERATED)
    if len(auc) < thresholds.MIN_MEASUREMENTS or not len(real) or not record.settings:
        return None
    sees_images_as_measured = record.settings.get("augment", "none") == "none" and not record.settings.get("input_noise")
    # measurements have more images at a time than a small batch: their norm is another
    large_batch = record.settings.get("batch_size", thresholds.MIN_BATCH_FOR_NORM) >= thresholds.MIN_BATCH_FOR_NORM
    if not sees_images_as_measured or not large_batch or not has_batch_norm(record):
        return None
    gap = Curve(real.steps, real.values - generated.values)
    mixed, separate = (
        gap.recent.median,
        record.signal(MEAN_LOGIT_OF_REAL).recent.median - record.signal(MEAN_LOGIT_OF_GENERATED).recent.median,
    )
    since = auc.holds_since(lambda values: values < thresholds.MIXING_AUC)
    found = mixed > thresholds.MIXING_GAP and separate < thresholds.MIXING_LEFT * mixed and auc.recent.median < thresholds.MIXING_AUC
    if not found or since:  # what begins later has another cause
        return None
    without_norm = {"discriminator_norm": "none"} if "discriminator_norm" in record.settings else {}
    return Finding(
        name="batch norm mixing",
        summary="The discriminator separates real from generated images only where one batch has both: its batch norm mixes them.",
        evidence=(
            f"In training, logits of real images are {mixed:.2g} above those of generated ones. In batches of one kind they are "
            f"{separate:.2g} above them.",
            f"There the discriminator ranks a real image above a generated one in {auc.recent.median:.0%} of the cases.",
        ),
        severity="severe",
        confidence=0.85,
        since=since,
        curves={"AUC of real against generated images, in batches of one kind": auc, "gap of the logits in training": gap},
        remedies=(
            Remedy(action="Pass real and generated images through the discriminator in separate batches."),
            Remedy(action="Or train it without batch norm.", settings=without_norm),
        ),
    )


def learning_rate(record: Record) -> Finding | None:
    """Steps are too large or too small for the weights, by a factor of ten or so."""
    if died := [network for network in ("discriminator", "generator") if died_in_first_steps(record, network)]:
        return died_of_learning_rate(record, died)
    worst: Finding | None = None
    for network, name in (("generator", "learning_rate"), ("discriminator", "discriminator_learning_rate")):
        updates = median_updates(record, network)
        if len(updates) < 2:
            continue
        early, recent = updates.early.median, updates.recent.median
        factor = relative_rate(record, name)
        lowest, highest = thresholds.CERTAIN_RATE
        too_large = early > thresholds.HUGE_UPDATE or any(factor >= most and early > bound for most, bound in thresholds.TOO_FAST)
        too_small = any(factor <= least and early < bound for least, bound in thresholds.TOO_SLOW) or (
            max(early, recent) < thresholds.STALLED_UPDATE and not discriminator_wins(record)
        )
        if too_large or factor >= thresholds.HUGE_RATE:
            summary, confidence, change = f"The {network}'s learning rate is too high.", 0.9 if factor >= highest else 0.6, 0.25
        elif early > thresholds.FROZEN_UPDATE and too_small:
            summary, confidence, change = f"The {network}'s learning rate is too low.", 0.9 if factor <= lowest else 0.55, 4.0
        else:
            continue
        harmless_update = thresholds.HARMLESS_UPDATE_OF_HIGH_RATE if factor >= highest else thresholds.HARMLESS_UPDATE
        covers = record.signal(COVERAGE).recent.median > thresholds.HARMLESS_COVERAGE
        harmless = change < 1 and early < harmless_update and factor < thresholds.HUGE_RATE and covers
        evidence = [
            f"A step changes the {network}'s weights by {early:.2g} of their size early on, and by {recent:.2g} recently (0.002 to 0.02 is "
            "usual)."
        ]
        if not thresholds.USUAL_RATE[0] < factor < thresholds.USUAL_RATE[1]:
            evidence.append(f"Its learning rate is {factor:.3g} times the recipe's own.")
        found = Finding(
            name="learning rate",
            summary=summary,
            evidence=tuple(evidence),
            severity="note" if harmless else "warning" if lowest < factor < highest else "severe",
            confidence=confidence,
            since=0,
            curves={f"relative size of the {network}'s steps": updates},
            remedies=change_learning_rates(record, change),
        )
        if worst is None or found.weight > worst.weight:
            worst = found
    return worst


def died_of_learning_rate(record: Record, networks: list[str]) -> Finding:
    """The finding that the first steps took these networks to where no gradient reaches them."""
    gradients = {network: record.signal(GRADIENTS[network]) for network in networks}
    last = {network: int(gradient.steps[np.flatnonzero(gradient.values)[-1]]) for network, gradient in gradients.items()}
    return Finding(
        name="learning rate",
        summary=f"Learning rates are far too high: the first steps took the {' and the '.join(networks)} to where the gradient is zero.",
        evidence=tuple(
            f"The {network}'s gradient was {gradient.values.max():.2g} at first, and is zero after step {last[network]:,}."
            for network, gradient in gradients.items()
        ),
        severity="severe",
        confidence=0.9,
        since=0,
        curves={f"gradient of the {network}": gradient for network, gradient in gradients.items()},
        remedies=change_learning_rates(record, 0.01),
    )


def dead_layers(record: Record) -> Finding | None:
    """The output of some layers is the same for every image, though their input is not."""
    lines = record.per_weight(CONSTANT_CHANNELS)
    if len(lines) < 2:
        return None
    for network in NETWORKS:
        dead = [
            {name for name, share in values.items() if name.startswith(f"{network}.") and share > thresholds.DEAD_CHANNELS}
            for _, values in lines
        ]
        now = set.intersection(*dead[-thresholds.MIN_MEASUREMENTS :])
        if not now or first_layer(record, network) in now:  # a network whose input is constant is not dead itself
            continue
        names = f"{', '.join(sorted(now)[:4])}{' and others' if len(now) > 4 else ''}"
        return Finding(
            name="dead layers",
            summary=f"The {network} has dead layers: their output does not depend on their input.",
            evidence=(f"All channels are constant in {names}.",),
            severity="severe",
            confidence=0.93,
            since=0 if now <= dead[0] else next((step for (step, _), layers in zip(lines, dead, strict=True) if now <= layers), None),
            remedies=(
                *change_learning_rates(record),
                Remedy(action="Start again with smaller weights and no large negative biases. Leaky rectifiers cannot die."),
            ),
        )
    return None
