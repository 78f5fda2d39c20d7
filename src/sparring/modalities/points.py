"""The adapter of points in the plane."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from jaxtyping import UInt8

from sparring.core.random_streams import Streams
from sparring.data.dataset import Dataset
from sparring.data.points.mixtures import Points, histogram, mixture
from sparring.data.points.point_spec import PointSpec
from sparring.games.capabilities import Samples
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.metrics.sliced_wasserstein import sliced_wasserstein
from sparring.modalities.modality import DataSettings, JudgedBy, Place

if TYPE_CHECKING:
    from rich.console import Console

HELD_OUT = 128
"""Number of points that the discriminator is shown and not trained on."""
DRAWN = 2500
"""Number of points in a sample grid."""
SCORED = 512


class PointsInThePlane:
    """Samples of a mixture with a known density."""

    name: ClassVar[str] = "points"
    items: ClassVar[str] = "points"
    judged_by: ClassVar[JudgedBy] = "modes"
    exported: ClassVar[Output] = Output("points", "points in the plane", 1e-4, 2e-2)
    settings: ClassVar[Mapping[str, type]] = {}

    def spec_from_json(self, value: Mapping[str, Any]) -> PointSpec:
        """See Modality."""
        return PointSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, Points)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        return []

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        return settings

    def location(self, data: Points | Place) -> str:
        """See Modality."""
        return data.mixture.name if isinstance(data, Points) else str(data)

    def open(self, data: Place, recipe: Recipe, settings: DataSettings, console: "Console") -> Points:
        """See Modality."""
        return Points(mixture(str(data)))

    def fit(self, dataset: Points, recipe: Recipe, holdout: int | None, seed: int) -> Points:
        """See Modality."""
        return dataset

    def record(self, dataset: Points, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {"spec": dataset.spec.to_json(), "count": len(dataset)}

    def settings_like(self, spec: PointSpec) -> dict[str, object]:
        """See Modality."""
        return {}

    def split_holdout(self, dataset: Points, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality. Points that are held out are drawn anew: there is no end of them."""
        return dataset, Points(dataset.mixture, HELD_OUT if count is None else count, seed + 1)

    def sample_grid(self, dataset: Points, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality."""
        return lambda game: histogram(cast(Samples, game).sample(DRAWN), dataset.mixture.extent)

    def probe(self, data: Any, holdout: Any, seed: int) -> None:  # noqa: ANN401
        """See Modality."""

    def checkpoint_score(self, dataset: Points, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality."""
        real = dataset.mixture.sample(SCORED, Streams(seed, 0, scope="scored"))[0]

        def score(game: Game) -> dict[str, Any]:
            value = sliced_wasserstein(real, cast(Samples, game).sample(SCORED, seed).cpu())
            return {"name": "sliced Wasserstein distance", "value": value, "real": SCORED, "generated": SCORED, "seed": seed}

        return score
