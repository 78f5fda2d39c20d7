"""Converts the generator of lucidrains' lightweight-gan (`model_N.pt`, of version 1) to Sparring's `fastgan --generator lightweight`.

That program's images are in [0, 1] and Sparring's in [-1, 1], which the last convolution takes over. Its discriminator is not read.
"""

from itertools import count, takewhile
from pathlib import Path

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.data.images.image_spec import ImageSpec
from sparring.interop.official_weights import Networks, OfficialWeights, Role, State
from sparring.nets.lightweight_gan import MAX_SIDE, widths
from sparring.recipes.fastgan import FastGAN

ATTENTION = {
    "norm.g": "norm.weight",
    "norm.b": "norm.bias",
    "fn.to_lin_q.weight": "query.weight",
    "fn.to_lin_kv.net.0.weight": "key_and_value.0.weight",
    "fn.to_lin_kv.net.1.weight": "key_and_value.1.weight",
    "fn.to_q.weight": "local_query.weight",
    "fn.to_kv.weight": "local_key_and_value.weight",
    "fn.to_out.weight": "out.weight",
    "fn.to_out.bias": "out.bias",
}
GATES = {"to_k": "key", "net.0": "gates.0", "net.2": "gates.2"}
BLOCK = {"0.net.0": "upsample.0", "2.1": "convolve", "4": "finish.1"}
"""Places in a block's row of layers, by theirs."""


def role_of(state: State) -> Role | None:
    """Whether these are the generator's tensors."""
    return "generator" if {"initial_conv.0.weight", "layers.0.0.0.net.0.weight", "out_conv.weight"} <= state.keys() else None


def convert_lightweight_gan(networks: Networks, path: Path) -> OfficialWeights:
    """Convert to Sparring's fastgan. Raises a CheckpointError that names what Sparring's network has no place for."""
    state = {name: tensor for name, tensor in networks.only().items() if not name.endswith(".0.1.f")}  # the blur's fixed filter
    blocks = [*takewhile(lambda block: f"layers.{block}.0.2.1.weight" in state, count())]
    channels, side = len(state["out_conv.weight"]), 4 << len(blocks)
    latent_size = len(state["initial_conv.0.weight"])
    found = [latent_size, *(len(state[f"layers.{block}.0.2.1.weight"]) // 2 for block in blocks)]
    base, largest = _base_and_largest(found)
    problems = [] if channels in (1, 3) else [f"It draws transparent images ({channels} channels), which Sparring has not."]
    problems += [] if 8 <= side <= MAX_SIDE else [f"It draws images of {side}x{side}, and Sparring's goes up to {MAX_SIDE}."]
    if tuple(found) != (wanted := widths(side, latent_size, base, largest)):
        problems.append(f"From 4x4 on it has {_row(found)} channels, where Sparring's has {_row(wanted)}.")
    if problems:
        raise CheckpointError(f"{path} has a generator of lightweight-gan that cannot be read. {' '.join(problems)}")
    attended = tuple(4 << block for block in blocks if f"layers.{block}.2.norm.g" in state)
    tensors, names = _renamed(state, blocks)
    recipe = FastGAN(
        generator="lightweight",
        latent_size=latent_size,
        channel_base=base,
        channel_max=largest,
        attention=attended,
        frequencies=any(name.endswith(".dct_weights") for name in state),
    )
    return OfficialWeights(recipe, ImageSpec(side, side, channels), tensors, names)


def _base_and_largest(found: list[int]) -> tuple[int, int]:
    """Channels times side, and the largest number of channels, of a network with so many channels at sides 4, 8, ..., 256."""
    sides = {8 << place: width for place, width in enumerate(found[1:6])}
    last = max(sides)
    return last * sides[last], sides[8]


def _row(numbers: "list[int] | tuple[int, ...]") -> str:
    return ", ".join(map(str, numbers))


def _renamed(state: State, blocks: list[int]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors by Sparring's names, and their names in the file, also of missing ones. Unknown tensors keep theirs, and are refused."""
    ours = {"initial_conv.0": "project", "initial_conv.1": "start.0", "out_conv": "to_image"}
    whole = {}
    for block in blocks:
        ours |= {f"layers.{block}.0.{theirs}": f"blocks.{block}.{own}" for theirs, own in BLOCK.items()}
        ours |= {f"layers.{block}.1.{theirs}": f"excitations.{8 << block}.{own}" for theirs, own in GATES.items()}
        whole |= {f"layers.{block}.2.{theirs}": f"blocks.{block}.attention.{own}" for theirs, own in ATTENTION.items()}
        whole |= {f"layers.{block}.0.3.weight": f"blocks.{block}.finish.0.strength"}
        whole |= {f"layers.{block}.1.dct_weights": f"excitations.{8 << block}.waves"}
    leaves = ("weight", "bias", "running_mean", "running_var")
    tensors: dict[str, Tensor] = {}
    names = {f"generator.{own}": theirs for theirs, own in whole.items()}
    names |= {f"generator.{own}.{leaf}": f"{theirs}.{leaf}" for theirs, own in ours.items() for leaf in leaves}
    for name, tensor in state.items():
        place, _, leaf = name.rpartition(".")
        own = f"generator.{whole.get(name) or (f'{ours[place]}.{leaf}' if place in ours else name)}"
        tensors[own], names[own] = _reshaped(own, tensor.float() if tensor.is_floating_point() else tensor), name
    noises = torch.Generator().manual_seed(0)  # theirs is another one each time
    tensors |= {f"generator.blocks.{block}.finish.0.constant": torch.randn(8 << block, 8 << block, generator=noises) for block in blocks}
    return tensors, names


def _reshaped(own: str, tensor: Tensor) -> Tensor:
    """A tensor as it is in Sparring's network, where it has that name."""
    part, leaf = own.removeprefix("generator.").split(".")[0], own.rpartition(".")[2]
    if part == "project":  # ours is a linear layer to (4, 4, channels)
        return tensor.permute(2, 3, 1, 0).flatten(0, 2) if leaf == "weight" else tensor.repeat(16)
    if part == "to_image":
        return 2 * tensor if leaf == "weight" else 2 * tensor - 1
    if leaf == "strength":
        return tensor.reshape(())
    if leaf == "waves":
        return tensor[0]
    return tensor.flatten(1) if ".gates." in own and leaf == "weight" else tensor.flatten() if ".norm." in own else tensor
