"""What the rules have in common: questions to a record."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparring.core.formatting import plural
from sparring.data.sequences.scored_texts import THIRDS
from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.training_record import EMPTY_CURVE, Curve, Record
from sparring.health.signals import (
    AUC_REAL,
    BATCH_NORM,
    GRADIENTS,
    HOLDOUT_COUNT,
    IMAGE_COUNT,
    LABEL_AGREEMENT,
    LABEL_AGREEMENT_BY_CHANCE,
    MEASURED_COUNT,
    MODE_SHARES,
    MODES_ARE,
    REAL_SAMPLES,
    RELATIVE_GRADIENTS,
    RELATIVE_UPDATES,
    SHAPE,
    SPECTRAL_NORMS,
    STEP,
)
from sparring.losses.objectives import OBJECTIVES


def is_mature(record: Record) -> bool:
    """Whether a game has had the time that games need to find the data's modes and to settle."""
    last = record.measurements[-1] if record.measurements else {}
    images = REAL_SAMPLES.of(last, thresholds.MATURE_REAL_SAMPLES)
    return record.last_step >= thresholds.MATURE_STEPS and images >= thresholds.MATURE_REAL_SAMPLES


def has_images(record: Record) -> bool:
    """Whether the data are known, and images. (Points in the plane have one pixel.)"""
    shape = SHAPE.of(record.data, None)
    return bool(shape) and len(shape) == 3 and record.kind_of_data != "music"


def describe_image_count(record: Record) -> str:
    """How many images the game is trained on, and how many are held out: "479 images (25 more are held out)"."""
    trained, held_out = IMAGE_COUNT.of(record.data, 0), HOLDOUT_COUNT.of(record.data, 0)
    more = f" ({held_out:,} more {'is' if held_out == 1 else 'are'} held out)" if held_out else ""
    return f"{plural(trained, 'image', 'images')}{more}"


def has_series(record: Record) -> bool:
    """Whether the data are windows of series."""
    return record.kind_of_data == "series"


def has_no_pixels(record: Record) -> bool:
    """Whether samples are windows, patients, order lines, texts or phrases, whose values have no range, or no others than its ends."""
    return record.kind_of_data in {"series", "records", "orders", "sequences", "music"}


def has_sequences(record: Record) -> bool:
    """Whether the data are sequences of tokens."""
    return record.kind_of_data == "sequences"


def has_scores(record: Record) -> bool:
    """Whether the classes of texts are thirds of a score, of which texts tell little: scorers say how much."""
    return tuple(record.data_config.get("spec", {}).get("classes", ())) == THIRDS


def learns_returns(record: Record) -> bool:
    """Whether the data are log returns."""
    return any(each.get("returns") for each in record.data_config.get("spec", {}).get("values", []))


def translates_images(record: Record) -> bool:
    """Whether images are made from images, of which there may be few."""
    return record.data_config.get("pairing") is not None


# ---------------------------------------------------------------------------------------------------- the objective


def has_log_odds(record: Record) -> bool:
    """Whether logits are log-odds that an image is real."""
    return record.objective is not None and record.objective.has_log_odds


def has_critic(record: Record) -> bool:
    """Whether the discriminator is a critic, whose losses have no zero of their own."""
    return bool(record.data_config.get("critic")) or (record.objective is not None and record.objective.is_critic)


def has_unbounded_critic(record: Record) -> bool:
    """Whether the discriminator is a critic whose slope nothing bounds."""
    bounds = ("weight_clip", "gradient_penalty", "dragan", "r1", "r2", "spectral_norm")
    bounded = any(record.settings.get(name, 0) not in (0, 0.0, False) for name in bounds)
    return record.objective is not None and record.objective.is_critic and not bounded


def logits_may_drift(record: Record) -> bool:
    """Whether all logits may move together without a change in the game, because the losses depend on their differences alone."""
    objective = record.objective
    return objective is not None and ((objective.is_critic and not has_unbounded_critic(record)) or objective.compares)


def generator_saturates(record: Record) -> bool:
    """Whether the generator's gradient may vanish by itself."""
    return record.objective is not None and record.objective.generator_saturates


# ---------------------------------------------------------------------------------------------------- classes


def is_conditional(record: Record) -> bool:
    """Whether the generator is given a class."""
    return record.settings.get("condition", "none") != "none"


def labels_match_images(data: Mapping[str, Any]) -> bool:
    """Whether images of a class are more alike than others, by more than chance. `data`: what was measured of the data."""
    chance = LABEL_AGREEMENT_BY_CHANCE.of(data, 1.0)
    standard_error = math.sqrt(chance * (1 - chance) / MEASURED_COUNT.of(data))
    return LABEL_AGREEMENT.of(data, 0.0) > chance + thresholds.LABEL_STANDARD_ERRORS * standard_error


