"""Means and covariances of features in `.npz` files (`mu`, `sigma`), as programs that measure FID publish them: judging against them, and
writing them. They hold no images, so only the Fréchet distance can be found.
"""

import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from sparring.core.atomic_files import replacing
from sparring.core.console import console as plain_console
from sparring.core.errors import DataError, SettingsError
from sparring.core.parallel_map import progress_bar
from sparring.data.preprocessing import Preprocessing
from sparring.evaluation.feature_cache import ImageFeatures, load_or_extract_features
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.evaluation.judge import DEFAULT_SAMPLES, Judgeable, image_set_from_model, load_if_model, open_unprocessed
from sparring.evaluation.judgment import describe_image_set
from sparring.evaluation.open_extractor import open_extractor
from sparring.evaluation.scores import Protocol, Score, frechet_scores
from sparring.metrics.frechet_distance import Gaussian
from sparring.nets.feature_extractors.resize import ResizeName

if TYPE_CHECKING:
    from rich.console import Console

PathLike = str | os.PathLike[str]
MEAN, COVARIANCE = "mu", "sigma"
ABOUT = "sparring"
"""In files that Sparring wrote: what they were made of and how, as JSON."""
UNKNOWN_COUNT = 10**9
"""Stands for the number of images where a file does not say it: many."""
ASYMMETRY = 1e-3
"""Share of the largest value by which a covariance may differ from its transpose: rounding."""


@dataclass(frozen=True)
class FeatureStatistics:
    """The Gaussian of a set's features, and how it was found, as far as a file says so."""

    source: Path
    gaussian: Gaussian
    images: str = ""
    """What the images are."""
    made_by: dict[str, str] = field(default_factory=dict)
    """The extractor, its weights, resize and precision; empty for files of other programs."""


def is_statistics_file(path: object) -> bool:
    """Whether there is an `.npz` file with a mean and a covariance."""
    if not isinstance(path, str | os.PathLike) or not Path(path).is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{MEAN}.npy", f"{COVARIANCE}.npy"} <= set(archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def read_statistics(path: PathLike) -> FeatureStatistics:
    """The statistics in a file. Raises a DataError if they are damaged, or are no mean and covariance."""
    try:
        with np.load(path, allow_pickle=False) as content:
            mean, covariance = (np.asarray(content[name], np.float64) for name in (MEAN, COVARIANCE))
            about = dict(json.loads(str(content[ABOUT]))) if ABOUT in content else {}
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as problem:
        raise DataError(f"{path} cannot be read as statistics of features: {problem}") from None
    d = mean.size
    if mean.shape != (d,) or covariance.shape != (d, d):
        raise DataError(f"{path} has a mean of shape {mean.shape} and a covariance of shape {covariance.shape}, which do not fit together.")
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise DataError(f"{path} has numbers that are infinite or not a number.")
    if np.abs(covariance - covariance.T).max() > ASYMMETRY * np.abs(covariance).max() or covariance.diagonal().min() < 0:
        raise DataError(f"{path} has a matrix that is no covariance: it is not symmetric, or has negative variances.")
    symmetric = torch.from_numpy((covariance + covariance.T) / 2)
    gaussian = Gaussian(int(about.get("n", UNKNOWN_COUNT)), torch.from_numpy(mean), symmetric, None)
    return FeatureStatistics(Path(path), gaussian, str(about.get("images", "")), dict(about.get("made_by", {})))


