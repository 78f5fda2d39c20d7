"""Networks of pytorch-CycleGAN-and-pix2pix (`latest_net_G.pth`, `latest_net_D.pth`): their settings are read off names and shapes.

A file holds one network, and does not say what it was trained for or how much a U-Net dropped: each becomes a network of pix2pix's,
as it is in evaluation mode.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError, listed
from sparring.data.pairs.pair_spec import PairSpec
from sparring.interop.official_files import Official
from sparring.nets.image_translation import NormName
from sparring.recipes.pix2pix import Pix2Pix

State = dict[str, Tensor]
SIDE = 256
"""Of the images that most of these networks were trained on. Only a U-Net's depth says more of it."""
SMALLEST_SIDE = 32
"""Of images for the authors' shallowest U-Net."""
JUDGED = {2: (1, 1), 4: (3, 1), 5: (4, 1), 6: (3, 3), 7: (4, 3), 8: (4, 4)}
"""Channels of input and image, by those of the pair. (4 could be 1 and 3, too: the network is the same.)"""
FIRST_BLOCK = 10
BLOCK = re.compile(r"model\.(\d{1,4})\.conv_block\.")
DEEPER = ".model.3"
NESTED = re.compile(rf"model\.model\.1((?:{re.escape(DEEPER)}){{0,20}})\.model\.\d\.")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution and perhaps a norm after it: where the file has them, and our names."""

    place: str
    """The convolution's in the file."""
    convolution: str
    norm: str = ""
    """Empty if none follows."""
    offset: str = ""
    """What the convolution's bias is called, if no norm follows."""

    @property
    def norm_place(self) -> str:
        """The norm's in the file: right after the convolution."""
        sequence, _, number = self.place.rpartition(".")
        return f"{sequence}.{int(number) + 1}"


def fits(state: State) -> bool:
    """Whether these are the names of the authors' networks."""
    return _is_unet(state) or _is_residual(state) or _is_patches(state) or _is_pixels(state)


def official(state: State, path: Path) -> Official:
    """A generator or a discriminator as pix2pix's of ours. A CheckpointError if it is of a kind that is not known here."""
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    if _is_unet(state):
        return _unet(state, path)
    if _is_residual(state):
        return _residual(state, path)
    return _patches(state, path) if _is_patches(state) else _pixels(state, path)


def _is_unet(state: State) -> bool:
    return any(NESTED.match(name) for name in state)


def _is_residual(state: State) -> bool:
    return any(BLOCK.match(name) for name in state)


def _is_patches(state: State) -> bool:
    first = state.get("model.0.weight")
    return first is not None and first.ndim == 4 and first.shape[2:] == (4, 4) and "model.2.weight" in state


def _is_pixels(state: State) -> bool:
    first = state.get("net.0.weight")
    return first is not None and first.ndim == 4 and first.shape[2:] == (1, 1) and {"net.2.weight", "net.5.weight"} <= state.keys()


def _residual(state: State, path: Path) -> Official:
    if any(BLOCK.match(name) and name.endswith(".conv_block.0.weight") for name in state):
        raise CheckpointError(
            f"{path} has residual blocks with zeros at the edges (their first convolution is conv_block.0). The residual network here "
            "mirrors edges, so it would not give what that one gives. Networks with reflection padding, the authors' default, can be read."
        )
    blocks = max(int(match[1]) for name in state if (match := BLOCK.match(name))) + 1 - FIRST_BLOCK
    dropped = any(name.endswith(".conv_block.6.weight") and tensor.ndim == 4 for name, tensor in state.items())
    end, second = FIRST_BLOCK + blocks, 6 if dropped else 5
    layers = [_normed("model.1", "first"), _normed("model.4", "down.0"), _normed("model.7", "down.1")]
    for block in range(blocks):
        place = f"model.{FIRST_BLOCK + block}.conv_block"
        layers += [_normed(f"{place}.1", f"blocks.{block}.first"), _normed(f"{place}.{second}", f"blocks.{block}.second")]
    layers += [_normed(f"model.{end}", "up.0"), _normed(f"model.{end + 3}", "up.1")]
    layers.append(Layer(f"model.{end + 7}", "draw", offset="draw.bias"))
    width, inputs = _channels(state, "model.1", path)
    channels, _ = _channels(state, f"model.{end + 7}", path)
    spec = PairSpec(SIDE, SIDE, channels, input_channels=inputs)
    dropout = 0.5 if dropped else 0.0
    rules = Pix2Pix(network="residual", width=width, discriminator_width=width, blocks=blocks, dropout=dropout)
    return _found(state, path, "generator", layers, spec, rules)


