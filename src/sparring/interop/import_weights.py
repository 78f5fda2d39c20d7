"""Official files as models: `sparring import`."""

import os
from dataclasses import replace
from pathlib import Path

from sparring.core.errors import CheckpointError, SettingsError
from sparring.core.file_kinds import refusal
from sparring.inference.load import IMPORTED, _built
from sparring.inference.model import Model
from sparring.inference.pack import _write
from sparring.interop.official_files import read_official_file


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
    found = read_official_file(place)
    networks = {name.partition(".")[0] for name in found.tensors}
    model = _built(found.recipe, found.spec, found.tensors, place, networks, found.names)
    if out is not None:
        folder = Path(out)
        if folder.exists() and any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty. Choose another --out.")
        _write(model, networks, folder / IMPORTED)
        model = replace(model, source=folder)
    return model
