"""Official weights in, without running anything that a file asks for."""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.core.file_kinds import kind_of, refusal
from sparring.data.images.image_spec import ImageSpec
from sparring.games.recipe import Recipe

OFFICIAL = "a file with official weights that are known here"


@dataclass(frozen=True)
class Official:
    """What an official file holds, in Sparring's terms."""

    recipe: Recipe
    """With the settings of the file's networks."""
    spec: ImageSpec
    tensors: dict[str, Tensor]
    """Weights and buffers, by their names in the recipe's game. Networks that the file lacks have none."""
    names: dict[str, str] = field(default_factory=dict)
    """What the file calls them, or would call what it lacks, where that differs: an error about one says so."""


def read(path: Path) -> Official:
    """Networks out of an official file: StyleGAN2's or StyleGAN2-ADA's `.pkl`; BigGAN's, CycleGAN's or pix2pix's `.pth`, or the same
    tensors as `.safetensors`. A CheckpointError says what is wrong.
    """
    from sparring.interop import biggan_pytorch, cyclegan_pix2pix_pytorch, nvidia_stylegan2  # noqa: PLC0415 (torch's readers are not needed to name a kind)
    from sparring.interop.safe_unpickling import is_state, read_persistent, read_state  # noqa: PLC0415

    try:
        if kind_of(path).holds in {"model", "weights", "images", "damaged"}:
            raise CheckpointError(refusal(path, OFFICIAL, importing=True))
        if not is_state(path):
            return nvidia_stylegan2.official(read_persistent(path), path)
        state = read_state(path)
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    if biggan_pytorch.fits(state):
        return biggan_pytorch.official(state, path)
    if cyclegan_pix2pix_pytorch.fits(state):
        return cyclegan_pix2pix_pytorch.official(state, path)
    raise CheckpointError(
        f"{refusal(path, OFFICIAL, importing=True)} It holds tensors by name, but not those of a network known here: "
        f"{', '.join(list(state)[:5])}{', ...' if len(state) > 5 else ''}."
    )
