"""Converts networks of pytorch-CycleGAN-and-pix2pix (`latest_net_G.pth`, `latest_net_D.pth`). Their settings follow from tensor names and
shapes.

A file holds one network and says neither what it was trained for nor a U-Net's dropout, so each becomes a network of pix2pix as it is in
evaluation mode.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from sparring.core.errors import CheckpointError, listed
from sparring.data.pairs.pair_spec import PairSpec
from sparring.interop.official_weights import OfficialWeights, Role, State
from sparring.nets.image_translation import NormName
from sparring.recipes.pix2pix import Pix2Pix

DEFAULT_SIDE = 256
"""Image side that most of these networks were trained at. Only a U-Net's depth tells more."""
MIN_SIDE = 32
"""Smallest image side of the authors' U-Nets."""
PAIR_CHANNELS = {2: (1, 1), 4: (3, 1), 5: (4, 1), 6: (3, 3), 7: (4, 3), 8: (4, 4)}
"""Channels of input and target, by the discriminator's number of input channels. (4 could also mean 1 and 3: the network is the same.)"""
FIRST_BLOCK = 10
BLOCK = re.compile(r"model\.(\d{1,4})\.conv_block\.")
ANTIALIASED = re.compile(r"model\.(\d{1,4})\.filt")
"""Filters of CUT's networks, which blur before every second pixel is dropped, and after pixels are put between."""
BLURS = {3: [1, 2, 1], 4: [1, 3, 3, 1]}
"""Its filters by size: of downsampling and of upsampling."""
DEEPER = ".model.3"
NESTED = re.compile(rf"model\.model\.1((?:{re.escape(DEEPER)}){{0,20}})\.model\.\d\.")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class Layer:
    """Names of a convolution, and of the norm after it if there is one, in the file and in Sparring's network."""

    source: str
    """Name of the convolution in the file."""
    convolution: str
    """Name of the convolution in Sparring's network."""
    norm: str = ""
    """Name of the norm in Sparring's network; empty if no norm follows."""
    offset: str = ""
    """Name of the convolution's bias in Sparring's network, if no norm follows."""

    @property
    def norm_source(self) -> str:
        """Name of the norm in the file, which comes right after the convolution."""
        sequence, _, index = self.source.rpartition(".")
        return f"{sequence}.{int(index) + 1}"


def role_of(state: State) -> Role | None:
    """Which of the authors' networks has such tensors."""
    if _is_unet_state(state) or _is_residual_state(state):
        return "generator"
    return "discriminator" if _is_patch_discriminator_state(state) or _is_pixel_discriminator_state(state) else None


def convert_translation_network(state: State, path: Path) -> OfficialWeights:
    """Convert a generator or a discriminator to Sparring's pix2pix. Raises a CheckpointError for unsupported kinds of networks."""
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    if _is_unet_state(state):
        return _convert_unet(state, path)
    if _is_residual_state(state):
        return _convert_residual_generator(state, path)
    return _convert_patch_discriminator(state, path) if _is_patch_discriminator_state(state) else _convert_pixel_discriminator(state, path)


def _is_unet_state(state: State) -> bool:
    return any(NESTED.match(name) for name in state)


def _is_residual_state(state: State) -> bool:
    return any(BLOCK.match(name) for name in state)


def _is_patch_discriminator_state(state: State) -> bool:
    first = state.get("model.0.weight")
    return first is not None and first.ndim == 4 and first.shape[2:] == (4, 4) and "model.2.weight" in state


def _is_pixel_discriminator_state(state: State) -> bool:
    first = state.get("net.0.weight")
    return first is not None and first.ndim == 4 and first.shape[2:] == (1, 1) and {"net.2.weight", "net.5.weight"} <= state.keys()


def _convert_residual_generator(state: State, path: Path) -> OfficialWeights:
    if any(BLOCK.match(name) and name.endswith(".conv_block.0.weight") for name in state):
        raise CheckpointError(
            f"{path} has residual blocks with zero padding (their first convolution is conv_block.0), but Sparring's residual network uses "
            "reflection padding, so its outputs would differ. Networks with reflection padding, the authors' default, can be imported."
        )
    filters = sorted(int(match[1]) for name in state if (match := ANTIALIASED.fullmatch(name)))
    antialiased = bool(filters)
    first_block = FIRST_BLOCK + 2 * antialiased
    blocks = max(int(match[1]) for name in state if (match := BLOCK.match(name))) + 1 - first_block
    if antialiased:
        state = _without_filters(state, filters, [7, 11, first_block + blocks, first_block + blocks + 4], path)
    dropped = any(name.endswith(".conv_block.6.weight") and tensor.ndim == 4 for name, tensor in state.items())
    second = 6 if dropped else 5
    last_down, up, later_up, last = (8, 1, 5, 9) if antialiased else (7, 0, 3, 7)
    layers = [_normed_layer("model.1", "first"), _normed_layer("model.4", "down.0"), _normed_layer(f"model.{last_down}", "down.1")]
    for block in range(blocks):
        place = f"model.{first_block + block}.conv_block"
        layers += [_normed_layer(f"{place}.1", f"blocks.{block}.first"), _normed_layer(f"{place}.{second}", f"blocks.{block}.second")]
    end = first_block + blocks
    layers += [_normed_layer(f"model.{end + up}", "up.0"), _normed_layer(f"model.{end + later_up}", "up.1")]
    layers.append(Layer(f"model.{end + last}", "to_image", offset="to_image.bias"))
    width, inputs = _convolution_channels(state, "model.1", path)
    channels, _ = _convolution_channels(state, f"model.{end + last}", path)
    spec = PairSpec(DEFAULT_SIDE, DEFAULT_SIDE, channels, input_channels=inputs)
    dropout = 0.5 if dropped else 0.0
    recipe = Pix2Pix(network="residual", width=width, discriminator_width=width, blocks=blocks, dropout=dropout, antialiased=antialiased)
    return _rename_tensors(state, path, "generator", layers, spec, recipe)


