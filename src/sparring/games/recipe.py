"""A recipe: one published system, its settings, and the game that they define."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from sparring.core.data_spec import Spec
from sparring.core.errors import SettingsError, listed
from sparring.core.settings_checks import Ranges, range_problems, type_problems
from sparring.data.dataset import Dataset
from sparring.games.game import Game


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published system: its settings, with the paper's values as defaults, and the game that they define."""

    title: ClassVar[str]
    """One line for the list of recipes."""
    paper: ClassVar[str]
    """Authors, year, title."""
    modality: ClassVar[str]
    """The kind of data that it learns from: the name of an adapter in `modalities/`."""
    data: ClassVar[str]
    """The data that it accepts, in words."""
    ranges: ClassVar[Ranges] = {
        "batch_size": {"at least": 1, "at most": 2**20},
        "ema_samples": {"at least": 0},
        "warmup_samples": {"at least": 0},
        "constant_rate_samples": {"at least": 1},
        "learning_rate": {"more than": 0},
        "betas": {"at least": 0, "less than": 1},
        "latent_size": {"at least": 1, "at most": 2**16},
    }
    """Ranges of numeric settings, including those that many recipes share. A recipe with more writes `{**Recipe.ranges, ...}`."""

    batch_size: int = 64
    """Number of real samples in each batch."""
    ema_samples: float = 10_000
    """Half-life, in real samples, of the exponential moving average (EMA) of the weights. Samples are generated with the averaged
    weights. 0: no EMA."""
    warmup_samples: int = 0
    """Number of real samples over which learning rates rise linearly from zero. 0: no warmup."""
    constant_rate_samples: int | None = None
    """Number of real samples from which learning rates fall with the square root of their number. None: they stay constant."""
    decay_from_samples: int | None = None
    """Number of real samples from which learning rates fall linearly. None: they stay constant."""
    decay_until_samples: int | None = None
    """Number of real samples at which learning rates have fallen to zero. None: they stay constant."""

    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """Settings that differ from the defaults for another kind of data than its own, by the name of that kind: the kinds that it can be
    played on, too."""
    of_older_runs: ClassVar[Mapping[str, object]] = {}
    """Values of settings that older runs and packed models do not name, where they are not the defaults: so these stay what they are."""

    @classmethod
    def usual(cls, modality: str) -> "Recipe":
        """The recipe with its settings for that kind of data, where nobody changes them."""
        return cls(**cls.settings_for.get(modality, {}))  # pyright: ignore[reportArgumentType]

    @property
    def steps_per_cycle(self) -> int:
        """Number of steps after which whatever is not done in every step (lazy penalties) comes round again."""
        return 1

    def samples_until_full_size(self, spec: Any) -> int:  # noqa: ANN401
        """Number of real samples until networks that grow have their full size; 0 for others."""
        return 0

    @final
    def problems(self, spec: Spec) -> list[str]:
        """Everything that is wrong with these settings for such data, each a sentence that says what to change. If values have wrong
        types, only those are reported. A recipe defines `ranges` and `incompatibilities`.
        """
        if spec.kind != self.modality:
            return [f"This recipe learns from {self.modality}, and this data is {spec.kind}. It takes: {self.data}."]
        return type_problems(self) or [*range_problems(self, self.ranges), *self.incompatibilities(spec)]

    def incompatibilities(self, spec: Any) -> list[str]:  # noqa: ANN401 (the Spec of its kind of data)
        """Settings that do not work together, or with such data. All values have the right type by then, but may be out of range."""
        found = []
        if (self.decay_from_samples is None) != (self.decay_until_samples is None):
            found.append("decay_from_samples and decay_until_samples belong together: give both or neither.")
        elif (
            self.decay_from_samples is not None
            and self.decay_until_samples is not None
            and not 0 <= self.decay_from_samples < self.decay_until_samples
        ):
            found.append(
                f"decay_from_samples ({self.decay_from_samples}) must be less than decay_until_samples ({self.decay_until_samples})."
            )
        return found

    def enough_samples(self, spec: Any, count: int) -> int | None:  # noqa: ANN401 (the Spec of its kind of data)
        """Number of real samples after which training on `count` samples of such data ends by itself, where neither real_samples nor steps
        is given. None: it goes on for as long as it may.
        """
        return None

    def shown(self, data: Dataset) -> Dataset:
        """The dataset as training sees it: with variants of its samples, where settings ask for some."""
        return data

    def remarks(self, spec: Any) -> list[str]:  # noqa: ANN401 (the Spec of its kind of data)
        """What is to be said when training begins, in sentences: what was chosen for such data where a setting leaves it open."""
        return []

    def refuse_to_begin(self) -> None:
        """Raise a SparringError if something that training needs besides the data is missing. (Sampling may not need it.)"""

    @property
    def smallest_part(self) -> int:
        """Number of samples that have to stay together when a batch is split."""
        return 1

    def build(self, spec: Any) -> Game:  # noqa: ANN401 (the Spec of its kind of data)
        """The game for such data, with new weights from torch's random numbers."""
        raise NotImplementedError

    def rate_factor(self, real_samples: int) -> float:
        """Factor on the learning rates after this many real samples."""
        factor = 1.0
        if self.warmup_samples:
            factor = min(1.0, (real_samples + self.batch_size) / self.warmup_samples)
        if self.constant_rate_samples is not None:
            factor *= min(1.0, (self.constant_rate_samples / max(1, real_samples)) ** 0.5)
        if self.decay_from_samples is not None and self.decay_until_samples is not None:
            left = (self.decay_until_samples - real_samples) / (self.decay_until_samples - self.decay_from_samples)
            factor *= min(1.0, max(0.0, left))
        return factor


def check(recipe: Recipe, spec: Spec) -> None:
    """Raise a SettingsError that lists everything that is wrong with `recipe` for such data, if anything is."""
    if problems := recipe.problems(spec):
        raise SettingsError(listed("These settings do not work:", problems))
