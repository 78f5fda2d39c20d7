"""Extracts the features of image sets and caches them on disk."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from sparring.core.atomic_files import cache_folder, replacing
from sparring.core.errors import DataError, listed
from sparring.core.tensor_files import save_tensors
from sparring.data.images.sizes_and_range import SharedRange
from sparring.data.listed_images import Problem, hash_key, name_examples
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.metrics.contrast_and_roughness import image_contrast, image_roughness
from sparring.metrics.inception_score import InceptionScore, inception_score

FORMAT = 4
"""Version of the cache files, part of their names: increase it when their content changes."""
INCEPTION_SPLITS, MIN_IMAGES_PER_SPLIT = 10, 10
"""Number of splits of the Inception Score, and the images that each of them needs at least."""
SHUFFLE_SEED = 2020
"""torch-fidelity's seed for the order of images in the Inception Score."""
MAX_UNUSABLE_SHARE = 0.1
"""Largest share of unusable files: beyond it, the usable ones are too different a set to be judged."""


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Features and simple statistics of all usable images of a set, in order."""

    rows: Float32[Tensor, "n d"]
    """Feature vectors, one row for each image."""
    predicted_classes: Int64[Tensor, " n"] | None
    """The extractor's most probable class of each image, or None if the extractor has no classes."""
    inception: InceptionScore | None
    """Inception Score over the extractor's classes, or None if it has no classes."""
    indices: Int64[Tensor, " n"]
    """Index of each image in its set."""
    sizes: Int64[Tensor, "n 2"]
    """Height and width of each image in pixels, before resizing."""
    contrast: Float32[Tensor, " n"]
    """Standard deviation of each image's pixels: see `image_contrast`."""
    roughness: Float32[Tensor, " n"]
    """Difference of neighboring pixels in each image: see `image_roughness`."""
    problems: tuple[Problem, ...] = ()
    """Unusable files, with reasons."""
    black_white: tuple[float, float] | None = None
    """The values used as black and white in images of more than 8 bits a value, or None if there are none."""

    def __len__(self) -> int:
        return len(self.rows)


def load_or_extract_features(images: ImageSet, extractor: Extractor, advance: Callable[[int], object] | None = None) -> ImageFeatures:
    """Features of all images of a set, read from the cache or extracted now.

    Sets with a fingerprint are cached, once for each extractor, weights and resize. `advance` is called with the number of images that
    were just processed. Raises a DataError if more than 10 % of the images are unusable.
    """
    if images.fingerprint is None:
        return _extract_features(images, extractor, advance)
    path = cache_folder() / "judge" / f"features-{hash_key(FORMAT, images.fingerprint, sorted(extractor.identity().items()))}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["sparring"])
        features = _features_from_file(load_file(path), about)
        same_range = features.black_white is None or images.black_white is None or tuple(features.black_white) == images.black_white()
        if len(features.indices) + len(features.problems) == images.count and same_range:
            if advance is not None:
                advance(images.count)
            return features
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        pass  # not cached yet, or the file is damaged: extracted again
    features = _extract_features(images, extractor, advance)
    tensors = {name: value for name, value in vars(features).items() if isinstance(value, Tensor)}
    about = {name: getattr(features, name) for name in ("problems", "black_white")}
    about["inception"] = None if features.inception is None else asdict(features.inception)
    with contextlib.suppress(OSError), replacing(path) as temporary:  # if the disk is full, they are not cached
        save_tensors(temporary, tensors, about)
    return features


def _features_from_file(tensors: dict[str, Tensor], about: dict[str, object]) -> ImageFeatures:
    inception, problems, black_white = about["inception"], about["problems"], about["black_white"]
    return ImageFeatures(
        tensors["rows"],
        tensors.get("predicted_classes"),
        InceptionScore(**inception) if isinstance(inception, dict) else None,
        *(tensors[name] for name in ("indices", "sizes", "contrast", "roughness")),
        problems=tuple(Problem(*problem) for problem in problems) if isinstance(problems, list) else (),
        black_white=(float(black_white[0]), float(black_white[1])) if isinstance(black_white, list) else None,
    )


def _extract_features(images: ImageSet, extractor: Extractor, advance: Callable[[int], object] | None) -> ImageFeatures:
    problems: list[Problem] = []
    indices: list[int] = []
    sizes: list[tuple[int, ...]] = []
    statistics: list[np.ndarray] = []

    def usable_batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        index = 0
        for batch in images.batches():
            if isinstance(batch, Problem):
                problems.append(batch)
                index += 1
                continue
            indices.extend(range(index, index + len(batch)))
            sizes.extend([batch.shape[1:3]] * len(batch))
            statistics.append(np.stack([image_contrast(batch), image_roughness(batch)]))
            index += len(batch)
            yield batch

    try:
        features = extractor.extract(usable_batches(), advance)
    except DataError:
        features = None
        if not problems:
            raise
    if features is None or len(problems) > MAX_UNUSABLE_SHARE * images.count:
        heading = f"{images.name} is not judged: {len(problems):,} of its {images.count:,} images cannot be used. Fix or remove:"
        raise DataError(listed(heading, [f"{name}: {reason}" for name, reason in problems]))
    contrast, roughness = torch.from_numpy(np.concatenate(statistics, axis=1).astype(np.float32))
    found = images.black_white.found if isinstance(images.black_white, SharedRange) else None
    image_features = ImageFeatures(
        features.rows, None, None, torch.tensor(indices), torch.tensor(sizes), contrast.clone(), roughness.clone(), tuple(problems), found
    )
    if features.probabilities is None:
        return image_features
    # Images are often sorted by class, and no split may hold a single class. The shuffled order is torch-fidelity's.
    order = torch.from_numpy(np.random.RandomState(SHUFFLE_SEED).permutation(len(features)))
    score = inception_score(features.probabilities[order], max(1, min(INCEPTION_SPLITS, len(features) // MIN_IMAGES_PER_SPLIT)))
    return replace(image_features, predicted_classes=features.probabilities.argmax(dim=1), inception=score)


def usable_images(images: ImageSet, features: ImageFeatures) -> ImageSet:
    """The usable images of a set, with a note that counts the others."""
    names = [problem.name for problem in features.problems]
    left_out = f"{images.name}: {len(names):,} of {images.count:,} images could not be used and are not judged ({name_examples(names)})."
    return images.subset(features.indices.numpy(), [left_out] if names else [])


def describe_sizes(features: ImageFeatures) -> str:
    """Size of the images as "WIDTHxHEIGHT", or the range of widths and heights if there are several sizes."""
    sizes = features.sizes.unique(dim=0)
    (height, width), (max_height, max_width) = sizes.amin(dim=0).tolist(), sizes.amax(dim=0).tolist()
    if len(sizes) == 1:
        return f"{width}x{height}"
    return f"{len(sizes):,} sizes, {_format_span(width, max_width)} wide and {_format_span(height, max_height)} high"


def _format_span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"
