"""Floor 5: models out of run directories, packed and official files, and into packed files."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparring import recipes
from sparring.core.errors import CheckpointError, SettingsError
from sparring.core.file_kinds import kind_of, refusal
from sparring.core.files import replacing
from sparring.core.runs import RunDirectory
from sparring.core.specs import ImageSpec, spec_from_json
from sparring.core.terminal import console
from sparring.data.input_statistics import InputStatistics
from sparring.data.preparation import Preparation, checked_background
from sparring.game import Recipe, check
from sparring.models import Model
from sparring.train import checkpoints
from sparring.train.state import load_named, refuse_misfits, select
from sparring.weights import read

Kind = TypeVar("Kind")
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


def import_weights(path: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Model:
    """The networks in an official file (NVIDIA's StyleGAN2 and StyleGAN2-ADA `.pkl`, `.pth` of BigGAN-PyTorch and of
    pytorch-CycleGAN-and-pix2pix), as a model.

    Nothing that the file asks for is executed or fetched. `out`: a folder to keep the model in, which `load` reads. Raises a
    CheckpointError that says what is wrong, with all tensors that are missing or left over.
    """
    place = Path(path)
    if not place.exists():
        raise CheckpointError(f"{place} does not exist. Give the file with the official weights.")
    if place.is_dir():
        raise CheckpointError(refusal(place, "a file with official weights", importing=True))
    found = read(place)
    networks = {name.partition(".")[0] for name in found.tensors}
    model = _built(found.recipe, found.spec, found.tensors, place, networks, found.names)
    if out is not None:
        folder = Path(out)
        if folder.exists() and any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty. Choose another --out.")
        _write(model, networks, folder / IMPORTED)
        model = replace(model, source=folder)
    return model


def _load_run(run: RunDirectory, checkpoint: str | int, whole: bool) -> Model:
    config = run.read_config()
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
    tensors = dict(select(tensors, "game/")) | dict(select(tensors, "average/"))
    if config.get("interventions"):  # a coach has changed settings, perhaps since then
        config["recipe_settings"] |= {name: facts["identity"][name] for name in config["recipe_settings"]}
    model = _model(config, tensors, run.path, {name.partition(".")[0] for name in tensors} if whole else None)
    return replace(
        model,
        step=facts["progress"]["step"],
        preparation=_preparation(config["data"], run.path),
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
        tensors = load_file(path)
        networks = about.get("networks")
        if networks is not None and not (isinstance(networks, list) and all(isinstance(name, str) for name in networks)):
            raise ValueError(f"networks = {networks!r}")
    except (OSError, SafetensorError, KeyError, ValueError, AttributeError) as problem:
        raise CheckpointError(f"{path} is a model that `sparring pack` wrote, and is damaged: {problem!r}. Copy or pack it anew.") from None
    model = _model(about, tensors, path, networks)
    return replace(model, preparation=_preparation(about, path), input_statistics=_input_statistics(about, path))


def _preparation(about: Mapping[str, Any], source: Path) -> Preparation:
    """What a file says of how pictures were prepared: older ones say nothing. A CheckpointError if it is of the wrong kind."""
    try:
        preparation = from_json(Preparation, about.get("preparation") or {})
        checked_background(preparation)
    except (TypeError, AttributeError, SettingsError) as problem:
        raise CheckpointError(f"{source} does not describe how its pictures were prepared: {problem}") from None
    return preparation


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
    spec: ImageSpec,
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
    refuse_misfits(game, given, own, called)
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


def described(about: Any, source: Path) -> tuple[Recipe, ImageSpec]:  # noqa: ANN401 (JSON is any)
    """Recipe and spec from a config.json or a packed file's heading; a CheckpointError if they are not of the right kind."""
    try:
        spec = about["spec"] if "spec" in about else about["data"]["spec"]
        return from_json(recipes.get(about["recipe"]), about["recipe_settings"]), spec_from_json(spec)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise CheckpointError(f"{source} does not describe a recipe and its data: {problem!r}. It is damaged, or was altered.") from None


def from_json(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """A dataclass of settings from JSON, where tuples have become lists; a CheckpointError lists names that are not its own."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType] (a dataclass)
    if unknown := sorted(set(values) - known):
        raise CheckpointError(
            f"Settings of {kind.__name__} that this version does not know: {', '.join(unknown)}. A newer version wrote them."
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def refuse_unpackable(file: Path) -> None:
    """Raise a SettingsError if a packed model would have the name of another kind of file, or of a folder."""
    if file.is_dir():
        raise SettingsError(f"{file} is a folder. Name the file to write, such as {file / 'model.safetensors'}.")
    if file.suffix.lower() != ".safetensors":
        kind = f"the ending {file.suffix!r}" if file.suffix else "no ending"
        other = " (Sparring writes no ONNX.)" if file.suffix.lower() == ".onnx" else ""
        raise SettingsError(
            f"{file} has {kind}, and a packed model is a .safetensors file. Name it {file.with_suffix('.safetensors').name!r}.{other}"
        )


def pack(model: Model | str | os.PathLike[str], file: str | os.PathLike[str]) -> Path:
    """Write only what sampling needs (no discriminator, no optimiser) to one `.safetensors` file that `load` reads, and give its path. A
    SettingsError for any other ending: the file would not be what its name says.
    """
    refuse_unpackable(Path(file))
    model = model if isinstance(model, Model) else load(model)
    model.refuse_without_generator()
    return _write(model, model.game.sampling_networks, Path(file))


def _write(model: Model, networks: Iterable[str], path: Path) -> Path:
    """Write these networks of a model, with all that is needed to build them. A SettingsError if they are not for pictures."""
    model.refuse_unless_pictures()
    wanted = set(networks)
    tensors = {name: tensor.contiguous() for name, tensor in model.game.state_dict().items() if name.partition(".")[0] in wanted}
    about = {
        "recipe": recipes.name_of(model.recipe),
        "recipe_settings": asdict(model.recipe),
        "spec": model.spec.to_json(),
        "preparation": asdict(model.preparation),
        "networks": sorted(wanted),
    }
    if model.input_statistics:
        about["inputs"] = {way: found.to_json() for way, found in model.input_statistics.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"sparring": json.dumps(about)})
    return path
