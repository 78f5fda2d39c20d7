"""Beginning a run with the weights of another one: which settings follow from it, and what is said."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sparring import modalities
from sparring.games.recipe import Recipe
from sparring.training.transfer import StartingWeights

RAMP_BATCHES = 20
"""Batches over which learning rates rise where optimizers begin anew: Adam's first steps are as large as any, and would shake weights."""
AUGMENT_SAMPLES = 100_000
"""Real samples in which adaptive augmentation can go from none to all, as StyleGAN2-ADA has it for transfer learning."""


def usual_settings(recipe: type[Recipe], source: StartingWeights, given: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The settings of a run that begins with `source`, where none are `given`: those of the source, as far as this recipe and its kind of
    data have them and are not defined by another value, with a short ramp.
    """
    defaults, theirs = recipe.usual(recipe.modality), type(source.recipe).usual(recipe.modality)
    found = {
        field.name: getattr(source.recipe, field.name)
        for field in fields(recipe)
        if hasattr(source.recipe, field.name) and getattr(defaults, field.name) == getattr(theirs, field.name)
    }
    if not source.optimizers and not found.get("warmup_samples"):
        found["warmup_samples"] = RAMP_BATCHES * found.get("batch_size", defaults.batch_size)
    if source.spec.kind == recipe.modality:
        found |= modalities.MODALITIES[recipe.modality].settings_like(source.spec)
    found |= given or {}
    if found.get("augment") == "ada" and "augment_samples" not in (given or {}):
        found["augment_samples"] = min(found["augment_samples"], AUGMENT_SAMPLES)
    return found
