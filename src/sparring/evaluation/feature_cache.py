"""What an extractor saw in a set of images, and keeping that for the next time."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparring.core.errors import DataError, listed
from sparring.core.files import cache_folder, replacing
from sparring.data.images.sizes_and_range import SharedRange
from sparring.data.source import Problem, hash_key, name_examples
from sparring.evaluation.features import Extractor
from sparring.evaluation.image_sets import ImageSet
from sparring.metrics.contrast_and_roughness import image_contrast, image_roughness
from sparring.metrics.inception_score import InceptionScore, inception_score

FORMAT = 4
INCEPTION_SPLITS, MIN_IMAGES_PER_SPLIT = 10, 10
SHUFFLE_SEED = 2020
MAX_UNUSABLE_SHARE = 0.1
"""Share of the files that may be unusable: more, and what is left is another set."""


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Of each image that could be used, in order."""

    rows: Float32[Tensor, "n d"]
    """Features."""
    predicted_classes: Int64[Tensor, " n"] | None
    """The class of the extractor's own that it takes each for, if it has classes."""
    inception: InceptionScore | None
    """Over those classes."""
    indices: Int64[Tensor, " n"]
    """Which images these are."""
    sizes: Int64[Tensor, "n 2"]
    """Height and width in pixels, before anything was resized."""
    contrast: Float32[Tensor, " n"]
    """Standard deviation of pixels: see `contrast_of`."""
    roughness: Float32[Tensor, " n"]
    """How much neighboring pixels differ: see `roughness_of`."""
    problems: tuple[Problem, ...] = ()
    """Files that could not be used, and why."""
    black_white: tuple[float, float] | None = None
    """What was taken as black and white, if there were images of more than 8 bits a value."""

    def __len__(self) -> int:
        return len(self.rows)


def load_or_extract_features(images: ImageSet, extractor: Extractor, advance: Callable[[int], object] | None = None) -> ImageFeatures:
    """Look at all images, or remember what was seen: data is looked at once for each extractor, weights and resize.
    `advance` is told how many more are done. A DataError if too many cannot be used.
    """
    if images.fingerprint is None:
        return _extract_features(images, extractor, advance)
    path = cache_folder() / "judge" / f"features-{hash_key(FORMAT, images.fingerprint, sorted(extractor.identity().items()))}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["sparring"])
        seen = _from_file(load_file(path), about)
        same_range = seen.black_white is None or images.black_white is None or tuple(seen.black_white) == images.black_white()
        if len(seen.indices) + len(seen.problems) == images.count and same_range:
            if advance is not None:
                advance(images.count)
            return seen
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        pass  # not there yet, or damaged: looked at again
    seen = _extract_features(images, extractor, advance)
    tensors = {name: value for name, value in vars(seen).items() if isinstance(value, Tensor)}
    about = {name: getattr(seen, name) for name in ("problems", "black_white")}
    about["inception"] = None if seen.inception is None else asdict(seen.inception)
    with contextlib.suppress(OSError, SafetensorError), replacing(path) as temporary:  # a full disk only costs looking again
        save_file(tensors, temporary, metadata={"sparring": json.dumps(about)})
    return seen


def _from_file(tensors: dict[str, Tensor], about: dict[str, object]) -> ImageFeatures:
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
    numbers: list[int] = []
    sizes: list[tuple[int, ...]] = []
    statistics: list[np.ndarray] = []

    def usable() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        number = 0
        for batch in images.batches():
            if isinstance(batch, Problem):
                problems.append(batch)
                number += 1
                continue
            numbers.extend(range(number, number + len(batch)))
            sizes.extend([batch.shape[1:3]] * len(batch))
            statistics.append(np.stack([image_contrast(batch), image_roughness(batch)]))
            number += len(batch)
            yield batch

    try:
        features = extractor.extract(usable(), advance)
    except DataError:
        features = None
        if not problems:
            raise
    if features is None or len(problems) > MAX_UNUSABLE_SHARE * images.count:
        heading = f"{images.name}: {len(problems):,} of {images.count:,} images cannot be used, so it is not judged. Mend or remove:"
        raise DataError(listed(heading, [f"{name}: {reason}" for name, reason in problems]))
    contrast, roughness = torch.from_numpy(np.concatenate(statistics, axis=1).astype(np.float32))
    found = images.black_white.found if isinstance(images.black_white, SharedRange) else None
    seen = ImageFeatures(
        features.rows, None, None, torch.tensor(numbers), torch.tensor(sizes), contrast.clone(), roughness.clone(), tuple(problems), found
    )
    if features.probabilities is None:
        return seen
    # Images often come sorted by class, and a part must not hold one class alone. (In torch-fidelity's order.)
    order = torch.from_numpy(np.random.RandomState(SHUFFLE_SEED).permutation(len(features)))
    score = inception_score(features.probabilities[order], max(1, min(INCEPTION_SPLITS, len(features) // MIN_IMAGES_PER_SPLIT)))
    return replace(seen, predicted_classes=features.probabilities.argmax(dim=1), inception=score)


def usable_images(images: ImageSet, seen: ImageFeatures) -> ImageSet:
    """The images that were seen, with a note on those that could not be used."""
    names = [problem.name for problem in seen.problems]
    left_out = f"{images.name}: {len(names):,} of {images.count:,} images could not be used and are not judged ({name_examples(names)})."
    return images.subset(seen.indices.numpy(), [left_out] if names else [])


def describe_sizes(seen: ImageFeatures) -> str:
    """Width x height of the images, or from which to which they go."""
    sizes = seen.sizes.unique(dim=0)
    (height, width), (most_high, most_wide) = sizes.amin(dim=0).tolist(), sizes.amax(dim=0).tolist()
    if len(sizes) == 1:
        return f"{width}x{height}"
    return f"{len(sizes):,} sizes, {_format_span(width, most_wide)} wide and {_format_span(height, most_high)} high"


def _format_span(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"
