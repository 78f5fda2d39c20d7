"""Networks of BigGAN-PyTorch (`G.pth`, `G_ema.pth`, `D.pth`): their settings are read off names and shapes."""

import re
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.data.images.image_spec import ImageSpec
from sparring.interop.official_files import Official
from sparring.recipes.biggan import BigGAN

State = dict[str, Tensor]
PARTS = {"conv1": "first", "conv2": "second", "conv_sc": "shortcut", "bn1": "norms.0", "bn2": "norms.1"}
DEEP_PARTS = {"conv1": "narrow", "conv2": "first", "conv3": "second", "conv4": "widen", "conv_sc": "more"}
DEEP_PARTS |= {f"bn{i + 1}": f"norms.{i}" for i in range(4)}
ATTENTION_PARTS = {"theta": "query", "phi": "key", "g": "value", "o": "out"}
BUFFERS = {"stored_mean": "norm.running_mean", "stored_var": "norm.running_var", "gain": "scale", "bias": "offset"}
LEAVES = {"bias": "bias", "norm.weight": "gain", "norm.bias": "bias", "norm.running_mean": "stored_mean", "norm.running_var": "stored_var"}
for _ours, _theirs in (("", ""), ("scale.", "gain."), ("offset.", "bias.")):
    LEAVES |= {f"{_ours}{name}": f"{_theirs}weight" for name in ("weight", "parametrizations.weight.original")}
    LEAVES |= {f"{_ours}parametrizations.weight.0.{vector}": f"{_theirs}u0" for vector in ("_u", "_v")}
"""The ends of our names of parameters, and of the file's."""
ENDS = {"linear": "project", "shared": "embed", "output_layer.0": "last_norm", "output_layer.2": "draw"}
DISCRIMINATOR_ENDS = {"linear": "judge", "embed": "project", "input_conv": "see"}
PLACE = re.compile(r"blocks\.(\d+)\.(\d+)\.?(.*)")


def fits(state: State) -> bool:
    """Whether these are the names of BigGAN's networks."""
    return {"linear.weight", "blocks.0.0.conv1.weight"} <= set(state)


def official(state: State, path: Path) -> Official:
    """A generator or a discriminator as BigGAN's of ours. A CheckpointError if shapes do not go together."""
    usual = {
        name: re.sub(r"\.bn\.(?:stored|running)_", ".stored_", name)
        for name in state
        if not name.endswith(("accumulation_counter", ".bn.num_batches_tracked"))
    }
    state = {usual[name]: state[name].float() for name in usual}
    try:
        found = _generator(state) if "output_layer.2.weight" in state else _discriminator(state)
    except (KeyError, ValueError, IndexError, RuntimeError) as problem:
        raise CheckpointError(f"{path} does not describe BigGAN's networks: {problem!r} is missing or wrong.") from None
    given = {name: own for own, name in usual.items()}
    return replace(found, names={ours: given.get(name, name) for ours, name in found.names.items()})


def _stages(state: State) -> list[list[str]]:
    """The parts of each list of blocks, by their places in the file: "blocks.0.0" and the like. A list is a stage (but see `_joined`)."""
    places = sorted({(int(match[1]), int(match[2])) for name in state if (match := PLACE.match(name))})
    return [[f"blocks.{stage}.{i}" for at, i in places if at == stage] for stage in sorted({stage for stage, _ in places})]


def _attended(state: State, stages: list[list[str]]) -> tuple[int, ...]:
    return tuple(number for number, places in enumerate(stages) if f"{places[-1]}.gamma" in state)


def _depth(state: State, stages: list[list[str]]) -> int:
    """Blocks in a stage of BigGAN-deep, 0 for BigGAN."""
    return sum(f"{place}.conv4.weight" in state for place in stages[0])


def _joined(state: State, lists: list[list[str]]) -> list[list[str]]:
    """The stages of a generator. The authors' BigGAN-deep has a list for each of its blocks, the last of a stage with the attention. Only
    with two blocks in a stage do its widths change; where none do it is for 32x32, with three stages of any number of blocks.
    """
    ends = [(f"{places[0]}.conv1.weight", f"{places[0]}.conv4.weight") for places in lists]
    if not all(last in state for _, last in ends) or any(f"{place}.conv1.weight" in state for places in lists for place in places[1:]):
        return lists
    change = [number for number, (first, last) in enumerate(ends) if state[first].shape[1] != state[last].shape[0]]
    paired = len(lists) % 2 == 0 and all(number % 2 for number in change)
    depth = (2 if paired else 1) if change or len(lists) % 3 else len(lists) // 3
    return [[place for places in lists[start : start + depth] for place in places] for start in range(0, len(lists), depth)]


