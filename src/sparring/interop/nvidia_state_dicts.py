"""Describes state dicts of NVIDIA's StyleGAN2-ADA networks (saved by people without their classes) as the modules they come from, which
`nvidia_stylegan2` converts.

A state dict lacks what a pickle says beside the tensors. What does not follow from shapes is taken to be as in NVIDIA's programs by
default: learning rates of mapping networks (0.01), groups of 4 for the minibatch standard deviation, no limit of activations.
"""

import re

from sparring.interop.official_weights import Networks, Role, State
from sparring.interop.safe_unpickling import PickledModule

MAPPING_RATE = 0.01
DEVIATION_GROUP = 4
BLOCK = re.compile(r"b(\d+)\.")


def role_of(state: State) -> Role | None:
    """Which of NVIDIA's networks has such tensors."""
    if {"synthesis.b4.const", "mapping.fc0.weight"} <= state.keys():
        return "generator"
    return "discriminator" if {"b4.conv.weight", "b4.fc.weight", "b4.out.weight"} <= state.keys() else None


def as_nvidia_modules(networks: Networks) -> dict[str, PickledModule]:
    """The networks as a pickle would describe them. Raises a KeyError for a missing tensor."""
    found = {}
    if networks.generator is not None:
        found["G_ema"] = _generator(networks.generator)
    if networks.discriminator is not None:
        found["D"] = _discriminator(networks.discriminator)
    return found


def _tree(state: State) -> PickledModule:
    """Modules with the tensors of a state dict, and no settings."""
    root = PickledModule("Module")
    for name, tensor in state.items():
        *path, leaf = name.split(".")
        module = root
        for part in path:
            module = module.parts.setdefault(part, PickledModule("Module"))
        module.own[leaf] = tensor.float()
    return root


def _describe_blocks(network: PickledModule, image_layer: str) -> int:
    """Give each block its settings, and return the largest side. `image_layer` is the layer from or to the image."""
    sides = sorted(int(name[1:]) for name in network.parts if re.fullmatch(r"b\d+", name))
    residual = any("skip" in network.parts[f"b{side}"].parts for side in sides)
    everywhere = all(image_layer in network.parts[f"b{side}"].parts for side in sides)
    for side in sides:
        block = network.parts[f"b{side}"]
        block.settings.update(architecture="resnet" if residual else "skip" if everywhere else "orig", conv_clamp=None)
        for name in {"conv0", "conv1"} & block.parts.keys():
            if "affine" in block.parts[name].parts:
                block.parts[name].settings.update(resolution=side, use_noise="noise_const" in block.parts[name].own)
    return sides[-1]


def _describe_mapping(network: PickledModule) -> int:
    """Give the mapping network its settings, and return the number of classes."""
    mapping = network.parts.get("mapping")
    if mapping is None:
        return 0
    layers = [part for name, part in mapping.parts.items() if name.startswith("fc")]
    for part in layers:
        part.settings.update(bias_gain=MAPPING_RATE)
    mapping.settings.update(w_dim=layers[-1].own["weight"].shape[0])
    return mapping.parts["embed"].own["weight"].shape[1] if "embed" in mapping.parts else 0


def _generator(state: State) -> PickledModule:
    network = _tree(state)
    classes, synthesis = _describe_mapping(network), network.parts["synthesis"]
    side = _describe_blocks(synthesis, "torgb")
    mapping = network.parts["mapping"]
    first = mapping.parts["fc0"].own["weight"].shape[1]
    embedding = mapping.parts["embed"].own["weight"].shape[0] if classes else 0
    channels = synthesis.parts[f"b{side}"].parts["torgb"].own["weight"].shape[0]
    network.settings.update(
        img_resolution=side, img_channels=channels, c_dim=classes, z_dim=first - embedding, w_dim=mapping.settings["w_dim"]
    )
    return network


def _discriminator(state: State) -> PickledModule:
    network = _tree(state)
    classes, side = _describe_mapping(network), _describe_blocks(network, "fromrgb")
    last = network.parts["b4"]
    extra = last.parts["conv"].own["weight"].shape[1] - last.parts["fc"].own["weight"].shape[1] // 16
    if extra:
        last.parts["mbstd"] = PickledModule("MinibatchStdLayer", {"group_size": DEVIATION_GROUP, "num_channels": extra})
    channels = network.parts[f"b{side}"].parts["fromrgb"].own["weight"].shape[1]
    network.settings.update(img_resolution=side, img_channels=channels, c_dim=classes)
    return network
