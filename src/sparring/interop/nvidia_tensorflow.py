"""Converts StyleGAN2 and StyleGAN2-ADA networks of NVIDIA's TensorFlow programs to modules of their PyTorch program.

Tensors correspond as in that program's `legacy.py`. Neither program is needed.
"""

import itertools
from collections.abc import Callable
from typing import Any

from torch import Tensor

from sparring.interop.safe_unpickling import PickledModule, TensorflowNetwork

OLDEST_VERSION = 4
"""Oldest version of network files that can be read."""
EXPECTED_FILTER = [1, 3, 3, 1]
IGNORED_SETTINGS = {
    "truncation_psi", "truncation_cutoff", "style_mixing_prob", "structure", "w_avg_beta", "num_fp16_res", "freeze_layers", "fmap_base",
    "fmap_max", "mapping_fmaps", "label_fmaps", "mapping_layers", "dlatent_size",
}  # fmt: skip
"""Settings that do not affect generated images, or that follow from shapes."""
READ_SETTINGS = {
    "latent_size", "label_size", "resolution", "num_channels", "mapping_nonlinearity", "mapping_lrmul", "conv_clamp", "architecture",
    "resample_kernel", "use_noise", "nonlinearity", "mbstd_group_size", "mbstd_num_features",
}  # fmt: skip
Variables = dict[str, Tensor]


def unsupported_features(network: TensorflowNetwork) -> list[str]:
    """Features of a network that cannot be converted, as messages."""
    settings, name = network.settings, network.name
    too_old = f"{name}: version {network.version}, but the oldest supported version is {OLDEST_VERSION}"
    found = [too_old] if network.version < OLDEST_VERSION else []
    unknown = sorted(settings.keys() - IGNORED_SETTINGS - READ_SETTINGS)
    found += [f"{name}: the setting {setting} = {settings[setting]!r}" for setting in unknown]
    if list(settings.get("resample_kernel") or EXPECTED_FILTER) != EXPECTED_FILTER:
        found.append(f"{name}: a filter {settings['resample_kernel']}, not (1, 3, 3, 1)")
    return found


def as_pytorch_module(network: TensorflowNetwork) -> PickledModule:
    """A generator or a discriminator as a PyTorch module. Raises a ValueError for unknown tensors, and a KeyError for a missing one."""
    variables = network.all_variables()
    variables = {name: tensor for name, tensor in variables.items() if name.rpartition("/")[2] != "lod"}
    part = (_generator if "dlatent_avg" in variables else _discriminator)(variables, network.settings)
    if variables:
        raise ValueError(f"{network.name} has unknown tensors: {', '.join(variables)}")
    return part


def _sides(settings: dict[str, Any]) -> list[int]:
    """Sides of a network's feature maps, from 4 on. Raises a ValueError unless the resolution is a power of two."""
    side = int(settings.get("resolution", 1024))
    if side < 4 or side & (side - 1):
        raise ValueError(f"resolution = {side}")
    return [4 << level for level in range(side.bit_length() - 2)]


def _image_settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "img_resolution": settings.get("resolution", 1024),
        "img_channels": settings.get("num_channels", 3),
        "c_dim": settings.get("label_size", 0),
    }


def _dense(variables: Variables, place: str, weight: str = "weight", bias: str = "bias", **settings: object) -> PickledModule:
    own = {"weight": variables.pop(f"{place}/{weight}").t(), "bias": variables.pop(f"{place}/{bias}")}
    return PickledModule("FullyConnectedLayer", dict(settings), own)


def _kernel(weight: Tensor) -> Tensor:
    """A convolution's weight from (height, width, in, out) to (out, in, height, width)."""
    return weight.permute(3, 2, 0, 1)


def _flipped_kernel(weight: Tensor) -> Tensor:
    """The weight of an upsampling convolution, whose kernel TensorFlow rotates by 180 degrees."""
    return _kernel(weight.flip(0, 1))


def _convolution(variables: Variables, place: str, order: Callable[[Tensor], Tensor] = _kernel) -> PickledModule:
    own = {"weight": order(variables.pop(f"{place}/weight"))}
    if f"{place}/bias" in variables:
        own["bias"] = variables.pop(f"{place}/bias")
    return PickledModule("Conv2dLayer", {}, own)


def _modulated(variables: Variables, place: str, order: Callable[[Tensor], Tensor] = _kernel) -> PickledModule:
    affine = _dense(variables, place, "mod_weight", "mod_bias")
    affine.own["bias"] = affine.own["bias"] + 1  # TensorFlow's program adds it in the forward pass
    part = _convolution(variables, place, order)
    part.parts["affine"] = affine
    return part


