"""Remedies for findings: settings to train with, the mildest first. Against mode collapse of a run with usual settings, what helped most
comes first. Only this module of the diagnosis knows the recipes' settings by what they do.
"""

from collections.abc import Mapping
from typing import Any

from sparring.core.errors import SparringError
from sparring.core.formatting import rounded
from sparring.core.settings_checks import plain
from sparring.games.adversarial_settings import AdversarialSettings
from sparring.health.diagnosis.finding import Remedy
from sparring.health.diagnosis.record_questions import generator_saturates, has_sequences, has_series
from sparring.health.diagnosis.training_record import Record
from sparring.runs.config import described

LEARNING_RATES = ("learning_rate", "discriminator_learning_rate")
PENALTIES = ("r1", "r2", "gradient_penalty", "dragan")
GAMMA = 0.05
"""Weight of R1 and R2 in the relativistic game."""
RELATIVISTIC = {
    "objective": "relativistic",
    "betas": (0.0, 0.99),
    "discriminator_steps": 1,
    "r1": GAMMA,
    "r2": GAMMA,
    "weight_clip": 0.0,
    "gradient_penalty": 0.0,
    "dragan": 0.0,
    "label_smoothing": 0.0,
}
"""The game that covered most modes in our measurements (docs/benchmarks/modes.md): relativistic in pairs with R1 and R2 (after Huang et al.
2024)."""
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
"""Gulrajani et al. 2017, algorithm 1: a critic whose gradient does not vanish. Its five steps make training slow."""
NO_IMAGES = ("points", "series", "records", "orders", "sequences", "music")
"""Kinds of data that are not augmented, and whose networks have no norms."""
MILD_SHARPNESS = 10.0
"""Largest inverse temperature of a Gumbel softmax with which samples stay varied."""
RATE_CHANGES = {0.01: "a hundredth of the", 0.25: "a quarter of the", 4.0: "four times the"}
"""Changes of learning rates, in words."""


# ---------------------------------------------------------------------------------------------------- by finding


def recipe_learning_rates(record: Record) -> tuple[Remedy, ...]:
    """The recipe's own learning rates; nothing if the run has them."""
    own = recipe_defaults(record, *LEARNING_RATES, "optimizer")
    return tuple(_remedy(record, "Use the recipe's own learning rates.", own)) if own else ()


def change_learning_rates(record: Record, factor: float = 0.25) -> tuple[Remedy, ...]:
    """The recipe's own learning rates; if the run has them, `factor` times these."""
    if recipe_defaults(record, *LEARNING_RATES, "optimizer"):
        return recipe_learning_rates(record)
    names = [name for name in LEARNING_RATES if record.settings.get(name)]
    if not names:
        return (Remedy(action="Change the learning rate by a factor of ten."),)
    changed = {name: factor * record.settings[name] for name in names}
    return tuple(_remedy(record, f"Use {RATE_CHANGES[factor]} learning rates.", changed))


def against_vanishing_gradients(record: Record) -> tuple[Remedy, ...]:
    """When the discriminator wins."""
    found = []
    own = recipe_defaults(record, *LEARNING_RATES, "discriminator_steps")
    if generator_saturates(record):
        found += _remedy(record, "Use the non-saturating loss, whose gradient does not vanish.", {"objective": "non-saturating", **own})
    else:
        found += _remedy(record, "Use the recipe's own learning rates and steps.", own)
    found += _remedy(record, "Regularize the discriminator with R1.", {"r1": 1.0, **own})
    found += _remedy(
        record, "Add noise to the discriminator's input, which fades.", {"input_noise": 0.1, "input_noise_samples": 200_000, **own}
    )
    found += _relativistic(record) + _wasserstein(record)
    return _distinct(found) or (Remedy(action="Weaken the discriminator: a lower learning rate, noise on its input, or R1."),)


def against_weak_discriminator(record: Record) -> tuple[Remedy, ...]:
    """When the generator wins."""
    penalized = any(record.settings.get(name) for name in PENALTIES)  # the recipe's own norm may not go with a penalty
    norm = () if penalized else ("discriminator_norm",)
    own = recipe_defaults(record, *LEARNING_RATES, *norm, "discriminator_weight_decay")
    found = _remedy(record, "Use the recipe's own learning rates.", own)
    found += _remedy(record, "Give the discriminator more steps.", {**own, "discriminator_steps": 3})
    return _distinct([*found, *_relativistic(record)]) or (
        Remedy(action="Strengthen the discriminator: a higher learning rate, more steps, more channels."),
    )


