"""What a trained discriminator sees. Its features as a representation, and what its filters respond to."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, UInt8

from sparring.core.errors import DataError, missing_extra
from sparring.data.store import Store
from sparring.evaluation.classifier import split
from sparring.evaluation.extractors import open_extractor
from sparring.inference.model import Model
from sparring.inference.training_data import data_of
from sparring.interpret.feature_maps import PIECE, _maps, features

PENALTIES = tuple(10.0**power for power in range(7))
"""Ridge penalties to choose from, for features of unit variance."""


@dataclass(frozen=True)
class Probe:
    """How well a linear classifier names the classes of images from some features."""

    features: str
    dimensions: int
    accuracy: float
    """Share of held-out images named rightly."""
    held_out: int
    """How many those are."""
    penalty: float
    """The ridge penalty, chosen on a part of the training images."""


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
    seen = np.concatenate([features(recorder).numpy() for recorder in _maps(model, store, everything)])
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
    """A ridge classifier on standardized features; its penalty is chosen on every sixth training image."""
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
