"""Shows what a discriminator's filters respond to: patches of real images, and guided backpropagation through them."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sparring.core.errors import SettingsError
from sparring.data.store import Store
from sparring.inference.data_of_model import data_of
from sparring.inference.model import Model
from sparring.interpret.discriminator_features import Maps, maps_of_images, open_discriminator
from sparring.media.image_files import grid
from sparring.media.pixel_range import float_to_pixels
from sparring.nets.forward_hooks import record_feature_maps


def filter_sheet(
    model: Model,
    data: str | os.PathLike[str] | Store | None = None,
    *,
    side: int | None = None,
    count: int = 8,
    patches: int = 8,
    searched: int = 2000,
) -> UInt8[np.ndarray, "rows columns c"]:
    """A sheet with two rows for each of the `count` most selective filters: the patches of real images with its strongest responses, and
    below them the pixels that caused each response, by guided backpropagation.

    `side` is the side of the filters' feature maps (by default the second smallest). `patches` is the number of patches in a row, and
    `searched` the largest number of images that are searched. Raises a SettingsError if there are no such maps.
    """
    if count < 1 or patches < 1:
        raise SettingsError(f"count and patches must be at least 1, not {count} and {patches}.")
    store = data_of(model, data)
    patches = min(patches, len(store))
    indices = np.linspace(0, len(store) - 1, min(searched, len(store))).astype(np.int64)
    chunks, module = [], ""
    for recorder in maps_of_images(model, store, indices):
        sides = sorted(one for one in recorder.maps if one > 1)
        side = sides[min(1, len(sides) - 1)] if side is None else side
        if side not in recorder.maps:
            raise SettingsError(f"The discriminator has no maps with a side of {side}. It has maps of: {', '.join(map(str, sides))}.")
        module, output = recorder.maps[side]
        chunks.append(output)
    network, discriminate = open_discriminator(model)
    tiles: list[UInt8[np.ndarray, "h w c"]] = []
    largest = min(store.spec.height, store.spec.width)
    for responses in strongest_responses(chunks, patches, count):
        images = store.batch(indices[responses.images.numpy()]).samples
        guided, boxes = explain_responses(network, discriminate, images, module, responses)
        guided = guided / guided.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
        for row in (images, guided):
            for image, (down, right) in zip(row, boxes, strict=True):
                tiles.append(_enlarge(float_to_pixels(image[None, :, down, right])[0].numpy(), largest))
    return grid(np.stack(tiles), columns=patches)


def _enlarge(patch: UInt8[np.ndarray, "h w c"], side: int) -> UInt8[np.ndarray, "side side c"]:
    """A patch enlarged to `side` x `side` pixels by repeating pixels."""
    rows = np.arange(side) * patch.shape[0] // side
    columns = np.arange(side) * patch.shape[1] // side
    return patch[rows][:, columns]


Images = Float[Tensor, "n c h w"]


class _GuidedRelu(torch.autograd.Function):
    """A rectifier whose backward pass keeps only positive gradients at positive inputs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x > 0)
        return torch.where(x > 0, x, slope * x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (positive,), (gradient,) = ctx.saved_tensors, gradients
        return gradient.clamp_min(0) * positive, None


class GuidedBackpropagation(TorchFunctionMode):
    """Within this context, ReLU and leaky ReLU use guided backpropagation (Springenberg et al. 2015)."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401
        """Call rectifiers in their guided form, and all other functions unchanged."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "").rstrip("_")
        if name == "relu":
            return _GuidedRelu.apply(args[0], 0.0)
        if name == "leaky_relu":
            return _GuidedRelu.apply(args[0], args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01))
        return func(*args, **kwargs)


@dataclass(frozen=True)
class FilterResponses:
    """The strongest responses of one filter, one for each image, the strongest first."""

    channel: int
    """Index of the filter."""
    strengths: Float[Tensor, " k"]
    """Values of the feature map at the responses."""
    images: Int64[Tensor, " k"]
    """Indices of the images."""
    rows: Int64[Tensor, " k"]
    """Row of each response in the feature map."""
    columns: Int64[Tensor, " k"]
    """Column of each response in the feature map."""


def strongest_responses(chunks: Iterable[Maps], count: int, filters: int) -> list[FilterResponses]:
    """The `filters` channels whose strongest responses vary most between images, and for each its `count` strongest responses.

    `chunks` are feature maps of consecutive images.
    """
    values, positions, width = [], [], 1
    for output in chunks:
        best = output.float().flatten(2).max(dim=2)
        values.append(best.values)
        positions.append(best.indices)
        width = output.shape[3]
    strengths, position_of = torch.cat(values), torch.cat(positions)
    selectivity = strengths.std(dim=0) / strengths.mean(dim=0).abs().clamp_min(1e-6)
    found = []
    for channel in selectivity.argsort(descending=True)[:filters].tolist():
        order = strengths[:, channel].argsort(descending=True)[:count]
        position = position_of[order, channel]
        found.append(FilterResponses(channel, strengths[order, channel], order, position // width, position % width))
    return found


def explain_responses(
    network: nn.Module, discriminate: Callable[[Images], object], images: Images, module: str, responses: FilterResponses
) -> tuple[Float[Tensor, "k c h w"], list[tuple[slice, slice]]]:
    """Guided gradients of each response with respect to its image, and the square of the image that the response depends on.

    `discriminate` runs `network` on images, and `module` is the name of the module that outputs the feature maps.
    """
    inputs = images.detach().clone().requires_grad_()
    with record_feature_maps(network) as recorder, GuidedBackpropagation():
        discriminate(inputs)
    output = next(output for name, output in recorder.maps.values() if name == module)
    picked = output[torch.arange(len(images)), responses.channel, responses.rows, responses.columns]
    (guided,) = torch.autograd.grad(picked.sum(), inputs)
    squares = []
    down, across = images.shape[2] / output.shape[2], images.shape[3] / output.shape[3]
    for row, column, gradient in zip(responses.rows.tolist(), responses.columns.tolist(), guided, strict=True):
        squares.append(_receptive_square(gradient.abs().sum(dim=0), (row + 0.5) * down, (column + 0.5) * across))
    return guided, squares


def _receptive_square(strength: Float[Tensor, "h w"], row: float, column: float) -> tuple[slice, slice]:
    """The smallest square around a position, shifted into the image, that contains all nonzero values; at most the
    shorter side of the image.
    """
    height, width = strength.shape
    nonzero = strength.nonzero()
    if not len(nonzero):
        return slice(0, min(height, width)), slice(0, min(height, width))
    reach = max((nonzero[:, 0] - row).abs().max().item(), (nonzero[:, 1] - column).abs().max().item()) + 1
    side = int(min(2 * reach, height, width))
    top, left = (int(min(max(0, middle - side / 2), limit - side)) for middle, limit in ((row, height), (column, width)))
    return slice(top, top + side), slice(left, left + side)
