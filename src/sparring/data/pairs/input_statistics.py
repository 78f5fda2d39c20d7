"""A few statistics of a translator's training inputs, to detect images of another kind."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, UInt8

from sparring.data.pairs.pairs import Pairs
from sparring.data.store import Store

Pixels = UInt8[np.ndarray, "h w _"]

MAX_MEASURED = 1000
"""Largest number of training inputs that are measured, at equal spacing."""
OUTLIER_SHARE = 0.005
"""Share of the training inputs below a measure's range, and of those above it."""
TOLERANCE, MIN_TOLERANCE = 1.0, 0.1
"""How far beyond the range an image may lie: this many times the range, but at least this much."""
BLACK, WHITE = 32, 223
"""Brightness, from 0 to 255, below which a pixel counts as black, and above which it counts as white."""
MASK_GRAY = (126, 128)
"""Range of brightness, from 0 to 255, in which a pixel counts as part of a mask."""
GRAY_TOLERANCE = 3
"""Largest difference between the channels of a gray pixel after compression."""
FAR_SIZE_RATIO = 2
"""Ratio of sides from which on images count as being of another size than the training inputs."""
MAX_MEASURED_SIDE = 512
"""Largest side that is measured; larger images are subsampled."""

Measure = Callable[[Pixels, Float[np.ndarray, "h w"]], float]
"""A measure of pixels with 1 or 3 channels and of their brightness in [0, 255]."""


def _share_of(chosen: np.ndarray) -> float:
    return float(chosen.mean())


def _saturation(pixels: Pixels, _: np.ndarray) -> float:
    return float((pixels.max(axis=2).astype(int) - pixels.min(axis=2)).mean() / 255)


def _gray(pixels: Pixels, _: np.ndarray) -> float:
    return float((pixels.max(axis=2).astype(int) - pixels.min(axis=2)).max() <= GRAY_TOLERANCE)


def _most_frequent_gray(_: Pixels, brightness: np.ndarray) -> float:
    counts = np.bincount(np.round(brightness).astype(np.int64).ravel(), minlength=256)
    return float(counts.max() / counts.sum())


MEASURES: dict[str, tuple[Measure, str]] = {
    "midtones": (lambda _, b: _share_of((b >= BLACK) & (b <= WHITE)), "{} of its pixels are neither black nor white"),
    "white": (lambda _, b: _share_of(b > WHITE), "{} of its pixels are white"),
    "black": (lambda _, b: _share_of(b < BLACK), "{} of its pixels are black"),
    "saturation": (_saturation, "its mean saturation is {}"),
    "gray": (_gray, "it is gray"),
    "contrast": (lambda _, b: float(b.std() / 127.5), "its contrast (standard deviation of brightness) is {}"),
    "brightness": (lambda _, b: float(b.mean() / 255), "its mean brightness is {}"),
    "commonest": (_most_frequent_gray, "{} of its pixels have its most frequent gray level"),
    "hole": (lambda _, b: _share_of((b >= MASK_GRAY[0]) & (b <= MASK_GRAY[1])), "{} of its pixels have the gray of masked areas"),
}
"""Measures by name, each from 0 to 1 and independent of the image's size, with the clause that describes their value."""
DETAIL = "neighboring pixels differ by {} of its contrast"
"""Clause of the only measure that depends on the size; it is compared only for images of about the training inputs' size."""