def _unet(state: State, path: Path) -> Official:
    deepest = max(len(match[1]) // len(DEEPER) for name in state if (match := NESTED.match(name)))
    halvings = deepest + 2
    layers = [Layer("model.model.0", "down.0.convolution", offset="down.0.offset")]
    for depth in range(deepest + 1):
        place, down, up = f"model.model.1{DEEPER * depth}.model", f"down.{depth + 1}", f"up.{deepest - depth}"
        if depth < deepest:
            layers += [_normed(f"{place}.1", down), _normed(f"{place}.5", up)]
        else:
            layers += [Layer(f"{place}.1", f"{down}.convolution", offset=f"{down}.offset"), _normed(f"{place}.3", up)]
    layers.append(Layer("model.model.3", "draw", offset="draw.bias"))
    width, inputs = _channels(state, "model.model.0", path)
    _, channels = _channels(state, "model.model.3", path)
    side = max(SMALLEST_SIDE, 1 << halvings)
    spec = PairSpec(side, side, channels, input_channels=inputs)
    rules = Pix2Pix(network="unet", width=width, discriminator_width=width, halvings=halvings, dropout=0.0)
    return _found(state, path, "generator", layers, spec, rules)


def _patches(state: State, path: Path) -> Official:
    ends = (number for number in range(1, len(state)) if f"model.{2 + 3 * number}.weight" in state)
    number = next((end for end in ends if state[f"model.{2 + 3 * end}.weight"].shape[:1] == (1,)), None)
    if number is None:
        raise CheckpointError(
            f"{path} has no convolution to a single channel at its end (model.5, model.8, model.11 or later), as judges of patches have."
        )
    layers = [Layer("model.0", "first", offset="first.bias")]
    layers += [Layer(f"model.{2 + 3 * layer}", f"layers.{layer}", f"norms.{layer}") for layer in range(number)]
    layers.append(Layer(f"model.{2 + 3 * number}", "last", offset="last.bias"))
    return _judge(state, path, layers, number)


def _pixels(state: State, path: Path) -> Official:
    first, last = Layer("net.0", "first", offset="first.bias"), Layer("net.5", "last", offset="last.bias")
    if not {"net.2.bias", "net.5.bias"} & state.keys():  # as the authors have it, unless norms are instance norms
        state = {**state, "net.5.bias": torch.zeros(1)}
    return _judge(state, path, [first, Layer("net.2", "layers.0", "norms.0"), last], 0)


def _judge(state: State, path: Path, layers: list[Layer], patch_layers: int) -> Official:
    """A discriminator."""
    width, judged = _channels(state, layers[0].place, path)
    inputs, channels = JUDGED.get(judged, (judged, judged))
    side = max(SIDE, 4 << patch_layers)
    spec = PairSpec(side, side, channels, input_channels=inputs)
    rules = Pix2Pix(
        network="residual",  # a small one, of which the file has nothing
        width=max(1, width // 4),
        blocks=1,
        discriminator_width=width,
        patch_layers=patch_layers,
        judges="pair" if judged in JUDGED else "image",
    )
    return _found(state, path, "discriminator", layers, spec, rules)


def _normed(place: str, ours: str) -> Layer:
    return Layer(place, f"{ours}.convolution", f"{ours}.norm")


def _channels(state: State, place: str, path: Path) -> tuple[int, int]:
    """The first two sides of a convolution's weights."""
    weight = state.get(f"{place}.weight")
    if weight is None or weight.ndim != 4:
        raise CheckpointError(f"{path} has no convolution {place}, whose weights say how many channels its network has.")
    return weight.shape[0], weight.shape[1]


def _found(state: State, path: Path, network: str, layers: list[Layer], spec: PairSpec, rules: Pix2Pix) -> Official:
    """What is to be loaded, by rules that lack only the norm. Tensors that no layer has keep their names in the file, so that the loader
    says what is left over.
    """
    norm = _norm(state, layers)
    recipe = replace(rules, norm=norm)
    if problems := recipe.problems(spec):
        raise CheckpointError(listed(f"{path} describes a network that cannot be built here:", problems))
    names = _names_with_batch_norms(layers) if norm == "batch" else _names_without(layers)
    removed = set[str]()
    if norm == "instance":
        _refuse_some_biases(state, path, layers)
        removed = _removed_before_instance_norms(state, layers)
    ours = {name: f"{network}.{names.get(name, name)}" for name in state if name not in removed}
    tensors = {ours[name]: state[name] for name in ours}
    if norm == "batch":  # which files from before PyTorch 0.4.1 do not count
        tensors = {f"{network}.{layer.norm}.num_batches_tracked": torch.tensor(0) for layer in layers if layer.norm} | tensors
    return Official(
        recipe, spec, tensors, {f"{network}.{mine}": name for name, mine in names.items()} | {mine: name for name, mine in ours.items()}
    )


def _norm(state: State, layers: list[Layer]) -> NormName:
    """Instance norms leave nothing in a file but the biases before them, which batch norms and networks without norms do without."""
    normed = [layer for layer in layers if layer.norm]
    if any({f"{layer.norm_place}.weight", f"{layer.norm_place}.running_mean"} <= state.keys() for layer in normed):
        return "batch"
    return "instance" if any(f"{layer.place}.bias" in state for layer in normed) else "none"


def _refuse_some_biases(state: State, path: Path, layers: list[Layer]) -> None:
    """Instance norms have biases before all of them."""
    bare = [layer.place for layer in layers if layer.norm and f"{layer.place}.weight" in state and f"{layer.place}.bias" not in state]
    if bare:
        heading = f"{path} has no batch norms, and the biases that come before instance norms in some places, but not in:"
        raise CheckpointError(listed(heading, bare))


def _names_without(layers: list[Layer]) -> dict[str, str]:
    """Our name of each of the file's tensors, norms' apart."""
    names = {f"{layer.place}.weight": f"{layer.convolution}.weight" for layer in layers}
    return names | {f"{layer.place}.bias": layer.offset for layer in layers if not layer.norm}


def _names_with_batch_norms(layers: list[Layer]) -> dict[str, str]:
    parts = ("weight", "bias", *STATISTICS)
    norms = {f"{layer.norm_place}.{part}": f"{layer.norm}.{part}" for layer in layers if layer.norm for part in parts}
    return _names_without(layers) | norms


def _removed_before_instance_norms(state: State, layers: list[Layer]) -> set[str]:
    """What changes nothing: the biases of convolutions, which the norm's mean takes away, and the statistics that instance norms kept
    before PyTorch 0.4 and did not use. A norm with weights of its own is another kind, of which nothing is removed.
    """
    removed = set[str]()
    for layer in layers:
        if layer.norm and not {f"{layer.norm_place}.weight", f"{layer.norm_place}.bias"} & state.keys():
            removed |= {f"{layer.place}.bias", *(f"{layer.norm_place}.{part}" for part in STATISTICS)}
    return removed
