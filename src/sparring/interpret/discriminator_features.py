"""Feature maps of a trained discriminator, and feature vectors of images made from them."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from sparring.core.errors import SettingsError
from sparring.data.store import Store
from sparring.games.capabilities import Encodes, HasDiscriminator
from sparring.inference.model import Model
from sparring.nets.forward_hooks import FeatureMapRecorder, record_feature_maps

Maps = Float[Tensor, "_ channels p q"]


POOLED_SIDE = 4
"""Each map is max-pooled to a 4x4 grid of features (Radford et al. 2016, section 5.1)."""


def record_discriminator_maps(network: nn.Module, run: Callable[[], object], name: str) -> FeatureMapRecorder:
    """The last feature maps of each side that a network outputs while `run` is called.

    `name` is used in messages. Raises a SettingsError for networks without feature maps.
    """
    with record_feature_maps(network) as recorder:
        run()
    if not recorder.maps:
        raise SettingsError(f"{name} has a discriminator without feature maps: its layers are fully connected. Use a convolutional recipe.")
    return recorder


def pooled_features(recorder: FeatureMapRecorder) -> Float[Tensor, "n features"]:
    """One feature vector for each image: all feature maps, each max-pooled to a 4x4 grid."""
    return torch.cat([adaptive_max_pool2d(output.float(), POOLED_SIDE).flatten(1) for _, output in recorder.maps.values()], dim=1)


CHUNK = 250
"""Number of images that pass through the discriminator at once."""


def open_discriminator(model: Model) -> tuple[nn.Module, Callable[[Float[Tensor, "n c h w"]], object]]:
    """A model's discriminator, and a function that runs it on images, without a class (zeros) where it expects one.

    Raises a SettingsError if the model has no discriminator.
    """
    discriminator = model.discriminator
    if discriminator is None:
        raise SettingsError(f"{model.source} holds no discriminator: a packed model has none. Name the run instead.")
    if isinstance(model.game, Encodes) and not isinstance(model.game, HasDiscriminator):
        raise SettingsError(f"{model.source} has a discriminator of images with their latents, which is not looked into. Name another run.")
    packing = getattr(model.recipe, "packing", 1)
    class_inputs = (
        len(model.spec.condition_names) * packing if getattr(model.recipe, "condition", "none") in {"concatenate", "projection"} else 0
    )
    discriminator.eval()

    def discriminate(images: Float[Tensor, "n c h w"]) -> object:
        no_class = torch.zeros(len(images), class_inputs) if class_inputs else None
        return discriminator(images.repeat(1, packing, 1, 1), no_class)

    return discriminator, discriminate


def maps_of_images(model: Model, store: Store, indices: Int64[np.ndarray, " n"]) -> Iterator[FeatureMapRecorder]:
    """The discriminator's feature maps of the store's images at `indices`, one chunk after the other."""
    network, discriminate = open_discriminator(model)
    for start in range(0, len(indices), CHUNK):
        images = store.batch(indices[start : start + CHUNK]).samples
        with torch.no_grad():
            yield record_discriminator_maps(network, lambda images=images: discriminate(images), str(model.source))
