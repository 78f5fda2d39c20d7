"""Layers that several networks share."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations


def at_least_float32(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """As float32 at least, where numbers were computed with fewer bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and offset belong to the class (de Vries et al. 2017; Miyato and Koyama 2018)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.offset = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Float[Tensor, "n c h w"], condition: Float[Tensor, "n classes"]) -> Float[Tensor, "n c h w"]:
        """`condition`: a weight for each class, one-hot for a single one."""
        scale, offset = condition @ self.scale, condition @ self.offset
        return torch.addcmul(offset[:, :, None, None], self.norm(x), scale[:, :, None, None])


class ImageLayerNorm(nn.Module):
    """Layer norm over all of an image's channels and places, with a scale and an offset for each channel: what WGAN-GP's critics
    have in place of batch norm (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Mean 0 and variance 1 for each image, then scale and offset."""
        last = x.permute(0, 2, 3, 1)  # contiguous, if x is channels-last: torch's group_norm is slow there
        normal = nn.functional.layer_norm(last, last.shape[1:])
        return torch.addcmul(self.bias, normal, self.weight).permute(0, 3, 1, 2)


MAX_BATCHED_VALUES = 2**17
"""Numbers in an image's maps beyond which they are normalized image by image."""


class InstanceNorm(nn.Module):
    """Each channel of each image brought to mean 0 and variance 1 (Ulyanov et al. 2016), without weights.

    In channels-last memory torch's own is slow. Batch norm of one image is the same; so is that of the images of a batch side by
    side, as so many more channels of one, which costs two copies and fewer operations.
    """

    shared: tuple[Float[Tensor, " c"], Float[Tensor, " c"]] | None = None
    """Means and variances in place of each image's own: see `shared_statistics`."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        n, c, h, w = x.shape
        if self.shared is not None:
            return nn.functional.batch_norm(x, *self.shared, training=False)
        if x.device.type != "cpu":
            return nn.functional.instance_norm(x)
        if n == 1 or c * h * w > MAX_BATCHED_VALUES:
            normal = [nn.functional.batch_norm(image, None, None, training=True) for image in x.split(1)]
            return normal[0] if n == 1 else torch.cat(normal)
        beside = x.permute(2, 3, 0, 1).reshape(1, h, w, n * c).permute(0, 3, 1, 2)
        normal = nn.functional.batch_norm(beside, None, None, training=True)
        apart = normal.permute(0, 2, 3, 1).reshape(h, w, n, c).permute(2, 3, 0, 1)
        return apart.contiguous(memory_format=torch.channels_last)


@contextlib.contextmanager
def shared_statistics(network: nn.Module, look: Callable[[], object]) -> Iterator[None]:
    """Within, instance norms of the network have the means and variances that they meet in `look`, a pass of one image (the first of
    its batch), whatever they see.
    """
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]

    def keep(norm: InstanceNorm, seen: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(seen[0][:1], dim=(0, 2, 3), correction=0)
        norm.shared = mean, variance

    hooks = [norm.register_forward_pre_hook(keep) for norm in norms]
    try:
        look()
        for hook in hooks:
            hook.remove()
        yield
    finally:
        for norm, hook in zip(norms, hooks, strict=True):
            hook.remove()
            norm.shared = None


class MinibatchDeviation(nn.Module):
    """More features (or channels), usually one: how much the samples of a group differ, on average (Karras et al. 2018, section 3).

    Groups are of `group` samples, or the whole batch if it does not divide by it. (0: always the whole batch.) With several
    `channels`, each shows an equal part of the features.
    """

    def __init__(self, group: int = 4, channels: int = 1) -> None:
        super().__init__()
        self.group, self.channels = group, channels

    def forward(self, x: Float[Tensor, "n features *places"]) -> Float[Tensor, "n more *places"]:
        """(n, features, ...) to (n, features + channels, ...)."""
        n, count = len(x), self.channels
        size = self.group if self.group and n % self.group == 0 else n
        groups = at_least_float32(x).reshape(size, n // size, count, -1)  # as in the authors' code, group j is samples j, j + n/size, ...
        variance = (groups - groups.mean(dim=0)).square().mean(dim=0)  # many times as fast as `var` over the first dimension
        deviation = (variance + 1e-8).sqrt().mean(dim=2)
        columns = deviation.repeat(size, 1).to(x.dtype).view(n, count, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        joined = torch.cat([x, columns], dim=1)
        return joined.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else joined


@contextlib.contextmanager
def _without_power_iterations() -> Iterator[None]:
    """Spectral norms are made without looking for singular vectors: of weights that have no numbers yet, for which torch takes a tenth of
    a second each.
    """
    kind: Any = parametrizations._SpectralNorm
    method, kind._power_method = kind._power_method, lambda *_: None
    try:
        yield
    finally:
        kind._power_method = method


def spectrally_normalized(network: nn.Module, apart_from: tuple[type[nn.Module], ...] = ()) -> nn.Module:
    """The network with each linear map's and convolution's weight divided by its largest singular value (Miyato et al. 2018,
    section 2.1), by one step of power iteration for each pass in training. `apart_from`: modules that stay as they are.
    """
    spared = {id(below) for module in network.modules() if isinstance(module, apart_from) for below in module.modules()}
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and id(module) not in spared:
            with _without_power_iterations() if module.weight.is_meta else contextlib.nullcontext():  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
                parametrizations.spectral_norm(module)
    return network
