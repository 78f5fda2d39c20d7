"""Up- and downsampling with the binomial filter (1, 3, 3, 1) of StyleGAN2 (Karras et al. 2020, appendix B), each as one operation."""

import functools

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

TAPS = (1.0, 3.0, 3.0, 1.0)


@functools.lru_cache(maxsize=256)
def _kernel(channels: int, gain: float, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "c 1 4 4"]:
    row = torch.tensor(TAPS, dtype=torch.float64) / sum(TAPS)
    return (gain * torch.outer(row, row)).expand(channels, 1, 4, 4).to(device, dtype).contiguous()


def filtered(x: Float[Tensor, "n c h w"], padding: int, gain: float = 1.0) -> Float[Tensor, "n c p q"]:
    """Each channel smoothed, on `padding` rows and columns of zeros on every side: (n, c, h + 2 padding - 3, ...)."""
    return conv2d(x, _kernel(x.shape[1], gain, x.dtype, x.device), padding=padding, groups=x.shape[1])


def downsampled(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h/2 w/2"]:
    """Half the side: smoothed at every second place."""
    return conv2d(x, _kernel(x.shape[1], 1.0, x.dtype, x.device), padding=1, stride=2, groups=x.shape[1])


def upsampled(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
    """Twice the side: zeros between the places, smoothed, and four times as strong for them."""
    return conv_transpose2d(x, _kernel(x.shape[1], 4.0, x.dtype, x.device), padding=1, stride=2, groups=x.shape[1])
