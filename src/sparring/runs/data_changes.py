"""Data of a run that was moved or has changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.core.errors import DataError, SettingsError, listed
from sparring.data.changed_files import changes_since
from sparring.runs.run_directory import RunDirectory


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
    if count != before:
        what = f"{count:,} images now, {before:,} then ({abs(count - before):,} {'more' if count > before else 'fewer'})"
    else:
        what = f"{count:,} images now as then, but not the same ones, or with other labels or in another order"
    files = " ".join(["", *changes_since(recorded["fingerprint"], dataset)])
    raise SettingsError(
        f"{place} is no longer what {run.path} was trained on: {what}.{files} A run can be resumed with the same images only. Put the old "
        f"state back; if it lies elsewhere: {run.resume_command} --data PLACE. Or train a new run on the new data, into another --out. "
        f"{otherwise}".rstrip()
    )
