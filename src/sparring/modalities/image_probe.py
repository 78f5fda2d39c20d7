"""What is measured while training of models of images that know likelihoods, or the way from images to latents."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sparring.core.batch import Batch
from sparring.data.dataset import Dataset
from sparring.games.capabilities import Encodes, HasLikelihood
from sparring.games.game import Game, evaluating
from sparring.games.image_likelihood import images_at_once
from sparring.losses.likelihoods import bits_per_dimension
from sparring.metrics.pixel_statistics import rows_of
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
            made = reconstructions(game, trained_on)
            pairs = (made, trained_on.samples) if reversible else (rows_of(made), rows_of(trained_on.samples))
            found["round_trip" if reversible else "reconstruction"] = (pairs[0] - pairs[1]).square().mean().sqrt().item()
        matrices = [part.matrix() for part in game.modules() if isinstance(part, InvertibleConvolution)]
        if matrices:
            with torch.no_grad():
                found["smallest_singular_value"] = min(torch.linalg.svdvals(matrix.double())[-1].item() for matrix in matrices)
        return found

    return {}, measure


def some_of(data: Dataset) -> Batch:
    """A few images, evenly spread."""
    return data.batch(np.unique(np.linspace(0, len(data) - 1, min(PROBED, len(data))).astype(np.int64)))


def bits_of(game: Any, batch: Batch) -> float:  # noqa: ANN401 (a game with a likelihood)
    """Mean bits per dimension of images."""
    found = []
    for part in parts_of(batch, game):
        found.append(game.log_likelihood(part.samples, part.labels if game.conditional else None).cpu())
    return bits_per_dimension(torch.cat(found), math.prod(batch.samples.shape[1:])).mean().item()


def reconstructions(game: Any, batch: Batch) -> Float[Tensor, "n c h w"]:  # noqa: ANN401 (a game that encodes)
    """What is made of the latents of images."""
    made = []
    for part in parts_of(batch, game):
        labels = part.labels if game.conditional else None
        with evaluating(game):
            made.append(game.generate(game.encode(part.samples, labels), game.condition(labels)).float().cpu())
    return torch.cat(made)


def parts_of(batch: Batch, game: Game) -> Iterator[Batch]:
    """A batch in parts that go through a network together, where the game is."""
    size = images_at_once(batch.samples.shape[1:])
    for start in range(0, len(batch), size):
        rows = slice(start, start + size)
        yield Batch(batch.samples[rows], None if batch.labels is None else batch.labels[rows]).to(game.device)
