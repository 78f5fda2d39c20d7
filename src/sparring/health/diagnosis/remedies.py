"""What to do about findings: settings to train with, the mildest first; against collapse what helped most, where nothing is unusual.
Which is the mildest depends on the settings there are.
"""

from collections.abc import Mapping
from typing import Any

from sparring.core.settings import plain
from sparring.health.diagnosis.finding import Remedy
from sparring.health.diagnosis.record import Record

STABLE = {"objective": "relativistic", "betas": (0.0, 0.99), "discriminator_steps": 1}
"""The game that covers most modes in our measurements: relativistic in pairs with R1 and R2 (after Huang et al. 2024)."""
PENALTIES = ("r1", "r2", "gradient_penalty", "dragan")
GAMMA = 0.05
"""Of its R1 and R2."""
WASSERSTEIN = {
    "objective": "wasserstein",
    "gradient_penalty": 10.0,
    "discriminator_steps": 5,
    "betas": (0.0, 0.9),
    "r1": 0.0,
    "r2": 0.0,
    "dragan": 0.0,
    "weight_clip": 0.0,
    "label_smoothing": 0.0,
}
"""Gulrajani et al. 2017, algorithm 1: a critic whose gradient does not vanish, five of whose steps make training slow."""


def adversarial(record: Record) -> bool:
    """Whether the recipe has the settings of a generator against a discriminator."""
    return "discriminator_steps" in record.settings


def back_to_usual(record: Record, *names: str) -> dict[str, Any]:
    """The recipe's own values of settings that differ from them."""
    return {name: record.usual[name] for name in names if name in record.usual and record.settings.get(name) != record.usual[name]}


def _remedy(record: Record, what: str, settings: Mapping[str, Any]) -> list[Remedy]:
    """Only what changes something."""
    settings = {**settings, **_norm(record, settings)}
    if record.about_data.get("points") and ("augment" in settings or "discriminator_norm" in settings):
        return []  # points are no images, and their networks have no norms
    changed = {name: value for name, value in settings.items() if plain(record.settings.get(name)) != plain(value)}
    return [Remedy(what, changed)] if changed and adversarial(record) else []


def _distinct(remedies: list[Remedy]) -> tuple[Remedy, ...]:
    """Without those that come to the same settings as one before: where a game is played already, another's rates are all that changes."""
    return tuple(one for place, one in enumerate(remedies) if one.settings not in [other.settings for other in remedies[:place]])


