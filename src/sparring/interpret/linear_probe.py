"""Linear probes: how well a linear classifier recognizes the data's classes from a discriminator's features."""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, UInt8

from sparring.core.errors import DataError, missing_extra
from sparring.data.store import Store
from sparring.evaluation.classifier_features import split_by_class
from sparring.evaluation.open_extractor import open_extractor
from sparring.inference.data_of_model import data_of
from sparring.inference.model import Model
from sparring.interpret.discriminator_features import CHUNK, maps_of_images, pooled_features

PENALTIES = tuple(10.0**power for power in range(7))
"""Candidate ridge penalties, for features of unit variance."""


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy of a linear classifier of images on one kind of features."""

    features: str
    """Kind of features: "pixels", "lite0" or "discriminator"."""
    dimensions: int
    """Number of features."""
    accuracy: float
    """Share of held-out images that are classified correctly, from 0 to 1."""
    held_out: int
    """Number of held-out images."""
    penalty: float
    """The ridge penalty, chosen on part of the training images."""


def probe_discriminator(model: Model, data: str | os.PathLike[str] | Store | None = None) -> list[ProbeResult]:
    """Train linear classifiers of the data's classes on pixels, on lite0's features and on the discriminator's features, the best first.

    This is DCGAN's experiment (Radford et al. 2016, section 5.1). 15 % of each class are held out. Raises a DataError for data with fewer
    than two classes, and a SettingsError if the model has no convolutional discriminator.
    """
    try:
        from scipy.linalg import LinAlgWarning  # noqa: PLC0415 (comes with it)
        from sklearn.linear_model import RidgeClassifier  # noqa: PLC0415 (an extra)
    except ImportError:
        raise missing_extra("scikit-learn", "learn", "A linear classifier") from None
    store = data_of(model, data)
    if store.labels is None or len(store.spec.classes) < 2:
        raise DataError(
            f"A classifier needs data with at least two classes, and this data has {len(store.spec.classes)}. Put the images of each class "
            "into a folder of its own, or add a labels.csv."
        )
    training, held_out = split_by_class(store.labels)
    indices = np.concatenate([training, held_out])
    pixels: UInt8[np.ndarray, "n h w c"] = store.pixels.view(np.ndarray)[indices]
    lite0 = open_extractor("lite0").extract(pixels[start : start + CHUNK] for start in range(0, len(pixels), CHUNK)).rows.numpy()
    learned = np.concatenate([pooled_features(recorder).numpy() for recorder in maps_of_images(model, store, indices)])
    features = {"pixels": pixels.reshape(len(pixels), -1).astype(np.float32), "lite0": lite0, "discriminator": learned}
    results = [
        _fit_probe(RidgeClassifier, LinAlgWarning, name, rows, store.labels[indices], len(training)) for name, rows in features.items()
    ]
    return sorted(results, key=lambda result: -result.accuracy)


def _fit_probe(
    classifier: Callable[..., Any],
    complaint: type[Warning],
    name: str,
    rows: Float[np.ndarray, "n d"],
    labels: Int64[np.ndarray, " n"],
    training: int,
) -> ProbeResult:
    """Fit a ridge classifier to standardized features of the first `training` rows, and measure its accuracy on the others.

    The penalty is chosen on every sixth training image. `complaint` is the warning class that numerically poor penalties raise.
    """
    rows = (rows - rows[:training].mean(axis=0)) / (rows[:training].std(axis=0) + 1e-6)
    chosen = np.arange(training) % 6 == 0

    def accuracy(penalty: float, fit: Any, rate: Any) -> float:  # noqa: ANN401 (what numpy takes for an index)
        with warnings.catch_warnings(action="ignore", category=complaint):  # a penalty too small for the features rates itself
            fitted = classifier(alpha=penalty, solver="cholesky").fit(rows[fit], labels[fit])
        return float(fitted.score(rows[rate], labels[rate]))

    numbers = np.arange(len(rows))
    scores = {penalty: accuracy(penalty, numbers[:training][~chosen], numbers[:training][chosen]) for penalty in PENALTIES}
    best = max(scores, key=lambda penalty: scores[penalty])
    return ProbeResult(name, rows.shape[1], accuracy(best, numbers[:training], numbers[training:]), len(rows) - training, best)
