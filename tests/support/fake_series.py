"""A model of series that remembers what it was told and whose paths are known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sparring import recipes
from sparring.data.series.scaling import ScalingKind
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.series.series_store import prepare_series
from sparring.games.game import Game
from sparring.inference.model import Model

Values = Callable[[np.ndarray, int], np.ndarray]
"""From the numbers of paths and of steps to scores: "n values steps"."""


class FakeGame(Game):
    """Its scores are the number of the path, or what `values` makes of it."""

    sampling_networks = ("generator",)
    conditional = False
    longest_path: int | None = None

    def __init__(self, spec: SeriesSpec, values: Values | None = None) -> None:
        super().__init__(spec)
        self.generator = nn.Linear(1, 1)
        self.values = values
        self.told: list[tuple[Any, Any, int, int]] = []

    @property
    def series_spec(self) -> SeriesSpec:
        return self.spec

    def simulate(self, n: int, steps: int, seed: int, first: int, past: Any, known: Any) -> torch.Tensor:  # noqa: ANN401
        self.told.append((past, known, seed, first))
        numbers = np.arange(first, first + n)
        if self.values is not None:
            return torch.from_numpy(self.values(numbers, steps)).float()
        return torch.from_numpy(np.broadcast_to(numbers[:, None, None], (n, len(self.spec.values), steps)).copy()).float()

    def sample(self, n: int, seed: int = 0, labels: None = None, first: int = 0, truncation: None = None) -> torch.Tensor:
        return torch.zeros(n, *self.spec.shape)


def fake_model(
    source: Any,  # noqa: ANN401 (a path or a frame)
    *,
    window: int = 12,
    past: int = 0,
    scaling: ScalingKind = "standard",
    known: tuple[str, ...] = (),
    values: Values | None = None,
    **reading: Any,  # noqa: ANN401 (settings)
) -> Model:
    """A packed model of these series."""
    chosen = SeriesReading(window=window, past=past, **reading)
    dataset, _ = prepare_series(source, chosen, window=window, past=past, scaling=scaling, known=known)
    game: Any = FakeGame(dataset.spec, values)
    return Model(game, recipes.get("cgan-series" if past else "quantgan")(), Path("fake.safetensors"))
