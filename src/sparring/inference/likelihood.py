"""What a model with a likelihood says of images: how likely they are, and what it makes of their latents."""

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparring.core.batch import Batch, Labels
from sparring.core.errors import SettingsError
from sparring.data.dataset import Dataset
from sparring.data.store import Store
from sparring.games.capabilities import DrawsRowByRow, Encodes, HasLikelihood, WeighsLatents
from sparring.games.game import evaluating
from sparring.games.image_likelihood import images_at_once
from sparring.inference.data_of_model import training_data
from sparring.inference.model import Model
from sparring.losses.likelihoods import bits_per_dimension
from sparring.modalities import MODALITIES
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

MOST_LATENTS = 10_000
"""Number of latents that an image's likelihood is computed from, at most."""


@dataclass(frozen=True)
class MeanBits:
    """Mean bits for each number of some images."""

    mean: float
    error: float
    """Standard error of the mean."""
    images: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f} bits per dimension ({self.images:,} images)"


def likelihood_kind(model: Model, importance: int | None = None) -> str:
    """What the model's likelihood is: "exact", "dequantized bound", "ELBO" or, with `importance` latents for each image, "IWAE-64".
    SettingsError if it has none, or none from several latents.
    """
    game = model.latent_game
    if not isinstance(game, HasLikelihood):
        raise SettingsError(f"{model.source} has no likelihood: it only makes samples. pixelcnn, glow, realnvp, vae and flowgan have one.")
    if importance is None:
        return game.likelihood_kind
    if not 1 <= importance <= MOST_LATENTS:
        raise SettingsError(f"importance is a number of latents for each image, from 1 to {MOST_LATENTS:,}, not {importance}.")
    if not isinstance(game, WeighsLatents):
        raise SettingsError(
            f"{model.source} has a likelihood of another kind ({game.likelihood_kind}), which needs no latents: leave importance out. "
            "It is for variational autoencoders (vae)."
        )
    return "ELBO" if importance == 1 else f"IWAE-{importance}"


def bits_of(model: Model, data: Dataset, indices: Int64[np.ndarray, " n"], importance: int | None = None) -> Float[np.ndarray, " n"]:
    """Bits per dimension of images of a dataset, of the kind that `likelihood_kind` says. Each depends on its image alone. SettingsError if
    the model has no likelihood, or images need classes and have none.
    """
    likelihood_kind(model, importance)
    game, found = cast(Any, model.game), []
    piece = images_at_once(model.spec.shape)
    for start in range(0, len(indices), piece):
        batch = data.batch(indices[start : start + piece]).to(model.game.device)
        labels = _classes_of(model, batch)
        if importance is None:
            logs = game.log_likelihood(batch.samples, labels)
        else:
            logs = game.importance_weighted(batch.samples, labels, importance)
        found.append(bits_per_dimension(logs, math.prod(model.spec.shape)).cpu())
    return torch.cat(found).double().numpy()


def _classes_of(model: Model, batch: Batch) -> Labels | None:
    """The classes that a conditional model needs beside images; None for others."""
    if not model.latent_game.conditional:
        return None
    if batch.labels is None:
        raise SettingsError(f"{model.source} was trained with classes: give images with the same classes, in a folder for each.")
    return batch.labels


def mean_bits(bits: Float[np.ndarray, " n"]) -> MeanBits:
    """Their mean and its standard error."""
    return MeanBits(float(bits.mean()), float(bits.std(ddof=1) / len(bits) ** 0.5) if len(bits) > 1 else math.nan, len(bits))


def bits_of_run(model: Model, most: int, importance: int | None = None) -> tuple[MeanBits, MeanBits | None]:
    """Bits of images that a run was trained on, and of those that it held out (None: none), at most so many of each."""
    parts = [part for part in parts_of_run(model) if part is not None]
    found = [mean_bits(bits_of(model, part, spread(len(part), most), importance)) for part in parts]
    return found[0], found[1] if len(found) > 1 else None


def parts_of_run(model: Model) -> tuple[Dataset, Dataset | None]:
    """The images that a run was trained on, and those that it held out (None: none)."""
    store = training_data(model)
    settings = settings_of(read_config(RunDirectory(model.source)), model.source).training
    trained_on, held_out = MODALITIES[model.spec.kind].split_holdout(store, settings.holdout, settings.seed)
    return trained_on, held_out if held_out is not None and len(held_out) else None


def spread(count: int, most: int) -> Int64[np.ndarray, " n"]:
    """At most so many numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def reconstructed(model: Model, store: Store, indices: Int64[np.ndarray, " n"]) -> Float[Tensor, "n c h w"]:
    """What the model makes of the latents that it finds for images, in [-1, 1]. SettingsError if it has no way back to latents, or images
    need classes and have none.
    """
    game: Any = model.latent_game
    if isinstance(model.latent_game, DrawsRowByRow):
        raise SettingsError(f"{model.source} draws images pixel by pixel, so there are no latents to go to.")
    if not isinstance(model.latent_game, Encodes):
        raise SettingsError(f"{model.source} has no way from images back to latents. sparring latent project searches for one.")
    found = []
    piece = images_at_once(model.spec.shape)
    for start in range(0, len(indices), piece):
        batch = store.batch(indices[start : start + piece]).to(model.game.device)
        labels = _classes_of(model, batch)
        with evaluating(model.game):
            found.append(game.generate(game.encode(batch.samples, labels), game.condition(labels)).float().cpu())
    return torch.cat(found)