def _norm(record: Record, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Penalties on the gradient of each image want a discriminator without batch norm, which mixes images."""
    penalized = any(settings.get(name) for name in PENALTIES)
    batch = record.settings.get("discriminator_norm") == "batch" and not record.about_data.get("points")
    return {"discriminator_norm": "none"} if penalized and batch else {}


def _stable(record: Record) -> list[Remedy]:
    """The strongest remedy that is known."""
    settings = {**STABLE, "r1": GAMMA, "r2": GAMMA, "weight_clip": 0.0, "gradient_penalty": 0.0, "dragan": 0.0, "label_smoothing": 0.0}
    return _game(record, "Play the relativistic game with R1 and R2.", settings)


def _wasserstein(record: Record) -> list[Remedy]:
    """The last resort where the game itself fails."""
    return _game(record, "Play Wasserstein's game, with a gradient penalty and five steps of the critic to one.", WASSERSTEIN)


def _game(record: Record, what: str, settings: Mapping[str, Any]) -> list[Remedy]:
    """Another game, at the recipe's own rates, with such of its settings as the recipe has."""
    settings = {**settings, **back_to_usual(record, "learning_rate", "discriminator_learning_rate")}
    return _remedy(record, what, {name: value for name, value in settings.items() if name in record.settings})


CHANGES = {0.01: "a hundredth of the", 0.25: "a quarter of the", 4.0: "four times the"}
"""Of rates, in words."""


def for_rates(record: Record, change: float | None = 0.25) -> tuple[Remedy, ...]:
    """Rates that suit: the recipe's own, and if they are that already, others, `change` times these. None: the recipe's own or nothing."""
    usual = back_to_usual(record, "learning_rate", "discriminator_learning_rate", "optimizer")
    if usual:
        return tuple(_remedy(record, "Take the recipe's own learning rates.", usual))
    if change is None:
        return ()
    names = [name for name in ("learning_rate", "discriminator_learning_rate") if record.settings.get(name)]
    if not names:
        return (Remedy("Change the learning rate by a factor of ten."),)
    return tuple(_remedy(record, f"Take {CHANGES[change]} learning rates.", {name: change * record.settings[name] for name in names}))


def for_generator(record: Record) -> tuple[Remedy, ...]:
    """When the discriminator wins."""
    found = []
    usual = back_to_usual(record, "learning_rate", "discriminator_learning_rate", "discriminator_steps")
    if record.settings.get("objective") == "saturating":
        found += _remedy(record, "Take the non-saturating loss, whose gradient does not vanish.", {"objective": "non-saturating", **usual})
    else:
        found += _remedy(record, "Take the recipe's own rates and steps.", usual)
    found += _remedy(record, "Hold the discriminator back with R1.", {"r1": 1.0, **usual})
    found += _remedy(record, "Let it see images through noise that fades.", {"input_noise": 0.1, "input_noise_samples": 200_000, **usual})
    found += _stable(record) + _wasserstein(record)
    return _distinct(found) or (Remedy("Weaken the discriminator: a lower rate, noise on its input, or R1."),)


def for_weak_discriminator(record: Record) -> tuple[Remedy, ...]:
    """When the generator wins."""
    penalized = any(record.settings.get(name) for name in PENALTIES)  # which its own norm may not go with
    norm = () if penalized else ("discriminator_norm",)
    usual = back_to_usual(record, "learning_rate", "discriminator_learning_rate", *norm, "discriminator_weight_decay")
    found = _remedy(record, "Take the recipe's own rates.", usual)
    found += _remedy(record, "Give the discriminator more steps.", {**usual, "discriminator_steps": 3})
    return _distinct([*found, *_stable(record)]) or (Remedy("Strengthen the discriminator: a higher rate, more steps, more channels."),)


def against_collapse(record: Record) -> tuple[Remedy, ...]:
    """When samples are too much alike."""
    usual = back_to_usual(record, "learning_rate", "discriminator_learning_rate")
    found = _remedy(record, "Take the recipe's own rates.", usual)
    found += _stable(record)
    if record.settings.get("condition", "none") != "auxiliary":
        found += _remedy(record, "Show the discriminator two samples at once.", {**usual, "packing": 2})
    found += _remedy(record, "Let the generator look five steps of the discriminator ahead.", {**usual, "unroll": 5})
    found += _wasserstein(record)
    return _distinct(found) or (Remedy("Play the relativistic game with R1 and R2, or show the discriminator several samples at once."),)


def against_unrest(record: Record) -> tuple[Remedy, ...]:
    """When the game does not converge."""
    usual = back_to_usual(record, "learning_rate", "discriminator_learning_rate", "optimizer", "objective")
    found = []
    if (
        record.settings.get("objective") == "wasserstein"
        and not record.settings.get("gradient_penalty")
        and not record.settings.get("weight_clip")
    ):
        found += _remedy(record, "Bound the critic with a gradient penalty.", {"gradient_penalty": 10.0, "discriminator_steps": 5})
    found += _remedy(record, "Take the recipe's own rates, optimizer and objective.", usual)
    found += _remedy(record, "Calm the discriminator with R1.", {**usual, "r1": 1.0, "betas": (0.0, 0.99)})
    found += _stable(record)
    return _distinct(found) or (Remedy("Lower the learning rates, and add R1 or a gradient penalty."),)


def against_overfitting(record: Record) -> tuple[Remedy, ...]:
    """When the discriminator learns its images by heart."""
    found = _remedy(record, "Augment all that the discriminator sees (DiffAugment).", {"augment": "diffaugment"})
    found += _remedy(record, "Augment by a chance that adapts (ADA).", {"augment": "ada"})
    found += _remedy(record, "Augment, and hold the discriminator back with R1.", {"augment": "diffaugment", "r1": 1.0})
    return _distinct(found) or (Remedy("Augment all that the discriminator sees, or stop earlier."),)
