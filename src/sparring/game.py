"""Floor 2: a GAN as a game. Players move their networks in turns; the trainer knows nothing else.

A recipe builds a game for a kind of data. Most systems of the literature are a `TwoPlayerGame`
(adversarial.py) with networks of their own; others subclass `Game` and say what their players and turns are.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import one_hot

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError, listed
from sparring.core.settings import Ranges, range_problems, type_problems
from sparring.core.specs import ImageSpec, default_size
from sparring.core.streams import Streams
from sparring.objectives import Losses

SAMPLE_CHUNK = 16
"""Samples are always computed in chunks of this many, so that sample i of a seed does not depend on how
many are asked for: kernels round differently for batches of different sizes."""


@dataclass(frozen=True)
class Moment:
    """What a turn may use when it is played."""

    draw: Callable[[], Batch]
    """Fetches the real data of this turn."""
    draw_labels: Callable[[], Int64[Tensor, " n"] | None]
    """Draws classes as often as they are in the data."""
    batch_size: int
    """How many real items there are, and generated ones should be."""
    streams: Streams
    """Random numbers of this turn alone."""
    step: int
    """Steps of the game completed before this one."""
    images: int
    """Real pictures shown before this step."""
    signals: dict[str, Tensor] = field(default_factory=dict)
    """What the turn wants logged beside its losses: tensors, of which the mean is taken."""
    optimisers: Mapping[str, torch.optim.Optimizer] = field(default_factory=dict)
    """Every player's, to look at and not to move."""

    @cached_property
    def batch(self) -> Batch:
        """Real data, fresh for every repeat of a turn; fetched when first asked for, so a turn that needs none skips none."""
        return self.draw()

    @property
    def used_data(self) -> bool:
        """Whether the turn asked for real data."""
        return "batch" in vars(self)


@dataclass(frozen=True)
class Player:
    """Networks that one optimiser moves."""

    name: str
    networks: tuple[str, ...]
    """Names of the game's attributes that hold them."""
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    averaged: bool = False
    """Whether a moving average of the weights is kept, to sample from."""
    after_step: Callable[[], None] | None = None
    """Called after each step of its optimiser: brings the weights back to where they must stay."""


@dataclass(frozen=True)
class Turn:
    """One optimiser step of one player."""

    name: str
    player: str
    play: Callable[[Moment], Losses]
    """From the moment to named losses, one number per sample. Only the player's own parameters require gradients while it runs."""
    every: int = 1
    """Played in every so many steps (lazy regularisers)."""
    repeat: int = 1
    """How often in a step, with a fresh batch each time (critic steps)."""
    start: int = 0
    """First step in which it is played."""
    stop: int | None = None
    """First step in which it is no longer played."""

    def due(self, step: int) -> bool:
        """Whether the turn is played in step number `step` (from 0)."""
        return self.start <= step and (self.stop is None or step < self.stop) and (step - self.start) % self.every == 0


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients, and back to the mode of each module."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def as_played(*networks: nn.Module) -> Iterator[None]:
    """As in training, but without gradients and without a trace: batch norms take each batch's own statistics and keep none of them;
    dropout and spectral norms' estimates rest.
    """
    with contextlib.ExitStack() as stack:
        for network in networks:
            stack.enter_context(evaluating(network))
        norms = [module for network in networks for module in network.modules() if getattr(module, "track_running_stats", False)]
        for module in norms:
            module.training = True
            vars(module)["track_running_stats"] = False
        try:
            yield
        finally:
            for module in norms:
                vars(module)["track_running_stats"] = True


class Game(nn.Module):
    """Networks, players and turns. Whatever must survive a restart is a parameter or a buffer of it."""

    players: tuple[Player, ...]
    turns: tuple[Turn, ...]
    sampling_networks: tuple[str, ...]
    """The networks that draw: all that a packed model holds."""

    def __init__(self, spec: ImageSpec) -> None:
        super().__init__()
        self.spec = spec

    def networks_of(self, player: Player) -> list[nn.Module]:
        """The networks that `player` moves."""
        return [self.get_submodule(name) for name in player.networks]

    @property
    def device(self) -> torch.device:
        """Where the sampling networks are."""
        return next(self.get_submodule(self.sampling_networks[0]).parameters()).device


