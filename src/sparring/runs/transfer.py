"""Beginning a run with the weights of another one: which settings follow from it, and what is said."""

import math
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from sparring import modalities
from sparring.data.store import open_store_if_present
from sparring.games.recipe import Recipe
from sparring.training.transfer import StartingWeights

DEPENDENT = (("augment", "ada", ("augment_target", "augment_chance", "augment_samples")),)
"""A setting, a value of it, and settings that only work with this value."""
RAMP_BATCHES = 20
"""Batches over which learning rates rise where optimizers begin anew: Adam's first steps are as large as any, and would shake weights."""
AUGMENT_SAMPLES = 100_000
"""Real samples in which adaptive augmentation can go from none to all, as StyleGAN2-ADA has it for transfer learning."""


def is_prepared(data: object) -> bool:
    """Whether data is a dataset already, or a folder with a store, so that nothing of how it is prepared can be chosen."""
    return not isinstance(data, str | os.PathLike) or open_store_if_present(Path(data)) is not None


def usual_settings(
    recipe: type[Recipe], source: StartingWeights, given: Mapping[str, object] | None = None, *, prepared: bool = False
) -> dict[str, Any]:
    """The settings of a run that begins with `source`, where none are `given`: those of the source, as far as this recipe and its kind of
    data have them and are not defined by another value, with the rates at which it ended, and a short ramp where optimizers begin anew.
    `prepared`: whether the data is, so that its size is.
    """
    defaults, theirs = recipe.usual(recipe.modality), type(source.recipe).usual(recipe.modality)
    found = {
        field.name: getattr(source.recipe, field.name)
        for field in fields(recipe)
        if hasattr(source.recipe, field.name) and getattr(defaults, field.name) == getattr(theirs, field.name)
    }
    if source.spec.kind == recipe.modality and not prepared:
        found |= modalities.MODALITIES[recipe.modality].settings_like(source.spec)
    found |= _rates_that_go_on(source, found)
    given = given or {}
    found |= given
    goes_on = source.optimizers and source.optimizer == found.get("optimizer", "adam")
    if not goes_on and not found.get("warmup_samples") and "warmup_samples" not in given:
        found["warmup_samples"] = RAMP_BATCHES * found.get("batch_size", defaults.batch_size)
    for setting, value, dependent in DEPENDENT:  # what means nothing without another setting, and would be refused
        if found.get(setting) != value:
            for name in {*dependent} - given.keys():
                found.pop(name, None)
    if found.get("augment") == "ada" and "augment_samples" not in given and hasattr(defaults, "augment_samples"):
        found["augment_samples"] = min(found.get("augment_samples", AUGMENT_SAMPLES), AUGMENT_SAMPLES)
    return found


def remarks_on_rates(source: StartingWeights | None, recipe: Any, given: Mapping[str, object]) -> list[str]:  # noqa: ANN401 (some recipe)
    """What is to be said of the rates of a run, in sentences: nothing if it begins with no `source`, or a rate is `given`."""
    if source is None or "learning_rate" in given or not source.real_samples or recipe.constant_rate_samples != source.real_samples:
        return []
    return [f"Learning rates begin where the source's ended: --learning-rate {recipe.learning_rate:g}. To choose: --learning-rate VALUE."]


def _rates_that_go_on(source: StartingWeights, found: Mapping[str, Any]) -> dict[str, Any]:
    """Where rates had fallen with the root of the images shown, those at which the source ended, which fall from there on. From the first
    ones again, steps would be far larger than the last ones, and the discriminator could lose what it knows.
    """
    constant, shown = found.get("constant_rate_samples"), source.real_samples
    if constant is None or shown <= constant or "learning_rate" not in found:
        return {}
    rates = {name: rate for name, rate in found.items() if name.endswith("learning_rate") and rate is not None}
    lower = {name: float(f"{rate * math.sqrt(constant / shown):.3g}") for name, rate in rates.items()}
    return lower | {"constant_rate_samples": shown}
