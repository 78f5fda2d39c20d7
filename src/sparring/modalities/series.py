"""The adapter of time series."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from jaxtyping import UInt8

from sparring.core.formatting import plural
from sparring.core.settings_checks import range_problems, type_problems
from sparring.data.dataset import Dataset
from sparring.data.series.plot_series import draw_series
from sparring.data.series.series_dataset import SeriesDataset, split_holdout
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_spec import SeriesSpec
from sparring.data.series.series_store import prepare_series, refit
from sparring.games.capabilities import Samples
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.metrics.sliced_wasserstein import sliced_wasserstein
from sparring.modalities.file_or_frame import called, location_of, refuse_lost_frame
from sparring.modalities.modality import DataSettings, JudgedBy
from sparring.modalities.series_probe import series_probe
from sparring.modalities.series_windows import generate_windows, to_units
from sparring.modalities.tables import spread

if TYPE_CHECKING:
    from rich.console import Console

SCORED, DRAWN = 1024, 8
"""Number of windows in the score of a checkpoint, and in an image of samples."""
WITHOUT_USE = {"evaluate_every": "evaluate_every is for images; series are judged with: sparring judge RUN. Leave it out."}
"""Settings of training that series have no use for, and what to do instead."""


class Series:
    """Windows of time series: files of tables, or data frames."""

    name: ClassVar[str] = "series"
    items: ClassVar[str] = "windows"
    judged_by: ClassVar[JudgedBy] = "paths"
    exported: ClassVar[Output] = Output("windows", "series, scaled as networks see them (see 'spec')", 1e-3, 2e-2, exceptions=1e-3)
    settings: ClassVar[Mapping[str, type]] = {"series": SeriesReading}

    def spec_from_json(self, value: Mapping[str, Any]) -> SeriesSpec:
        """See Modality."""
        return SeriesSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, SeriesDataset)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        reading: SeriesReading = settings["series"]
        without_use = [problem for name, problem in WITHOUT_USE.items() if training.get(name) not in {None, False}]
        return (type_problems(reading) or range_problems(reading, reading.ranges) or reading.problems()) + without_use

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        return settings

    def location(self, data: Any) -> str:  # noqa: ANN401 (a place, a dataset or a frame)
        """See Modality."""
        return location_of(data)

    def open(self, data: Any, recipe: Recipe, settings: DataSettings, console: "Console") -> SeriesDataset:  # noqa: ANN401
        """See Modality. `data` may be a data frame, too."""
        refuse_lost_frame(data)
        kind = cast(Any, recipe)
        dataset, notes = prepare_series(
            data, settings["series"], window=kind.usual_window, past=kind.usual_past, scaling=kind.scaling, known=kind.known
        )
        spec = dataset.spec
        source = called(data)
        returns = "log returns of " if settings["series"].returns else ""
        console.print(
            f"{plural(len(dataset), 'window', 'windows')} of {spec.steps} steps of {returns}{', '.join(each.name for each in spec.values)} "
            f"from {plural(len(dataset.names), 'series', 'series')} in {source}"
            + (f"; the past is {plural(spec.past, 'step', 'steps')}." if spec.past else "."),
            highlight=False,
        )
        for note in notes:
            console.print(note, highlight=False)
        return dataset

    def fit(self, dataset: SeriesDataset, recipe: Recipe, holdout: int | None, seed: int) -> SeriesDataset:
        """See Modality. What was held out is the future: its range must not be known."""
        return refit(dataset, split_holdout(dataset, holdout, seed)[0], cast(Any, recipe).scaling)

    def record(self, dataset: SeriesDataset, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "series": asdict(settings["series"]),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: SeriesSpec) -> dict[str, object]:
        """See Modality."""
        return {"window": spec.steps, "past": spec.past, "value": tuple(each.name for each in spec.values)}

    def split_holdout(self, dataset: SeriesDataset, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality."""
        return split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: SeriesDataset, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality. Lines of windows, in their units (of returns: of the returns)."""
        real = to_units(dataset.spec, dataset.windows(spread(len(dataset), DRAWN)))
        names = [f"{each.name}, log returns" if each.returns else each.name for each in dataset.spec.values]

        def draw(game: Game) -> UInt8[np.ndarray, "h w c"]:
            return draw_series(names, real, to_units(dataset.spec, cast(Samples, game).sample(DRAWN, seed).cpu().float().numpy()))

        return draw

    def probe(
        self, data: SeriesDataset, holdout: SeriesDataset | None, seed: int
    ) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
        """See Modality. Memory, season, how much windows differ, and how far values go."""
        return series_probe(data, holdout, seed)

    def checkpoint_score(self, dataset: SeriesDataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. How far windows are from those of the data, as points; of games that continue a past, with the pasts of these."""
        import torch  # noqa: PLC0415

        values = len(dataset.spec.values)
        real = torch.from_numpy(dataset.windows(spread(len(dataset), SCORED))[:, :values]).flatten(1)
        count = len(real)

        def score(game: Game) -> dict[str, Any]:
            made = torch.from_numpy(generate_windows(game, dataset, count, seed).seen).flatten(1)
            value = sliced_wasserstein(real, made)
            return {"name": "sliced Wasserstein distance of windows", "value": value, "real": count, "generated": count, "seed": seed}

        return score
