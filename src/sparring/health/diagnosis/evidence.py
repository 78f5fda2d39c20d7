"""What rules read out of a record."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparring.core.formatting import plural
from sparring.health.diagnosis.record import NOTHING, Record, Series

CHECKUPS = 3
"""Checkups that must agree."""
YOUNG = 300
"""Steps before which a game is not judged by its samples."""
SURE = 4.0
"""Standard deviations beyond which an agreement of labels is no chance."""
MATURE, MATURE_SAMPLES = 1000, 40_000
"""Steps, and images shown, before which it is not expected to have found everything, or to have come to rest."""


def mature(record: Record) -> bool:
    """Whether a game has had its time."""
    last = record.checkups[-1] if record.checkups else {}
    return record.last_step >= MATURE and last.get("real_samples", MATURE_SAMPLES) >= MATURE_SAMPLES


def imaged(record: Record) -> bool:
    """Whether the data are known, and images (points in the plane have one pixel)."""
    shape = record.data.get("shape")
    return bool(shape) and min(shape[1:]) > 1


def trained_on(record: Record) -> str:
    """How many images the game is trained on, and how many more there are in the data: "479 images (25 more are held out)"."""
    trained, held_out = record.data.get("count", 0), record.data.get("held_out", 0)
    more = f" ({held_out:,} more {'is' if held_out == 1 else 'are'} held out)" if held_out else ""
    return f"{plural(trained, 'image', 'images')}{more}"


def logistic(record: Record) -> bool:
    """Whether logits are log-odds."""
    return record.settings.get("objective", "") in {"non-saturating", "saturating"}


def translates(record: Record) -> bool:
    """Whether images are made of images, of which there may be few."""
    return record.about_data.get("pairing") is not None


def of_critic(record: Record) -> bool:
    """Whether losses are those of a critic, which have no zero of their own."""
    return bool(record.about_data.get("critic")) or record.settings.get("objective") == "wasserstein"


def labels_tell(data: Mapping[str, Any]) -> bool:
    """Whether images of a class are more alike than others, beyond doubt."""
    chance = data.get("agreement_by_chance", 1.0)
    return data.get("agreement", 0.0) > chance + SURE * math.sqrt(chance * (1 - chance) / data["looked_at"])


def told_classes(record: Record) -> bool:
    """Whether the generator is told a class."""
    return record.settings.get("condition", "none") != "none"


def median_updates(record: Record, network: str) -> Series:
    """The median, over weights with two dimensions or more, of how much the last step changed them."""
    found = []
    reached = reached_weights(record)
    for checkup in record.checkups:
        wide = {
            name for name in checkup.get("spectral", {}) if name in reached and "mapping." not in name
        }  # mappings have rates of their own
        values = [value for name, value in checkup.get("updates", {}).items() if name.startswith(f"{network}.") and name in wide]
        if values and np.isfinite(values).all():
            found.append((checkup["step"], float(np.median(values))))
    if not found:
        return NOTHING
    return Series(np.array([step for step, _ in found], np.int64), np.array([value for _, value in found]))


def reached_weights(record: Record) -> set[str]:
    """The weights that a gradient ever reached: not those of layers that are to grow yet."""
    return {name for _, values in record.by_weight("gradients") for name, value in values.items() if value}


def died_at_once(record: Record, network: str) -> bool:
    """Whether a gradient reached a network in the first steps alone: in the first line of the log, or the first eighth of its lines. (A
    saturating objective's can vanish by itself.)
    """
    if network == "generator" and record.settings.get("objective") == "saturating":
        return False
    gradient = record.logged(f"gradient/{network}")
    alive = np.flatnonzero(gradient.values)
    return len(gradient) > CHECKUPS and len(alive) > 0 and int(alive[-1]) < max(1, len(gradient) // 8)


def satisfied(record: Record, network: str) -> bool:
    """Whether a network is at rest because its losses ask for nothing, as hinge losses do of a discriminator that wins: no gradient came at
    the last checkups, but one did between them.
    """
    late = [value for _, values in record.by_weight("gradients", f"{network}.")[-CHECKUPS:] for value in values.values()]
    gradient = record.logged(f"gradient/{network}").recent
    return bool(late) and not any(late) and len(gradient) > 0 and float(gradient.values.max()) > 0


def norms_batches(record: Record) -> bool:
    """Whether the discriminator has batch norm."""
    last = record.checkups[-1] if record.checkups else {}
    return bool(last.get("batch_norm", record.settings.get("discriminator_norm") == "batch"))


RELATIVISTIC_RATE = 1e-3
"""Of the relativistic game with R1 and R2, as `cgan` plays it and the doctor advises it, whatever the recipe's own game."""


def rate_factor(record: Record, name: str) -> float:
    """How many times the recipe's own a network's rate is: for larger batches than usual as much more is usual as the root of their size.
    The discriminator's may be given as the generator's.
    """
    usual, settings = record.usual, record.settings
    if settings.get("optimizer") != usual.get("optimizer"):
        return 1.0
    try:
        own, now = (float(table[name] or table["learning_rate"]) for table in (usual, settings))
        if settings.get("objective") == "relativistic" != usual.get("objective"):
            own = max(own, RELATIVISTIC_RATE)
        larger = max(1.0, settings.get("batch_size", 1) / usual.get("batch_size", math.inf))
        return now / own if now <= own else max(1.0, now / own / math.sqrt(larger))
    except (KeyError, TypeError, ZeroDivisionError):
        return 1.0


def winning(record: Record) -> bool:
    """Whether small steps are those of a network that has nothing to learn from: not of a low rate."""
    told = record.sign("told/real").recent.middle
    return told > 0.985


def came_back(places: np.ndarray) -> float:
    """The share of the checkups at which the same latents' images were nearer to an older checkup's than to the last one's."""
    distances = np.sqrt(((places[:, None] - places[None]) ** 2).mean(axis=2))
    back = [bool((distances[i, : i - 1] < distances[i, i - 1]).any()) for i in range(2, len(places))]
    return float(np.mean(back)) if back else 0.0


def onto(record: Record) -> str:
    """The kinds that most samples look like."""
    _, drawn = record.signs("kinds")
    names = record.about_data.get("spec", {}).get("classes", [])
    if not len(drawn) or record.data.get("kinds_are") != "classes" or len(names) != drawn.shape[1]:
        return ""
    late = drawn[-CHECKUPS:].mean(axis=0)
    return ", ".join(f"{names[place]} ({late[place]:.0%})" for place in np.argsort(-late)[:3] if late[place] > 0.15)


def first_layer(record: Record, network: str) -> str:
    """The layer that a network's first weight is in."""
    for _, values in record.by_weight("gradients", f"{network}."):
        for name in values:
            return name.rpartition(".")[0].replace(".parametrizations.weight", "")
    return ""
