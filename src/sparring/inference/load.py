"""Models out of run directories, packed and official files, and into packed files."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from sparring.core.console import console
from sparring.core.data_spec import Spec
from sparring.core.errors import CheckpointError, SettingsError
from sparring.core.file_kinds import kind_of, refusal
from sparring.data.pairs.input_statistics import InputStatistics
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.games.recipe import Recipe, check
from sparring.inference.model import Model
from sparring.runs.config import FORMAT, described, from_json, read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.state import load_named, refuse_mismatches, select

IMPORTED = "imported.safetensors"
"""In a folder that `import_weights` made: all of the model."""


def load(path: str | os.PathLike[str], *, checkpoint: str | int = "last", whole: bool = False) -> Model:
    """The model in a run directory (its moving average), or in a file or folder that `pack` or `import_weights` wrote.

    `checkpoint`: "last", "best" or the number of a step that is kept. `whole`: with the networks that sampling does not need, such as
    the discriminator. Raises a CheckpointError that says what is wrong.
    """
    place = Path(path)
    packed = place / IMPORTED if (place / IMPORTED).is_file() else place
    if packed.is_dir():
        return _load_run(RunDirectory(packed), checkpoint, whole)
    if not packed.exists():
        raise CheckpointError(f"{place} does not exist. Give a run directory or a packed .safetensors file.")
    if checkpoint != "last":
        raise CheckpointError(f"{place} is no run, and holds one state of its networks: leave --checkpoint out.")
    return _load_packed(packed)


def _load_run(run: RunDirectory, checkpoint: str | int, whole: bool) -> Model:
    config = read_config(run)
    steps = [str(step) for step in checkpoints.steps(run.checkpoints)]
    if "privacy" in config["data"].get("spec", {}) and str(checkpoint) not in {"last", *steps[-1:]}:
        raise SettingsError(
            f"Which checkpoints of {run.path} are kept was decided by a look at its data, which private training does not count. Use the "
            "last one."
        )
    if checkpoint == "last":
        found = checkpoints.read_newest(run.checkpoints, say=console().print)
        if found is None:
            raise CheckpointError(f"{run.path} has no checkpoint yet. Train it: {run.resume_command}")
        tensors, facts = found
    else:
        kept = checkpoints.steps(run.checkpoints)
        step = checkpoints.best(run.checkpoints) if checkpoint == "best" else {str(step): step for step in kept}.get(str(checkpoint))
        if step is None:
            raise CheckpointError(
                f"{run.path} keeps no checkpoint {checkpoint}. There are: {', '.join(map(str, kept)) or 'none'}, last and best."
            )
        tensors, facts = checkpoints.read(run.checkpoints, step)
    if not facts["progress"]["step"]:
        console().print(
            f"{run.path}: these weights were not trained for a single step, so all that comes of them is noise. Train: {run.resume_command}"
        )
    tensors = dict(select(tensors, "game/")) | dict(select(tensors, "ema/"))
    if config.get("interventions"):  # a coach has changed settings, perhaps since then
        config["recipe_settings"] |= {name: facts["identity"][name] for name in config["recipe_settings"]}
    model = _model(config, tensors, run.path, {name.partition(".")[0] for name in tensors} if whole else None)
    return replace(
        model,
        step=facts["progress"]["step"],
        preprocessing=_preparation(config["data"], run.path),
        input_statistics=_input_statistics(config["data"], run.path),
    )


def _load_packed(path: Path) -> Model:
    try:
        if kind_of(path).holds != "model":
            raise CheckpointError(refusal(path, "a run directory or a model that `sparring pack` wrote"))
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["sparring"])
        if about.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} is a model of format {about.get('format')!r}, and this version of Sparring reads format {FORMAT}. Pack its run "
                "again."
            )
        tensors = load_file(path)
        networks = about.get("networks")
        if networks is not None and not (isinstance(networks, list) and all(isinstance(name, str) for name in networks)):
            raise ValueError(f"networks = {networks!r}")
    except (OSError, SafetensorError, KeyError, ValueError, AttributeError) as problem:
        raise CheckpointError(f"{path} is a model that `sparring pack` wrote, and is damaged: {problem!r}. Copy or pack it anew.") from None
    model = _model(about, tensors, path, networks)
    return replace(model, preprocessing=_preparation(about, path), input_statistics=_input_statistics(about, path))


def _preparation(about: Mapping[str, Any], source: Path) -> Preprocessing:
    """What a file says of how images were prepared: older ones say nothing. A CheckpointError if it is of the wrong kind."""
    try:
        preprocessing = from_json(Preprocessing, about.get("preprocessing") or {})
        check_and_parse_background(preprocessing)
    except (TypeError, AttributeError, SettingsError) as problem:
        raise CheckpointError(f"{source} does not describe how its images were prepared: {problem}") from None
    return preprocessing


def _input_statistics(about: Mapping[str, Any], source: Path) -> dict[str, InputStatistics]:
    """What a file says of a translator's training inputs: older ones say nothing. A CheckpointError if it is of the wrong kind."""
    try:
        return {str(way): InputStatistics.from_json(values) for way, values in dict(about.get("inputs") or {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise CheckpointError(f"{source} does not describe its training inputs: {problem!r}. It is damaged, or was altered.") from None


def _model(about: Any, tensors: dict[str, Tensor], source: Path, networks: Iterable[str] | None) -> Model:  # noqa: ANN401 (JSON is any)
    """The model that a file describes. Whatever the file says, it ends in a model or in a SparringError."""
    return _built(*described(about, source), tensors, source, networks)


def _built(
    recipe: Recipe,
    spec: Spec,
    tensors: dict[str, Tensor],
    source: Path,
    networks: Iterable[str] | None,
    called: Mapping[str, str] | None = None,
) -> Model:
    """The game with these weights. `networks`: those to load (None: those that sampling needs); the others take no memory. `called`: what
    the source calls tensors, where it calls them otherwise.
    """
    check(recipe, spec)
    try:
        with torch.device("meta"):  # no memory before it is known that the file brings what it describes
            game = recipe.build(spec)
    except (RuntimeError, MemoryError, ValueError) as problem:
        raise CheckpointError(f"{source} describes networks that cannot be built here: {problem}") from None
    wanted = set(game.sampling_networks if networks is None else networks)
    names = list(game.state_dict())
    own = {name for name in names if name.partition(".")[0] in wanted}
    given = {name: tensor for name, tensor in tensors.items() if name in own or name not in names}
    refuse_mismatches(game, given, own, called)
    for name, network in game.named_children():
        if name in wanted:
            network.to_empty(device="cpu")
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
    for name, buffer in game.named_buffers(recurse=False):
        if name in wanted:
            setattr(game, name, torch.empty_like(buffer, device="cpu"))
    game.requires_grad_(False).eval()
    load_named(game, given, own)
    return Model(game, recipe, source)