def against_mode_collapse(record: Record) -> tuple[Remedy, ...]:
    """When samples are too much alike."""
    if has_sequences(record):
        return against_alike_sequences(record)
    own = recipe_defaults(record, *LEARNING_RATES)
    found = _remedy(record, "Use the recipe's own learning rates.", own)
    found += _relativistic(record) + _other_gamma(record, 0.25, "Lower gamma, the weight of R1 and R2, to a quarter.")
    if record.settings.get("condition", "none") != "auxiliary":
        found += _remedy(record, "Let the discriminator judge two samples together (packing).", {**own, "packing": 2})
    found += _remedy(record, "Unroll five steps of the discriminator.", {**own, "unroll": 5})
    found += _wasserstein(record)
    if has_series(record) and not is_adversarial(record):
        return (Remedy(action="Train for longer. If paths stay alike, take another recipe: quantgan, or cgan-series for a known past."),)
    return _distinct(found) or (
        Remedy(action="Use the relativistic objective with R1 and R2, or let the discriminator judge several samples together (packing)."),
    )


def against_non_convergence(record: Record) -> tuple[Remedy, ...]:
    """When the game does not converge."""
    if has_sequences(record):
        return _smaller_steps_of_sequences(record)
    own = recipe_defaults(record, *LEARNING_RATES, "optimizer", "objective")
    found = []
    is_critic = record.objective is not None and record.objective.is_critic
    if is_critic and not record.settings.get("gradient_penalty") and not record.settings.get("weight_clip"):
        found += _remedy(record, "Bound the critic with a gradient penalty.", {"gradient_penalty": 10.0, "discriminator_steps": 5})
    found += _remedy(record, "Use the recipe's own learning rates, optimizer and objective.", own)
    found += _other_gamma(record, 4.0, "Raise gamma, the weight of R1 and R2, to four times.")
    found += _remedy(record, "Regularize the discriminator with R1.", {**own, "r1": 1.0, "betas": (0.0, 0.99)})
    found += _relativistic(record)
    return _distinct(found) or (Remedy(action="Lower the learning rates, and add R1 or a gradient penalty."),)


def against_overfitting(record: Record) -> tuple[Remedy, ...]:
    """When the discriminator overfits."""
    if has_sequences(record):
        return (Remedy(action="Take more texts, raise the discriminator's dropout (--discriminator-dropout), or stop earlier."),)
    if has_series(record):
        action = (
            "Take longer series or more of them, smaller networks (--hidden), or stop earlier. Where the series changes with time, the "
        )
        return (Remedy(action=f"{action}discriminator may only tell early windows from late ones."),)
    found = _remedy(record, "Augment everything that the discriminator sees (DiffAugment).", {"augment": "diffaugment"})
    found += _remedy(record, "Augment with a probability that adapts (ADA).", {"augment": "ada"})
    found += _remedy(record, "Augment, and regularize the discriminator with R1.", {"augment": "diffaugment", "r1": 1.0})
    return _distinct(found) or (Remedy(action="Augment everything that the discriminator sees, or stop earlier."),)


def against_alike_sequences(record: Record) -> tuple[Remedy, ...]:
    """When generated sequences of tokens are too much alike."""
    settings, found = record.settings, []
    if (sharpness := settings.get("sharpness")) and sharpness > MILD_SHARPNESS and not settings.get("candidates"):
        action = "Lower the largest inverse temperature: samples get more varied, and somewhat worse."
        found.append(Remedy(action=action, settings={"sharpness": MILD_SHARPNESS}))
    weight = settings.get("likelihood_weight")
    if isinstance(weight, float) and settings.get("candidates"):
        action = "Let the likelihood of real texts count more in adversarial steps: it keeps rare texts likely."
        found.append(Remedy(action=action, settings={"likelihood_weight": rounded(max(1.0, 3 * weight))}))
    if "choice" in settings:
        found += choices_of_graphs(record)
        action = "Let the discriminator play twice as often: it has to know which graphs come too often."
        found.append(Remedy(action=action, settings={"discriminator_steps": 2 * settings["discriminator_steps"]}))
    elif "generator_learning_rate" in settings:
        found += _smaller_steps_of_sequences(record)
        found.append(
            Remedy(action="Stop earlier: variety is lost while quality still rises. Compare checkpoints with: sparring judge RUN.")
        )
    else:
        found.append(Remedy(action="Train for longer, or ask for samples at a temperature nearer to 1."))
    return tuple(found)


def choices_of_graphs(record: Record) -> list[Remedy]:
    """The gradients of a generator of graphs; nothing if it has them already."""
    settings = record.settings
    refused = any(settings.get(name) for name in ("minibatch_deviation", "unroll", "input_noise"))
    if settings.get("choice", "alternatives") == "alternatives" or refused or settings.get("objective") == "relativistic-average":
        return []
    action = "Learn from what the discriminator says of graphs with other atoms and bonds at single places."
    temperature = {} if settings.get("choice_temperature", 1.0) == 1 else {"choice_temperature": 1.0}
    return [Remedy(action=action, settings={"choice": "alternatives", **temperature})]


