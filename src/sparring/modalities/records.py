"""The adapter of health records."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from sparring.core.formatting import plural
from sparring.core.settings_checks import range_problems, type_problems
from sparring.data.dataset import Dataset
from sparring.data.records.plot_records import draw_frequencies
from sparring.data.records.records_dataset import RecordsDataset, split_holdout
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_spec import RecordsSpec
from sparring.data.records.records_store import prepare_records, refit
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.metrics.records.code_frequencies import frequencies, frequency_error
from sparring.metrics.records.code_pairs import frequent_codes, pairs_distance, phi
from sparring.modalities.file_or_frame import called, location_of, refuse_lost_frame
from sparring.modalities.generated_records import generated_records
from sparring.modalities.modality import DataSettings, JudgedBy
from sparring.modalities.records_probe import records_probe
from sparring.modalities.tables import spread

if TYPE_CHECKING:
    from rich.console import Console

SCORED, DRAWN = 2048, 1024
"""Number of patients in the score of a checkpoint, and in a view of samples."""
WITHOUT_USE = {"evaluate_every": "evaluate_every is for images; health records are judged with: sparring judge RUN. Leave it out."}
"""Settings of training that records have no use for, and what to do instead."""


class Records:
    """Patients by codes: a long file, OMOP tables, a matrix, or data frames."""

    name: ClassVar[str] = "records"
    items: ClassVar[str] = "patients"
    judged_by: ClassVar[JudgedBy] = "records"
    exported: ClassVar[Output] = Output("records", "records of patients as networks see them (see 'spec')", 1e-4, 2e-2, exceptions=1e-3)
    settings: ClassVar[Mapping[str, type]] = {"records": RecordsReading}

    def spec_from_json(self, value: Mapping[str, Any]) -> RecordsSpec:
        """See Modality."""
        return RecordsSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, RecordsDataset)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        reading: RecordsReading = settings["records"]
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

    def open(self, data: Any, recipe: Recipe, settings: DataSettings, console: "Console") -> RecordsDataset:  # noqa: ANN401
        """See Modality. `data` may be a data frame, too."""
        refuse_lost_frame(data)
        dataset, notes = prepare_records(data, settings["records"])
        source = called(data)
        per_patient = len(dataset.everybody.indices) / len(dataset)
        visits = "" if dataset.everybody.visits is None else f", {float(np.mean(dataset.everybody.visits)):.1f} visits"
        console.print(
            f"{plural(len(dataset), 'patient', 'patients')} from {source}, {plural(len(dataset.spec.codes), 'code', 'codes')}; a patient "
            f"has {per_patient:.1f} codes{visits} on average.",
            highlight=False,
        )
        for note in notes:
            console.print(note, highlight=False)
        return dataset

    def fit(self, dataset: RecordsDataset, recipe: Recipe, holdout: int | None, seed: int) -> RecordsDataset:
        """See Modality."""
        return refit(dataset, split_holdout(dataset, holdout, seed)[0])

    def record(self, dataset: RecordsDataset, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "records": asdict(settings["records"]),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: RecordsSpec) -> dict[str, object]:
        """See Modality."""
        return {"values": "counts" if spec.counted else "binary"}

    def split_holdout(self, dataset: RecordsDataset, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality."""
        return split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: RecordsDataset, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality. Frequencies of codes, and how many a patient has."""
        real = dataset.records(spread(len(dataset), DRAWN)).present()

        def draw(game: Game) -> UInt8[np.ndarray, "h w c"]:
            made = generated_records(game, dataset.spec, DRAWN, seed).present()
            return draw_frequencies(frequencies(real), frequencies(made), real.sum(axis=1), made.sum(axis=1))

        return draw

    def probe(
        self, data: RecordsDataset, holdout: RecordsDataset | None, seed: int
    ) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
        """See Modality. Frequencies of codes and of pairs, codes of each patient, codes that are lost, and copies of patients."""
        return records_probe(data, holdout, seed)

    def checkpoint_score(self, dataset: RecordsDataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. How far the frequencies of codes and their pairs are from those of the data."""
        real = dataset.records(spread(len(dataset), SCORED)).present()
        codes = frequent_codes(real)
        known, count = phi(real[:, codes]), len(real)

        def score(game: Game) -> dict[str, Any]:
            made = generated_records(game, dataset.spec, count, seed).present()
            value = frequency_error(real, made) + pairs_distance(known, count, made[:, codes])
            return {"name": "error of codes and pairs", "value": value, "real": count, "generated": count, "seed": seed}

        return score
