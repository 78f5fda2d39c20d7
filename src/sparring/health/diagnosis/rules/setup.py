"""Findings: what was wrong before the first step. Data that cannot be learned from, networks that cannot learn."""

import math

import numpy as np

from sparring.core.formatting import plural
from sparring.health.diagnosis.evidence import (
    CHECKUPS,
    died_at_once,
    first_layer,
    imaged,
    labels_tell,
    median_updates,
    norms_batches,
    rate_factor,
    reached_weights,
    satisfied,
    told_classes,
    trained_on,
    translates,
    winning,
)
from sparring.health.diagnosis.finding import Finding, Remedy, Severity
from sparring.health.diagnosis.record import Record, Series
from sparring.health.diagnosis.remedies import against_overfitting, for_rates
from sparring.health.diagnosis.rules.other_programs import still_losses

ROUNDING = 0.012
"""Images that were scaled to another range reach both of its ends so nearly (a step of 8-bit pixels is 0.008). Honest ones of little
contrast hardly do."""
FAINTEST = 0.25
"""Below this range, 32 steps of 8-bit pixels, there is next to nothing to be seen."""
FEWEST_IN_NORM = 16
"""Images in a batch from which on its norm is like that of a checkup's images."""

TOO_FAST, TOO_SLOW = ((4, 0.03), (8, 0.006)), ((0.2, 0.003), (0.1, 0.006))
"""How many times the recipe's own a rate is, and the size of a first step from which on, or below which, it is wrong."""


def value_range(record: Record) -> Finding | None:
    """Real images that do not lie in [-1, 1], or use a small part of it."""
    data = record.data
    if not imaged(record):
        return None
    least, most = data["least"], data["most"]
    seen = f"The numbers of {data['looked_at']:,} real images lie between {least:.3g} and {most:.3g}."
    if least < -1.2 or most > 1.2:
        says = "Real images reach the game with numbers outside [-1, 1], which the generator cannot draw."
    elif abs(least) < ROUNDING and abs(most - 1) < ROUNDING:
        says = "Real images reach the game with numbers in [0, 1]: half of the range that the generator draws in."
    elif abs(least + 0.5) < ROUNDING and abs(most - 0.5) < ROUNDING and data["looked_at"] >= 200:
        says = "Real images use the middle of [-1, 1] alone: they may have been scaled to [-0.5, 0.5]."
    elif most - least < FAINTEST:
        says = "Real images use a small part of [-1, 1]: to the networks they are all but the same."
    elif most - least < 1.2:
        says = "Real images have little contrast: they use a part of [-1, 1] alone."
        stretch = Remedy("If that is not how they should look, stretch their contrast before training.")
        return Finding("value range", says, (seen,), "note", 0.4, 0, remedies=(stretch,))
    else:
        return None
    remedy = Remedy("Scale pixels to [-1, 1] before they reach the game (uint8 / 127.5 - 1), or let Sparring read the files themselves.")
    return Finding("value range", says, (seen,), "severe", 0.99, 0, remedies=(remedy,))


def labels(record: Record) -> Finding | None:
    """Labels that say nothing about the images."""
    data = record.data
    if "agreement" not in data or translates(record) or data["looked_at"] < 200:
        return None
    share, chance = data["agreement"], data["agreement_by_chance"]
    if labels_tell(data) or chance > 0.8:
        return None
    told = told_classes(record)
    return Finding(
        "labels",
        "Labels say nothing about the images: they are shuffled, out of step with them, or about something that cannot be seen.",
        (f"A image's nearest neighbor has its label in {share:.0%} of the cases; by chance it would in {chance:.0%}.",),
        "severe" if told else "note",
        0.95 if told else 0.6,
        0,
        remedies=(
            Remedy("Look at some images of each class (sparring data inspect), and mend the order of files and labels."),
            *([Remedy("Or train without classes: --condition none.")] if told else []),
        ),
    )


def duplicates(record: Record) -> Finding | None:
    """Images that are all nearly the same."""
    data = record.data
    if not imaged(record) or translates(record):
        return None
    remedy = Remedy("Remove duplicates, or add images that differ: a GAN draws what there is.")
    if data["spread"] < 0.02 and data["most"] - data["least"] >= 0.4:
        seen = f"Two real images differ by {data['spread']:.2g} of [-1, 1] on average."
        return Finding("duplicates", "Real images are nearly identical.", (seen,), "severe", 0.98, 0, remedies=(remedy,))
    twins = data["twins"]
    if twins < 0.3:
        return None
    seen = f"{twins:.0%} of {data['looked_at']:,} real images have a near twin among them."
    severity: Severity = "severe" if twins > 0.8 else "warning" if twins > 0.6 else "note"
    return Finding("duplicates", "Many real images are near duplicates.", (seen,), severity, 0.6 + 0.35 * twins, 0, remedies=(remedy,))


