"""Reads files with official weights, without running any code from them."""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.core.file_kinds import kind_of, refusal
from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import Recipe

EXPECTED_FILE = "a file with official weights of a supported program"


@dataclass(frozen=True)
class OfficialWeights:
    """The content of an official file, converted to a recipe of Sparring."""

    recipe: Recipe
    """The recipe with the settings of the file's networks."""
    spec: ImageSpec
    """Size, channels and classes of the networks' images."""
    tensors: dict[str, Tensor]
    """Weights and buffers by their names in the recipe's game. Networks that the file lacks have none."""
    names: dict[str, str] = field(default_factory=dict)
    """Name in the file for each tensor whose name differs, also for missing tensors. Error messages mention it."""


def read_official_file(path: Path) -> OfficialWeights:
    """Read the networks of an official file: `.pkl` of StyleGAN2 and StyleGAN2-ADA; `.pth` of BigGAN, CycleGAN and pix2pix, or the same
    tensors as `.safetensors`. Raises a CheckpointError for everything else.
    """
    from sparring.interop import biggan_pytorch, cyclegan_pix2pix_pytorch, nvidia_stylegan2  # noqa: PLC0415 (torch's readers are not needed to name a kind)
    from sparring.interop.safe_unpickling import is_state_dict_file, read_nvidia_pickle, read_state_dict  # noqa: PLC0415

    try:
        if kind_of(path).holds in {"model", "weights", "images", "damaged"}:
            raise CheckpointError(refusal(path, EXPECTED_FILE, importing=True))
        if not is_state_dict_file(path):
            return nvidia_stylegan2.convert_stylegan2(read_nvidia_pickle(path), path)
        state = read_state_dict(path)
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    if biggan_pytorch.is_biggan_state(state):
        return biggan_pytorch.convert_biggan(state, path)
    if cyclegan_pix2pix_pytorch.is_translation_state(state):
        return cyclegan_pix2pix_pytorch.convert_translation_network(state, path)
    raise CheckpointError(
        f"{refusal(path, EXPECTED_FILE, importing=True)} It holds tensors by name, but not those of a supported network: "
        f"{', '.join(list(state)[:5])}{', ...' if len(state) > 5 else ''}."
    )
