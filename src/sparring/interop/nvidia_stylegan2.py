"""Converts NVIDIA's StyleGAN2 and StyleGAN2-ADA networks (`.pkl`), pickled by their PyTorch programs or (see `nvidia_tensorflow`) by their
TensorFlow programs.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError, listed
from sparring.data.images.image_spec import ImageSpec
from sparring.interop import nvidia_tensorflow
from sparring.interop.official_weights import OfficialWeights
from sparring.interop.safe_unpickling import PickledModule, TensorflowNetwork
from sparring.nets.blocks.resampling import TAPS
from sparring.recipes.stylegan2 import StyleGAN2

Value = TypeVar("Value")
BLOCK_LAYERS = {"conv0": "first", "conv1": "second", "torgb": "to_image", "fromrgb": "from_image", "skip": "skip"}
EPILOGUE_LAYERS = {"fromrgb": "from_image", "conv": "last", "fc": "hidden", "out": "head"}
LEAF_NAMES = ("weight", "bias", "affine.weight", "affine.bias", "noise_const", "noise_strength")
MAX_CLASSES = 1_000_000
BUFFERS = {"noise_const": "noise", "const": "constant"}


def convert_stylegan2(pickled: Mapping[str, PickledModule | TensorflowNetwork], path: Path) -> OfficialWeights:
    """Convert G_ema (or G) and D to Sparring's StyleGAN2. Raises a CheckpointError that lists everything that does not fit."""
    networks = _as_pytorch_modules(pickled, path)
    generator_name = "G_ema" if "G_ema" in networks else "G"
    generator, discriminator = networks.get(generator_name), networks.get("D")
    if generator is None and discriminator is None:
        raise CheckpointError(f"{path} has neither G_ema, G nor D. It has: {', '.join(networks)}.")
    with refusing_other_networks(path):
        found = [problem for part in (generator, discriminator) if part is not None for problem in _unsupported_features(part)]
        if found:
            raise CheckpointError(listed(f"{path} has networks with unsupported features:", found))
        settings: dict[str, Any] = {}
        tensors: dict[str, Tensor] = {}
        names: dict[str, str] = {}

        def take(source: str, network: str, name_of: Callable[[str], str]) -> None:
            for name, tensor in _weight_tensors(networks[source]):
                ours = f"{network}.{name_of(name)}"
                tensors[ours], names[ours] = tensor, f"{source}.{name}"
            for name in _expected_names(networks[source]):
                names.setdefault(f"{network}.{name_of(name)}", f"{source}.{name}")

        if discriminator is not None:
            settings |= _discriminator_settings(discriminator)
            levels = int(discriminator.settings["img_resolution"]).bit_length()
            take("D", "discriminator", lambda name: _discriminator_name(name, levels))
        if generator is not None:
            settings |= _generator_settings(generator)
            take(generator_name, "generator", _generator_name)
        described = generator if generator is not None else discriminator
        assert described is not None
        side, channels, classes = (int(described.settings[name]) for name in ("img_resolution", "img_channels", "c_dim"))
        if not 0 <= classes <= MAX_CLASSES:
            raise ValueError(f"c_dim = {classes}")
        spec = ImageSpec(side, side, channels, tuple(map(str, range(classes))))
        recipe = StyleGAN2(condition="projection" if classes else "none", **settings)
    return OfficialWeights(recipe, spec, tensors, names)


@contextlib.contextmanager
def refusing_other_networks(path: Path) -> Iterator[None]:
    """Within this context, what goes wrong while networks are described becomes a CheckpointError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError, OverflowError) as problem:
        raise CheckpointError(f"{path} does not describe StyleGAN2's networks: {problem!r} is missing or wrong.") from None


def _as_pytorch_modules(pickled: Mapping[str, PickledModule | TensorflowNetwork], path: Path) -> dict[str, PickledModule]:
    """The networks as modules of NVIDIA's PyTorch program. Raises a CheckpointError for unsupported TensorFlow networks."""
    wanted = {name: one for name, one in pickled.items() if name != "G" or "G_ema" not in pickled}
    with refusing_other_networks(path):
        if found := [
            problem
            for one in wanted.values()
            if isinstance(one, TensorflowNetwork)
            for problem in nvidia_tensorflow.unsupported_features(one)
        ]:
            raise CheckpointError(listed(f"{path} has networks with unsupported features:", found))
        return {
            name: nvidia_tensorflow.as_pytorch_module(one) if isinstance(one, TensorflowNetwork) else one for name, one in wanted.items()
        }


def _unsupported_features(network: PickledModule) -> list[str]:
    """Features of a network that Sparring's StyleGAN2 does not support, as messages."""
    square = torch.outer(torch.tensor(TAPS), torch.tensor(TAPS)) / sum(TAPS) ** 2
    found = []
    for name, part in network.walk():
        filter_ = part.own.get("resample_filter")
        if filter_ is not None and (filter_.shape != square.shape or not torch.allclose(filter_.float(), square)):
            found.append(f"{name}: a filter of shape {tuple(filter_.shape)}, not (1, 3, 3, 1)")
        if (activation := part.settings.get("activation", "linear")) not in {"linear", "lrelu"}:
            found.append(f"{name}: the activation {activation!r}, not 'lrelu'")
    return found


