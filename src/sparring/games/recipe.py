"""A recipe: one published system, its settings, and the game that they make."""

from dataclasses import dataclass
from typing import ClassVar, final

from sparring.core.data_spec import ImageSpec, default_size
from sparring.core.errors import SettingsError, listed
from sparring.core.settings import Ranges, range_problems, type_problems
from sparring.games.game import Game


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
        "ema_samples": {"at least": 0},
        "warmup_samples": {"at least": 0},
        "learning_rate": {"more than": 0},
        "betas": {"at least": 0, "less than": 1},
        "latent_size": {"at least": 1, "at most": 2**16},
    }
    """Where the numbers of settings must lie, those that many recipes have included; a recipe with others: `{**Recipe.ranges, ...}`."""

    batch_size: int = 64
    """Number of real samples in each batch."""
    ema_samples: float = 10_000
    """Half-life, in real samples, of the exponential moving average (EMA) of the weights. Samples are generated with the averaged
    weights. 0: no EMA."""
    warmup_samples: int = 0
    """Number of real samples over which learning rates rise linearly from zero. 0: no warmup."""
    decay_from_samples: int | None = None
    """Number of real samples from which learning rates fall linearly. None: they stay constant."""
    decay_until_samples: int | None = None
    """Number of real samples at which learning rates have fallen to zero. None: they stay constant."""

    @final
    def problems(self, spec: ImageSpec) -> list[str]:
        """Everything that is wrong with these settings for such data, each a sentence that says what to change.
        Values of wrong types are all that is said if there are any. A recipe has its say in `ranges` and `incompatibilities`.
        """
        return type_problems(self) or [*range_problems(self, self.ranges), *self.incompatibilities(spec)]

    def incompatibilities(self, spec: ImageSpec) -> list[str]:
        """What does not fit together, or such data. Every value has its type by then, though perhaps not its range."""
        found = []
        if (self.decay_from_samples is None) != (self.decay_until_samples is None):
            found.append("decay_from_samples and decay_until_samples go together: give both or neither.")
        elif (
            self.decay_from_samples is not None
            and self.decay_until_samples is not None
            and not 0 <= self.decay_from_samples < self.decay_until_samples
        ):
            found.append(
                f"decay_from_samples ({self.decay_from_samples}) must lie before decay_until_samples ({self.decay_until_samples})."
            )
        return found

    def refuse_to_begin(self) -> None:
        """Raise a SparringError if something that training needs beside the data is not there. (Drawing may not need it.)"""

    @property
    def smallest_part(self) -> int:
        """Images that must stay together: a batch is split into multiples of so many."""
        return 1

    def size_for(self, native: tuple[int, int] | None) -> int:
        """The side that images are brought to if the user names none; `native`: (height, width) if all have the same."""
        return default_size(native)

    def build(self, spec: ImageSpec) -> Game:
        """The game for such data, with fresh weights from torch's random numbers."""
        raise NotImplementedError

    def rate_factor(self, real_samples: int) -> float:
        """What the learning rates are multiplied with after this many real samples."""
        factor = 1.0
        if self.warmup_samples:
            factor = min(1.0, (real_samples + self.batch_size) / self.warmup_samples)
        if self.decay_from_samples is not None and self.decay_until_samples is not None:
            left = (self.decay_until_samples - real_samples) / (self.decay_until_samples - self.decay_from_samples)
            factor *= min(1.0, max(0.0, left))
        return factor


def check(recipe: Recipe, spec: ImageSpec) -> None:
    """Raise a SettingsError that lists all that is wrong with `recipe` for such data, if anything is."""
    if problems := recipe.problems(spec):
        raise SettingsError(listed("These settings do not fit:", problems))