def write_statistics(
    data: Judgeable,
    path: PathLike,
    *,
    extractor: str = "lite0",
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    weights: PathLike | None = None,
    resize: ResizeName | None = None,
    exact: bool = False,
    device: str = "cpu",
    split: str | None = None,
    console: "Console | None" = None,
) -> Path:
    """Write mean and covariance of the features of images (or of a model's samples) into an `.npz` file, which also other programs read.
    Raises a SparringError for everything that the user can fix.
    """
    target = Path(path)
    if target.suffix != ".npz":
        raise SettingsError(f"Statistics are written as .npz, not {target.name}.")
    network = open_extractor(extractor, weights=None if weights is None else Path(weights), resize=resize, exact=exact, device=device)
    images = _images_of(data, samples, seed, None, "last", split)
    features = _features_of(images, network, console)
    gaussian = Gaussian.fit(features.rows)
    covariance = gaussian.covariance
    if covariance is None:
        assert gaussian.centered_rows is not None
        covariance = gaussian.centered_rows.T @ gaussian.centered_rows
    about = {"n": len(features), "images": describe_image_set(images, features), "made_by": _identity(network)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, temporary.open("wb") as file:
        np.savez(file, mu=gaussian.mean.numpy(), sigma=covariance.numpy(), sparring=np.array(json.dumps(about)))
    return target


def judge_against_statistics(
    judged: Judgeable,
    statistics: PathLike,
    *,
    extractor: str = "lite0",
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    truncation: float | None = None,
    checkpoint: str = "last",
    weights: PathLike | None = None,
    resize: ResizeName | None = None,
    exact: bool = False,
    device: str = "cpu",
    split: str | None = None,
    console: "Console | None" = None,
) -> tuple[list[Score], list[str]]:
    """The Fréchet distance of images, or of a model's samples, to published statistics; and what readers must know of it. Raises a
    SparringError if the statistics are of other features, and for everything else that the user can fix.
    """
    known = read_statistics(statistics)
    network = open_extractor(extractor, weights=None if weights is None else Path(weights), resize=resize, exact=exact, device=device)
    notes = _refuse_other_features(known, network)
    images = _images_of(judged, samples, seed, truncation, checkpoint, split)
    features = _features_of(images, network, console)
    if features.rows.shape[1] != len(known.gaussian.mean):
        raise SettingsError(
            f"{statistics} is of {len(known.gaussian.mean):,} features, and {network.name} has {features.rows.shape[1]:,}. Choose the "
            "network that it was made with: extractor='inception' has 2,048."
        )
    protocol = Protocol(
        n_real=None if known.gaussian.n == UNKNOWN_COUNT else known.gaussian.n,
        n_fake=len(features),
        seed=images.seed,
        truncation=images.truncation,
        real_images=f"{known.source}{f' ({known.images})' if known.images else ''}",
        fake_images=describe_image_set(images, features),
        **network.identity(),
    )
    return frechet_scores(known.gaussian, features.rows, network.score_name("FD"), protocol), [*notes, *images.notes]


def _identity(network: Extractor) -> dict[str, str]:
    return {name: str(value) for name, value in network.identity().items()}


def _refuse_other_features(known: FeatureStatistics, network: Extractor) -> list[str]:
    """Notes on how the statistics were made. Raises a SettingsError if they were made in another way."""
    if not known.made_by:
        return [f"{known.source} does not say by which network, weights and resize it was made, so that is for you to know."]
    own = _identity(network)
    differing = {name: f"{name} {value!r}, and here {own.get(name)!r}" for name, value in known.made_by.items() if own.get(name) != value}
    rounding = differing.pop("precision", None)
    if differing:
        raise SettingsError(f"{known.source} was made with {'; '.join(differing.values())}: distances would mean nothing.")
    return [f"{known.source} was made with {rounding}: small distances differ by that."] if rounding else []


def _images_of(judged: Judgeable, samples: int, seed: int, truncation: float | None, checkpoint: str, split: str | None) -> ImageSet:
    if samples < 2:
        raise SettingsError(f"samples must be at least 2, not {samples}.")
    model = load_if_model(judged, checkpoint)
    if model is not None:
        return image_set_from_model(model, samples, seed, truncation)
    return open_unprocessed([judged], Preprocessing(split=split))[0]


def _features_of(images: ImageSet, network: Extractor, console: "Console | None") -> ImageFeatures:
    screen = console or plain_console()
    with progress_bar(f"Extracting features ({network.name})", images.count, screen.is_terminal) as advance:
        features = load_or_extract_features(images, network, advance)
    if len(features) < 2:
        raise DataError(f"{images.name} has too few usable images, {len(features)}: at least 2 are needed for a covariance.")
    return features
