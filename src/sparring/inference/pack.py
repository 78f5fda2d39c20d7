"""`pack`: one file with only what sampling needs."""

import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from sparring import recipes
from sparring.core.atomic_files import replacing
from sparring.core.errors import SettingsError
from sparring.core.tensor_files import save_tensors
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.runs.config import FORMAT


def refuse_unpackable(file: Path) -> None:
    """Raise a SettingsError if a packed model would have the name of another kind of file, or of a folder."""
    if file.is_dir():
        raise SettingsError(f"{file} is a folder. Name the file to write, such as {file / 'model.safetensors'}.")
    if file.suffix.lower() != ".safetensors":
        kind = f"the ending {file.suffix!r}" if file.suffix else "no ending"
        other = " (For ONNX: sparring export.)" if file.suffix.lower() == ".onnx" else ""
        raise SettingsError(
            f"{file} has {kind}, and a packed model is a .safetensors file. Name it {file.with_suffix('.safetensors').name!r}.{other}"
        )


def pack(model: Model | str | os.PathLike[str], file: str | os.PathLike[str]) -> Path:
    """Write only what sampling needs (no discriminator, no optimizer) to one `.safetensors` file that `load` reads, and give its path. A
    SettingsError for any other ending: the file would not be what its name says.
    """
    refuse_unpackable(Path(file))
    model = model if isinstance(model, Model) else load(model)
    model.refuse_without_generator()
    return _write(model, model.game.sampling_networks, Path(file))


def _write(model: Model, networks: Iterable[str], path: Path) -> Path:
    """Write these networks of a model, with all that is needed to build them. A SettingsError if they are not for images."""
    model.refuse_unless_images()
    wanted = set(networks)
    tensors = {name: tensor for name, tensor in model.game.state_dict().items() if name.partition(".")[0] in wanted}
    about = {
        "format": FORMAT,
        "recipe": recipes.name_of(model.recipe),
        "recipe_settings": asdict(model.recipe),
        "spec": model.spec.to_json(),
        "preprocessing": asdict(replace(model.preprocessing, labels=None, label_columns=())),  # a place on this machine
        "networks": sorted(wanted),
    }
    if model.input_statistics:
        about["inputs"] = {way: found.to_json() for way, found in model.input_statistics.items()}
    with replacing(path) as temporary:
        save_tensors(temporary, tensors, about)
    return path
