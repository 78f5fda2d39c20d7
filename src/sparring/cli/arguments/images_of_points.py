"""Images by where they lie in latent space, as arguments: seeds, and images that were projected."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

if TYPE_CHECKING:
    from sparring.latent.points import FoundPoints

PointsFile = Annotated[
    Path | None,
    arg(
        metavar="FILE",
        help="The points.npz of `sparring latent project`. Wherever a seed is named, p0 is then its first image, p1 its second. "
        "Without any named, all of its images are used.",
    ),
]
ImageNames = Annotated[tuple[str, ...], arg(metavar="SEED|pN [SEED|pN ...]")]


def images_given(names: ImageNames, points: Path | None, default: Sequence[int]) -> "Sequence[int | FoundPoints] | FoundPoints":
    """The images that were named. By default all of the file of points, or the default seeds without one."""
    from sparring.latent.points import images_named, read_points

    found = None if points is None else read_points(points)
    return images_named(names, found) if names else default if found is None else found
