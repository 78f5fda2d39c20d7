"""Points in latent space that were found for images: the file `points.npz`, and which of them are meant."""

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.atomic_files import replacing
from sparring.core.batch import Labels
from sparring.core.errors import DataError, SettingsError, listed

Points = Float[Tensor, "n *point"]
DIGEST_LENGTH = 16
"""Number of hexadecimal digits by which weights are told apart."""
DIGESTED = 256
"""Number of values of each parameter that the digest is made of: a step of training moves all of them, and few are read at once."""


@dataclass(frozen=True)
class FoundPoints:
    """Points that were found for images, and of which model they are."""

    points: Points
    labels: Labels | None = None
    """Classes of the images where the latent does not say them."""
    image_shape: tuple[int, ...] | None = None
    """Channels, height and width of the images. None: not known, in files of earlier versions."""
    weights: str | None = None
    """The digest of the weights of the network that draws the images. None: not known."""

    def only(self, which: int) -> "FoundPoints":
        """The point with that number alone, from 0."""
        rows = slice(which, which + 1)
        return replace(self, points=self.points[rows], labels=None if self.labels is None else self.labels[rows])


ImagesOfPoints = FoundPoints | Sequence[int | FoundPoints]
"""Images by where they lie: points that were found; or, in any order, seeds (the first sample of each) and points."""


def digest_of_weights(network: nn.Module) -> str:
    """What tells a network's weights from others, on any device: a digest of its parameters' names and first values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.named_parameters()):
        digest.update(name.encode())
        digest.update(tensor.detach().flatten()[:DIGESTED].cpu().float().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:DIGEST_LENGTH]


def write_points(path: Path, found: FoundPoints) -> None:
    """Write a points.npz, which `read_points` reads."""
    content: dict[str, object] = {"points": found.points.cpu().numpy()}
    if found.labels is not None:
        content["labels"] = found.labels.cpu().numpy()
    if found.image_shape is not None:
        content["image_shape"] = np.array(found.image_shape)
    if found.weights is not None:
        content["weights"] = np.array(found.weights)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **content)  # pyright: ignore[reportArgumentType]


def read_points(path: Path) -> FoundPoints:
    """The points in a points.npz that `sparring latent project` wrote. Raises a DataError if there are none."""
    try:
        with np.load(path, allow_pickle=False) as content:
            labels, shape, weights = (content.get(name) for name in ("labels", "image_shape", "weights"))
            points = torch.from_numpy(np.asarray(content["points"], np.float32))
            if not points.isfinite().all():
                raise ValueError("some numbers are not finite")
            if labels is not None and len(labels) != len(points):
                raise ValueError(f"it has {len(points)} points and {len(labels)} labels")
            return FoundPoints(
                points,
                None if labels is None else torch.from_numpy(np.asarray(labels, np.int64 if labels.ndim == 1 else np.float32)),
                None if shape is None else tuple(int(size) for size in shape),
                None if weights is None else str(weights),
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as problem:
        raise DataError(f"{path} cannot be read as points: {problem}. Give the points.npz of sparring latent project.") from None


def images_named(words: Sequence[str | int], found: FoundPoints | None) -> list[int | FoundPoints]:
    """The images that words name: a seed such as 3, or p0, p1 and so on for those of the points that were found.
    Raises a SettingsError that lists the words that name none.
    """
    images: list[int | FoundPoints] = []
    problems = []
    for word in map(str, words):
        number = word.removeprefix("p")
        if not (number.isascii() and number.isdecimal()):
            problems.append(f"{word!r} is no image. Write a seed, such as 3, or p0 for the first image of --points.")
        elif number == word:
            images.append(int(number))
        elif found is None:
            problems.append(f"{word} is an image of --points FILE: name the points.npz of sparring latent project.")
        elif int(number) >= len(found.points):
            problems.append(f"There is no image {word}: the file has {len(found.points)}, from p0 on.")
        else:
            images.append(found.only(int(number)))
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These images cannot be used:", problems))
    return images
