"""What models that sample can do: samples, by class, and walks through the latent space."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate as resized

from sparring.core.batch import Labels
from sparring.core.errors import SettingsError
from sparring.games.capabilities import DrawsRowByRow
from sparring.games.latent_game import LatentGame
from sparring.inference.interpolation import spherical, walk
from sparring.inference.labels import Asked, labels_of, labels_of_stops, walk_of_conditions
from sparring.nets.style_generator import StyleGenerator

if TYPE_CHECKING:
    from sparring.inference.model import Model

SeedStyle = Literal["own", "nvidia"]
"""How seeds become latents: Sparring's own way, or that of NVIDIA's StyleGAN programs."""
LARGEST_NUMPY_SEED = 2**32 - 1
PIECE = 1024
"""Number of samples that are made at a time where many are wanted."""


def sample(
    model: "Model",
    n: int,
    *,
    seed: int = 0,
    label: Asked | None = None,
    first: int = 0,
    truncation: float | None = None,
    seed_style: SeedStyle = "own",
) -> Float[Tensor, "n c h w"]:
    """`n` images in [-1, 1]. Image i of a seed is the same, to the bit, whatever `n` and `first` (where to start) are.

    `label`: the class of all of them, by name or number, by default every class in turn; of several labels their values by name, the rest
    (by default all) as in training images. `truncation`: more typical and less varied
    images, from latents nearer to the mean. For networks with styles the share of the way from the mean of w, 1 being all of it
    (Karras et al. 2019, appendix B); for models with likelihoods the temperature; for others the farthest from zero that numbers of a
    latent may be (Brock et al. 2019). `seed_style`: "nvidia" for the images that NVIDIA's StyleGAN programs make of the seeds from `seed`
    on, one each.
    """
    game, labels = checked(model, n, seed, first, label, truncation)
    if seed_style == "own":
        return game.sample(n, seed, labels, first, truncation)
    _, condition = game.asked_for(n, seed, labels, first)
    return game.generate_chunked(nvidia_latents(model, range(seed + first, seed + first + n)), condition, 0, truncation)


def nvidia_latents(model: "Model", seeds: Sequence[int]) -> Float[Tensor, "n latent"]:
    """The latents of these seeds in NVIDIA's StyleGAN programs: NumPy's legacy generator, anew for each seed. A SettingsError if the model
    is none of theirs, or a seed is out of its range.
    """
    generator = model.generator
    if not isinstance(generator, StyleGenerator):
        raise SettingsError(f"{model.source} is no StyleGAN, so NVIDIA's programs have no seeds for it: leave seed_style out.")
    if min(seeds) < 0 or max(seeds) > LARGEST_NUMPY_SEED:
        raise SettingsError(f"NVIDIA's seeds go from 0 to {LARGEST_NUMPY_SEED}, not {min(seeds)} to {max(seeds)}.")
    size = generator.mapping.latent_size
    rows = [np.random.RandomState(seed).randn(1, size) for seed in seeds]
    return torch.from_numpy(np.concatenate(rows)).float().to(model.game.device)


def checked(
    model: "Model", n: int, seed: int, first: int, label: Asked | None, truncation: float | None
) -> tuple[LatentGame, Labels | None]:
    """The game and the labels of what is asked for, or an error."""
    if n < 1 or first < 0:
        raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
    if truncation is not None and not 0 < truncation < math.inf:
        raise SettingsError(f"truncation must be more than 0, not {truncation}.")
    labels = None if label is None else labels_of(model, label, n, seed, first)
    model.refuse_without_generator()
    return model.latent_game, labels


def sample_row_by_row(
    model: "Model", n: int, *, seed: int = 0, label: Asked | None = None, truncation: float | None = None
) -> Iterator[Float[Tensor, "n c h w"]]:
    """The images that `sample` gives, as they come into being: first all gray, then with one row more each time. SettingsError if the model
    does not draw row by row.
    """
    game, labels = checked(model, n, seed, 0, label, truncation)
    if not isinstance(game, DrawsRowByRow):
        raise SettingsError(f"{model.source} makes images at once, not row by row, so there is nothing to watch. Write a .png instead.")
    images = torch.zeros(n, *model.spec.shape, device=game.device)
    yield images.clone()
    for number, row in enumerate(game.rows(*game.asked_for(n, seed, labels), truncation)):
        images[:, :, number] = row
        yield images.clone()


def sample_in_pieces(
    model: "Model",
    n: int,
    *,
    seed: int = 0,
    label: Asked | None = None,
    truncation: float | None = None,
    seed_style: SeedStyle = "own",
) -> Iterator[Float[Tensor, "m c h w"]]:
    """`sample`, about a thousand at a time, for numbers that should not lie in memory at once."""
    for first in range(0, n, PIECE):
        count = min(PIECE, n - first)
        yield sample(model, count, seed=seed, label=label, first=first, truncation=truncation, seed_style=seed_style)


def in_proportion(model: "Model", images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c p q"]:
    """Images of a model that learned from squashed ones, stretched back to the proportion of those: one of the sides
    stays as it is.
    """
    proportion = model.preprocessing.proportion
    if proportion is None or images.ndim != 4:
        return images
    height, width = images.shape[2:]
    wider = proportion * (height / width)
    size = (height, round(width * wider)) if wider >= 1 else (round(height / wider), width)
    return resized(images, size, mode="bicubic", antialias=True).clamp(-1, 1)


def interpolate(
    model: "Model",
    seeds: Sequence[int] | None = None,
    *,
    labels: Sequence[Asked] | None = None,
    frames: int = 16,
    space: Literal["z", "w"] = "z",
) -> Float[Tensor, "n c h w"]:
    """A walk through the first sample of each seed, `frames` images from one to the next, the last included; in [-1, 1].

    Latents move along great circles; in "w", which networks with styles have, in straight lines. `labels`: a class for each seed,
    or one for all; between two classes their weights cross-fade. Of several labels, values by name for each stop; those that are
    not named stay, and continuous ones move evenly. By default seeds 0 to 3, or seed 0 if two labels or more are given.
    """
    if frames < 1:
        raise SettingsError(f"frames must be at least 1, not {frames}.")
    model.refuse_without_generator()
    game = model.latent_game
    if isinstance(game, DrawsRowByRow):
        raise SettingsError(f"{model.source} draws images pixel by pixel, so it has no latent space to walk through.")
    told = labels_of_stops(model, labels) if labels else None
    seeds = list((0,) if told is not None and len(told) > 1 else range(4)) if seeds is None else list(seeds)
    stops = max(len(seeds), 0 if told is None else len(told))
    seeds = seeds * stops if len(seeds) == 1 else seeds
    if told is None and game.conditional:
        told = torch.cat([game.default_labels(seed, 1) for seed in seeds])
    told = told.repeat(stops, *[1] * (told.ndim - 1)) if told is not None and len(told) == 1 else told
    if stops < 2:
        raise SettingsError("An interpolation needs two seeds or more, or two classes or more.")
    if len(seeds) != stops or (told is not None and len(told) != stops):
        count = 0 if told is None else len(told)
        raise SettingsError(f"{len(seeds)} seeds and {count} classes do not pair up: give one class for each seed, or one for all.")
    latents = torch.stack([game.chunk_of_latents(seed, 0)[0] for seed in seeds])
    if space == "w":
        return _walk_in_w(model, latents, None if told is None else game.condition(told), frames)
    between = None if told is None else walk_of_conditions(model, told, frames)
    return game.generate_chunked(walk(latents, frames, spherical), between)


def _walk_in_w(
    model: "Model", latents: Float[Tensor, "stops latent"], conditions: Float[Tensor, "stops classes"] | None, frames: int
) -> Float[Tensor, "n c h w"]:
    generator = model.generator
    if not isinstance(generator, StyleGenerator):
        raise SettingsError(f"{model.source} has a generator without styles, so there is no w to walk through: use space='z'.")
    with torch.no_grad():
        stops = generator.map(latents, conditions)[:, 0]

    def draw(w: Tensor, _: Tensor | None) -> Tensor:
        return generator.synthesize(w[:, None].expand(-1, generator.layers, -1)).clamp(-1, 1)

    return model.latent_game.in_chunks(draw, walk(stops, frames, torch.lerp), None)
