"""Layers that several networks share."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from sparring.nets.blocks.exporting import is_exporting


def at_least_float32(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The tensor in float32, or in its own type if that has more bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class ConditionalBatchNorm(nn.Module):
    """Batch norm with a scale and an offset for each class (de Vries et al. 2017; Miyato and Koyama 2018)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.offset = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"]) -> Float[Tensor, "n c h w"]:
        """Normalize x and apply the classes' scales and offsets. `condition` has a weight for each class, one-hot for a single class. Of
        several labels the offsets add up, and so do the scales' differences from 1.
        """
        scale, offset = condition @ self.scale, condition @ self.offset
        scale = scale + (1 - condition.sum(dim=1, keepdim=True)).to(scale.dtype)
        return torch.addcmul(offset[:, :, None, None], self.norm(x), scale[:, :, None, None])


class ImageLayerNorm(nn.Module):
    """Layer norm over all channels and positions of an image, with a scale and an offset for each channel. WGAN-GP's critics use it in
    place of batch norm (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Normalize each image to mean 0 and variance 1, then apply scale and offset."""
        last = x.permute(0, 2, 3, 1)  # contiguous if x is channels-last, for which torch's group_norm is slow
        normal = nn.functional.layer_norm(last, last.shape[1:])
        return torch.addcmul(self.bias, normal, self.weight).permute(0, 3, 1, 2)


MAX_BATCHED_VALUES = 2**17
"""Number of values in an image's feature map beyond which images are normalized one by one."""


class InstanceNorm(nn.Module):
    """Instance norm without weights: each channel of each image is normalized to mean 0 and variance 1 (Ulyanov et al. 2016).

    Torch's own is slow in channels-last memory. Batch norm of a single image is equivalent, and so is batch norm of one image that has the
    channels of all images in the batch, which costs two copies but fewer operations.
    """

    shared: tuple[Float[Tensor, " c"], Float[Tensor, " c"]] | None = None
    """Means and variances that replace each image's own: see `shared_statistics`."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        n, c, h, w = x.shape
        if self.shared is not None:
            return nn.functional.batch_norm(x, *self.shared, training=False)
        if x.device.type != "cpu" or is_exporting():  # other runtimes have it as one operation
            return nn.functional.instance_norm(x)
        if n == 1 or c * h * w > MAX_BATCHED_VALUES:
            normal = [nn.functional.batch_norm(image, None, None, training=True) for image in x.split(1)]
            return normal[0] if n == 1 else torch.cat(normal)
        beside = x.permute(2, 3, 0, 1).reshape(1, h, w, n * c).permute(0, 3, 1, 2)
        normal = nn.functional.batch_norm(beside, None, None, training=True)
        apart = normal.permute(0, 2, 3, 1).reshape(h, w, n, c).permute(2, 3, 0, 1)
        return apart.contiguous(memory_format=torch.channels_last)


class AffineInstanceNorm(InstanceNorm):
    """Instance norm with a scale and an offset for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        scale, offset = (each.to(x.dtype)[:, None, None] for each in (self.weight, self.bias))
        return torch.addcmul(offset, super().forward(x), scale)


@contextlib.contextmanager
def shared_statistics(network: nn.Module, forward_pass: Callable[[], object]) -> Iterator[None]:
    """Within this context, the network's instance norms use fixed means and variances: those of the first image in `forward_pass`, a
    function that runs the network.
    """
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]

    def keep(norm: InstanceNorm, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0][:1], dim=(0, 2, 3), correction=0)
        norm.shared = mean, variance

    hooks = [norm.register_forward_pre_hook(keep) for norm in norms]
    try:
        forward_pass()
        for hook in hooks:
            hook.remove()
        yield
    finally:
        for norm, hook in zip(norms, hooks, strict=True):
            hook.remove()
            norm.shared = None


class MinibatchDeviation(nn.Module):
    """Minibatch standard deviation: appends features (or channels) with the mean standard deviation over a group of samples (Karras et al.
    2018, section 3).

    Groups have `group` samples; the whole batch is one group if it is not a multiple of that, or if `group` is 0. With several `channels`,
    each is computed from an equal part of the features.
    """

    def __init__(self, group: int = 4, channels: int = 1) -> None:
        super().__init__()
        self.group, self.channels = group, channels

    def forward(self, x: Float[Tensor, "n features *places"]) -> Float[Tensor, "n more *places"]:
        """(n, features, ...) to (n, features + channels, ...)."""
        n, count = len(x), self.channels
        size = self.group if self.group and n % self.group == 0 else n
        groups = at_least_float32(x).reshape(size, n // size, count, -1)  # as in the authors' code, group j is samples j, j + n/size, ...
        variance = (groups - groups.mean(dim=0)).square().mean(dim=0)  # many times faster than `var` over the first dimension
        deviation = (variance + 1e-8).sqrt().mean(dim=2)
        columns = deviation.repeat(size, 1).to(x.dtype).view(n, count, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        joined = torch.cat([x, columns], dim=1)
        return joined.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else joined


@contextlib.contextmanager
def _without_power_iterations() -> Iterator[None]:
    """Within this context, spectral norms are created without power iterations, for weights without values (on the meta device), where
    each would take torch a tenth of a second.
    """
    kind: Any = parametrizations._SpectralNorm
    method, kind._power_method = kind._power_method, lambda *_: None
    try:
        yield
    finally:
        kind._power_method = method


def spectrally_normalized(network: nn.Module, apart_from: tuple[type[nn.Module], ...] = ()) -> nn.Module:
    """Add spectral norm to the network in place, and return it: the weight of each linear layer and convolution is divided by its largest
    singular value (Miyato et al. 2018, section 2.1), with one power iteration for each training pass. Modules of the types `apart_from`
    and everything in them stay unchanged.
    """
    spared = {id(below) for module in network.modules() if isinstance(module, apart_from) for below in module.modules()}
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and id(module) not in spared:
            with _without_power_iterations() if module.weight.is_meta else contextlib.nullcontext():  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
                parametrizations.spectral_norm(module)
    return network
