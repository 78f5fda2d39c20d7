"""Converts networks of BigGAN-PyTorch (`G.pth`, `G_ema.pth`, `D.pth`). Their settings follow from tensor names and shapes."""

import re
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.data.images.image_spec import ImageSpec
from sparring.interop.official_weights import OfficialWeights, Role, State
from sparring.recipes.biggan import BigGAN

PARTS = {"conv1": "first", "conv2": "second", "conv_sc": "shortcut", "bn1": "norms.0", "bn2": "norms.1"}
DEEP_PARTS = {"conv1": "narrow", "conv2": "first", "conv3": "second", "conv4": "widen", "conv_sc": "more"}
DEEP_PARTS |= {f"bn{i + 1}": f"norms.{i}" for i in range(4)}
ATTENTION_PARTS = {"theta": "query", "phi": "key", "g": "value", "o": "out"}
BUFFERS = {"stored_mean": "norm.running_mean", "stored_var": "norm.running_var", "gain": "scale", "bias": "offset"}
LEAF_NAMES = {
    "bias": "bias",
    "norm.weight": "gain",
    "norm.bias": "bias",
    "norm.running_mean": "stored_mean",
    "norm.running_var": "stored_var",
}
for _ours, _theirs in (("", ""), ("scale.", "gain."), ("offset.", "bias.")):
    LEAF_NAMES |= {f"{_ours}{name}": f"{_theirs}weight" for name in ("weight", "parametrizations.weight.original")}
    LEAF_NAMES |= {f"{_ours}parametrizations.weight.0.{vector}": f"{_theirs}u0" for vector in ("_u", "_v")}
"""The last parts of parameter names in Sparring, and those in the file."""
TOP_LEVEL_NAMES = {"linear": "project", "shared": "embed", "output_layer.0": "last_norm", "output_layer.2": "to_image"}
DISCRIMINATOR_TOP_LEVEL_NAMES = {"linear": "head", "embed": "project", "input_conv": "from_image"}
BLOCK_NAME = re.compile(r"blocks\.(\d+)\.(\d+)\.?(.*)")


def role_of(state: State) -> Role | None:
    """Which of BigGAN's networks has such tensors."""
    if not {"linear.weight", "blocks.0.0.conv1.weight"} <= state.keys():
        return None
    return "generator" if "output_layer.2.weight" in state else "discriminator"


def convert_biggan(state: State, path: Path) -> OfficialWeights:
    """Convert a generator or a discriminator to Sparring's BigGAN. Raises a CheckpointError if tensors are missing or shapes disagree."""
    usual = {
        name: re.sub(r"\.bn\.(?:stored|running)_", ".stored_", name)
        for name in state
        if not name.endswith(("accumulation_counter", ".bn.num_batches_tracked"))
    }
    state = {usual[name]: state[name].float() for name in usual}
    try:
        found = _convert_generator(state) if role_of(state) == "generator" else _convert_discriminator(state)
    except (KeyError, ValueError, IndexError, RuntimeError) as problem:
        raise CheckpointError(f"{path} does not describe BigGAN's networks: {problem!r} is missing or wrong.") from None
    given = {name: own for own, name in usual.items()}
    return replace(found, names={ours: given.get(name, name) for ours, name in found.names.items()})


def _stages(state: State) -> list[list[str]]:
    """Module names ("blocks.0.0" and so on) in each list of blocks of the file. A list is a stage, except as in `_generator_stages`."""
    blocks = sorted({(int(match[1]), int(match[2])) for name in state if (match := BLOCK_NAME.match(name))})
    return [[f"blocks.{stage}.{i}" for at, i in blocks if at == stage] for stage in sorted({stage for stage, _ in blocks})]


def _attention_stages(state: State, stages: list[list[str]]) -> tuple[int, ...]:
    return tuple(index for index, blocks in enumerate(stages) if f"{blocks[-1]}.gamma" in state)


