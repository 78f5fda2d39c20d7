"""Floor 5: what a model was trained on, and other data prepared as for it."""

import os
from dataclasses import replace
from pathlib import Path

from sparring.core.errors import SettingsError
from sparring.core.runs import RunDirectory
from sparring.core.terminal import console
from sparring.data.source import open_source
from sparring.data.store import Preparation, Store, prepare, store_at
from sparring.models import Model


def preparation_of(model: Model) -> Preparation:
    """How data becomes what a model was trained on. A SettingsError if that is no pictures."""
    model.refuse_unless_pictures()
    return replace(model.preparation, size=model.spec.height, channels=model.spec.channels, split=None)


def source_of(model: Model) -> str:
    """The name of what a run was trained on. A SettingsError for models that do not know it."""
    run = RunDirectory(model.source)
    if not run.exists():
        raise SettingsError(f"{model.source} is a packed or imported model, which does not know its training data: name the data, too.")
    return run.read_config()["data"]["source"]


def training_data(model: Model) -> Store:
    """What a run was trained on."""
    source = source_of(model)
    recorded = RunDirectory(model.source).read_config()["data"]
    # With the run's own settings but for the size, which its recipe chose: so it is prepared already.
    preparation = replace(model.preparation, size=model.spec.height)
    store = store_at(Path(source)) or prepare(open_source(source, split=preparation.split), preparation, progress=console().is_terminal)
    if store.fingerprint != recorded["fingerprint"]:
        raise SettingsError(f"{source} is no longer what {model.source} was trained on. Name the data, too.")
    return store


def data_of(model: Model, data: str | os.PathLike[str] | Store | None) -> Store:
    """The data that is named, prepared as for the model, or else what it was trained on. A SettingsError for translators, whose data are
    pairs.
    """
    _ = model.latent_game
    if data is None:
        return training_data(model)
    if isinstance(data, Store):
        store, data = data, data.folder
    else:
        store = store_at(Path(data)) or prepare(open_source(os.fspath(data)), preparation_of(model), progress=console().is_terminal)
    if store.spec.shape != model.spec.shape:
        raise SettingsError(f"{data} has pictures of {store.spec}, and {model.source} was trained on pictures of {model.spec}.")
    return store
