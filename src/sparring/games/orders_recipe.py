"""The settings of a game for order lines in the space of learned vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sparring.core.settings_checks import Ranges
from sparring.data.orders.order_spec import OrdersSpec
from sparring.games.adversarial_settings import AdversarialSettings


@dataclass(frozen=True, kw_only=True)
class OrdersRecipe(AdversarialSettings):
    """A game for order lines in the space of learned vectors. A recipe builds it."""

    modality: ClassVar[str] = "orders"
    settings_for: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    of_older_runs: ClassVar[Mapping[str, object]] = {"calibration": 0.0}
    ranges: ClassVar[Ranges] = {
        **AdversarialSettings.ranges,
        "embedding_size": {"at least": 2, "at most": 256},
        "embedding_steps": {"at least": 1},
        "embedding_rate": {"more than": 0},
        "embedding_noise": {"more than": 0},
        "day_noise": {"more than": 0},
        "shrink": {"at least": 0},
        "reconstruction": {"at least": 0},
        "energy": {"at least": 0},
        "calibration": {"at least": 0, "at most": 1},
    }

    embedding_size: int = 8
    """Number of dimensions of the vectors of customers and of products."""
    embedding_steps: int = 500
    """Number of steps in which the vectors are learned, before the game begins."""
    embedding_rate: float = 5e-3
    """Learning rate of the vectors."""
    embedding_noise: float = 0.5
    """Standard deviation of the noise on vectors of customers and products, whose own is 1."""
    day_noise: float = 0.3
    """Standard deviation of the noise on days, whose place in the log, the year and the week have one of 1."""
    shrink: float = 0.01
    """Weight that pulls vectors of customers and products towards those of their group, which matters for rare ones."""
    reconstruction: float = 0.1
    """Weight of how well the generator reconstructs what it was told (of the product: the paper's ec2GAN)."""
    energy: float = 10.0
    """Weight of the energy score of two lines of the same known parts (Gneiting and Raftery 2007), which draws what is generated of a
    product or a customer towards the real distribution. 0: none."""
    calibration: float = 0.05
    """How fast kinds of customers, products (groups) and days (months) become likelier that come too seldom: the share of what is missing
    that every fourth step adds. 0: never."""
    decoding: Literal["bayes", "nearest"] = "bayes"
    """How generated vectors become customers, products and days. bayes: at random by Bayes' rule, by how near and how frequent each is.
    nearest: the nearest one, which gives hubs the lines of rare ones."""

    def incompatibilities(self, spec: OrdersSpec) -> list[str]:
        """See Recipe."""
        found = super().incompatibilities(spec)
        if self.augment != "none":
            found.append("augment is for images. Leave it out.")
        if self.condition != "none":
            found.append("condition is for classes, and orders have none: ask for lines of a product with --where, when you sample.")
        if self.decoding != "bayes" and self.calibration != type(self).calibration:
            found.append("calibration only works with decoding='bayes'. Set that too, or leave it out.")
        if self.minibatch_deviation:
            found.append("minibatch_deviation is for images. Leave it out.")
        return found

    def remarks(self, spec: OrdersSpec) -> list[str]:
        """See Recipe."""
        return [
            *super().remarks(spec),
            f"The game begins in step {self.embedding_steps + 1:,}, when the vectors are learned (--embedding-steps).",
        ]