def describe_main_modes(record: Record) -> str:
    """The classes that most samples look like, with their shares; "" if modes are no classes."""
    _, shares = record.vectors(MODE_SHARES)
    names = record.data_config.get("spec", {}).get("classes", [])
    if not len(shares) or MODES_ARE.of(record.data, None) != "classes" or len(names) != shares.shape[1]:
        return ""
    late = shares[-thresholds.MIN_MEASUREMENTS :].mean(axis=0)
    most = [index for index in np.argsort(-late)[:3] if late[index] > thresholds.NAMED_MODE]
    return ", ".join(f"{names[index]} ({late[index]:.0%})" for index in most)


# ---------------------------------------------------------------------------------------------------- weights and rates


def median_updates(record: Record, network: str) -> Curve:
    """The median relative update of a network's weights with two dimensions or more."""
    found = []
    reached = weights_with_gradients(record)
    for line in record.measurements:
        matrices = {name for name in SPECTRAL_NORMS.of(line, {}) if name in reached and "mapping." not in name}  # mappings have own rates
        values = [value for name, value in RELATIVE_UPDATES.of(line, {}).items() if name.startswith(f"{network}.") and name in matrices]
        if values and np.isfinite(values).all():
            found.append((STEP.of(line), float(np.median(values))))
    if not found:
        return EMPTY_CURVE
    return Curve(np.array([step for step, _ in found], np.int64), np.array([value for _, value in found]))


def weights_with_gradients(record: Record) -> set[str]:
    """The weights that a gradient ever reached: not those of layers that are yet to grow."""
    return {name for _, values in record.per_weight(RELATIVE_GRADIENTS) for name, value in values.items() if value}


def died_in_first_steps(record: Record, network: str) -> bool:
    """Whether a gradient reached a network in the first steps alone: in the first line of the log, or in the first eighth of its lines.
    (The generator's gradient can vanish by itself in a saturating game.)
    """
    if network == "generator" and generator_saturates(record):
        return False
    gradient = record.signal(GRADIENTS[network])
    alive = np.flatnonzero(gradient.values)
    enough = len(gradient) > thresholds.MIN_MEASUREMENTS and len(alive) > 0
    return enough and int(alive[-1]) < max(1, len(gradient) // thresholds.EARLY_SHARE_OF_LOG)


def has_nothing_to_learn(record: Record, network: str) -> bool:
    """Whether a network rests because its loss is at its minimum, as the hinge loss of a discriminator that wins is: no gradient came at
    the last measurements, but one did in between.
    """
    recent = record.per_weight(RELATIVE_GRADIENTS, f"{network}.")[-thresholds.MIN_MEASUREMENTS :]
    measured = [value for _, values in recent for value in values.values()]
    logged = record.signal(GRADIENTS[network]).recent
    return bool(measured) and not any(measured) and len(logged) > 0 and float(logged.values.max()) > 0


def has_batch_norm(record: Record) -> bool:
    """Whether the discriminator has batch norm."""
    last = record.measurements[-1] if record.measurements else {}
    return bool(BATCH_NORM.of(last, record.settings.get("discriminator_norm") == "batch"))


def relative_rate(record: Record, name: str) -> float:
    """How many times the recipe's own a learning rate is. With larger batches it may grow as the root of their size. The discriminator's
    may be given as the generator's.
    """
    defaults, settings = record.defaults, record.settings
    if settings.get("optimizer") != defaults.get("optimizer"):
        return 1.0
    try:
        own, now = (float(values[name] or values["learning_rate"]) for values in (defaults, settings))
        default_objective = OBJECTIVES.get(defaults.get("objective", ""))
        compares_pairs = [each is not None and each.compares_pairs for each in (record.objective, default_objective)]
        if compares_pairs == [True, False]:
            own = max(own, thresholds.COMPARED_PAIRS_RATE)
        larger = max(1.0, settings.get("batch_size", 1) / defaults.get("batch_size", math.inf))
        return now / own if now <= own else max(1.0, now / own / math.sqrt(larger))
    except (KeyError, TypeError, ZeroDivisionError):
        return 1.0


def discriminator_wins(record: Record) -> bool:
    """Whether the discriminator separates all images, so that small steps come from small gradients and not from a low rate."""
    return record.signal(AUC_REAL).recent.median > thresholds.WINNING_AUC


def first_layer(record: Record, network: str) -> str:
    """The layer of a network's first weight."""
    for _, values in record.per_weight(RELATIVE_GRADIENTS, f"{network}."):
        for name in values:
            return name.rpartition(".")[0].replace(".parametrizations.weight", "")
    return ""


# ---------------------------------------------------------------------------------------------------- movement


def return_share(projections: np.ndarray) -> float:
    """The share of measurements at which the same latents' samples were nearer to those of an older measurement than to the last one's."""
    distances = np.sqrt(((projections[:, None] - projections[None]) ** 2).mean(axis=2))
    returned = [bool((distances[i, : i - 1] < distances[i, i - 1]).any()) for i in range(2, len(projections))]
    return float(np.mean(returned)) if returned else 0.0
