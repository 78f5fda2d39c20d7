"""Floor 5: what a trained discriminator sees. Its features as a representation, and what its filters respond to."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from sparring import eye
from sparring.core.batch import float_to_pixels
from sparring.core.errors import DataError, SettingsError, missing_extra
from sparring.core.pictures import grid
from sparring.data.store import Store
from sparring.judge.classifier import split
from sparring.judge.extractors import open_extractor
from sparring.models import Model
from sparring.trained_on import data_of

PIECE = 250
PENALTIES = tuple(10.0**power for power in range(7))
"""Ridge penalties to choose from, for features of unit variance."""


@dataclass(frozen=True)
class Probe:
    """How well a linear classifier names the classes of pictures from some features."""

    features: str
    dimensions: int
    accuracy: float
    """Share of held-out pictures named rightly."""
    held_out: int
    """How many those are."""
    penalty: float
    """The ridge penalty, chosen on a part of the training pictures."""


def _judging(model: Model) -> tuple[nn.Module, Callable[[Float[Tensor, "n c h w"]], object]]:
    """A model's discriminator, and what runs it on pictures. Where it is told classes it is told none of them: zeros."""
    discriminator = model.discriminator
    if discriminator is None:
        raise SettingsError(f"{model.source} holds no discriminator: a packed model has none. Give the run.")
    packing = getattr(model.recipe, "packing", 1)
    told = len(model.spec.classes) * packing if getattr(model.recipe, "condition", "none") in {"concatenate", "projection"} else 0
    discriminator.eval()

    def judge(pictures: Float[Tensor, "n c h w"]) -> object:
        nothing = torch.zeros(len(pictures), told) if told else None
        return discriminator(pictures.repeat(1, packing, 1, 1), nothing)

    return discriminator, judge


def _maps(model: Model, store: Store, numbers: Int64[np.ndarray, " n"]) -> Iterator[eye.Recorder]:
    network, judge = _judging(model)
    for start in range(0, len(numbers), PIECE):
        images = store.batch(numbers[start : start + PIECE]).images
        with torch.no_grad():
            yield eye.maps(network, lambda images=images: judge(images), str(model.source))


def probe(model: Model, data: str | os.PathLike[str] | Store | None = None) -> list[Probe]:
    """Linear classifiers of the data's classes on pixels, on `lite0`'s features, and on the discriminator's: DCGAN's experiment (Radford
    et al. 2016, section 5.1). 15 % of each class are held out. The best first.
    """
    try:
        from scipy.linalg import LinAlgWarning  # noqa: PLC0415 (comes with it)
        from sklearn.linear_model import RidgeClassifier  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("scikit-learn", "learn", "A linear classifier") from None
    store = data_of(model, data)
    if store.labels is None or len(store.spec.classes) < 2:
        raise DataError("A classifier needs data with two classes or more. Use folders as classes, or a labels.csv.")
    training, held_out = split(store.labels)
    everything = np.concatenate([training, held_out])
    pixels: UInt8[np.ndarray, "n h w c"] = store.pixels.view(np.ndarray)[everything]
    lite0 = open_extractor("lite0").extract(pixels[start : start + PIECE] for start in range(0, len(pixels), PIECE)).rows.numpy()
    seen = np.concatenate([eye.features(recorder).numpy() for recorder in _maps(model, store, everything)])
    sets = {"pixels": pixels.reshape(len(pixels), -1).astype(np.float32), "lite0": lite0, "discriminator": seen}
    found = [_fitted(RidgeClassifier, LinAlgWarning, name, rows, store.labels[everything], len(training)) for name, rows in sets.items()]
    return sorted(found, key=lambda one: -one.accuracy)


def _fitted(
    classifier: Callable[..., Any],
    complaint: type[Warning],
    name: str,
    rows: Float[np.ndarray, "n d"],
    labels: Int64[np.ndarray, " n"],
    training: int,
) -> Probe:
    """A ridge classifier on standardised features; its penalty is chosen on every sixth training picture."""
    rows = (rows - rows[:training].mean(axis=0)) / (rows[:training].std(axis=0) + 1e-6)
    chosen = np.arange(training) % 6 == 0

    def accuracy(penalty: float, fit: Any, rate: Any) -> float:  # noqa: ANN401 (what numpy takes for an index)
        with warnings.catch_warnings(action="ignore", category=complaint):  # a penalty too small for the features rates itself
            fitted = classifier(alpha=penalty, solver="cholesky").fit(rows[fit], labels[fit])
        return float(fitted.score(rows[rate], labels[rate]))

    numbers = np.arange(len(rows))
    scores = {penalty: accuracy(penalty, numbers[:training][~chosen], numbers[:training][chosen]) for penalty in PENALTIES}
    best = max(scores, key=lambda penalty: scores[penalty])
    return Probe(name, rows.shape[1], accuracy(best, numbers[:training], numbers[training:]), len(rows) - training, best)


def filters(
    model: Model,
    data: str | os.PathLike[str] | Store | None = None,
    *,
    side: int | None = None,
    count: int = 8,
    patches: int = 8,
    pictures: int = 2000,
) -> UInt8[np.ndarray, "rows columns c"]:
    """A sheet with two rows for each of the most selective filters: the patches of real pictures that it responds to most, and below
    them what in each patch it was, by guided backpropagation. `side`: of the maps (by default the second smallest).
    """
    if count < 1 or patches < 1:
        raise SettingsError(f"count and patches must be at least 1, not {count} and {patches}.")
    store = data_of(model, data)
    patches = min(patches, len(store))
    numbers = np.linspace(0, len(store) - 1, min(pictures, len(store))).astype(np.int64)
    pieces, module = [], ""
    for recorder in _maps(model, store, numbers):
        sides = sorted(one for one in recorder.maps if one > 1)
        side = sides[min(1, len(sides) - 1)] if side is None else side
        if side not in recorder.maps:
            raise SettingsError(f"The discriminator has no maps of {side}x{side}. It has maps of: {', '.join(map(str, sides))}.")
        module, output = recorder.maps[side]
        pieces.append(output)
    network, judge = _judging(model)
    shown: list[UInt8[np.ndarray, "h w c"]] = []
    largest = store.spec.height
    for answer in eye.strongest(pieces, patches, count):
        images = store.batch(numbers[answer.pictures.numpy()]).images
        guided, boxes = eye.explained(network, judge, images, module, answer)
        guided = guided / guided.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
        for row in (images, guided):
            for picture, (down, right) in zip(row, boxes, strict=True):
                shown.append(_enlarged(float_to_pixels(picture[None, :, down, right])[0].numpy(), largest))
    return grid(np.stack(shown), columns=patches)


def _enlarged(patch: UInt8[np.ndarray, "h w c"], side: int) -> UInt8[np.ndarray, "side side c"]:
    """To that side, by repeating pixels."""
    rows = np.arange(side) * patch.shape[0] // side
    columns = np.arange(side) * patch.shape[1] // side
    return patch[rows][:, columns]
