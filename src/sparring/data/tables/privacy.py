"""Differential privacy of a table: what is asked for, and what the encodings have spent of it."""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from sparring.core.privacy_accounting import NoisySums, noise_for
from sparring.core.settings_checks import Ranges

ENCODING_SHARE = 0.2
"""Epsilon of the encodings alone, in that of all."""
COUNTING_SHARE = 0.1
"""Share of delta for categories and ranges that one row alone would betray. The rest is for the noise."""
DELTA_ROWS = 10
"""Where delta is not given, it is one in so many times the number of rows."""


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """Whether training is differentially private."""

    ranges: ClassVar[Ranges] = {"epsilon": {"more than": 0}, "delta": {"more than": 0, "less than": 1}, "noise_seed": {"at least": 0}}

    epsilon: float | None = None
    """Train with differential privacy: whether a row was in the table, or a blank in its place, changes the chance of any model by a factor
    of at most e^epsilon. It is spent on training, and on ranges, categories and quantiles. It needs --table. None: without."""
    delta: float | None = None
    """Chance that epsilon does not hold. None: one in ten times the number of rows."""
    noise_seed: int | None = field(default=None, metadata={"secret": True})
    """Seed of the noise. Who knows it can take the noise away, so give one in tests alone. None: a secret one, which only the run's
    config.json has."""

    @property
    def wanted(self) -> bool:
        """Whether privacy was asked for."""
        return self.epsilon is not None


@dataclass(frozen=True)
class PrivacyBudget:
    """What a model may spend, and what its encodings have spent."""

    epsilon: float
    delta: float
    encoding_noise: float
    """Noise of all that was counted for the encodings, as one sum over all rows (see `NoisySums`)."""

    @property
    def encodings(self) -> NoisySums:
        """What the encodings were made from."""
        return NoisySums(self.encoding_noise, 1.0, 1)

    @property
    def noise_delta(self) -> float:
        """The part of delta that noise may spend."""
        return (1 - COUNTING_SHARE) * self.delta

    @property
    def counting_delta(self) -> float:
        """The part of delta for categories and ranges that are released because noise made them look frequent."""
        return COUNTING_SHARE * self.delta

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "PrivacyBudget":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no budget."""
        budget = cls(**{name: float(number) for name, number in value.items()})
        if not (budget.epsilon > 0 and 0 < budget.delta < 1 and budget.encoding_noise > 0):
            raise ValueError("an epsilon, a delta below 1 and a noise are more than 0")
        return budget


def budget_for(settings: PrivacySettings, rows: int) -> PrivacyBudget:
    """The budget for a table of so many rows. The number of rows is taken as known."""
    assert settings.epsilon is not None
    delta = settings.delta if settings.delta is not None else 1 / (DELTA_ROWS * rows)
    noise = noise_for(ENCODING_SHARE * settings.epsilon, (1 - COUNTING_SHARE) * delta, lambda noise: [NoisySums(noise, 1.0, 1)])
    return PrivacyBudget(settings.epsilon, delta, noise)
