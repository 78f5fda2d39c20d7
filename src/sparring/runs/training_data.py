"""What a model was trained on, and other data prepared as for it."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparring.core.console import console
from sparring.core.errors import DataError, SettingsError, listed
from sparring.data.open_source import open_source
from sparring.data.store import Preprocessing, Store, prepare, store_at
from sparring.inference.model import Model
from sparring.runs.config import read_config
from sparring.runs.run_directory import RunDirectory


def preprocessing_of(model: Model) -> Preprocessing:
    """How data becomes what a model was trained on. A SettingsError if that is no images."""
    model.refuse_unless_images()
    return replace(model.preprocessing, size=model.spec.height, channels=model.spec.channels, split=None)


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
    preprocessing = replace(model.preprocessing, size=model.spec.height)
    refuse_moved(run, recorded)
    store = store_at(Path(source)) or prepare(open_source(source, split=preprocessing.split), preprocessing, progress=console().is_terminal)
    refuse_changed(run, recorded, source, store.fingerprint, len(store), f"Or name other data to this command, beside {run.path}.")
    return store


def refuse_moved(run: RunDirectory, recorded: Mapping[str, Any]) -> None:
    """Raise a DataError that names all of a run's data that is no longer where it was, and the command that says where it is now.
    `recorded`: what config.json says of the data. Names that are no paths (embedded data, hubs) are passed over.
    """
    places = {"data": recorded["source"], "target": (recorded.get("pairing") or {}).get("target")}
    gone = {flag: place for flag, place in places.items() if place and Path(place).is_absolute() and not Path(place).exists()}
    if gone:
        flags = " ".join(f"--{flag} NEW_{flag.upper()}" for flag in gone)
        problems = [f"--{flag} was {place}, and nothing is there now" for flag, place in gone.items()]
        raise DataError(
            listed(f"{run.path} was trained on data that is gone from its place:", problems)
            + f"\nIf it was moved or renamed, say once where it is now: {run.resume_command} {flags}"
            + "\n(The same images are known by their content, and their new place is remembered.)"
        )


def refuse_changed(
    run: RunDirectory, recorded: Mapping[str, Any], place: object, fingerprint: str, count: int, otherwise: str = ""
) -> None:
    """Raise a SettingsError if data is not what a run was trained on: how many images there were and are, and what can be done.
    `recorded`: what config.json says of the data. `fingerprint`, `count`: of the data as it is now. `otherwise`: one more way out.
    """
    before = recorded["count"]
    if fingerprint == recorded["fingerprint"]:
        return
    if count != before:
        what = f"{count:,} images now, {before:,} then ({abs(count - before):,} {'more' if count > before else 'fewer'})"
    else:
        what = f"{count:,} images now as then, but not the same ones, or with other labels or in another order"
    raise SettingsError(
        f"{place} is no longer what {run.path} was trained on: {what}. A run goes on with the same images only. Put the old state back; if "
        f"it lies elsewhere: {run.resume_command} --data PLACE. Or train a new run on the new data, into another --out. "
        f"{otherwise}".rstrip()
    )


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
        store = store_at(Path(data)) or prepare(open_source(os.fspath(data)), preprocessing_of(model), progress=console().is_terminal)
    if store.spec.shape != model.spec.shape:
        raise SettingsError(f"{data} has images of {store.spec}, and {model.source} was trained on images of {model.spec}.")
    return store
