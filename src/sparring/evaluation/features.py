"""Turns images into the features that every score is computed from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn
from torch.nn.functional import pad

from sparring.core.errors import DataError
from sparring.media.pixel_range import convert_channels
from sparring.nets.feature_extractors.resize import ResizeName, resize

CHUNK = 16
"""Number of images in each forward pass. The last pass is filled up with zeros, so that features are bit-identical no matter how images
are batched."""


@dataclass(frozen=True)
class Features:
    """Features and class probabilities of images, one row for each image."""

    rows: Float32[Tensor, "n d"]
    """Feature vectors."""
    probabilities: Float32[Tensor, "n classes"] | None
    """Probabilities of the network's classes, or None if it has no classes."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Extractor:
    """A feature network, with everything that its features depend on."""

    name: str
    """"inception", "lite0", "classifier" or "timm:NAME"."""
    network: nn.Module
    """Maps images of shape (n, channels, side, side) to features and logits (or None)."""
    weights: str
    """The first 12 hexadecimal digits of the weights' SHA-256."""
    side: int
    """Height and width in pixels of the network's input."""
    channels: int
    """Number of channels of the network's input."""
    center: tuple[float, ...]
    """Value subtracted from pixels in [0, 255], one for each channel or one for all."""
    scale: tuple[float, ...]
    """Value that centered pixels are divided by, one for each channel or one for all."""
    resize: ResizeName
    """How images are resized to `side`."""
    precision: str
    """Number format of the computation, for the protocol."""
    note: str = ""
    """A sentence for readers of the scores, or an empty string."""
    is_standard_fid: bool = False
    """Whether network, weights and resize are those of published FID values."""

    def score_name(self, initials: str) -> str:
        """Name of a score: "FID", "KID" or "IS" for the standard Inception network, else the initials and the extractor's name."""
        if self.is_standard_fid:
            return {"FD": "FID", "KD": "KID", "IS": "IS"}[initials]
        return f"{initials}-{self.name}"

    def identity(self) -> dict[str, str]:
        """Everything except the images that features depend on, for protocols and cache keys."""
        return {
            "extractor": self.name,
            "weights": self.weights,
            "resize": f"{self.resize}, to {self.side}x{self.side}",
            "precision": self.precision,
        }

    def preprocess(self, pixels: UInt8[np.ndarray, "n h w c"]) -> Float[Tensor, "n _ side side"]:
        """The network's input: each whole image, normalized and resized to `side` x `side`.

        Gray images are resized with one channel and then expanded to `channels`.
        """
        images = torch.from_numpy(convert_channels(pixels, self.channels).astype(np.float32)).permute(0, 3, 1, 2)
        center, scale = (torch.tensor(each).view(-1, 1, 1) for each in (self.center, self.scale))
        if self.channels == 3 and pixels.shape[3] == 1 and len(self.center) == 1:
            images = images[:, :1]
        # One by one: matrix products of other shapes round differently, and an image's features must not depend on its batch.
        resized = [resize((image - center) / scale, self.side, self.resize) for image in images.split(1)]
        return torch.cat(resized).expand(-1, self.channels, -1, -1)

    @torch.no_grad()
    def forward_chunk(self, inputs: Float[Tensor, "n _ side side"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n k"] | None]:
        """Features and logits of one chunk of preprocessed images, on the CPU."""
        device = next(self.network.parameters()).device
        inputs = inputs.to(device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):  # float32 is what the protocol says
            features, logits = self.network(inputs)
        return features.cpu(), None if logits is None else logits.cpu()

    def extract(self, batches: Iterable[UInt8[np.ndarray, "_ h w c"]], advance: Callable[[int], object] | None = None) -> Features:
        """Features of all images, in order.

        The images of one batch have one size; other batches may have other sizes. `advance` is called with the number of images that
        were just processed. Raises a DataError if there are no images.
        """
        rows, probabilities = [], []
        for inputs in rebatch(self.preprocess(chunk) for batch in batches for chunk in np.array_split(batch, -(-len(batch) // CHUNK))):
            n = len(inputs)
            features, logits = self.forward_chunk(pad(inputs, (0, 0, 0, 0, 0, 0, 0, CHUNK - n)))
            rows.append(features[:n])
            if logits is not None:
                probabilities.append(logits[:n].softmax(dim=1))
            if advance is not None:
                advance(n)
        if not rows:
            raise DataError("There are no images to judge.")
        return Features(torch.cat(rows), torch.cat(probabilities) if probabilities else None)


def rebatch(batches: Iterable[Float[Tensor, "_ c h w"]], size: int = CHUNK) -> Iterator[Float[Tensor, "_ c h w"]]:
    """The same images in the same order, in batches of `size`; the last batch may be smaller."""
    waiting: list[Tensor] = []
    for batch in batches:
        waiting.append(batch)
        while (n := sum(map(len, waiting))) >= size:
            joined = waiting[0] if len(waiting) == 1 else torch.cat(waiting)
            yield joined[:size]
            waiting = [joined[size:]] if n > size else []
    if waiting:
        yield torch.cat(waiting)