def _without_filters(state: State, filters: list[int], expected: list[int], path: Path) -> State:
    """The other tensors. Raises a CheckpointError unless filters stand where CUT's default has them, and are its own."""
    if filters != expected:
        raise CheckpointError(
            f"{path} has blurring filters at model.{filters}, and CUT's default network at model.{expected}. Networks of which only one "
            "half is antialiased (--no_antialias or --no_antialias_up) cannot be imported."
        )
    for place in filters:
        given = state[f"model.{place}.filt"]
        row = torch.tensor(BLURS.get(given.shape[-1], [0]), dtype=torch.float32)
        square = torch.outer(row, row) / row.sum() ** 2
        if given.shape[2:] != square.shape or not torch.allclose(given / given[0, 0].sum(), square.expand_as(given)):
            raise CheckpointError(f"{path} has a blurring filter of {tuple(given.shape[2:])} at model.{place} that is not CUT's default.")
    return {name: tensor for name, tensor in state.items() if not ANTIALIASED.fullmatch(name)}


def _convert_unet(state: State, path: Path) -> OfficialWeights:
    deepest = max(len(match[1]) // len(DEEPER) for name in state if (match := NESTED.match(name)))
    halvings = deepest + 2
    layers = [Layer("model.model.0", "down.0.convolution", offset="down.0.offset")]
    for depth in range(deepest + 1):
        place, down, up = f"model.model.1{DEEPER * depth}.model", f"down.{depth + 1}", f"up.{deepest - depth}"
        if depth < deepest:
            layers += [_normed_layer(f"{place}.1", down), _normed_layer(f"{place}.5", up)]
        else:
            layers += [Layer(f"{place}.1", f"{down}.convolution", offset=f"{down}.offset"), _normed_layer(f"{place}.3", up)]
    layers.append(Layer("model.model.3", "to_image", offset="to_image.bias"))
    width, inputs = _convolution_channels(state, "model.model.0", path)
    _, channels = _convolution_channels(state, "model.model.3", path)
    side = max(MIN_SIDE, 1 << halvings)
    spec = PairSpec(side, side, channels, input_channels=inputs)
    recipe = Pix2Pix(network="unet", width=width, discriminator_width=width, halvings=halvings, dropout=0.0)
    return _rename_tensors(state, path, "generator", layers, spec, recipe)


def _convert_patch_discriminator(state: State, path: Path) -> OfficialWeights:
    ends = (number for number in range(1, len(state)) if f"model.{2 + 3 * number}.weight" in state)
    number = next((end for end in ends if state[f"model.{2 + 3 * end}.weight"].shape[:1] == (1,)), None)
    if number is None:
        raise CheckpointError(
            f"{path} does not end in a convolution to a single channel (model.5, model.8, model.11 or later), as patch discriminators do."
        )
    layers = [Layer("model.0", "first", offset="first.bias")]
    layers += [Layer(f"model.{2 + 3 * layer}", f"layers.{layer}", f"norms.{layer}") for layer in range(number)]
    layers.append(Layer(f"model.{2 + 3 * number}", "last", offset="last.bias"))
    return _convert_discriminator(state, path, layers, number)


def _convert_pixel_discriminator(state: State, path: Path) -> OfficialWeights:
    first, last = Layer("net.0", "first", offset="first.bias"), Layer("net.5", "last", offset="last.bias")
    if not {"net.2.bias", "net.5.bias"} & state.keys():  # the authors use biases only with instance norms
        state = {**state, "net.5.bias": torch.zeros(1)}
    return _convert_discriminator(state, path, [first, Layer("net.2", "layers.0", "norms.0"), last], 0)


def _convert_discriminator(state: State, path: Path, layers: list[Layer], patch_layers: int) -> OfficialWeights:
    """Convert a discriminator with these layers, of which `patch_layers` are between the first and the last convolution."""
    width, pair_channels = _convolution_channels(state, layers[0].source, path)
    inputs, channels = PAIR_CHANNELS.get(pair_channels, (pair_channels, pair_channels))
    side = max(DEFAULT_SIDE, 4 << patch_layers)
    spec = PairSpec(side, side, channels, input_channels=inputs)
    recipe = Pix2Pix(
        network="residual",  # a small generator: the file has none
        width=max(1, width // 4),
        blocks=1,
        discriminator_width=width,
        patch_layers=patch_layers,
        judges="pair" if pair_channels in PAIR_CHANNELS else "image",
    )
    return _rename_tensors(state, path, "discriminator", layers, spec, recipe)


def _normed_layer(place: str, ours: str) -> Layer:
    return Layer(place, f"{ours}.convolution", f"{ours}.norm")


def _convolution_channels(state: State, place: str, path: Path) -> tuple[int, int]:
    """Number of output and input channels of a convolution in the file. Raises a CheckpointError if there is no such convolution."""
    weight = state.get(f"{place}.weight")
    if weight is None or weight.ndim != 4:
        raise CheckpointError(f"{path} has no convolution {place}, whose weights determine the network's number of channels.")
    return weight.shape[0], weight.shape[1]


def _rename_tensors(state: State, path: Path, network: str, layers: list[Layer], spec: PairSpec, recipe: Pix2Pix) -> OfficialWeights:
    """Tensors by their names in Sparring's network, with a recipe that is complete except for its norm.

    Tensors that belong to no layer keep their names in the file, so that the loader reports them as left over.
    """
    norm = _norm_kind(state, layers)
    recipe = replace(recipe, norm=norm)
    if problems := recipe.problems(spec):
        raise CheckpointError(listed(f"{path} describes a network that cannot be built here:", problems))
    names = _names_without_norms(layers) | _names_of_norms(layers, norm)
    removed = set[str]()
    if norm == "instance":
        _check_instance_norm_biases(state, path, layers)
    if norm in {"instance", "instance-affine"}:
        removed = _unused_with_instance_norms(layers)
    ours = {name: f"{network}.{names.get(name, name)}" for name in state if name not in removed}
    tensors = {ours[name]: state[name] for name in ours}
    if norm == "batch":  # files from before PyTorch 0.4.1 have no num_batches_tracked
        tensors = {f"{network}.{layer.norm}.num_batches_tracked": torch.tensor(0) for layer in layers if layer.norm} | tensors
    return OfficialWeights(
        recipe, spec, tensors, {f"{network}.{mine}": name for name, mine in names.items()} | {mine: name for name, mine in ours.items()}
    )


def _norm_kind(state: State, layers: list[Layer]) -> NormName:
    """The kind of norm that a network has. Instance norms have no tensors by default, but the convolutions before them have biases; with
    batch norms or no norms, they have none.
    """
    with_norm = [layer for layer in layers if layer.norm]
    if any({f"{layer.norm_source}.weight", f"{layer.norm_source}.running_mean"} <= state.keys() for layer in with_norm):
        return "batch"
    if any(f"{layer.norm_source}.weight" in state for layer in with_norm):
        return "instance-affine"
    return "instance" if any(f"{layer.source}.bias" in state for layer in with_norm) else "none"


def _check_instance_norm_biases(state: State, path: Path, layers: list[Layer]) -> None:
    """Raise a CheckpointError if only some of the convolutions before instance norms have biases."""
    bare = [layer.source for layer in layers if layer.norm and f"{layer.source}.weight" in state and f"{layer.source}.bias" not in state]
    if bare:
        heading = f"{path} has no batch norms, and some convolutions have the biases that precede instance norms, but not:"
        raise CheckpointError(listed(heading, bare))


def _names_without_norms(layers: list[Layer]) -> dict[str, str]:
    """Name in Sparring's network of each tensor in the file, except those of norms."""
    names = {f"{layer.source}.weight": f"{layer.convolution}.weight" for layer in layers}
    return names | {f"{layer.source}.bias": layer.offset for layer in layers if not layer.norm}


def _names_of_norms(layers: list[Layer], norm: NormName) -> dict[str, str]:
    parts = {"batch": ("weight", "bias", *STATISTICS), "instance-affine": ("weight", "bias")}.get(norm, ())
    return {f"{layer.norm_source}.{part}": f"{layer.norm}.{part}" for layer in layers if layer.norm for part in parts}


def _unused_with_instance_norms(layers: list[Layer]) -> set[str]:
    """Names of tensors without effect: biases that an instance norm subtracts, and the unused statistics that instance norms had before
    PyTorch 0.4.
    """
    removed = set[str]()
    for layer in layers:
        if layer.norm:
            removed |= {f"{layer.source}.bias", *(f"{layer.norm_source}.{part}" for part in STATISTICS)}
    return removed
