"""The texts that a model was trained on, and those that training held out."""

from pathlib import Path
from typing import Any, cast

from sparring.core.errors import SettingsError
from sparring.data.sequences.sequence_dataset import SequenceDataset, split_holdout, with_vocabulary
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.games.capabilities import MakesSequences
from sparring.inference.model import Model, sequences_file
from sparring.modalities.file_or_frame import FRAME
from sparring.runs.config import read_config, settings_of
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory


def reading_of(model: Model) -> SequencesReading:
    """How the training texts were read; as by default if nobody knows."""
    run = RunDirectory(model.source)
    return cast(SequencesReading, settings_of(read_config(run), run.config).data["sequences"]) if run.exists() else SequencesReading()


def training_texts(model: Model, data: Any = None) -> tuple[SequenceDataset, SequenceDataset]:  # noqa: ANN401 (a path, a frame or a list)
    """What a run was trained on, and what it held out. `data`: the training data, where it cannot be found again (a frame). A SettingsError
    for models that do not know it, or if it has changed.
    """
    run = RunDirectory(model.source)
    if not run.exists():
        file = Path(sequences_file(cast(MakesSequences, model.game)))
        raise SettingsError(
            f"{model.source} is a packed model, which does not know the texts that it was trained on. Use its run, which does; or judge "
            f"samples beside texts: sparring sample {model.source} -n 2000 --out {file}; sparring judge REAL{file.suffix} {file}"
        )
    config = read_config(run)
    source = config["data"]["source"] if data is None else data
    if isinstance(source, str) and source == FRAME:
        raise SettingsError(f"{run.path} was trained on a data frame or a list, which is not kept. judge_text_files takes it again.")
    if data is None:
        refuse_moved(run, config["data"])
    settings = settings_of(config, run.config)
    whole, _ = prepare_sequences(source, cast(SequencesReading, settings.data["sequences"]))
    training = settings.training
    fitted = with_vocabulary(whole, split_holdout(whole, training.holdout, training.seed)[0])
    refuse_changed(run, config["data"], source, fitted, f"Or train again on it, beside {run.path}.")
    return split_holdout(fitted, training.holdout, training.seed)
