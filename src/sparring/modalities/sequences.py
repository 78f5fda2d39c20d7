"""The adapter of sequences of tokens: texts and molecules."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from sparring.core.rdkit_molecules import has_rdkit
from sparring.core.settings_checks import range_problems, type_problems
from sparring.data.dataset import Dataset
from sparring.data.sequences.pieces import with_pieces
from sparring.data.sequences.plot_texts import draw_texts
from sparring.data.sequences.sequence_dataset import SequenceDataset, split_holdout, with_vocabulary
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.games.exported_parts import Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.media.draw_molecules import draw_molecules
from sparring.metrics.sequences.short_runs import run_distance
from sparring.modalities.file_or_frame import called, location_of, refuse_lost_frame
from sparring.modalities.generated_sequences import generated_codes
from sparring.modalities.modality import DataSettings, JudgedBy
from sparring.modalities.molecules_probe import molecules_probe
from sparring.modalities.rewording_probe import rewording_probe
from sparring.modalities.sequences_probe import sequences_probe
from sparring.modalities.tables import spread

if TYPE_CHECKING:
    from rich.console import Console

SCORED, SHOWN = 1024, 40
"""Number of sequences in the score of a checkpoint, and in a view of samples."""
WITHOUT_USE = {"evaluate_every": "evaluate_every is for images; texts are judged with: sparring judge RUN. Leave it out."}
"""Settings of training that sequences have no use for, and what to do instead."""


class Sequences:
    """Texts and molecules: files of text, tables with a column of texts, folders, lists, or data frames."""

    name: ClassVar[str] = "sequences"
    items: ClassVar[str] = "texts"
    judged_by: ClassVar[JudgedBy] = "texts"
    exported: ClassVar[Output] = Output("codes", "codes of tokens (see 'spec')", 1e-3, 1e-3, exceptions=1e-3)
    settings: ClassVar[Mapping[str, type]] = {"sequences": SequencesReading}

    def spec_from_json(self, value: Mapping[str, Any]) -> SequenceSpec:
        """See Modality."""
        return SequenceSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, SequenceDataset)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        reading: SequencesReading = settings["sequences"]
        without_use = [problem for name, problem in WITHOUT_USE.items() if training.get(name) not in {None, False}]
        return (type_problems(reading) or [*range_problems(reading, reading.ranges), *score_problems(reading)]) + without_use

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        return settings

    def location(self, data: Any) -> str:  # noqa: ANN401 (a place, a dataset or a frame)
        """See Modality."""
        return location_of(data)

    def open(self, data: Any, recipe: Recipe, settings: DataSettings, console: "Console") -> SequenceDataset:  # noqa: ANN401
        """See Modality. `data` may be a data frame or a list of texts, too."""
        refuse_lost_frame(data)
        dataset, notes = prepare_sequences(data, settings["sequences"])
        spec, items = dataset.spec, dataset.spec.cut.items
        lengths = (dataset.codes() > 0).sum(axis=1)
        console.print(
            f"{len(dataset):,} {items} from {called(data)}, of {lengths.min()} to {lengths.max()} {spec.token_noun}, "
            f"{lengths.mean():.1f} on average; {len(spec.tokens):,} different ones.",
            highlight=False,
            markup=False,
        )
        if spec.unknown is not None:
            share = float((dataset.codes() == spec.unknown).sum() / lengths.sum())
            console.print(
                f"{share:.1%} of all are too rare to be among them, and stand as unknown; --vocabulary changes that.", highlight=False
            )
        for note in notes:
            console.print(note, highlight=False, markup=False)
        return dataset

    def fit(self, dataset: SequenceDataset, recipe: Recipe, holdout: int | None, seed: int) -> SequenceDataset:
        """See Modality."""
        trained_on = split_holdout(dataset, holdout, seed)[0]
        return with_pieces(with_vocabulary(dataset, trained_on), trained_on, getattr(recipe, "pieces", 0))

    def record(self, dataset: SequenceDataset, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "sequences": asdict(settings["sequences"]),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: SequenceSpec) -> dict[str, object]:
        """See Modality."""
        return {"notation": spec.notation, "length": spec.length}

    def split_holdout(self, dataset: SequenceDataset, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality."""
        return split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: SequenceDataset, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality. Texts in two columns; molecules as drawings, where RDKit is installed."""
        shown = min(count, SHOWN)
        view = draw_molecules if dataset.spec.cut.items == "molecules" and has_rdkit() else draw_texts

        def draw(game: Game) -> UInt8[np.ndarray, "h w c"]:
            return view(dataset.spec.texts_of(generated_codes(game, shown, seed)))

        return draw

    def probe(
        self, data: SequenceDataset, holdout: SequenceDataset | None, seed: int
    ) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]] | None:
        """See Modality. How much texts repeat themselves and each other; of molecules how many are valid; what becomes of rewordings."""
        probes = sequences_probe(data, seed), molecules_probe(data, seed), rewording_probe(data, seed)
        found = [each for each in probes if each is not None]
        facts = {name: value for own, _ in found for name, value in own.items()}

        def measure(game: Game) -> dict[str, Any]:
            return {name: value for _, own in found for name, value in own(game).items()}

        return facts, measure

    def checkpoint_score(self, dataset: SequenceDataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. How far short runs of tokens are from being as frequent as in the data, and how many sequences are there twice."""
        real = dataset.codes(spread(len(dataset), SCORED))

        def score(game: Game) -> dict[str, Any]:
            made = generated_codes(game, len(real), seed)
            value = run_distance(real, made)
            return {"name": "distance of pairs of tokens", "value": value, "real": len(real), "generated": len(real), "seed": seed}

        return score


def score_problems(reading: SequencesReading) -> list[str]:
    """Settings of scores that do not go together."""
    found = []
    if reading.within and reading.score is None:
        found.append("within makes groups in which scores are compared: give score, too, or leave it out.")
    if reading.score is not None and reading.class_column is not None:
        found.append("Classes come from score or from class_column: leave one of them out.")
    if reading.score is not None and reading.score in {*reading.within, reading.text}:
        found.append(f"{reading.score!r} is the score, so it cannot be among within, or be the text.")
    return found
