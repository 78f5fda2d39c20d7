"""A trained discriminator's feature maps and features of images."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from sparring.core.errors import SettingsError
from sparring.data.store import Store
from sparring.inference.model import Model
from sparring.nets.feature_maps import Recorder, recording

Maps = Float[Tensor, "_ channels p q"]


POOLED = 4
"""Each map's strongest places in a grid of 4x4 are its features (Radford et al. 2016, section 5.1)."""


def maps(network: nn.Module, run: Callable[[], object], name: str) -> Recorder:
    """The last maps of each side that a network gives while it runs. A SettingsError for networks without maps."""
    with recording(network) as recorder:
        run()
    if not recorder.maps:
        raise SettingsError(f"{name} has a discriminator without maps: its layers are fully connected. Use a convolutional recipe.")
    return recorder


def features(recorder: Recorder) -> Float[Tensor, "n features"]:
    """All maps, each reduced to the strongest places of a 4x4 grid, as one vector for each image."""
    return torch.cat([adaptive_max_pool2d(output.float(), POOLED).flatten(1) for _, output in recorder.maps.values()], dim=1)


PIECE = 250


def _judging(model: Model) -> tuple[nn.Module, Callable[[Float[Tensor, "n c h w"]], object]]:
    """A model's discriminator, and what runs it on images. Where it is told classes it is told none of them: zeros."""
    discriminator = model.discriminator
    if discriminator is None:
        raise SettingsError(f"{model.source} holds no discriminator: a packed model has none. Give the run.")
    packing = getattr(model.recipe, "packing", 1)
    told = len(model.spec.classes) * packing if getattr(model.recipe, "condition", "none") in {"concatenate", "projection"} else 0
    discriminator.eval()

    def judge(images: Float[Tensor, "n c h w"]) -> object:
        nothing = torch.zeros(len(images), told) if told else None
        return discriminator(images.repeat(1, packing, 1, 1), nothing)

    return discriminator, judge


def _maps(model: Model, store: Store, numbers: Int64[np.ndarray, " n"]) -> Iterator[Recorder]:
    network, judge = _judging(model)
    for start in range(0, len(numbers), PIECE):
        images = store.batch(numbers[start : start + PIECE]).samples
        with torch.no_grad():
            yield maps(network, lambda images=images: judge(images), str(model.source))
