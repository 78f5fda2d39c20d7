"""Context managers that hook into the forward pass of a network: they record feature maps, set channels to zero, or fix dropout."""

import contextlib
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.core.random_streams import Streams

MAX_IMAGE_CHANNELS = 4


class FeatureMapRecorder:
    """Holds the last feature map of each shorter side that a network output, with the name of its module, in the order of the network."""

    def __init__(self) -> None:
        self.maps: dict[int, tuple[str, Float[Tensor, "n c h w"]]] = {}

    def record(self, name: str, output: object) -> None:
        """Keep a module's output if it is a feature map: four-dimensional, with more channels than images have."""
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[1] > MAX_IMAGE_CHANNELS:
            self.maps[min(output.shape[2:])] = (name, output)


@contextlib.contextmanager
def record_feature_maps(network: nn.Module) -> Iterator[FeatureMapRecorder]:
    """Record the feature maps that the network's modules output within the context."""
    recorder = FeatureMapRecorder()

    def listen(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        return module.register_forward_hook(lambda _, __, output: recorder.record(name, output))

    # a parametrization outputs weights, not feature maps
    handles = [listen(name, module) for name, module in network.named_modules() if name and "parametrizations" not in name]
    try:
        yield recorder
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def zero_channels(network: nn.Module, module: str, channels: Int64[Tensor, " k"]) -> Iterator[None]:
    """Set these channels of the output of `module`, a dotted name, to zero within the context."""

    def silence(_: nn.Module, __: object, output: Tensor) -> Tensor:
        kept = torch.ones(output.shape[1], dtype=output.dtype, device=output.device)
        kept[channels] = 0
        return output * kept.view(1, -1, 1, 1)

    handle = network.get_submodule(module).register_forward_hook(silence)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def fixed_dropout(network: nn.Module, seed: int) -> Iterator[None]:
    """Apply dropout in evaluation mode within the context, at the same positions of every image, which depend on `seed`."""

    def listen(module: nn.Dropout, streams: Streams) -> torch.utils.hooks.RemovableHandle:
        def drop(_: nn.Module, __: object, output: Tensor) -> Tensor:
            kept = (streams.uniform("kept", *output.shape[1:]) + 1) / 2 >= module.p
            return output * (kept / (1 - module.p)).to(output)

        return module.register_forward_hook(drop)

    layers = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    handles = [listen(module, Streams(seed, number, scope="dropout")) for number, module in enumerate(layers)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