def _generator(state: State) -> Official:
    stages = _joined(state, _stages(state))
    depth = _depth(state, stages)
    blocks = [[place for place in places if f"{place}.conv1.weight" in state] for places in stages]
    first, last = "conv1.weight", f"conv{4 if depth else 2}.weight"
    widths = (state[f"{blocks[0][0]}.{first}"].shape[1], *(state[f"{places[-1]}.{last}"].shape[0] for places in blocks))
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
        attended=_attended(state, stages),
        depth=depth,
        discriminator_depth=0,  # a small one, of which the file has nothing
        generator_spectral_norm="linear.u0" in state,
        width=max(1, widths[-1] // 4),
    )
    side = 4 << len(stages)
    spec = ImageSpec(side, side, state["output_layer.2.weight"].shape[0], tuple(map(str, range(classes))))
    # the authors' map comes out of the linear layer as (channels, 4, 4), ours as (4, 4, channels)
    for name in ("linear.weight", "linear.bias", "linear.u0"):
        if name in state:
            rest = state[name].shape[1:] if name != "linear.u0" else ()
            state[name] = state[name].reshape(widths[0], 16, *rest).transpose(0, 1).reshape(-1, *rest)
    tensors, names = _renamed(state, "generator", stages, DEEP_PARTS if depth else PARTS, ENDS)
    if shared is None:  # rows for classes, where ours are columns
        tensors = {name: tensor.t() if name.endswith(("scale.weight", "offset.weight")) else tensor for name, tensor in tensors.items()}
    counts = {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in tensors if name.endswith("running_mean")}
    return Official(recipe, spec, tensors | counts, names)


def _discriminator(state: State) -> Official:
    stages = _stages(state)
    depth = _depth(state, stages)
    if depth:
        widths = (state["input_conv.weight"].shape[0], *(state[f"{places[0]}.conv4.weight"].shape[0] for places in stages))
        halvings = 2 if len(stages) == 3 else len(stages)
        channels = state["input_conv.weight"].shape[1]
    else:
        widths = tuple(state[f"{places[0]}.conv2.weight"].shape[0] for places in stages)
        halvings = sum(f"{places[0]}.conv_sc.weight" in state for places in stages)
        channels = state["blocks.0.0.conv1.weight"].shape[1]
    side = 32 if halvings == 2 else 4 << halvings  # two halvings: the authors' networks for 32x32 end at 8x8
    classes = state["embed.weight"].shape[0] if "embed.weight" in state else 0
    recipe = BigGAN(
        condition="projection" if classes else "none",
        discriminator_widths=widths,
        discriminator_depth=depth,
        discriminator_attended=_attended(state, stages),
        spectral_norm="linear.u0" in state,
        width=max(1, widths[0] // 4),
    )
    spec = ImageSpec(side, side, channels, tuple(map(str, range(classes))))
    return Official(recipe, spec, *_renamed(state, "discriminator", stages, DEEP_PARTS if depth else PARTS, DISCRIMINATOR_ENDS))


def _renamed(
    state: State, network: str, stages: list[list[str]], parts: dict[str, str], ends: dict[str, str]
) -> tuple[State, dict[str, str]]:
    """Tensors by their names in our networks, and what the file calls each. Weights with a spectral norm come with the singular vectors
    that their estimate is of.
    """
    tensors: State = {}
    names: dict[str, str] = {}

    def take(name: str, ours: str, tensor: Tensor) -> None:
        tensors[f"{network}.{ours}"], names[f"{network}.{ours}"] = tensor, name

    numbers = {place: number for number, place in enumerate(place for places in stages for place in places)}
    for name in (*(f"{place}.{part}" for place in numbers for part in (*parts, *ATTENTION_PARTS)), *ends):
        ours = f"{network}.{_module(name, numbers, parts, ends)}"
        names |= {f"{ours}.{leaf}": f"{name}.{called}" for leaf, called in LEAVES.items()}
    for name, tensor in state.items():
        module, _, last = name.rpartition(".")
        if re.fullmatch(r"(u|sv)\d+", last) and f"{module}.weight" in state:
            continue
        ours = _module(module, numbers, parts, ends)
        turned = module in {"shared", "embed"}  # our linear maps from classes have classes as columns
        vector = state.get(f"{module}.u0")
        if last != "weight" or vector is None:
            take(name, f"{ours}.{_leaf(module, last)}".lstrip("."), tensor.t() if turned else tensor)
            continue
        matrix = tensor.flatten(1)
        right = torch.nn.functional.normalize(vector.flatten() @ matrix, dim=0)
        left = torch.nn.functional.normalize(matrix @ right, dim=0)
        take(name, f"{ours}.parametrizations.weight.original", tensor.t() if turned else tensor)
        take(f"{module}.u0", f"{ours}.parametrizations.weight.0._u", right if turned else left)
        take(f"{module}.u0", f"{ours}.parametrizations.weight.0._v", left if turned else right)
    return tensors, names


def _module(name: str, numbers: dict[str, int], parts: dict[str, str], ends: dict[str, str]) -> str:
    match = PLACE.match(name)
    if match is None:
        return ends.get(name, name)
    part, _, rest = match[3].partition(".")
    ours = ATTENTION_PARTS.get(part, parts.get(part, part))
    number = numbers[f"blocks.{match[1]}.{match[2]}"]
    return ".".join(filter(None, (f"blocks.{number}", ours, BUFFERS.get(rest, rest))))


def _leaf(module: str, last: str) -> str:
    """The last part of a name: batch norms of ours lie one deeper."""
    if last in {"stored_mean", "stored_var"}:
        return BUFFERS[last]
    if module == "output_layer.0":
        return {"gain": "norm.weight", "bias": "norm.bias"}[last]
    return last
