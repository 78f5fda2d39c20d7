"""Layers that several networks share."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations


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


class PictureNorm(nn.Module):
    """Layer norm over all of a picture's channels and places, with a scale and an offset for each channel: what WGAN-GP's critics
    have in place of batch norm (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Mean 0 and variance 1 for each picture, then scale and offset."""
        last = x.permute(0, 2, 3, 1)  # contiguous, if x is channels-last: torch's group_norm is slow there
        normal = nn.functional.layer_norm(last, last.shape[1:])
        return torch.addcmul(self.bias, normal, self.weight).permute(0, 3, 1, 2)


class MinibatchDeviation(nn.Module):
    """One more feature (or channel): how much the samples of a group differ, on average (Karras et al. 2018, section 3)."""

    GROUP = 4

    def forward(self, x: Float[Tensor, "n features *places"]) -> Float[Tensor, "n more *places"]:
        """Groups of four neighbours, or the whole batch if it does not divide by four."""
        n = len(x)
        size = self.GROUP if n % self.GROUP == 0 else n
        groups = x.float().reshape(size, n // size, -1)  # as in the authors' code, group j is samples j, j + n/size, ...
        deviation = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1)
        column = deviation.repeat(size).to(x.dtype).view(n, 1, *[1] * (x.ndim - 2)).expand(-1, 1, *x.shape[2:])
        joined = torch.cat([x, column], dim=1)
        return joined.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else joined


def spectrally_normalised(network: nn.Module) -> nn.Module:
    """The network with each linear map's and convolution's weight divided by its largest singular value (Miyato et al. 2018,
    section 2.1), by one step of power iteration for each pass in training.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            parametrizations.spectral_norm(module)
    return network
