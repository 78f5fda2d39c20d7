"""Points in the plane with a known density: the smallest data on which a GAN can fail, and where one sees how.

Every distribution is a mixture of equally likely round Gaussians of one deviation; a curve is a dense row of them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8
from torch import Tensor

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError, did_you_mean
from sparring.core.random_streams import Streams
from sparring.data.points.point_spec import PointSpec

CENTERS_OF_A_STRETCH = 40
"""How many Gaussians make up one mode of a curve."""
REACH = 2.0
"""The largest coordinate of a curve."""
FARTHEST_DRAWN = 10.0
"""The largest coordinate of what is drawn."""
MOST_DRAWN_CENTERS = 400
"""About so many Gaussians make up all that is drawn."""
MOST_DISTANCES = 2**22
"""So many distances between points and centers are held in memory at once."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely round Gaussians of one deviation. A mode is one of them, or several that belong together."""

    name: str
    centers: Float[Tensor, "k 2"]
    deviation: float
    """Along each axis, in the unit of the centers."""
    mode_of_center: Int64[Tensor, " k"]
    """The number of the mode that each center belongs to, from 0, without gaps."""

    @property
    def modes(self) -> int:
        """How many modes there are."""
        return int(self.mode_of_center.max()) + 1

    @property
    def mode_shares(self) -> Float[Tensor, " modes"]:
        """The probability of each mode, in float64."""
        return torch.bincount(self.mode_of_center).double() / len(self.mode_of_center)

    @property
    def extent(self) -> float:
        """Half the side of a square around the origin in which to draw it: 20 % beyond the outermost center, at least 3 deviations."""
        outermost = self.centers.abs().max().item()
        return outermost + max(0.2 * outermost, 3 * self.deviation)

    def sample(self, n: int, streams: Streams) -> tuple[Float[Tensor, "n 2"], Int64[Tensor, " n"]]:
        """`n` points and their modes, from the streams "point centres" and "point noise"."""
        center = streams.integers("point centres", len(self.centers), n)
        points = self.centers.to(streams.device)[center] + self.deviation * streams.normal("point noise", n, 2)
        return points, self.mode_of_center.to(streams.device)[center]

    def log_density(self, points: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
        """The natural logarithm of the density at each point, exact; computed on the CPU."""
        scale = math.log(len(self.centers) * 2 * math.pi * self.deviation**2)
        exponents = (squared / (-2 * self.deviation**2) for squared in self._squared_distances(points))
        return torch.cat([torch.logsumexp(chunk, dim=1) - scale for chunk in exponents]).to(points)

    def nearest(self, points: Float[Tensor, "n 2"]) -> tuple[Float[Tensor, " n"], Int64[Tensor, " n"]]:
        """The Euclidean distance of each point to its nearest center, and the number of that center; computed on the CPU."""
        chunks = [squared.min(dim=1) for squared in self._squared_distances(points)]
        squares, centers = torch.cat([chunk.values for chunk in chunks]), torch.cat([chunk.indices for chunk in chunks])
        return squares.sqrt().to(points), centers.to(points.device)

    def _squared_distances(self, points: Float[Tensor, "n 2"]) -> Iterator[Float[Tensor, "chunk k"]]:
        # In float64: deviations are hundreds of times smaller than distances, which are squared and differ by little.
        centers = self.centers.double()
        for chunk in points.detach().cpu().double().split(max(1, MOST_DISTANCES // len(centers))):
            yield (chunk[:, :1] - centers[:, 0]).square_().add_((chunk[:, 1:] - centers[:, 1]).square_())


def _separate(name: str, centers: Float[Tensor, "k 2"], deviation: float) -> Mixture:
    """Every center is a mode."""
    return Mixture(name, centers, deviation, torch.arange(len(centers)))


def ring8() -> Mixture:
    """Eight modes of deviation 0.02 on a circle of radius 2 (Metz et al. 2017, Unrolled GANs)."""
    # Not linspace(0, 2 pi, 8), as in a well-known notebook: that closes the circle twice and leaves seven modes.
    angles = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
    return _separate("ring8", (2 * torch.stack([angles.cos(), angles.sin()], dim=1)).float(), 0.02)


def grid25() -> Mixture:
    """Five by five modes of deviation 0.05, 2 apart, around the origin (Lin et al. 2018, PacGAN)."""
    places = torch.arange(-4.0, 5.0, 2.0)
    return _separate("grid25", torch.cartesian_prod(places, places), 0.05)


def moons() -> Mixture:
    """Two interleaved half circles of deviation 0.1 (scikit-learn's make_moons); 8 modes along each."""
    angle = np.linspace(0, np.pi, 10_001)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _along_curves("moons", [upper, np.array([1.0, 0.5]) - upper], deviation=0.1, modes_of_a_curve=8)


def spiral() -> Mixture:
    """Two arms of an Archimedean spiral, a turn and a quarter each, of deviation 0.05; 8 modes along each."""
    angle = np.linspace(np.pi / 2, 3 * np.pi, 10_001)
    arm = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    return _along_curves("spiral", [arm, -arm], deviation=0.05, modes_of_a_curve=8)


def swissroll() -> Mixture:
    """One Archimedean spiral from far outside the origin, a turn and a half (scikit-learn's make_swiss_roll, seen from the side), of
    deviation 0.05; 16 modes along it.
    """
    angle = np.linspace(1.5 * np.pi, 4.5 * np.pi, 10_001)
    roll = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    return _along_curves("swissroll", [roll], deviation=0.05, modes_of_a_curve=16)


def _along_curves(name: str, curves: list[Float64[np.ndarray, "_ 2"]], deviation: float, modes_of_a_curve: int) -> Mixture:
    """Centers equally spaced along each curve, moved and scaled to lie in [-2, 2]; a mode is a stretch of a curve, all equally long."""
    count = modes_of_a_curve * CENTERS_OF_A_STRETCH
    centers = np.concatenate([_evenly_spaced(curve, count) for curve in curves])
    centers -= (centers.min(axis=0) + centers.max(axis=0)) / 2
    centers *= REACH / np.abs(centers).max()
    modes = torch.arange(len(curves) * modes_of_a_curve).repeat_interleave(CENTERS_OF_A_STRETCH)
    return Mixture(name, torch.from_numpy(centers).float(), deviation, modes)


def _evenly_spaced(curve: Float64[np.ndarray, "_ 2"], count: int) -> Float64[np.ndarray, "{count} 2"]:
    """The middles of `count` pieces of equal arc length."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    places = (np.arange(count) + 0.5) / count * lengths[-1]
    return np.stack([np.interp(places, lengths, coordinate) for coordinate in curve.T], axis=1)


def drawn(strokes: Sequence[Sequence[tuple[float, float]]], deviation: float = 0.08) -> Mixture:
    """Points around lines that somebody drew: each stroke is a mode, and has as large a share as it is long. A stroke of one place is a
    round Gaussian. A SettingsError without strokes, or for places that are no numbers from -10 to 10.
    """
    kept = [np.array(stroke, np.float64).reshape(-1, 2) for stroke in strokes if len(stroke)]
    if not kept or not all((np.abs(stroke) <= FARTHEST_DRAWN).all() for stroke in kept) or not 0 < deviation <= FARTHEST_DRAWN:
        raise SettingsError(f"A drawing has strokes of places from -{FARTHEST_DRAWN:g} to {FARTHEST_DRAWN:g}, and a positive deviation.")
    lengths = [float(np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum()) for stroke in kept]
    spacing = max(deviation, sum(lengths) / MOST_DRAWN_CENTERS)
    centers = [
        _evenly_spaced(stroke, max(1, round(length / spacing))) if length > spacing else stroke[:1]
        for stroke, length in zip(kept, lengths, strict=True)
    ]
    modes = torch.arange(len(centers)).repeat_interleave(torch.tensor([len(some) for some in centers]))
    return Mixture("drawn", torch.from_numpy(np.concatenate(centers)).float(), deviation, modes)


MIXTURES: dict[str, Callable[[], Mixture]] = {
    "ring8": ring8,
    "grid25": grid25,
    "moons": moons,
    "spiral": spiral,
    "swissroll": swissroll,
}


def mixture(name: str) -> Mixture:
    """The mixture of that name; a SettingsError names the nearest if there is none."""
    if name not in MIXTURES:
        raise SettingsError(f"There are no points called {name!r}. {did_you_mean(name, MIXTURES)}")
    return MIXTURES[name]()


def histogram(points: Float[Tensor, "n 2"], extent: float, side: int = 192) -> UInt8[np.ndarray, "side side 1"]:
    """Where points lie, dark on white, in a square of half side `extent` around the origin."""
    kept = points[points.isfinite().all(dim=1)].numpy()
    counts = np.histogram2d(-kept[:, 1], kept[:, 0], bins=side, range=((-extent, extent), (-extent, extent)))[0]
    return (255 * 0.55 ** np.minimum(counts, 20)).astype(np.uint8)[:, :, None]


class Points:
    """A sample of a mixture, drawn once, as the training loop asks for data. A point is an image of one pixel with two channels."""

    def __init__(self, mixture: Mixture, count: int = 100_000, seed: int = 0) -> None:
        points, modes = mixture.sample(count, Streams(seed, 0, scope="points"))
        self.mixture, self.seed = mixture, seed
        self._points: Float[Tensor, "n 2"] = points
        self._modes: Int64[Tensor, " n"] = modes

    @property
    def spec(self) -> PointSpec:
        """Two coordinates, the modes as classes."""
        return PointSpec(2, tuple(f"mode {i}" for i in range(self.mixture.modes)))

    @property
    def fingerprint(self) -> str:
        """Points are a function of these."""
        return f"{self.mixture.name}/{len(self)}/{self.seed}"

    @property
    def labels(self) -> Int64[np.ndarray, " n"]:
        """The mode of every point."""
        return self._modes.numpy()

    @property
    def counts(self) -> tuple[int]:
        """Of the one kind of items that there is."""
        return (len(self),)

    def __len__(self) -> int:
        return len(self._points)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """The points at these places, in the mixture's own unit (not in [-1, 1]), with their modes. IndexError for one outside."""
        places = torch.from_numpy(indices)
        return Batch(self._points.index_select(0, places), self._modes.index_select(0, places))
