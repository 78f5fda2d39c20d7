"""What the discriminator's filters respond to: patches of real images, and guided backpropagation through them."""

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
from sparring.inference.model import Model
from sparring.inference.training_data import data_of
from sparring.interpret.feature_maps import Maps, _judging, _maps
from sparring.media.image_files import grid
from sparring.media.pixels import float_to_pixels
from sparring.nets.feature_maps import recording


def filters(
    model: Model,
    data: str | os.PathLike[str] | Store | None = None,
    *,
    side: int | None = None,
    count: int = 8,
    patches: int = 8,
    searched: int = 2000,
) -> UInt8[np.ndarray, "rows columns c"]:
    """A sheet with two rows for each of the most selective filters: the patches of real images that it responds to most, and below
    them what in each patch it was, by guided backpropagation. `side`: of the maps (by default the second smallest).
    """
    if count < 1 or patches < 1:
        raise SettingsError(f"count and patches must be at least 1, not {count} and {patches}.")
    store = data_of(model, data)
    patches = min(patches, len(store))
    numbers = np.linspace(0, len(store) - 1, min(searched, len(store))).astype(np.int64)
    pieces, module = [], ""
    for recorder in _maps(model, store, numbers):
        sides = sorted(one for one in recorder.maps if one > 1)
        side = sides[min(1, len(sides) - 1)] if side is None else side
        if side not in recorder.maps:
            raise SettingsError(f"The discriminator has no maps of {side}x{side}. It has maps of: {', '.join(map(str, sides))}.")
        module, output = recorder.maps[side]
        pieces.append(output)
    network, judge = _judging(model)
    shown: list[UInt8[np.ndarray, "h w c"]] = []
    largest = store.spec.height
    for answer in strongest(pieces, patches, count):
        images = store.batch(numbers[answer.images.numpy()]).samples
        guided, boxes = explained(network, judge, images, module, answer)
        guided = guided / guided.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
        for row in (images, guided):
            for image, (down, right) in zip(row, boxes, strict=True):
                shown.append(_enlarged(float_to_pixels(image[None, :, down, right])[0].numpy(), largest))
    return grid(np.stack(shown), columns=patches)


def _enlarged(patch: UInt8[np.ndarray, "h w c"], side: int) -> UInt8[np.ndarray, "side side c"]:
    """To that side, by repeating pixels."""
    rows = np.arange(side) * patch.shape[0] // side
    columns = np.arange(side) * patch.shape[1] // side
    return patch[rows][:, columns]


Images = Float[Tensor, "n c h w"]


class _GuidedRelu(torch.autograd.Function):
    """A rectifier that lets back only gradients that are positive, at places that are."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x > 0)
        return torch.where(x > 0, x, slope * x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (positive,), (gradient,) = ctx.saved_tensors, gradients
        return gradient.clamp_min(0) * positive, None


class Guided(TorchFunctionMode):
    """In the block all rectifiers guide gradients back (guided backpropagation: Springenberg et al. 2015)."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401
        """Rectifiers by their guided form, all else as it is."""
        kwargs, name = kwargs or {}, getattr(func, "__name__", "").rstrip("_")
        if name == "relu":
            return _GuidedRelu.apply(args[0], 0.0)
        if name == "leaky_relu":
            return _GuidedRelu.apply(args[0], args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01))
        return func(*args, **kwargs)


@dataclass(frozen=True)
class Answer:
    """Where a filter answers most."""

    channel: int
    strengths: Float[Tensor, " k"]
    """Of the answers, the strongest first."""
    images: Int64[Tensor, " k"]
    """The numbers of the images."""
    rows: Int64[Tensor, " k"]
    """Where in the map."""
    columns: Int64[Tensor, " k"]


def strongest(pieces: Iterable[Maps], count: int, filters: int) -> list[Answer]:
    """Of maps that come in pieces, the `filters` channels whose answers vary most between images, and for each the `count` images
    that it answers to most.
    """
    values, places, width = [], [], 1
    for output in pieces:
        best = output.float().flatten(2).max(dim=2)
        values.append(best.values)
        places.append(best.indices)
        width = output.shape[3]
    answers, where = torch.cat(values), torch.cat(places)
    selective = answers.std(dim=0) / answers.mean(dim=0).abs().clamp_min(1e-6)
    found = []
    for channel in selective.argsort(descending=True)[:filters].tolist():
        order = answers[:, channel].argsort(descending=True)[:count]
        place = where[order, channel]
        found.append(Answer(channel, answers[order, channel], order, place // width, place % width))
    return found


def explained(
    network: nn.Module, judge: Callable[[Images], object], images: Images, module: str, answer: Answer
) -> tuple[Float[Tensor, "k c h w"], list[tuple[slice, slice]]]:
    """What in each image its answer came from, by guided backpropagation, and the part of the image that the filter saw at all."""
    shown = images.detach().clone().requires_grad_()
    with recording(network) as recorder, Guided():
        judge(shown)
    output = next(output for name, output in recorder.maps.values() if name == module)
    picked = output[torch.arange(len(images)), answer.channel, answer.rows, answer.columns]
    (guided,) = torch.autograd.grad(picked.sum(), shown)
    seen = []
    side_ratio = images.shape[2] / output.shape[2]
    for row, column, gradient in zip(answer.rows.tolist(), answer.columns.tolist(), guided, strict=True):
        seen.append(_box(gradient.abs().sum(dim=0), (row + 0.5) * side_ratio, (column + 0.5) * side_ratio))
    return guided, seen


def _box(strength: Float[Tensor, "h w"], row: float, column: float) -> tuple[slice, slice]:
    """The smallest square about a place that holds all that is not zero, within the image."""
    height, width = strength.shape
    places = strength.nonzero()
    if not len(places):
        return slice(0, height), slice(0, width)
    reach = max((places[:, 0] - row).abs().max().item(), (places[:, 1] - column).abs().max().item()) + 1
    side = int(min(2 * reach, height, width))
    top, left = (int(min(max(0, middle - side / 2), limit - side)) for middle, limit in ((row, height), (column, width)))
    return slice(top, top + side), slice(left, left + side)
