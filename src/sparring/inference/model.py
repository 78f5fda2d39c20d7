"""Trained games, ready to draw."""

import math
import operator
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.core.data_spec import IMAGE_CHANNELS, ImageSpec
from sparring.core.errors import CheckpointError, SettingsError, did_you_mean
from sparring.core.hardware import refuse_absent_gpu
from sparring.data.pairs.input_statistics import InputStatistics
from sparring.data.preprocessing import Preprocessing
from sparring.games.game import Game
from sparring.games.latent_game import LatentGame
from sparring.games.recipe import Recipe
from sparring.games.translation import Direction, TranslationGame
from sparring.inference.interpolation import spherical, walk
from sparring.inference.tiling import TILE, in_tiles, refuse_tile
from sparring.nets.forward_hooks import fixed_dropout
from sparring.nets.style_generator import StyleGenerator

if TYPE_CHECKING:
    from sparring.training.session import Ending

PIECE = 1024


@dataclass
class Model:
    """A trained game, ready to draw."""

    game: Game
    recipe: Recipe
    source: Path
    """The run or file it was loaded from."""
    step: int | None = None
    """The step of the run whose weights these are, if it was loaded from a run."""
    ending: "Ending | None" = None
    """How training ended, if it just did."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    """How images became what it was trained on, as far as that is known."""

    input_statistics: Mapping[str, InputStatistics] = field(default_factory=dict)
    """Of a translator: by direction, what the inputs look like that it learned from, as far as that is known."""

    @property
    def generator(self) -> nn.Module | None:
        """The network that draws: `generator(latents, label)`, and for StyleGANs `map` and `synthesize`. None if there is none."""
        return self._network("generator")

    @property
    def discriminator(self) -> nn.Module | None:
        """The network that judges: `discriminator(images, label)`. None if it was not loaded (see `load`) or there is none."""
        return self._network("discriminator")

    @property
    def latent_game(self) -> LatentGame:
        """The game, if its images come of latents; a SettingsError if not."""
        if not isinstance(self.game, LatentGame):
            raise SettingsError(f"{self.source} makes images of images, not of noise. Use it with: {self.use}")
        return self.game

    @property
    def translation_game(self) -> TranslationGame:
        """The game, if it makes images of images; a SettingsError if not."""
        if not isinstance(self.game, TranslationGame):
            raise SettingsError(f"{self.source} makes images of noise, not of images. Use it with: {self.use}")
        return self.game

    @property
    def use(self) -> str:
        """The command that uses it."""
        verb, rest = ("sample", "-n 64 --seed 1") if isinstance(self.game, LatentGame) else ("translate", "IN OUT")
        return f"sparring {verb} {shlex.quote(str(self.source))} {rest}"

    def _network(self, name: str) -> nn.Module | None:
        network = getattr(self.game, name, None)
        return None if network is None or next(network.parameters()).is_meta else network

    def on(self, device: Literal["cpu", "cuda"]) -> "Model":
        """This model, with its networks there. A SettingsError if torch sees no GPU."""
        refuse_absent_gpu(device)
        for part in self.game.children():
            if not any(tensor.is_meta for tensor in (*part.parameters(), *part.buffers())):
                part.to(device)
        return self

    @property
    def spec(self) -> ImageSpec:
        """Size, channels and classes of what it draws."""
        return self.game.spec

    def label_of(self, label: str | int) -> int:
        """The number of a class given by name or number; a SettingsError says which there are. Text is a name first, and where classes are
        called by numbers nothing else: the class called 2 need not be class number 2.
        """
        classes = self.spec.classes
        if not self.latent_game.conditional:
            raise SettingsError(
                f"{self.source} was trained without classes, so none can be asked for. Train with a --condition, on data that has classes."
            )
        if isinstance(label, str) and label in classes:
            return classes.index(label)
        if isinstance(label, str) and any(name.lstrip("-").isdecimal() for name in classes):
            raise SettingsError(f"There is no class called {label!r}. They are called: {', '.join(classes)}.")
        try:
            number = int(label) if isinstance(label, str) else operator.index(label)
        except (ValueError, TypeError):
            raise SettingsError(f"There is no class {label!r}. {did_you_mean(str(label), classes)}") from None
        if not 0 <= number < len(classes):
            raise SettingsError(f"There is no class number {number}: they go from 0 ({classes[0]}) to {len(classes) - 1} ({classes[-1]}).")
        return number

    def sample(
        self, n: int, *, seed: int = 0, label: str | int | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """`n` images in [-1, 1]. Image i of a seed is the same, to the bit, whatever `n` and `first` (where to start) are.

        `label`: the class of all of them, by name or number; by default every class in turn. `truncation`: more typical and less varied
        images, from latents nearer to the mean. For networks with styles the share of the way from the mean of w, 1 being all of it
        (Karras et al. 2019, appendix B); for others the farthest from zero that numbers of a latent may be (Brock et al. 2019).
        """
        if n < 1 or first < 0:
            raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
        if truncation is not None and not 0 < truncation < math.inf:
            raise SettingsError(f"truncation must be more than 0, not {truncation}.")
        labels = None if label is None else torch.full((n,), self.label_of(label), device=self.game.device)
        self.refuse_without_generator()
        return self.latent_game.sample(n, seed, labels, first, truncation)

    def refuse_unless_images(self) -> None:
        """Raise a SettingsError if what goes in or comes out has channels that images do not have."""
        if unusual := sorted(set(self.spec.known_channels) - IMAGE_CHANNELS):
            raise SettingsError(
                f"{self.source} has a network for {' and '.join(map(str, unusual))} channels, and images have 1, 3 or 4. In Python its "
                "generator or discriminator takes tensors."
            )

    def refuse_without_generator(self) -> None:
        """Raise a CheckpointError if there is nothing to draw with."""
        if next(self.game.get_submodule(self.game.sampling_networks[0]).parameters()).is_meta:
            raise CheckpointError(f"{self.source} holds no generator, so nothing can be drawn from it.")

    def translate(
        self, images: Float[Tensor, "n c h w"], *, direction: Direction = "a2b", noise: int | None = None, tile: int = TILE
    ) -> Float[Tensor, "n o h w"]:
        """What a translator makes of images in [-1, 1], of any size: images in [-1, 1] of that size.

        `direction`: "a2b" makes targets of inputs; "b2a" the other way round, where the recipe learns it. `noise`: the seed of one of the
        many translations that dropout gives (Isola et al. 2017, section 3.1); None: their typical one, without dropout. `tile`: images
        with a longer side are translated in tiles of about that, which fade into each other. A SettingsError says what does not fit. The
        translation of a image does not depend on the images beside it.
        """
        self.refuse_direction(direction)
        refuse_tile(tile)
        game = self.translation_game
        channels = game.channels_of(direction)[0]
        if not isinstance(images, Tensor) or not images.is_floating_point():
            kind = f"a tensor of {images.dtype}" if isinstance(images, Tensor) else f"a {type(images).__name__}"
            raise SettingsError(f"Wanted is a tensor of numbers in [-1, 1], not {kind}. Files are translated by sparring.translate.")
        if images.ndim != 4 or images.shape[1] != channels or not images.numel():
            raise SettingsError(f"The images are {tuple(images.shape)}; wanted are some, with {channels} channels (n, c, h, w).")
        shown = images.to(game.device, torch.float32)
        with self.noisy(direction, noise):
            if max(shown.shape[2:]) <= tile:
                return game.translate(shown, direction).clamp(-1, 1)
            return torch.cat([in_tiles(game, one, direction, tile) for one in shown.split(1)]).clamp(-1, 1)

    def noisy(self, direction: Direction, seed: int | None) -> AbstractContextManager[None]:
        """Where translations have the noise of that seed, if it is one. A SettingsError for networks without dropout."""
        if seed is None:
            return nullcontext()
        network = self.game.get_submodule(self.translation_game.translators[direction])
        if not any(isinstance(module, nn.Dropout) for module in network.modules()):
            raise SettingsError(
                f"{self.source} has a network without dropout, so its translations have no noise: leave noise out. "
                "(Of pix2pix's U-Nets those with six halvings and more have some, as for 64x64 pixels, unless they were imported.)"
            )
        return fixed_dropout(network, seed)

    def refuse_direction(self, direction: str) -> None:
        """Raise a SparringError if this model does not translate that way."""
        known = self.translation_game.translators
        if direction not in known:
            raise SettingsError(f"{self.source} was trained in the direction {' and '.join(known)}, not {direction}.")
        self.refuse_without_generator()

    def sample_in_pieces(
        self, n: int, *, seed: int = 0, label: str | int | None = None, truncation: float | None = None
    ) -> Iterator[Float[Tensor, "m c h w"]]:
        """`sample`, about a thousand at a time, for numbers that should not lie in memory at once."""
        for first in range(0, n, PIECE):
            yield self.sample(min(PIECE, n - first), seed=seed, label=label, first=first, truncation=truncation)

    def interpolate(
        self,
        seeds: Sequence[int] | None = None,
        *,
        labels: Sequence[str | int] | None = None,
        frames: int = 16,
        space: Literal["z", "w"] = "z",
    ) -> Float[Tensor, "n c h w"]:
        """A walk through the first sample of each seed, `frames` images from one to the next, the last included; in [-1, 1].

        Latents move along great circles; in "w", which networks with styles have, in straight lines. `labels`: a class for each seed,
        or one for all; between two classes their weights cross-fade. By default seeds 0 to 3, or seed 0 if two labels or more are given.
        """
        if frames < 1:
            raise SettingsError(f"frames must be at least 1, not {frames}.")
        self.refuse_without_generator()
        game = self.latent_game
        numbers = [self.label_of(label) for label in labels or ()]
        seeds = list((0,) if len(numbers) > 1 else range(4)) if seeds is None else list(seeds)
        stops = max(len(seeds), len(numbers))
        seeds = seeds * stops if len(seeds) == 1 else seeds
        if not numbers and game.conditional:
            numbers = [int(game.labels_of(seed, 1)) for seed in seeds]
        numbers = numbers * stops if len(numbers) == 1 else numbers
        if stops < 2:
            raise SettingsError("An interpolation needs two seeds or more, or two classes or more.")
        if len(seeds) != stops or len(numbers) not in {0, stops}:
            raise SettingsError(
                f"{len(seeds)} seeds and {len(numbers)} classes do not pair up: give one class for each seed, or one for all."
            )
        latents = torch.stack([game.chunk_of_latents(seed, 0)[0] for seed in seeds])
        conditions = game.condition(torch.tensor(numbers, device=game.device)) if numbers else None
        if space == "w":
            return self._walk_in_w(latents, conditions, frames)
        between = None if conditions is None else walk(conditions, frames, torch.lerp)
        return game.generate_chunked(walk(latents, frames, spherical), between)

    def _walk_in_w(
        self, latents: Float[Tensor, "stops latent"], conditions: Float[Tensor, "stops classes"] | None, frames: int
    ) -> Float[Tensor, "n c h w"]:
        generator = self.generator
        if not isinstance(generator, StyleGenerator):
            raise SettingsError(f"{self.source} has a generator without styles, so there is no w to walk through: use space='z'.")
        with torch.no_grad():
            stops = generator.map(latents, conditions)[:, 0]

        def draw(w: Tensor, _: Tensor | None) -> Tensor:
            return generator.synthesize(w[:, None].expand(-1, generator.layers, -1)).clamp(-1, 1)

        return self.latent_game.in_chunks(draw, walk(stops, frames, torch.lerp), None)
