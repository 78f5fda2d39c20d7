"""What is measured while training of models of images that know likelihoods, or the way from images to latents."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sparring.core.batch import Batch
from sparring.data.dataset import Dataset
from sparring.games.capabilities import Encodes, HasLikelihood
from sparring.games.game import Game, evaluating
from sparring.losses.likelihoods import bits_per_dimension
from sparring.nets.flows import InvertibleConvolution

PROBED = 64
"""Number of images of each kind, trained on and held out, that are looked at."""


def image_probe(data: Dataset, holdout: Dataset | None) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
    """What is measured of games on images: bits per dimension, how far images are from what is made of their latents, and how near a
    reversible network is to losing something.
    """
    trained_on = some_of(data)
    held_out = some_of(holdout) if holdout is not None and len(holdout) > 1 else None

    def measure(game: Game) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if isinstance(game, HasLikelihood):
            found["bits/training"] = bits_of(game, trained_on)
            if held_out is not None:
                found["bits/holdout"] = bits_of(game, held_out)
        if isinstance(game, Encodes):
            reversible = getattr(game, "likelihood_kind", None) == "dequantized bound"
            found["round_trip" if reversible else "reconstruction"] = reconstruction_error(game, trained_on)
        matrices = [part.matrix() for part in game.modules() if isinstance(part, InvertibleConvolution)]
        if matrices:
            with torch.no_grad():
                found["smallest_stretch"] = min(torch.linalg.svdvals(matrix.double())[-1].item() for matrix in matrices)
        return found

    return {}, measure


def some_of(data: Dataset) -> Batch:
    """A few images, evenly spread."""
    return data.batch(np.unique(np.linspace(0, len(data) - 1, min(PROBED, len(data))).astype(np.int64)))


def bits_of(game: Any, batch: Batch) -> float:  # noqa: ANN401 (a game with a likelihood)
    """Mean bits per dimension of images."""
    batch = batch.to(game.device)
    found = game.log_likelihood(batch.samples, batch.labels if game.conditional else None)
    return bits_per_dimension(found, math.prod(batch.samples.shape[1:])).mean().item()


def reconstruction_error(game: Any, batch: Batch) -> float:  # noqa: ANN401 (a game that encodes)
    """Root mean squared difference of images in [-1, 1] and those made of their latents."""
    batch = batch.to(game.device)
    labels = batch.labels if game.conditional else None
    with evaluating(game):
        made = game.generate(game.encode(batch.samples, labels), game.condition(labels)).float()
    return (made - batch.samples).square().mean().sqrt().item()