class LatentGame(Game):
    """A game whose pictures come of latents: of noise."""

    @property
    def conditional(self) -> bool:
        """Whether samples are asked for by class."""
        raise NotImplementedError

    def latents(self, streams: Streams, n: int) -> Float[Tensor, "n latent"]:
        """`n` latents at the start of the stream "latent"."""
        raise NotImplementedError

    def generate(
        self, latents: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """Pictures in [-1, 1] from latents and, if the game is conditional, a weight for each class. `truncation`: how far from the
        mean latents may be; nearer, pictures are more typical and less varied. None: as far as they fall.
        """
        raise NotImplementedError

    def condition(self, labels: Int64[Tensor, " n"] | None) -> Float[Tensor, "n classes"] | None:
        """Labels as one-hot rows if the game is conditional, else None."""
        if not self.conditional:
            return None
        if labels is None:
            raise ValueError("a conditional game needs labels")
        return one_hot(labels, len(self.spec.classes)).float()

    def chunk_of_latents(self, seed: int, chunk: int) -> Float[Tensor, "16 latent"]:
        """The latents of samples 16 * chunk up to 16 * chunk + 15 of `seed`."""
        return self.latents(Streams(seed, chunk, device=self.device, scope="sample"), SAMPLE_CHUNK)

    def labels_of(self, seed: int, n: int) -> Int64[Tensor, " n"]:
        """The classes of the first `n` samples of `seed` where none is asked for: each class in turn, so that all are there."""
        return (torch.arange(n, device=self.device) + seed) % max(1, len(self.spec.classes))

    def sample(
        self, n: int, seed: int = 0, labels: Int64[Tensor, " n"] | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n c h w"]:
        """Samples `first` to `first + n - 1` of `seed`, in [-1, 1]: the same pictures, to the bit, however they are split into calls.
        `labels`: the class of each; by default every class in turn (ignored by games without classes).
        """
        if self.conditional and labels is None:
            labels = self.labels_of(seed, first + n)[first:]
        latents, last = [], first + n
        for chunk in range(first // SAMPLE_CHUNK, -(-last // SAMPLE_CHUNK)):
            start = chunk * SAMPLE_CHUNK
            latents.append(self.chunk_of_latents(seed, chunk)[max(first - start, 0) : last - start])
        return self.generate_chunked(torch.cat(latents), self.condition(labels), first % SAMPLE_CHUNK, truncation)

    def generate_chunked(
        self,
        latents: Float[Tensor, "n latent"],
        condition: Float[Tensor, "n classes"] | None,
        offset: int = 0,
        truncation: float | None = None,
    ) -> Float[Tensor, "n c h w"]:
        """`generate` in evaluation mode, in chunks; the first row is at place `offset` of its chunk."""
        return self.in_chunks(lambda rows, conditions: self.generate(rows, conditions, truncation), latents, condition, offset)

    def in_chunks(
        self,
        draw: Callable[[Tensor, Tensor | None], Tensor],
        latents: Float[Tensor, "n latent"],
        condition: Float[Tensor, "n classes"] | None,
        offset: int = 0,
    ) -> Float[Tensor, "n c h w"]:
        """What `draw` makes of latents (or of other vectors), in evaluation mode and always in whole chunks, padded with zeros."""
        n = len(latents)
        padding = (offset, -(offset + n) % SAMPLE_CHUNK)
        padded = nn.functional.pad(latents, (0, 0, *padding))
        conditions = None if condition is None else nn.functional.pad(condition, (0, 0, *padding))
        pictures = []
        with evaluating(self):
            for start in range(0, len(padded), SAMPLE_CHUNK):
                rows = slice(start, start + SAMPLE_CHUNK)
                pictures.append(draw(padded[rows], None if conditions is None else conditions[rows]))
        return torch.cat(pictures)[offset : offset + n]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published system: its settings, with the paper's values as defaults, and the game they make."""

    title: ClassVar[str]
    """One line for the list of recipes."""
    paper: ClassVar[str]
    """Authors, year, title."""
    data: ClassVar[str]
    """The kind of data it accepts, for a person."""
    ranges: ClassVar[Ranges] = {
        "batch_size": {"at least": 1, "at most": 2**20},
        "average_images": {"at least": 0},
        "warm_up_images": {"at least": 0},
        "learning_rate": {"more than": 0},
        "betas": {"at least": 0, "less than": 1},
        "latent_size": {"at least": 1, "at most": 2**16},
    }
    """Where the numbers of settings must lie, those that many recipes have included; a recipe with others: `{**Recipe.ranges, ...}`."""

    batch_size: int = 64
    """Real pictures in each turn's batch."""
    average_images: float = 10_000
    """Half-life, in pictures shown, of the moving average of the weights that samples are drawn from. 0: no average."""
    warm_up_images: int = 0
    """Learning rates rise from zero over so many pictures."""
    decay_from_images: int | None = None
    """From this many pictures on, learning rates fall in a straight line. None: never."""
    decay_until_images: int | None = None
    """Learning rates reach zero at this many pictures."""

    @final
    def problems(self, spec: ImageSpec) -> list[str]:
        """Everything that is wrong with these settings for such data, each a sentence that says what to change.
        Values of wrong types are all that is said if there are any. A recipe has its say in `ranges` and `misfits`.
        """
        return type_problems(self) or [*range_problems(self, self.ranges), *self.misfits(spec)]

    def misfits(self, spec: ImageSpec) -> list[str]:
        """What does not fit together, or such data. Every value has its type by then, though perhaps not its range."""
        found = []
        if (self.decay_from_images is None) != (self.decay_until_images is None):
            found.append("decay_from_images and decay_until_images go together: give both or neither.")
        elif (
            self.decay_from_images is not None
            and self.decay_until_images is not None
            and not 0 <= self.decay_from_images < self.decay_until_images
        ):
            found.append(f"decay_from_images ({self.decay_from_images}) must lie before decay_until_images ({self.decay_until_images}).")
        return found

    def refuse_to_begin(self) -> None:
        """Raise a SparringError if something that training needs beside the data is not there. (Drawing may not need it.)"""

    @property
    def smallest_part(self) -> int:
        """Pictures that must stay together: a batch is split into multiples of so many."""
        return 1

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The side that pictures are brought to if the user names none; `native`: (height, width) if all have the same."""
        return default_size(native)

    def build(self, spec: ImageSpec) -> Game:
        """The game for such data, with fresh weights from torch's random numbers."""
        raise NotImplementedError

    def rate_factor(self, images: int) -> float:
        """What the learning rates are multiplied with after so many pictures."""
        factor = 1.0
        if self.warm_up_images:
            factor = min(1.0, (images + self.batch_size) / self.warm_up_images)
        if self.decay_from_images is not None and self.decay_until_images is not None:
            left = (self.decay_until_images - images) / (self.decay_until_images - self.decay_from_images)
            factor *= min(1.0, max(0.0, left))
        return factor


def check(recipe: Recipe, spec: ImageSpec) -> None:
    """Raise a SettingsError that lists all that is wrong with `recipe` for such data, if anything is."""
    if problems := recipe.problems(spec):
        raise SettingsError(listed("These settings do not fit:", problems))