def _depth(state: State, stages: list[list[str]]) -> int:
    """Number of blocks in a stage of BigGAN-deep, or 0 for BigGAN."""
    return sum(f"{block}.conv4.weight" in state for block in stages[0])


def _generator_stages(state: State, lists: list[list[str]]) -> list[list[str]]:
    """The stages of a generator, joined from the file's lists of blocks.

    In the authors' BigGAN-deep, each list has one block, and the last list of a stage also has the attention. Widths only change in stages
    of two blocks; if no width changes, the network is for 32x32 and has three stages of any number of blocks.
    """
    ends = [(f"{blocks[0]}.conv1.weight", f"{blocks[0]}.conv4.weight") for blocks in lists]
    if not all(last in state for _, last in ends) or any(f"{block}.conv1.weight" in state for blocks in lists for block in blocks[1:]):
        return lists
    changes = [index for index, (first, last) in enumerate(ends) if state[first].shape[1] != state[last].shape[0]]
    paired = len(lists) % 2 == 0 and all(index % 2 for index in changes)
    depth = (2 if paired else 1) if changes or len(lists) % 3 else len(lists) // 3
    return [[block for blocks in lists[start : start + depth] for block in blocks] for start in range(0, len(lists), depth)]


def _convert_generator(state: State) -> OfficialWeights:
    stages = _generator_stages(state, _stages(state))
    depth = _depth(state, stages)
    blocks = [[block for block in stage if f"{block}.conv1.weight" in state] for stage in stages]
    first, last = "conv1.weight", f"conv{4 if depth else 2}.weight"
    widths = (state[f"{blocks[0][0]}.{first}"].shape[1], *(state[f"{stage[-1]}.{last}"].shape[0] for stage in blocks))
    shared, gain = state.get("shared.weight"), state[f"{blocks[0][0]}.bn1.gain.weight"]
    inputs = state["linear.weight"].shape[1]
    if shared is None:
        classes, shared_size, chunk = gain.shape[0], 0, 0
    else:
        classes, shared_size = shared.shape
        chunk = gain.shape[1] - shared_size
    latent_size = inputs if not chunk else chunk if depth else chunk * len(widths)
    recipe = BigGAN(
        latent_size=latent_size,
        widths=widths,
        shared_size=shared_size,
        hierarchical=chunk > 0,
        attended=_attention_stages(state, stages),
        depth=depth,
        discriminator_depth=0,  # a small discriminator: the file has none
        generator_spectral_norm="linear.u0" in state,
        width=max(1, widths[-1] // 4),
    )
    side = 4 << len(stages)
    spec = ImageSpec(side, side, state["output_layer.2.weight"].shape[0], tuple(map(str, range(classes))))
    # the authors' linear layer outputs (channels, 4, 4), ours (4, 4, channels)
    for name in ("linear.weight", "linear.bias", "linear.u0"):
        if name in state:
            rest = state[name].shape[1:] if name != "linear.u0" else ()
            state[name] = state[name].reshape(widths[0], 16, *rest).transpose(0, 1).reshape(-1, *rest)
    tensors, names = _rename_tensors(state, "generator", stages, DEEP_PARTS if depth else PARTS, TOP_LEVEL_NAMES)
    if shared is None:  # classes are rows in the file, and columns here
        tensors = {name: tensor.t() if name.endswith(("scale.weight", "offset.weight")) else tensor for name, tensor in tensors.items()}
    counts = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in tensors if name.endswith("running_mean")}
    return OfficialWeights(recipe, spec, tensors | counts, names)


