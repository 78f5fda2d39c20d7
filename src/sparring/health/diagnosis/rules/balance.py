"""Findings: one player wins, or learns its images by heart."""

import math

from sparring.health.diagnosis.evidence import CHECKUPS, YOUNG, imaged, logistic, mature, median_updates
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record import Record
from sparring.health.diagnosis.remedies import against_overfitting, for_generator, for_weak_discriminator
from sparring.health.diagnosis.rules.other_programs import lost_losses, won_losses


def vanishing_gradient(record: Record) -> Finding | None:
    """The discriminator wins: it tells all, and the generator learns nothing from it."""
    told = record.sign("told/real")
    gradient = record.logged("gradient/generator")
    if len(told) < CHECKUPS:
        return won_losses(record) if not record.checkups else None
    coverage = record.sign("coverage").recent.middle
    if record.last_step < YOUNG or told.recent.middle < 0.985 or coverage > 0.1:
        return None
    begin = gradient.early.middle
    faint = len(gradient) > 2 and gradient.recent.middle < 0.1 * begin
    logit = record.sign("logit/generated").recent.middle
    sure_of_it = logistic(record) and logit < -7
    at_rest = median_updates(record, "generator").recent.middle < 3e-4
    if not (faint or sure_of_it or at_rest):
        return None
    young = not (sure_of_it or at_rest or mature(record))
    evidence = [
        f"It ranks a real image above a generated one in {told.recent.middle:.1%} of the cases; samples cover {coverage:.0%} of the data."
    ]
    if faint:
        evidence.append(f"The gradient that reaches the generator fell from {begin:.2g} to {gradient.recent.middle:.2g}.")
    if sure_of_it:
        evidence.append(f"Its logits of generated images are {logit:.1f}: it gives them a chance of {math.exp(logit):.1g} to be real.")
    if at_rest:
        evidence.append(f"A step changes the generator's weights by {median_updates(record, 'generator').recent.middle:.1g} of themselves.")
    return Finding(
        "vanishing gradient",
        "The discriminator wins: it tells all images apart, and next to no gradient reaches the generator.",
        tuple(evidence),
        "note" if young else "severe",
        0.4 if young else min(0.97, 0.6 + 0.15 * (faint + sure_of_it + at_rest)),
        told.holds_since(lambda values: values > 0.985),
        curves={
            "told apart": told,
            "gradient of the generator": gradient,
            "logits of generated images": record.logged("logits/generated"),
        },
        remedies=for_generator(record),
    )


def weak_discriminator(record: Record) -> Finding | None:
    """The generator wins against a discriminator that does not see what is wrong."""
    told, coverage = record.sign("told/real"), record.sign("coverage")
    if not record.checkups:
        return lost_losses(record)
    if len(told) < CHECKUPS or record.last_step < YOUNG:
        return None
    slow = median_updates(record, "discriminator").recent.middle
    asleep = slow < 3e-4 and slow < 0.5 * median_updates(record, "generator").early.middle
    point = record.sign("diversity").recent.middle < 0.02 and not asleep
    if not (told.recent.middle <= 0.6 and coverage.recent.middle <= 0.05) or point:
        return None
    evidence = [
        f"It ranks a real image above a generated one in {told.recent.middle:.0%} of the cases (half would be chance), "
        f"while samples cover {coverage.recent.middle:.0%} of the data."
    ]
    if asleep:
        evidence.append(f"A step changes its weights by {slow:.1g} of themselves.")
    # points of a game on its way lie around and between the modes, which a critic of small weights hardly tells from them
    around = not imaged(record) and record.sign("recall").recent.middle > 0.5
    settled = asleep or (not around and (mature(record) or told.recent.values.max() <= 0.6))
    return Finding(
        "weak discriminator",
        "The generator wins against a weak discriminator: samples are wrong, and it does not see it.",
        tuple(evidence),
        "severe" if settled else "note",
        0.95 if asleep else 0.65 if settled else 0.4,
        told.holds_since(lambda values: values < 0.65),
        curves={"told apart": told, "coverage": coverage},
        remedies=for_weak_discriminator(record),
    )


def discriminator_overfitting(record: Record) -> Finding | None:
    """The discriminator takes images that it was trained on for more real than others like them."""
    told = record.sign("told/trained")
    held_out = record.data.get("held_out", 0)
    if len(told) < CHECKUPS or held_out < 5:
        return None
    packs = record.settings.get("packing") or 1  # each has one logit
    shown, held_out = record.data.get("shown", 128) / packs, held_out / packs
    doubt = math.sqrt((1 / shown + 1 / min(held_out, shown)) / 12)
    end = told.recent.middle
    if not end - 0.5 >= max(0.12, 3 * doubt):
        return None
    beginning = not mature(record) and end < 0.7
    return Finding(
        "discriminator overfitting",
        "The discriminator knows its images by heart: it tells them from others like them.",
        (
            f"It ranks a image that it was trained on above one that was kept back in {end:.0%} of the cases; half would be chance, "
            f"give or take {doubt:.0%}.",
        ),
        "note" if beginning else "severe" if end > 0.75 else "warning",
        0.4 if beginning else min(0.95, 0.6 + 1.2 * (end - 0.6)),
        told.holds_since(lambda values: values > 0.5 + 0.5 * (end - 0.5)),
        curves={"told apart, trained on from kept back": told, "told apart, kept back from generated": record.sign("told/held_out")},
        remedies=against_overfitting(record),
    )


def memorizing(record: Record) -> Finding | None:
    """Samples that are copies of training images."""
    nearest, data = record.sign("nearest"), record.data
    if not imaged(record) or len(nearest) < CHECKUPS or record.sign("diversity").recent.middle < 0.3:
        return None
    if not mature(record) and data["count"] > 2 * data["looked_at"]:  # smooth samples of a beginning are near smooth images
        return None
    apart = record.sign("nearest/held_out").recent.middle if data.get("held_out", 0) >= 10 else data["nearest"]
    end = nearest.recent.middle
    if not (end < 0.65 * apart and data["spread"] > 0.02):
        return None
    return Finding(
        "memorizing",
        "The generator repeats training images.",
        (f"Half of the samples are within {end:.2g} of a training image, where other real images are {apart:.2g} from the nearest.",),
        "severe" if end < 0.4 * apart else "warning",
        0.85,
        nearest.holds_since(lambda values: values < 0.65 * apart),
        curves={"distance to the nearest training image": nearest},
        remedies=(Remedy("Add images: thousands, if they can be had."), *against_overfitting(record)),
    )