def against_repeated_tokens(record: Record) -> tuple[Remedy, ...]:
    """When a token is repeated, or sequences do not end."""
    longer = Remedy(action="Train for longer: which tokens are frequent is learned before what follows what.")
    return (longer, *(_smaller_steps_of_sequences(record) if "generator_learning_rate" in record.settings else ()))


def _smaller_steps_of_sequences(record: Record) -> tuple[Remedy, ...]:
    """A smaller rate in adversarial steps, and more steps by likelihood before them."""
    rate, steps = record.settings.get("generator_learning_rate"), record.settings.get("fit_steps")
    found = []
    if isinstance(rate, float):
        action = "Lower the learning rate of the generator's adversarial steps to a third."
        found.append(Remedy(action=action, settings={"generator_learning_rate": rounded(rate / 3)}))
    if isinstance(steps, int):
        found.append(Remedy(action="Let the generator learn longer by likelihood first.", settings={"fit_steps": max(1000, 2 * steps)}))
    return tuple(found) or (Remedy(action="Lower the learning rate (--learning-rate)."),)


# ---------------------------------------------------------------------------------------------------- how remedies are made


def is_adversarial(record: Record) -> bool:
    """Whether the recipe has the settings of a generator against a discriminator."""
    return "discriminator_steps" in record.settings and not has_sequences(record)


def recipe_defaults(record: Record, *names: str) -> dict[str, Any]:
    """The recipe's own values of those of these settings whose values differ from them."""
    return {name: record.defaults[name] for name in names if name in record.defaults and record.settings.get(name) != record.defaults[name]}


def _remedy(record: Record, action: str, settings: Mapping[str, Any]) -> list[Remedy]:
    """A remedy of those settings that the run does not have already; nothing if it has all of them, or is no adversarial game."""
    settings = {**settings, **_without_batch_norm(record, settings)}
    if record.kind_of_data in NO_IMAGES and ("augment" in settings or "discriminator_norm" in settings):
        return []  # these are no images, and their networks have no norms
    changed = {name: value for name, value in settings.items() if plain(record.settings.get(name)) != plain(value)}
    if not changed or not is_adversarial(record):
        return []
    optional, defining = frozenset(LEARNING_RATES) & frozenset(changed), frozenset({"objective"}) & frozenset(changed)
    return [Remedy(action=action, settings=changed, optional=optional, defining=defining)]


def _without_batch_norm(record: Record, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Penalties on the gradient of each image need a discriminator without batch norm, which mixes images."""
    penalized = any(settings.get(name) for name in PENALTIES)
    batch = record.settings.get("discriminator_norm") == "batch" and record.kind_of_data not in NO_IMAGES
    return {"discriminator_norm": "none"} if penalized and batch else {}


def _other_gamma(record: Record, factor: float, action: str) -> list[Remedy]:
    """Another weight of R1 and R2, in a relativistic game that has both; nothing in others."""
    gamma = gamma_of(record)
    if record.settings.get("objective") != "relativistic" or not gamma:
        return []
    return _remedy(record, action, {"r1": rounded(factor * gamma), "r2": rounded(factor * gamma)})


def gamma_of(record: Record) -> float | None:
    """R1's weight, also where it was chosen for the data; None where that is not known."""
    given = record.settings.get("r1")
    if given is not None or record.kind != "run":
        return given
    try:
        about = {"recipe": record.recipe, "recipe_settings": record.settings, "spec": record.data_config["spec"]}
        recipe, spec = described(about, record.source)
        return recipe.r1_for(spec) if isinstance(recipe, AdversarialSettings) else None
    except (KeyError, SparringError):
        return None


def _relativistic(record: Record) -> list[Remedy]:
    """The strongest remedy that is known, unless it is played with penalties chosen for the data."""
    settings = record.settings
    if settings.get("objective") == "relativistic" and settings.get("r1", 0.0) is None:
        return []
    if has_series(record) and settings.get("objective") == "relativistic" and settings.get("r1") and settings.get("r2"):
        return []  # it is played already; the weights that are best for points and images need not be so here
    return _other_objective(record, "Use the relativistic objective with R1 and R2.", RELATIVISTIC)


def _wasserstein(record: Record) -> list[Remedy]:
    """The last resort where the game itself fails."""
    return _other_objective(
        record, "Use the Wasserstein objective with a gradient penalty, and five steps of the critic to one of the generator.", WASSERSTEIN
    )


def _other_objective(record: Record, action: str, settings: Mapping[str, Any]) -> list[Remedy]:
    """Another objective, at the recipe's own learning rates, with those of its settings that the recipe has."""
    settings = {**settings, **recipe_defaults(record, *LEARNING_RATES)}
    return _remedy(record, action, {name: value for name, value in settings.items() if name in record.settings})


def _distinct(remedies: list[Remedy]) -> tuple[Remedy, ...]:
    """Without those with the same settings as one before. (Where an objective is used already, only learning rates change.)"""
    return tuple(one for index, one in enumerate(remedies) if one.settings not in [other.settings for other in remedies[:index]])
