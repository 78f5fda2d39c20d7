"""What an adapter answers for its kind of data."""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from sparring.core.data_spec import Spec
from sparring.data.dataset import Dataset
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe

if TYPE_CHECKING:
    from rich.console import Console

Place = str | os.PathLike[str]
DataSettings = Mapping[str, Any]
"""By name in config.json, the settings of how data becomes a dataset: dataclasses of the types in `Modality.settings`."""


JudgedBy = Literal["samples", "translations", "modes", "rows", "paths", "records", "lines", "texts", "phrases"]
"""What evaluation scores of a model."""


@runtime_checkable
class Modality(Protocol):
    """The adapter of a kind of data."""

    name: ClassVar[str]
    """As recipes and specs call the kind."""
    items: ClassVar[str]
    """What messages call its samples, in the plural."""
    judged_by: ClassVar[JudgedBy]
    """What evaluation scores of a model."""
    exported: ClassVar[Output]
    """What a generator of such samples gives in another program, and how much it may differ there."""
    settings: ClassVar[Mapping[str, type]]
    """By name in config.json, dataclasses of settings of how data becomes a dataset. Their fields are settings of training."""

    def spec_from_json(self, value: Mapping[str, Any]) -> Spec:
        """The inverse of the spec's `to_json`. KeyError, TypeError or ValueError for what is no spec."""
        ...

    def is_dataset(self, data: object) -> bool:
        """Whether this is a dataset of this kind already, and not the name or place of one."""
        ...

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """A sentence for every setting of the wrong type or out of range, and for settings of training that this kind of data has no use
        for (by name, where they are set).
        """
        ...

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """Raise a SettingsError if this is a dataset of another kind that could be taken for one of this kind."""
        ...

    def located(self, settings: DataSettings) -> DataSettings:
        """The settings, with places in them to be found from any working directory."""
        ...

    def location(self, data: Any) -> str:  # noqa: ANN401 (a place or a dataset)
        """How to find the data again from any working directory."""
        ...

    def open(self, data: Place, recipe: Recipe, settings: DataSettings, console: "Console") -> Any:  # noqa: ANN401 (a PreparedDataset of its kind)
        """The data as a dataset, read and checked. What was found and what could not be used is printed. A DataError if it cannot be
        used, a SettingsError if settings do not fit.
        """
        ...

    def fit(self, dataset: Any, recipe: Recipe, holdout: int | None, seed: int) -> Any:  # noqa: ANN401 (the dataset of this kind)
        """The dataset, with what networks are told of it (scaling and the like) found from what is trained on alone. `holdout`: as for
        `split_holdout`, which holds out the same before and after.
        """
        ...

    def record(self, dataset: Any, settings: DataSettings) -> dict[str, Any]:  # noqa: ANN401 (the dataset of this kind)
        """What config.json says of the data beside its source, for JSON: settings, spec, count, fingerprint."""
        ...

    def settings_like(self, spec: Any) -> dict[str, object]:  # noqa: ANN401 (of this kind)
        """Settings of this kind of data with which other data becomes samples of the same shape; none if networks take any."""
        ...

    def split_holdout(self, dataset: Any, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:  # noqa: ANN401
        """What is trained on, and what is held out to tell memorizing from learning. A SettingsError if nothing would be left."""
        ...

    def sample_grid(self, dataset: Any, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:  # noqa: ANN401
        """Draws what a game can do as one image: samples of the same latents, or translations of the same inputs, every time."""
        ...

    def probe(self, data: Any, holdout: Any, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]] | None:  # noqa: ANN401
        """What is measured of this kind of data alone while training: of the data once, and of a game at every measurement, under the names
        of `health.signals`. None where the measurements of all kinds of data are enough.
        """
        ...

    def checkpoint_score(self, dataset: Any, seed: int) -> Callable[[Game], dict[str, Any]]:  # noqa: ANN401
        """A quick score of games, lower is better, that picks the best checkpoint: "value", and the protocol that it was found by."""
        ...