def _convert_discriminator(state: State) -> OfficialWeights:
    stages = _stages(state)
    depth = _depth(state, stages)
    if depth:
        widths = (state["input_conv.weight"].shape[0], *(state[f"{blocks[0]}.conv4.weight"].shape[0] for blocks in stages))
        halvings = 2 if len(stages) == 3 else len(stages)
        channels = state["input_conv.weight"].shape[1]
    else:
        widths = tuple(state[f"{blocks[0]}.conv2.weight"].shape[0] for blocks in stages)
        halvings = sum(f"{blocks[0]}.conv_sc.weight" in state for blocks in stages)
        channels = state["blocks.0.0.conv1.weight"].shape[1]
    side = 32 if halvings == 2 else 4 << halvings  # two halvings: the authors' networks for 32x32 end at 8x8
    classes = state["embed.weight"].shape[0] if "embed.weight" in state else 0
    recipe = BigGAN(
        condition="projection" if classes else "none",
        discriminator_widths=widths,
        discriminator_depth=depth,
        discriminator_attended=_attention_stages(state, stages),
        spectral_norm="linear.u0" in state,
        width=max(1, widths[0] // 4),
    )
    spec = ImageSpec(side, side, channels, tuple(map(str, range(classes))))
    return OfficialWeights(
        recipe, spec, *_rename_tensors(state, "discriminator", stages, DEEP_PARTS if depth else PARTS, DISCRIMINATOR_TOP_LEVEL_NAMES)
    )


def _rename_tensors(
    state: State, network: str, stages: list[list[str]], parts: dict[str, str], ends: dict[str, str]
) -> tuple[State, dict[str, str]]:
    """Tensors by their names in Sparring's networks, and each tensor's name in the file.

    Weights with spectral norm get the singular vectors that the file's vector `u0` estimates.
    """
    tensors: State = {}
    names: dict[str, str] = {}

    def take(name: str, ours: str, tensor: Tensor) -> None:
        tensors[f"{network}.{ours}"], names[f"{network}.{ours}"] = tensor, name

    indices = {block: index for index, block in enumerate(block for blocks in stages for block in blocks)}
    for name in (*(f"{block}.{part}" for block in indices for part in (*parts, *ATTENTION_PARTS)), *ends):
        ours = f"{network}.{_module_name(name, indices, parts, ends)}"
        names |= {f"{ours}.{leaf}": f"{name}.{theirs}" for leaf, theirs in LEAF_NAMES.items()}
    for name, tensor in state.items():
        module, _, last = name.rpartition(".")
        if re.fullmatch(r"(u|sv)\d+", last) and f"{module}.weight" in state:
            continue
        ours = _module_name(module, indices, parts, ends)
        transposed = module in {"shared", "embed"}  # our linear layers from classes have classes as columns
        vector = state.get(f"{module}.u0")
        if last != "weight" or vector is None:
            take(name, f"{ours}.{_leaf_name(module, last)}".lstrip("."), tensor.t() if transposed else tensor)
            continue
        matrix = tensor.flatten(1)
        right = torch.nn.functional.normalize(vector.flatten() @ matrix, dim=0)
        left = torch.nn.functional.normalize(matrix @ right, dim=0)
        take(name, f"{ours}.parametrizations.weight.original", tensor.t() if transposed else tensor)
        take(f"{module}.u0", f"{ours}.parametrizations.weight.0._u", right if transposed else left)
        take(f"{module}.u0", f"{ours}.parametrizations.weight.0._v", left if transposed else right)
    return tensors, names


def _module_name(name: str, indices: dict[str, int], parts: dict[str, str], ends: dict[str, str]) -> str:
    """Name in Sparring's network of a module of the file. `indices` has the index of each block of the file."""
    match = BLOCK_NAME.match(name)
    if match is None:
        return ends.get(name, name)
    part, _, rest = match[3].partition(".")
    ours = ATTENTION_PARTS.get(part, parts.get(part, part))
    index = indices[f"blocks.{match[1]}.{match[2]}"]
    return ".".join(filter(None, (f"blocks.{index}", ours, BUFFERS.get(rest, rest))))


def _leaf_name(module: str, last: str) -> str:
    """The last part of a tensor's name in Sparring's network, where batch norms are one level deeper."""
    if last in {"stored_mean", "stored_var"}:
        return BUFFERS[last]
    if module == "output_layer.0":
        return {"gain": "norm.weight", "bias": "norm.bias"}[last]
    return last
