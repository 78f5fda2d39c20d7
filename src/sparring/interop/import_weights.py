"""`sparring import`: turns files with official weights into models."""

import os
from dataclasses import replace
from pathlib import Path

from sparring.core.console import console
from sparring.core.errors import CheckpointError, SettingsError
from sparring.core.file_kinds import refusal
from sparring.inference.load import IMPORTED, _built
from sparring.inference.model import Model
from sparring.inference.pack import _write
from sparring.interop.read_official_files import read_official_file


def import_weights(path: str | os.PathLike[str], out: str | os.PathLike[str] | None = None, *, network: str | None = None) -> Model:
    """Load the networks in a file of another program as a model: `.pkl` of NVIDIA's StyleGAN2 and StyleGAN2-ADA, or a checkpoint of torch
    or safetensors with networks of these, of rosinality's StyleGAN2, BigGAN-PyTorch, pytorch-CycleGAN-and-pix2pix, CUT, lightweight-gan, or
    PyTorch's DCGAN example, wherever in the file they lie.

    No code from the file is executed, and nothing is downloaded. `out` is a folder to save the model in, which `load` reads. `network`
    names one of several networks in the file. Raises a CheckpointError that lists all tensors that are missing or left over, and a
    SettingsError if `out` is not empty.
    """
    file = Path(path)
    if not file.exists():
        raise CheckpointError(f"{file} does not exist. Give the file with the official weights.")
    if file.is_dir():
        raise CheckpointError(refusal(file, "a file with official weights", importing=True))
    official = read_official_file(file, network)
    if official.left_out:
        console().print(f"{file} also has {', '.join(official.left_out)}, not taken. To choose: --network.")
    networks = {name.partition(".")[0] for name in official.tensors}
    model = _built(official.recipe, official.spec, official.tensors, file, networks, official.names)
    if out is not None:
        folder = Path(out)
        if folder.exists() and any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty. Choose another --out.")
        _write(model, networks, folder / IMPORTED)
        model = replace(model, source=folder)
    return model
