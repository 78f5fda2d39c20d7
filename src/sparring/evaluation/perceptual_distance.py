"""Perceptual distance between images, and all scores of images against their targets."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn.functional import normalize

from sparring.metrics.paired_images import WINDOW, mean_absolute_error, peak_signal_to_noise_ratio, score_in_chunks, structural_similarity
from sparring.nets.feature_extractors.efficientnet_lite0 import CENTER, SCALE, SIDE, Lite0, stage_maps
from sparring.nets.feature_extractors.resize import resize


@dataclass(frozen=True, eq=False)
class PerceptualDistance:
    """Perceptual distance in lite0's feature maps: 0 for equal images, at most 4.

    This is LPIPS (Zhang et al. 2018: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, equation 1) with all channel
    weights 1 and the mean over feature maps in place of their sum. Its values cannot be compared with those of LPIPS's own networks.
    """

    network: Lite0

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
        """Distance of each image to its target. Images are in [-1, 1] with 1 (gray), 3 (RGB) or 4 (RGBA) channels; alpha is ignored."""
        return score_in_chunks(self._distance, images, targets)

    def _distance(self, images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
        maps = zip(self._maps(images), self._maps(targets), strict=True)
        apart = [(normalize(a.double()) - normalize(b.double())).square().sum(dim=1).mean(dim=(1, 2)) for a, b in maps]
        return torch.stack(apart).mean(dim=0).to(images.device)

    def _maps(self, images: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        resized = resize(images[:, :3].float().cpu(), SIDE, "bicubic, antialiased")
        inputs = ((resized + 1) * 127.5 - CENTER) / SCALE
        inputs = inputs.expand(-1, 3, -1, -1).to(self.network.class_bias.device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            return stage_maps(self.network, inputs)


def paired_scores(
    images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"], distance: PerceptualDistance
) -> dict[str, Float64[Tensor, " n"]]:
    """Scores of each image against its target, by name: L1, PSNR, SSIM (if images have at least 11x11 pixels) and distance-lite0."""
    return {
        "L1": mean_absolute_error(images, targets),
        "PSNR": peak_signal_to_noise_ratio(images, targets),
        **({"SSIM": structural_similarity(images, targets)} if min(images.shape[2:]) >= WINDOW else {}),
        "distance-lite0": distance(images, targets),
    }
