"""What a model was trained on, and other data prepared as for it."""

import os
from dataclasses import replace
from pathlib import Path

from sparring.core.console import console
from sparring.core.errors import SettingsError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store, open_store_if_present
from sparring.inference.model import Model
from sparring.runs.config import read_config
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory


def preprocessing_of(model: Model) -> Preprocessing:
    """How other data becomes what a model was trained on, without a table of labels. A SettingsError if that is no images."""
    model.refuse_unless_images()
    return replace(model.preprocessing, size=model.spec.size, channels=model.spec.channels, split=None, labels=None, label_columns=())


def source_of(model: Model) -> str:
    """The name of what a run was trained on. A SettingsError for models that do not know it."""
    run = RunDirectory(model.source)
    if not run.exists():
        raise SettingsError(f"{model.source} is a packed or imported model, which does not know its training data: name the data, too.")
    return read_config(run)["data"]["source"]


def training_data(model: Model) -> Store:
    """What a run was trained on."""
    source, run = source_of(model), RunDirectory(model.source)
    recorded = read_config(run)["data"]
    # With the run's own settings but for the size, which its recipe chose: so it is prepared already.
    preprocessing = replace(model.preprocessing, size=model.spec.size)
    refuse_moved(run, recorded)
    store = open_store_if_present(Path(source)) or prepare(
        open_source(source, split=preprocessing.split), preprocessing, progress=console().is_terminal
    )
    refuse_changed(run, recorded, source, store, f"Or name other data to this command, beside {run.path}.")
    return store


def data_of(model: Model, data: str | os.PathLike[str] | Store | None) -> Store:
    """The data that is named, prepared as for the model, or else what it was trained on. A SettingsError for translators, whose data are
    pairs.
    """
    _ = model.latent_game
    if data is None:
        return training_data(model)
    if not isinstance(data, str | os.PathLike):
        store, data = data, data.folder
    else:
        store = open_store_if_present(Path(data)) or prepare(
            open_source(os.fspath(data)), preprocessing_of(model), progress=console().is_terminal
        )
    if store.spec.shape != model.spec.shape:
        raise SettingsError(f"{data} has images of {store.spec}, and {model.source} was trained on images of {model.spec}.")
    return store
