"""Data of a run that was moved or has changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.core.errors import DataError, SettingsError, listed
from sparring.data.changed_files import changes_since
from sparring.modalities import MODALITIES
from sparring.runs.run_directory import RunDirectory


def refuse_moved(run: RunDirectory, recorded: Mapping[str, Any]) -> None:
    """Raise a DataError that names all of a run's data that is no longer where it was, and the command that says where it is now.
    `recorded`: what config.json says of the data. Names that are no paths (embedded data, hubs) are passed over.
    """
    pairing = recorded.get("pairing") or {}
    labels = (recorded.get("preprocessing") or {}).get("labels")
    places = {"data": recorded["source"], "target": pairing.get("target"), "pair-table": pairing.get("pair_table"), "labels": labels}
    gone = {flag: place for flag, place in places.items() if place and Path(place).is_absolute() and not Path(place).exists()}
    if gone:
        flags = " ".join(f"--{flag} NEW_{flag.upper().replace('-', '_')}" for flag in gone)
        problems = [f"--{flag} was {place}, which does not exist" for flag, place in gone.items()]
        raise DataError(
            listed(f"The training data of {run.path} is no longer where it was:", problems)
            + f"\nIf it was moved or renamed, say where it is now: {run.resume_command} {flags}"
            + "\n(It is recognized by its content, and its new location is saved.)"
        )


def refuse_changed(
    run: RunDirectory,
    recorded: Mapping[str, Any],
    place: object,
    dataset: Any,  # noqa: ANN401 (the dataset of some kind)
    otherwise: str = "",
) -> None:
    """Raise a SettingsError if data is not what a run was trained on: what has changed, as far as that is known, and what can be done.
    `recorded`: what config.json says of the data. `dataset`: the data as it is now. `otherwise`: one more thing that can be done.
    """
    before, count = recorded["count"], len(dataset)
    if dataset.fingerprint == recorded["fingerprint"]:
        return
    items = MODALITIES[recorded["spec"]["kind"]].items
    if count != before:
        what = f"{count:,} {items} now, {before:,} then ({abs(count - before):,} {'more' if count > before else 'fewer'})."
    else:
        what = f"{count:,} {items} now as then, but other ones, or with other labels or in another order."
    files = " ".join(["", *changes_since(recorded["fingerprint"], dataset)])
    raise SettingsError(
        f"{place} is no longer the data that {run.path} was trained on: {what}{files} A run can only continue with the same {items}. "
        f"Restore them; or, if they are elsewhere: {run.resume_command} --data PLACE; or train a new run on the new data, with another "
        f"--out. {otherwise}".rstrip()
    )
