"""From images to features: one extraction feeds every score."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn
from torch.nn.functional import pad

from sparring.core.errors import DataError
from sparring.media.pixels import with_channels
from sparring.nets.feature_extractors.resize import ResizeName, resize

CHUNK = 16
"""Images are always computed so many at a time, the last ones filled up with zeros: however they arrive, the features are the
same, to the bit."""


@dataclass(frozen=True)
class Features:
    """What a network sees in images, a row for each."""

    rows: Float32[Tensor, "n d"]
    probabilities: Float32[Tensor, "n classes"] | None
    """Of the network's own classes, if it has any."""

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Extractor:
    """A network that gives features, and all that its features depend on."""

    name: str
    """"inception", "lite0", "classifier" or "timm:NAME"."""
    network: nn.Module
    """From images (n, channels, side, side) to features and logits (or None)."""
    weights: str
    """The first 12 figures of the SHA-256 of its weights."""
    side: int
    channels: int
    center: tuple[float, ...]
    """What is taken from pixels in [0, 255], for each channel or for all ..."""
    scale: tuple[float, ...]
    """... and what they are then divided by."""
    resize: ResizeName
    precision: str
    note: str = ""
    """What a reader of its scores should know."""
    established: bool = False
    """Whether these are the network and weights of the field's own scores."""

    def score_name(self, initials: str) -> str:
        """FID and the like are names for scores from the field's own Inception; others say what they come from."""
        if self.established:
            return {"FD": "FID", "KD": "KID", "IS": "IS"}[initials]
        return f"{initials}-{self.name}"

    def identity(self) -> dict[str, str]:
        """All that features depend on beside the images, for a protocol or a cache's key."""
        return {
            "extractor": self.name,
            "weights": self.weights,
            "resize": f"{self.resize}, to {self.side}x{self.side}",
            "precision": self.precision,
        }

    def shown(self, pixels: UInt8[np.ndarray, "n h w c"]) -> Float[Tensor, "n _ side side"]:
        """What the network is shown: the whole of each image, brought to its side, with one channel where gray is enough."""
        images = torch.from_numpy(with_channels(pixels, self.channels).astype(np.float32)).permute(0, 3, 1, 2)
        center, scale = (torch.tensor(each).view(-1, 1, 1) for each in (self.center, self.scale))
        if self.channels == 3 and pixels.shape[3] == 1 and len(self.center) == 1:
            images = images[:, :1]
        # One by one: products of other shapes round otherwise, and features shall not depend on what an image comes with.
        small = [resize((image - center) / scale, self.side, self.resize) for image in images.split(1)]
        return torch.cat(small).expand(-1, self.channels, -1, -1)

    @torch.no_grad()
    def chunk(self, shown: Float[Tensor, "n _ side side"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n k"] | None]:
        """Features and logits of one chunk of what is shown."""
        device = next(self.network.parameters()).device
        shown = shown.to(device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):  # float32 is what the protocol says
            features, logits = self.network(shown)
        return features.cpu(), None if logits is None else logits.cpu()

    def extract(self, batches: Iterable[UInt8[np.ndarray, "_ h w c"]], advance: Callable[[int], object] | None = None) -> Features:
        """Features of all images, in order; those of a batch have one size, and each batch may have its own. `advance` is told how many
        more are done.
        """
        rows, logits = [], []
        for shown in rebatched(self.shown(piece) for batch in batches for piece in np.array_split(batch, -(-len(batch) // CHUNK))):
            n = len(shown)
            features, named = self.chunk(pad(shown, (0, 0, 0, 0, 0, 0, 0, CHUNK - n)))
            rows.append(features[:n])
            if named is not None:
                logits.append(named[:n].softmax(dim=1))
            if advance is not None:
                advance(n)
        if not rows:
            raise DataError("There are no images to judge.")
        return Features(torch.cat(rows), torch.cat(logits) if logits else None)


def rebatched(batches: Iterable[Float[Tensor, "_ c h w"]], size: int = CHUNK) -> Iterator[Float[Tensor, "_ c h w"]]:
    """The same images in the same order, `size` at a time."""
    waiting: list[Tensor] = []
    for batch in batches:
        waiting.append(batch)
        while (n := sum(map(len, waiting))) >= size:
            joined = waiting[0] if len(waiting) == 1 else torch.cat(waiting)
            yield joined[:size]
            waiting = [joined[size:]] if n > size else []
    if waiting:
        yield torch.cat(waiting)