def few_images(record: Record) -> Finding | None:
    """Far too few images to learn a distribution from."""
    count = record.data.get("count", math.inf)
    if not imaged(record) or translates(record) or count >= 2000:
        return None
    augmented = record.settings.get("augment", "none") != "none"
    severity: Severity = "severe" if count < 100 else "warning" if count < 400 and not augmented else "note"
    return Finding(
        "few images",
        f"{plural(count, 'image is', 'images are')} {'far too few' if count < 100 else 'few'}: the discriminator will know them by heart.",
        (f"The game is trained on {trained_on(record)}.",),
        severity,
        0.97 if count < 100 else 0.8,
        0,
        remedies=(Remedy("Add images: thousands, if they can be had."), *(() if augmented else against_overfitting(record))),
    )


def data_loading(record: Record) -> Finding | None:
    """What is trained on is not the data: the discriminator tells it from generated images, and prefers these to the data."""
    told, shown, generated = record.sign("told/real"), record.logged("logits/real").recent, record.logged("logits/generated").recent
    if len(told) < CHECKUPS or len(shown) < CHECKUPS or len(shown) != len(generated):
        return None
    right = float((shown.values > generated.values).mean())
    since = told.holds_since(lambda values: values < 0.3)
    if not told.late.values.max() < 0.2 or right < 0.9 or (since == 0 and norms_batches(record)):  # a norm that mixes them does so, too
        return None
    return Finding(
        "data loading",
        "What the discriminator is shown as real is not the data: a loader repeats a few images, or alters them.",
        (
            f"In training it gives what it is shown as real a higher logit than generated images ({shown.middle:.3g} and "
            f"{generated.middle:.3g}).",
            f"But it ranks images of the data above generated ones in {told.late.middle:.1%} of the cases alone; half would be chance.",
        ),
        "severe",
        0.95,
        since,
        curves={"told apart": told},
        remedies=(Remedy("Look at the batches that reach the discriminator: whether they differ, and are like the files."),),
    )


def frozen_network(record: Record) -> Finding | None:
    """A network, or half of one, whose weights do not move."""
    if not record.checkups:
        return still_losses(record)
    reached = reached_weights(record)
    for network in ("generator", "discriminator"):
        if died_at_once(record, network):  # it had moved, and too far
            continue
        recorded = [(step, values) for step, values in record.by_weight("updates", f"{network}.") if values]
        checkups = [values for _, values in recorded[-CHECKUPS:]]
        if len(checkups) < 2 or not all(all(map(math.isfinite, values.values())) for values in checkups):
            continue
        weights = {name for name in checkups[-1] if name in reached or "stable_samples" not in record.settings}  # others are to grow yet
        still = {name for name in weights if all(values.get(name, 0.0) < 1e-8 for values in checkups)}
        if not weights or len(still) < 0.4 * len(weights):
            continue
        whole = len(still) == len(weights)
        if whole and satisfied(record, network):
            continue
        moved = [place for place, (_, values) in enumerate(recorded) if any(values.get(name, 0.0) >= 1e-8 for name in still)]
        if moved and network == "discriminator" and record.settings.get("weight_clip"):  # they lie at the ends of what they may be
            continue
        return Finding(
            "frozen network",
            f"The {network} does not learn: {'none' if whole else 'many'} of its weights {'move' if whole else 'do not move'}.",
            (f"{len(still)} of its {len(weights)} weights were the same before and after the last steps looked at.",),
            "severe",
            0.97,
            recorded[moved[-1] + 1][0] if moved else 0,
            remedies=(
                *for_rates(record, None),
                Remedy("Let all of its parameters require gradients, and hand all of them to its optimizer."),
            ),
        )
    return None


