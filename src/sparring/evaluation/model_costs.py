"""What a comparison says of models of images beside their scores: how likely they find images, how fast they sample, how large they are."""

import time

from sparring.games.capabilities import HasLikelihood, WeighsLatents
from sparring.inference.likelihood import bits_of_run, likelihood_kind
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.runs.run_directory import RunDirectory

SAMPLED = 1000
"""Number of samples that are timed."""
LOOKED_AT = 1000
"""Number of images of each kind, trained on and held out, whose likelihood is computed, at most."""
SECONDS, PARAMETERS, GAP = "s for 1,000 samples", "parameters", "bits above training images"
BITS = "bits ({kind})"
"""Bits per dimension of held-out images, by what the likelihood is: those of different kinds are not to be compared."""


def model_costs(run: RunDirectory, checkpoint: str, importance: int | None = None) -> dict[str, float]:
    """By name: bits per dimension of held-out images with their kind, and how far they are above those of training images (of models that
    have a likelihood, and runs that held images out); seconds to draw 1,000 samples; parameters of the networks that are used after
    training: of the one that samples, and of an encoder.
    """
    model = load(run.path, checkpoint=checkpoint, whole=True)
    found = likelihoods(model, importance) if isinstance(model.game, HasLikelihood) else {}
    began = time.monotonic()
    model.sample(SAMPLED, seed=0)
    found[SECONDS] = time.monotonic() - began
    networks = [model.game.get_submodule(name) for name in model.game.sampling_networks]
    found[PARAMETERS] = float(sum(weight.numel() for network in networks for weight in network.parameters()))
    return found


def likelihoods(model: Model, importance: int | None) -> dict[str, float]:
    """Bits per dimension of images that were held out, and how far they are above those of images that were trained on. `importance`: the
    number of latents for each image, of models that are autoencoders.
    """
    latents = importance if isinstance(model.game, WeighsLatents) else None
    trained_on, held_out = bits_of_run(model, LOOKED_AT, latents)
    if held_out is None:
        return {}
    return {BITS.format(kind=likelihood_kind(model, latents)): held_out.mean, GAP: held_out.mean - trained_on.mean}
