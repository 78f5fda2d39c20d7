"""Resuming a run: exactly as if it had never been interrupted, or with a larger budget."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sparring.core.errors import SettingsError, listed
from sparring.core.hardware import has_fast_bfloat16
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.modalities.modality import DataSettings
from sparring.nets.blocks.layers import MinibatchDeviation
from sparring.runs.config import RunSettings, read_config, settings_of, write_config
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory
from sparring.runs.several_processes import all_processes, device_count, refuse_processes
from sparring.runs.train import Instruments, continue_run, dataclasses_of, refuse_wrong_values, sort_settings, versions
from sparring.training import checkpoints
from sparring.training.memory_estimate import refuse_too_large
from sparring.training.session import SessionResult, resolve
from sparring.training.settings import BUDGETS, COACHING, MACHINE, TrainSettings

if TYPE_CHECKING:
    from rich.console import Console


def go_on(run: RunDirectory, data: Any, instruments: Instruments, console: "Console", settings: Mapping[str, object]) -> SessionResult:  # noqa: ANN401
    """Go on with a run. `data`: where it lies now (or the dataset), if it was moved. `settings`: what may change (see `resume` in
    `sparring.api`); anything else is refused by name if it differs from the run's.
    """
    read_config(run)  # nothing is made where there is no run
    with run.locked():
        config = read_config(run)
        own = settings_of(config, run.config)
        modality = own.modality
        chosen = sort_settings(settings, *dataclasses_of(type(own.recipe)))
        moved = with_moved_places(own.data, chosen)
        longer = {name: value for name in BUDGETS if (value := chosen[TrainSettings].pop(name, None)) is not None}
        refuse_wrong_values(replace(own, data=moved))
        asked = replace(own.training, **chosen[TrainSettings], **longer)
        refuse_wrong_values(RunSettings(replace(own.recipe, **chosen[type(own.recipe)]), asked, moved))
        coaching = {name: chosen[TrainSettings].pop(name) for name in COACHING if not own.training.coach and name in chosen[TrainSettings]}
        machine = {name: chosen[TrainSettings].pop(name) for name in MACHINE if name in chosen[TrainSettings]}
        refuse_differences((own.recipe, own.training, *own.data.values()), chosen, longer)
        if coaching.get("coach") and "transfer" in config:
            raise SettingsError("A coach may go back to the beginning, and this run began with other weights: it can have none.")
        new = replace(with_longer_budget(run, on_machine(run, own.training, machine), longer, console), **coaching)
        modality.refuse_dataset(data, config["recipe"])
        own.recipe.refuse_to_begin()
        place = config["data"]["source"] if data is None else data
        located = modality.located(moved)
        now = {"source": modality.location(place), **{name: asdict(each) for name, each in located.items() if each != own.data[name]}}
        if not modality.is_dataset(place):
            refuse_moved(run, {**config["data"], **now})
        dataset = place if modality.is_dataset(place) else modality.open(place, own.recipe, moved, console)
        dataset = modality.fit(dataset, own.recipe, new.holdout, new.seed)
        refuse_changed(run, config["data"], place, dataset)
        refuse_read_otherwise(run, config["data"]["spec"], place, dataset)
        if (data is not None or moved != own.data) and {name: config["data"].get(name) for name in now} != now:
            config = {**config, "data": {**config["data"], **now}}
            console.print("The data is the same. Its new location is saved in config.json.")
        for name, value in versions().items():
            if (before := config.get("versions", {}).get(name)) != value:
                console.print(f"The run was started with {name} {before}, and this is {name} {value}: results may differ in the last bits.")
        changes = {
            name: [getattr(own.training, name), value]
            for name in MACHINE
            if (value := getattr(new, name)) != getattr(own.training, name) and name != "devices"  # which changes no bit
        }
        if changes:
            step = checkpoints.newest_progress(run.checkpoints).step
            config = {**config, "machine_changes": [*config.get("machine_changes", []), {"step": step, "changes": changes}]}
            for line in changes_explained(changes, step, own.recipe.build(dataset.spec), own.recipe):
                console.print(line)
        refuse_processes(new, data_in_memory=modality.is_dataset(place))
        refuse_too_large(own.recipe, dataset.spec, dataset, new, resuming=run.resume_command)
        config = {**config, "train_settings": asdict(new)}
        write_config(run, config)
        with all_processes(new.devices, new.reduce) as processes:
            return continue_run(run, config, replace(own, training=new), dataset, instruments, console, processes=processes)


def refuse_read_otherwise(run: RunDirectory, recorded: Mapping[str, Any], place: object, dataset: Any) -> None:  # noqa: ANN401
    """Raise a SettingsError if data is the same and is no longer read in the same way."""
    if json.loads(json.dumps(dataset.spec.to_json())) != recorded:
        raise SettingsError(
            f"{place} is no longer read as it was when {run.path} began: its table.json was changed, or another version is installed. "
            "Restore that, or train a new run."
        )


def with_moved_places(own: DataSettings, chosen: Mapping[type, dict[str, Any]]) -> DataSettings:
    """The settings of data, with the places where the table of labels, the second set of pairs and the table of pairs lie now, if they are
    named. (The fingerprint says whether they are the same.)
    """
    if "preprocessing" in own and (table := chosen[type(own["preprocessing"])].pop("labels", None)) is not None:
        own = {**own, "preprocessing": replace(own["preprocessing"], labels=table)}
    if "pairing" not in own:
        return own
    named = {name: chosen[type(own["pairing"])].pop(name, None) for name in ("target", "pair_table")}
    moved = {name: place for name, place in named.items() if place is not None}
    return {**own, "pairing": replace(own["pairing"], **moved)} if moved else own


def on_machine(run: RunDirectory, old: TrainSettings, asked: Mapping[str, Any]) -> TrainSettings:
    """The settings of a run with those that were asked for of `MACHINE`, resolved. A run keeps its precision unless another is asked for,
    but where it moves to another device that computes bfloat16 slowly (or not at all), it goes on in float32, which every device has.
    """
    if "device" not in asked and old.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            f"{run.path} was trained on a GPU, and torch finds none here. To continue on the CPU: {run.resume_command} --device cpu"
        )
    devices, parts = device_count(asked.get("devices"), old.devices), asked.get("parts", old.parts)
    if devices > parts:
        raise SettingsError(
            f"{run.path} plays each batch in {parts}, and {devices} devices cannot share that. Take fewer devices, or add "
            f"--parts {devices}, after which it is no longer the same to the bit."
        )
    new = resolve(replace(old, **{**asked, "devices": devices}))
    moved = new.device != old.device and "precision" not in asked
    if moved and new.precision == "bfloat16" and not has_fast_bfloat16(torch.device(new.device)):
        new = replace(new, precision="float32")
    return new


def changes_explained(changes: Mapping[str, Sequence[Any]], step: int, game: Game, recipe: Recipe) -> list[str]:
    """What it means that a run goes on under other settings of `MACHINE`: old and new value of each, by name."""
    listing = ", ".join(f"--{name.replace('_', '-')} {after} (was {before})" for name, (before, after) in changes.items())
    lines = [
        f"From step {step:,} on: {listing}. This is recorded in config.json. Results are no longer the same, to the bit, as "
        "without the change."
    ]
    if "parts" in changes:
        before, after = (recipe.batch_size // parts for parts in changes["parts"])
        mixes = any(isinstance(module, nn.modules.batchnorm._BatchNorm | MinibatchDeviation) for module in game.modules())
        mixes = mixes or getattr(recipe, "objective", "") == "relativistic-average"
        lines.append(
            f"Batch statistics (batch norm, minibatch deviation) are now computed from {after} samples, not {before}. This changes "
            "training a little, and more for smaller parts."
            if mixes
            else f"Parts of {after} samples have other latents than parts of {before} had. Gradients are the same on average."
        )
    return lines


def refuse_differences(own: tuple[object, ...], chosen: Mapping[type, Mapping[str, Any]], longer: Mapping[str, Any]) -> None:
    """Raise a SettingsError that names every setting that differs from the run's own, and every budget that is not longer."""
    settings = {name: getattr(part, name) for part in own for name in chosen[type(part)]}
    asked = {name: value for part in own for name, value in chosen[type(part)].items()}
    problems = [f"{name} is {settings[name]!r} in this run, not {value!r}" for name, value in asked.items() if settings[name] != value]
    budget = {name: getattr(part, name) for part in own for name in longer if hasattr(part, name)}
    problems += [
        f"{name} is {budget[name]} in this run, and {value} is not more"
        for name, value in longer.items()
        if budget[name] is not None and value < budget[name]
    ]
    if problems:
        raise SettingsError(
            listed(
                "A resumed run keeps its settings, except for a larger budget, the coach and the hardware settings (sparring resume "
                "--help). These differ:",
                problems,
            )
        )


def with_longer_budget(run: RunDirectory, old: TrainSettings, longer: Mapping[str, Any], console: "Console") -> TrainSettings:
    """The settings with the budgets that were named; budgets that were not named stay, unless they are used up by now."""
    used = checkpoints.newest_progress(run.checkpoints).used_budget
    used_up = {name: limit for name in BUDGETS if name not in longer and (limit := getattr(old, name)) is not None and used[name] >= limit}
    flags = {name: f"--{name.replace('_', '-')}" for name in used_up}
    if used_up and not longer:
        limits = ", ".join(f"{flags[name]} {limit:g}" for name, limit in used_up.items())
        more = f"{run.resume_command} {next(iter(flags.values()))} NUMBER"
        console.print(f"The budget of this run is used up ({limits}). To train for longer: {more} (the total for the whole run)")
        return old
    for name, limit in used_up.items():
        console.print(f"The old budget ({flags[name]} {limit:g}) is used up and no longer applies.")
    return replace(old, **dict.fromkeys(used_up), **longer)
