"""The answer to "is this a copy?": the training images that are nearest to the image that is shown, by their pixels."""

from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from sparring.core.errors import SettingsError
from sparring.data.store import Store
from sparring.inference.data_of_model import training_data
from sparring.media.image_decoding import UnusableImageError, decode_image, fit_to_square
from sparring.media.image_files import grid, png
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel
from sparring.studio.translate import refuse_unusable

SHOWN = 5
"""Number of training images."""
MOST_COMPARED_BYTES = 512 * 2**20
"""Size of the training images that are compared; of larger data, evenly spaced ones are."""
CHUNK = 512


def nearest(asked: Asked, opened: OpenModel) -> tuple[dict[str, Any], bytes]:
    """The nearest training images of the image that was sent (one that the page shows), as a strip, and how far each is."""
    model = opened.model
    refuse_unusable(asked.content, None)
    try:
        image = decode_image(asked.content, max_pixels=2**22).image
    except UnusableImageError as problem:
        raise SettingsError(f"This image cannot be compared: {problem}.") from None
    shown = fit_to_square(image, model.spec.height, "squash", (255, 255, 255), model.spec.channels)
    store = training_data(model)
    places, distances, compared = nearest_pixels(store, shown)
    strip = grid(
        np.stack([np.asarray(store.pixels[place]) for place in places.tolist()]), columns=len(places), scale=max(1, 96 // shown.shape[0])
    )
    return {"distances": distances.tolist(), "compared": compared, "of": len(store), "numbers": places.tolist()}, png(strip)


def nearest_pixels(store: Store, image: UInt8[np.ndarray, "h w c"]) -> tuple[np.ndarray, Float32[np.ndarray, " n"], int]:
    """Numbers of the nearest images, the nearest first; their root mean squared differences, in [0, 1]; and the number of images that were
    compared.
    """
    count = min(len(store), max(1, MOST_COMPARED_BYTES // image.size))
    numbers = np.linspace(0, len(store) - 1, count).astype(np.int64)
    target = image.astype(np.float32)
    errors = np.concatenate(
        [
            np.square(np.asarray(store.pixels[numbers[start : start + CHUNK]], np.float32) - target).mean(axis=(1, 2, 3))
            for start in range(0, count, CHUNK)
        ]
    )
    order = np.argsort(errors, kind="stable")[:SHOWN]
    return numbers[order], (np.sqrt(errors[order]) / 255).astype(np.float32), count