def _mapping_network(variables: Variables, embed: str, layers: str, activation: str, rate: float, about: dict[str, Any]) -> PickledModule:
    part = PickledModule("MappingNetwork", about)
    if f"{embed}/weight" in variables:
        part.parts["embed"] = _dense(variables, embed)
    for number in itertools.takewhile(lambda number: f"{layers}{number}/weight" in variables, itertools.count()):
        part.parts[f"fc{number}"] = _dense(variables, f"{layers}{number}", bias_gain=rate, activation=activation)
    return part


def _generator(variables: Variables, settings: dict[str, Any]) -> PickledModule:
    activation = settings.get("mapping_nonlinearity", "lrelu")
    mean = variables.pop("dlatent_avg")
    about = {**_image_settings(settings), "z_dim": settings.get("latent_size", 512), "w_dim": len(mean)}
    mapping = _mapping_network(variables, "mapping/LabelEmbed", "mapping/Dense", activation, settings.get("mapping_lrmul", 0.01), {})
    mapping.own["w_avg"] = mean
    noisy = settings.get("use_noise", True)
    synthesis = PickledModule("SynthesisNetwork")
    for level, side in enumerate(_sides(settings)):
        place = f"synthesis/{side}x{side}"
        block = PickledModule(
            "SynthesisBlock", {"architecture": settings.get("architecture", "skip"), "conv_clamp": settings.get("conv_clamp")}
        )
        if side == 4:
            block.own["const"] = variables.pop(f"{place}/Const/const")[0]
            block.parts["conv1"] = _modulated(variables, f"{place}/Conv")
        else:
            block.parts["conv0"] = _modulated(variables, f"{place}/Conv0_up", _flipped_kernel)
            block.parts["conv1"] = _modulated(variables, f"{place}/Conv1")
        for name, layer in block.parts.items():
            layer.settings.update(use_noise=noisy, resolution=side, activation=settings.get("nonlinearity", "lrelu"))
            if noisy:
                strength = {"conv0": "Conv0_up", "conv1": "Conv" if side == 4 else "Conv1"}[name]
                layer.own["noise_strength"] = variables.pop(f"{place}/{strength}/noise_strength")
                layer.own["noise_const"] = variables.pop(f"synthesis/noise{max(0, 2 * level - 1 + (name == 'conv1'))}")[0, 0]
        if f"{place}/ToRGB/weight" in variables:
            block.parts["torgb"] = _modulated(variables, f"{place}/ToRGB")
        if f"{place}/Skip/weight" in variables:
            block.parts["skip"] = _convolution(variables, f"{place}/Skip", _flipped_kernel)
        synthesis.parts[f"b{side}"] = block
    return PickledModule("Generator", about, {}, {"mapping": mapping, "synthesis": synthesis})


def _discriminator(variables: Variables, settings: dict[str, Any]) -> PickledModule:
    activation = settings.get("nonlinearity", "lrelu")
    network = PickledModule("Discriminator", _image_settings(settings))
    for side in _sides(settings):
        place = f"{side}x{side}"
        block = PickledModule(
            "DiscriminatorBlock", {"architecture": settings.get("architecture", "resnet"), "conv_clamp": settings.get("conv_clamp")}
        )
        layers = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip", "conv": "Conv"}
        for name, theirs in layers.items():
            if f"{place}/{theirs}/weight" in variables:
                block.parts[name] = _convolution(variables, f"{place}/{theirs}")
        network.parts[f"b{side}"] = block
    epilogue = network.parts["b4"]
    epilogue.parts["fc"] = _dense(variables, "4x4/Dense0", activation=activation)
    epilogue.parts["out"] = _dense(variables, "Output")
    narrow = epilogue.parts["conv"].own["weight"]
    if narrow.shape[1] > epilogue.parts["fc"].own["weight"].shape[1] // 16:
        group = {"group_size": settings.get("mbstd_group_size"), "num_channels": settings.get("mbstd_num_features", 1)}
        epilogue.parts["mbstd"] = PickledModule("MinibatchStdLayer", group)
    if network.settings["c_dim"]:
        class_size = {"w_dim": epilogue.parts["out"].own["weight"].shape[0]}
        rate = settings.get("mapping_lrmul", 0.1)
        network.parts["mapping"] = _mapping_network(variables, "LabelEmbed", "Mapping", activation, rate, class_size)
    return network
