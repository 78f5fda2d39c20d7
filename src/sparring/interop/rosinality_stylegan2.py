"""Converts networks of rosinality's stylegan2-pytorch (`g`, `d`, `g_ema` and `latent_avg` in one file) to modules of NVIDIA's PyTorch
program, which `nvidia_stylegan2` converts.

That program's layers scale their weights alike, so tensors only have other names and shapes. Its file does not say the mapping network's
learning rate, which is 0.01 unless the program was changed.
"""

from itertools import count, takewhile

from torch import Tensor

from sparring.interop.official_weights import Networks, Role, State
from sparring.interop.safe_unpickling import PickledModule

MAPPING_RATE = 0.01
DEVIATION_GROUP = 4


def role_of(state: State) -> Role | None:
    """Which of that program's networks has such tensors."""
    if {"input.input", "conv1.conv.modulation.weight", "style.1.weight"} <= state.keys():
        return "generator"
    return "discriminator" if {"convs.0.0.weight", "final_conv.0.weight", "final_linear.1.weight"} <= state.keys() else None


def as_nvidia_modules(networks: Networks) -> dict[str, PickledModule]:
    """The networks as NVIDIA's program describes its own. Raises a KeyError for a missing tensor, and a ValueError for unknown ones."""
    found = {}
    if networks.generator is not None:
        found["G_ema"] = _generator(_floats(networks.generator), networks.beside.get("latent_avg"))
    if networks.discriminator is not None:
        found["D"] = _discriminator(_floats(networks.discriminator))
    return found


def _floats(state: State) -> State:
    return {name: tensor.float() for name, tensor in state.items() if not name.endswith(".kernel")}


def _refuse_rest(state: State) -> None:
    if state:
        raise ValueError(f"unknown tensors: {', '.join(state)}")


def _dense(state: State, place: str, **settings: object) -> PickledModule:
    return PickledModule(
        "FullyConnectedLayer", dict(settings), {"weight": state.pop(f"{place}.weight"), "bias": state.pop(f"{place}.bias")}
    )


def _modulated(state: State, place: str, bias: Tensor) -> PickledModule:
    affine = _dense(state, f"{place}.conv.modulation")
    return PickledModule("SynthesisLayer", {}, {"weight": state.pop(f"{place}.conv.weight")[0], "bias": bias}, {"affine": affine})


def _styled(state: State, place: str, noise: int) -> PickledModule:
    layer = _modulated(state, place, state.pop(f"{place}.activate.bias"))
    layer.own["noise_strength"] = state.pop(f"{place}.noise.weight")[0]
    layer.own["noise_const"] = state.pop(f"noises.noise_{noise}")[0, 0]
    return layer


def _to_image(state: State, place: str) -> PickledModule:
    return _modulated(state, place, state.pop(f"{place}.bias").flatten())


def _generator(state: State, mean: Tensor | None) -> PickledModule:
    layers = list(takewhile(lambda number: f"style.{number}.weight" in state, count(1)))
    mapping = PickledModule("MappingNetwork")
    mapping.parts.update((f"fc{number - 1}", _dense(state, f"style.{number}", bias_gain=MAPPING_RATE)) for number in layers)
    size = mapping.parts["fc0"].own["weight"].shape[1]
    if mean is None:
        raise KeyError("latent_avg")
    mapping.own["w_avg"] = mean.float().flatten()
    synthesis = PickledModule("SynthesisNetwork")
    blocks = list(takewhile(lambda block: f"to_rgbs.{block}.bias" in state, count()))
    for side, layer, draws in [(4, -1, "to_rgb1"), *((8 << block, 2 * block, f"to_rgbs.{block}") for block in blocks)]:
        block = PickledModule("SynthesisBlock", {"architecture": "skip"})
        if layer < 0:
            block.own["const"] = state.pop("input.input")[0]
            block.parts["conv1"] = _styled(state, "conv1", 0)
        else:
            block.parts["conv0"] = _styled(state, f"convs.{layer}", layer + 1)
            block.parts["conv1"] = _styled(state, f"convs.{layer + 1}", layer + 2)
        block.parts["torgb"] = _to_image(state, draws)
        synthesis.parts[f"b{side}"] = block
    _refuse_rest(state)
    channels = len(synthesis.parts["b4"].parts["torgb"].own["bias"])
    about = {"img_resolution": 4 << len(blocks), "img_channels": channels, "c_dim": 0, "z_dim": size, "w_dim": size}
    return PickledModule("Generator", about, {}, {"mapping": mapping, "synthesis": synthesis})


def _convolution(state: State, place: str, number: int, *, bias: bool = True) -> PickledModule:
    own = {"weight": state.pop(f"{place}.{number}.weight")}
    if bias:
        own["bias"] = state.pop(f"{place}.{number + 1}.bias")
    return PickledModule("Conv2dLayer", {}, own)


def _discriminator(state: State) -> PickledModule:
    blocks = list(takewhile(lambda number: f"convs.{number}.conv1.0.weight" in state, count(1)))
    network = PickledModule("Discriminator")
    from_image = _convolution(state, "convs.0", 0)
    for number in blocks:
        block = PickledModule("DiscriminatorBlock", {"architecture": "resnet"})
        if number == 1:
            block.parts["fromrgb"] = from_image
        block.parts["conv0"] = _convolution(state, f"convs.{number}.conv1", 0)
        block.parts["conv1"] = _convolution(state, f"convs.{number}.conv2", 1)
        block.parts["skip"] = _convolution(state, f"convs.{number}.skip", 1, bias=False)
        network.parts[f"b{4 << (len(blocks) + 1 - number)}"] = block
    last = PickledModule("DiscriminatorEpilogue", {"architecture": "resnet"})
    last.parts["conv"] = _convolution(state, "final_conv", 0)
    last.parts["fc"], last.parts["out"] = _dense(state, "final_linear.0"), _dense(state, "final_linear.1")
    last.parts["mbstd"] = PickledModule("MinibatchStdLayer", {"group_size": DEVIATION_GROUP, "num_channels": 1})
    network.parts["b4"] = last
    _refuse_rest(state)
    about = {"img_resolution": 4 << len(blocks), "img_channels": from_image.own["weight"].shape[1], "c_dim": 0}
    network.settings.update(about)
    return network
