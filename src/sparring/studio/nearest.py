"""The answer to "is this a copy?": the training images that are nearest to the image that is shown, by their pixels."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch.nn.functional import interpolate

from sparring.data.store import Store
from sparring.inference.data_of_model import training_data
from sparring.media.image_files import grid, png
from sparring.studio.asked import Asked
from sparring.studio.open_models import OpenModel, OpenModels
from sparring.studio.steer import drawn

SHOWN = 5
"""Number of training images."""
MOST_COMPARED_BYTES = 512 * 2**20
"""Size of the training images that are compared; of larger data, evenly spaced ones are."""
CHUNK = 512


def nearest(asked: Asked, opened: OpenModel, models: OpenModels) -> tuple[dict[str, Any], bytes]:
    """The nearest training images of the first image of a state, as a strip, and how far each is."""
    image = drawn(asked, opened, models)[0][0]
    store = training_data(opened.model)
    height, width = store.pixels.shape[1:3]
    if image.shape[:2] != (height, width):  # stretched to the proportion of the files; the store has them as they were trained on
        stretched = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        image = (
            interpolate(stretched, (height, width), mode="bicubic", antialias=True)[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
        )
    places, distances, compared = nearest_pixels(store, image)
    strip = grid(np.stack([np.asarray(store.pixels[place]) for place in places.tolist()]), columns=len(places), scale=max(1, 96 // height))
    return {"distances": distances.tolist(), "compared": compared, "of": len(store), "numbers": places.tolist()}, png(strip)


def nearest_pixels(store: Store, image: UInt8[np.ndarray, "h w c"]) -> tuple[Int64[np.ndarray, " n"], Float32[np.ndarray, " n"], int]:
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
