"""What a translator's inputs look like, in a few numbers, so that an image of another kind can be told from them."""

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
"""Training inputs that are measured at most, evenly from all of them."""
OUTLIER_SHARE = 0.005
"""Share of the training inputs that lie below a measure's range, and above it."""
TOLERANCE, MIN_TOLERANCE = 1.0, 0.1
"""How far beyond that range an image may lie: so many times the range, but at least so much. Inputs of other data lie beyond it, too."""
BLACK, WHITE = 32, 223
"""Brightness of 255 below which a pixel counts as black, and above which as white."""
MASK_GRAY = (126, 128)
"""Brightness, from 0 to 255, between which a pixel counts as part of the gray hole of a masked image."""
GRAY_TOLERANCE = 3
"""By how much the channels of a gray pixel may differ, after compression."""
FAR_SIZE_RATIO = 2
"""Ratio of sides from which on images are of another size than those that were learned from."""
MAX_MEASURED_SIDE = 512
"""A side that is measured: of larger images every second, third, ... row and column."""

Measure = Callable[[Pixels, Float[np.ndarray, "h w"]], float]
"""Of pixels of 1 or 3 channels, and of their brightness in [0, 255]."""


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
"""What is measured, each from 0 to 1 and not dependent on an image's size, and how that is said."""
DETAIL = "neighboring pixels differ by {} of its contrast"
"""The one measure that depends on the size: it is compared for images of about the size that was learned from."""


def measure_image(pixels: UInt8[np.ndarray, "h w _"]) -> dict[str, float]:
    """The measures of an image of 1, 3 or 4 channels (which is laid on white), "detail" among them."""
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
    """What the inputs look like that one direction of a translator learned from."""

    ranges: Mapping[str, tuple[float, float]]
    """Of each measure, the range that all but a few of the training inputs lie in."""
    side: int
    """Height and width in pixels of the training inputs."""
    made: str | None = None
    """What was made of each training image to be its input, such as "scribble"; None for inputs that were given."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, for config.json and packed files."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "InputStatistics":
        """The statistics that `to_json` gave. A ValueError, TypeError or KeyError if they are not of that kind."""
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in dict(values["ranges"]).items()}
        made = values.get("made")
        return cls(ranges, int(values["side"]), None if made is None else str(made))

    def is_of_other_size(self, height: int, width: int) -> bool:
        """Whether an image's shorter side is at least twice, or at most half, what was learned from."""
        return not self.side / FAR_SIZE_RATIO < min(height, width) < self.side * FAR_SIZE_RATIO

    def difference(self, pixels: UInt8[np.ndarray, "h w _"]) -> str | None:
        """How an image, as the network is given it, is unlike the training inputs: the measure that is farthest out, as a clause. None if
        it is like them.
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
    """How far a value lies beyond a range: more than 1 is too far."""
    return max(low - value, value - high) / max(TOLERANCE * (high - low), MIN_TOLERANCE)


def input_statistics(store: Store, places: Int64[np.ndarray, " _"], made: str | None = None) -> InputStatistics:
    """The statistics of these images of a store: numbers that are the same each time. `made`: what was made of images to be these."""
    chosen = places[np.linspace(0, len(places) - 1, min(MAX_MEASURED, len(places))).astype(np.int64)]
    rows = [measure_image(np.asarray(store.pixels[place])) for place in chosen.tolist()]
    quantile = functools.partial(np.quantile, q=(OUTLIER_SHARE, 1 - OUTLIER_SHARE))
    ranges = {name: tuple(quantile([row[name] for row in rows]).round(4).tolist()) for name in rows[0]}
    return InputStatistics(ranges, store.spec.height, made)


def pair_statistics(pairs: Pairs, made: str | None) -> dict[str, InputStatistics]:
    """For each direction the statistics of what it learns from: of training inputs for "a2b", of training targets for "b2a"."""
    return {
        "a2b": input_statistics(pairs.inputs, pairs.training_indices[0], made),
        "b2a": input_statistics(pairs.targets, pairs.training_indices[1]),
    }