def measure_image(pixels: UInt8[np.ndarray, "h w _"]) -> dict[str, float]:
    """All measures of an image with 1, 3 or 4 channels (alpha is laid on white), including "detail"."""
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:].astype(np.float32) / 255
        pixels = np.round(pixels[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    part = pixels[:MAX_MEASURED_SIDE, :MAX_MEASURED_SIDE]
    detail = _detail(_brightness(part))
    step = -(-max(pixels.shape[:2]) // MAX_MEASURED_SIDE)
    pixels = pixels[::step, ::step]
    brightness = _brightness(pixels)
    return {name: measure(pixels, brightness) for name, (measure, _) in MEASURES.items()} | {"detail": detail}


def _brightness(pixels: Pixels) -> Float[np.ndarray, "h w"]:
    if pixels.shape[2] == 1:
        return pixels[:, :, 0].astype(np.float32)
    return pixels @ np.array([0.299, 0.587, 0.114], np.float32)  # as Pillow makes gray of color


def _detail(brightness: Float[np.ndarray, "h w"]) -> float:
    steps = [np.abs(np.diff(brightness, axis=axis)) for axis in (0, 1) if brightness.shape[axis] > 1]
    contrast = float(brightness.std())
    return float(np.mean([step.mean() for step in steps])) / contrast if steps and contrast > 1 else 0.0


@dataclass(frozen=True)
class InputStatistics:
    """Statistics of the training inputs of one direction of a translator."""

    ranges: Mapping[str, tuple[float, float]]
    """Range of each measure that contains all but 1 % of the training inputs."""
    side: int
    """Shorter side of the training inputs in pixels."""
    made: str | None = None
    """Kind of the training inputs if they were derived from images, such as "scribble"; None for given inputs."""

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain values, for config.json and packed files."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "InputStatistics":
        """The statistics from the result of `to_json`. Raises a ValueError, TypeError or KeyError for other values."""
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in dict(values["ranges"]).items()}
        made = values.get("made")
        return cls(ranges, int(values["side"]), None if made is None else str(made))

    def is_of_other_size(self, height: int, width: int) -> bool:
        """Whether an image's shorter side is at least twice, or at most half, the training inputs' side."""
        return not self.side / FAR_SIZE_RATIO < min(height, width) < self.side * FAR_SIZE_RATIO

    def difference(self, pixels: UInt8[np.ndarray, "h w _"]) -> str | None:
        """How an image, as the network gets it, differs from the training inputs: a clause on the measure farthest out of its range, or
        None if all are within their ranges.
        """
        found = measure_image(pixels)
        far = self.is_of_other_size(*pixels.shape[:2])
        excess = {
            name: _excess(found[name], *between)
            for name, between in self.ranges.items()
            if name in found and not (name == "detail" and far)
        }
        worst = max(excess, key=lambda name: excess[name], default=None)
        if worst is None or excess[worst] <= 1:
            return None
        if worst == "gray":
            return (
                "it is gray, and the inputs it learned from have color"
                if found[worst]
                else "it has color, and those it learned from are gray"
            )
        says = DETAIL if worst == "detail" else MEASURES[worst][1]
        low, high = self.ranges[worst]
        return f"{says.format(f'{found[worst]:.0%}')}, of the inputs it learned from {low:.0%} to {high:.0%}"


def _excess(value: float, low: float, high: float) -> float:
    """How far a value lies beyond a range, as a multiple of what is tolerated: more than 1 is too far."""
    return max(low - value, value - high) / max(TOLERANCE * (high - low), MIN_TOLERANCE)


def input_statistics(store: Store, indices: Int64[np.ndarray, " _"], made: str | None = None) -> InputStatistics:
    """Statistics of the store's images at `indices`. `made` is the kind of derived input that they are, or None."""
    chosen = indices[np.linspace(0, len(indices) - 1, min(MAX_MEASURED, len(indices))).astype(np.int64)]
    rows = [measure_image(np.asarray(store.pixels[index])) for index in chosen.tolist()]
    quantile = functools.partial(np.quantile, q=(OUTLIER_SHARE, 1 - OUTLIER_SHARE))
    ranges = {name: tuple(quantile([row[name] for row in rows]).round(4).tolist()) for name in rows[0]}
    return InputStatistics(ranges, min(store.spec.height, store.spec.width), made)


def pair_statistics(pairs: Pairs, made: str | None) -> dict[str, InputStatistics]:
    """Statistics of what each direction is trained on: training inputs for "a2b", training targets for "b2a"."""
    return {
        "a2b": input_statistics(pairs.inputs, pairs.training_indices[0], made),
        "b2a": input_statistics(pairs.targets, pairs.training_indices[1]),
    }