def batch_norm_mixing(record: Record) -> Finding | None:
    """Real and generated images in one batch norm: the discriminator tells batches, not images."""
    told = record.sign("told/real")
    real, generated = record.logged("logits/real"), record.logged("logits/generated")
    if len(told) < CHECKUPS or not len(real) or not record.settings or record.settings.get("augment", "none") != "none":
        return None
    if record.settings.get("batch_size", FEWEST_IN_NORM) < FEWEST_IN_NORM:  # checkups are of more at a time: their norm is another
        return None
    if not norms_batches(record) or record.settings.get("input_noise"):
        return None
    since = told.holds_since(lambda values: values < 0.85)
    gap = Series(real.steps, real.values - generated.values)
    mixed, alone = gap.recent.middle, record.sign("logit/real").recent.middle - record.sign("logit/generated").recent.middle
    if not (mixed > 0.8 and alone < 0.35 * mixed and told.recent.middle < 0.85) or since:  # what comes later has another cause
        return None
    return Finding(
        "batch norm mixing",
        "The discriminator tells real from generated images only where it sees both in one batch: its batch norm mixes them.",
        (
            f"In training real images' logits are {mixed:.2g} above generated ones'; in batches of one kind {alone:.2g} above them.",
            f"There it tells them apart in {told.recent.middle:.0%} of the cases.",
        ),
        "severe",
        0.85,
        since,
        curves={"told apart, each kind by itself": told, "gap of logits in training": gap},
        remedies=(
            Remedy("Pass real and generated images through the discriminator in batches of their own."),
            Remedy("Or train it without batch norm.", {"discriminator_norm": "none"} if "discriminator_norm" in record.settings else {}),
        ),
    )


def learning_rate(record: Record) -> Finding | None:
    """Steps that are too large or too small for the weights, by a factor of ten or so."""
    if killed := [network for network in ("discriminator", "generator") if died_at_once(record, network)]:
        return _killed(record, killed)
    worst: Finding | None = None
    for network, name in (("generator", "learning_rate"), ("discriminator", "discriminator_learning_rate")):
        moved = median_updates(record, network)
        if len(moved) < 2:
            continue
        step, now = moved.early.middle, moved.recent.middle
        factor = rate_factor(record, name)
        size = f"A step changes the {network}'s weights by {step:.2g} of themselves early on, {now:.2g} of late (0.002 to 0.02 is usual)."
        told = f"Its rate is {factor:.3g} times the recipe's own." if not 0.2 < factor < 4 else ""
        change = 0.25
        if step > 0.12 or factor >= 50 or any(factor >= most and step > bound for most, bound in TOO_FAST):
            says, sure = f"The {network}'s learning rate is too high.", 0.9 if factor >= 8 else 0.6
        elif step > 1e-8 and (
            any(factor <= least and step < bound for least, bound in TOO_SLOW) or (max(step, now) < 3e-4 and not winning(record))
        ):
            says, sure = f"The {network}'s learning rate is too low.", 0.9 if factor <= 0.2 else 0.55
            change = 4.0
        else:
            continue
        fine = change < 1 and step < (0.028 if factor >= 8 else 0.05) and factor < 50 and record.sign("coverage").recent.middle > 0.3
        found = Finding(
            "learning rate",
            says,
            tuple(filter(None, (size, told))),
            "note" if fine else "warning" if 0.2 < factor < 8 else "severe",
            sure,
            0,
            curves={f"relative size of the {network}'s steps": moved},
            remedies=for_rates(record, change),
        )
        if worst is None or found.weight > worst.weight:
            worst = found
    return worst


def _killed(record: Record, networks: list[str]) -> Finding:
    gradients = {network: record.logged(f"gradient/{network}") for network in networks}
    last = {network: int(gradient.steps[np.flatnonzero(gradient.values)[-1]]) for network, gradient in gradients.items()}
    return Finding(
        "learning rate",
        f"Learning rates are far too high: the first steps took the {' and the '.join(networks)} to where no gradient comes.",
        tuple(
            f"The {network}'s gradient was {gradient.values.max():.2g} at first, and is nothing after step {last[network]:,}."
            for network, gradient in gradients.items()
        ),
        "severe",
        0.9,
        0,
        curves={f"gradient of the {network}": gradient for network, gradient in gradients.items()},
        remedies=for_rates(record, 0.01),
    )


def dead_layers(record: Record) -> Finding | None:
    """Layers whose output is the same for every image, though their input is not."""
    checkups = record.by_weight("constant")
    if len(checkups) < 2:
        return None
    for network in ("generator", "discriminator"):
        dead = [{name for name, share in values.items() if name.startswith(f"{network}.") and share > 0.98} for _, values in checkups]
        always = set.intersection(*dead[-CHECKUPS:])
        if not always or first_layer(record, network) in always:  # what always gets the same is not dead itself
            continue
        return Finding(
            "dead layers",
            f"The {network} has dead layers: what comes out of them does not depend on what goes in.",
            (f"All channels are constant in {', '.join(sorted(always)[:4])}{' and others' if len(always) > 4 else ''}.",),
            "severe",
            0.93,
            0 if always <= dead[0] else next((step for (step, _), names in zip(checkups, dead, strict=True) if always <= names), None),
            remedies=(
                *for_rates(record),
                Remedy("Start again with smaller weights and no large negative biases; leaky rectifiers cannot die."),
            ),
        )
    return None