def _weight_tensors(network: PickledModule) -> Iterable[tuple[str, Tensor]]:
    """Weights and buffers by name, except the resampling filters, which are all equal. Layers without noise get noise of strength 0."""
    for name, tensor in network.tensors().items():
        if not name.endswith("resample_filter"):
            yield name, tensor.float()
    for name, part in network.walk():
        if part.settings.get("use_noise") is False:
            side = int(part.settings["resolution"])
            yield f"{name}.noise_const", torch.zeros(side, side)
            yield f"{name}.noise_strength", torch.zeros(())


def _expected_names(network: PickledModule) -> Iterable[str]:
    """Names of the parameters that such a network can have, whether it has them or not."""
    mapping, synthesis = network.parts.get("mapping"), network.parts.get("synthesis")
    if mapping is not None:
        yield "mapping.w_avg"
        yield from (f"mapping.{part}.{leaf}" for part in ("embed", *mapping.parts) for leaf in ("weight", "bias"))
    prefix, holder = ("", network) if synthesis is None else ("synthesis.", synthesis)
    for block in (name for name in holder.parts if re.fullmatch(r"b\d+", name)):
        yield f"{prefix}{block}.const"
        parts = BLOCK_LAYERS if block != "b4" or synthesis is not None else EPILOGUE_LAYERS
        yield from (f"{prefix}{block}.{part}.{leaf}" for part in parts for leaf in LEAF_NAMES)


def _blocks(network: PickledModule) -> list[PickledModule]:
    """The blocks for sides 4, 8, and so on."""
    return [network.parts[f"b{4 << i}"] for i in range(sum(name[:1] == "b" and name[1:].isdigit() for name in network.parts))]


def _mapping_settings(mapping: PickledModule, prefix: str) -> dict[str, Any]:
    layers = [part for name, part in mapping.parts.items() if name.startswith("fc")]
    found = {
        f"{prefix}mapping_layers": len(layers),
        f"{prefix}mapping_rate": float(layers[0].settings["bias_gain"]),
        f"{prefix}mapping_width": layers[0].own["weight"].shape[0] if len(layers) > 1 else None,
    }
    if "embed" in mapping.parts:
        found[f"{prefix}embedding_size"] = mapping.parts["embed"].own["weight"].shape[0]
    return found


def _generator_settings(generator: PickledModule) -> dict[str, Any]:
    synthesis, mapping = generator.parts["synthesis"], generator.parts["mapping"]
    blocks = _blocks(synthesis)
    return {
        "latent_size": int(generator.settings["z_dim"]),
        "style_size": int(generator.settings["w_dim"]),
        "widths": tuple(block.parts["conv1"].own["weight"].shape[0] for block in blocks),
        "architecture": _only_value(block.settings["architecture"] for block in blocks),
        "clamp": _clamp(synthesis),
        **_mapping_settings(mapping, ""),
    }


def _discriminator_settings(discriminator: PickledModule) -> dict[str, Any]:
    blocks = _blocks(discriminator)
    epilogue = blocks[0]
    narrow = epilogue.parts["conv"].own["weight"]
    deviation = epilogue.parts.get("mbstd")
    found: dict[str, Any] = {
        "discriminator_widths": (narrow.shape[0], *(block.parts["conv0"].own["weight"].shape[0] for block in blocks[1:])),
        "discriminator_architecture": _only_value(block.settings["architecture"] for block in blocks),
        "minibatch_deviation": deviation is not None,
        "discriminator_clamp": _clamp(discriminator),
    }
    if deviation is not None:
        # None: the whole batch is one group
        found["deviation_group"] = int(deviation.settings["group_size"] or 0)
        found["deviation_channels"] = int(deviation.settings["num_channels"])
    if "mapping" in discriminator.parts:
        found["class_size"] = int(discriminator.parts["mapping"].settings["w_dim"])
        found |= _mapping_settings(discriminator.parts["mapping"], "discriminator_")
    return found


def _clamp(network: PickledModule) -> float | None:
    values = {part.settings["conv_clamp"] for _, part in network.walk() if "conv_clamp" in part.settings}
    given = values - {None}
    return float(_only_value(given)) if given else None


def _only_value(values: Iterable[Value]) -> Value:
    (value,) = set(values)
    return value


def _rename(name: str, parts: dict[str, str], block: Callable[[str], str]) -> str:
    """A tensor's new name: `b8.conv0.weight` becomes `blocks.1.first.weight` if `block` maps b8 to `blocks.1.`."""
    block_name, _, rest = name.partition(".")
    part, dot, rest = rest.partition(".")
    return f"{block(block_name)}{parts.get(part, BUFFERS.get(part, part))}{dot}{BUFFERS.get(rest, rest)}"


def _mapping_name(name: str) -> str:
    return name.replace("mapping.fc", "mapping.layers.")


def _generator_name(name: str) -> str:
    if name == "mapping.w_avg":
        return "mean"
    if name.startswith("mapping."):
        return _mapping_name(name)
    return _rename(name.removeprefix("synthesis."), BLOCK_LAYERS, lambda place: f"synthesis.blocks.{int(place[1:]).bit_length() - 3}.")


def _discriminator_name(name: str, levels: int) -> str:
    if name.startswith("mapping."):
        return _mapping_name(name)
    if name.startswith("b4."):
        return _rename(name, EPILOGUE_LAYERS, lambda _: "")
    return _rename(name, BLOCK_LAYERS, lambda place: f"blocks.{levels - int(place[1:]).bit_length()}.")
