"""How far apart two images look to a network, and every score of an image against its target."""

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
    """How far apart images look to lite0: 0 for equal ones, 4 at most.

    LPIPS (Zhang et al. 2018: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, equation 1) with all weights 1
    and the mean over the maps for their sum. Its numbers are not those of LPIPS's own networks.
    """

    network: Lite0

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
        """Of images with 1 (gray), 3 (RGB) or 4 (RGBA) channels; what alpha says is left out."""
        return score_in_chunks(self._distance, images, targets)

    def _distance(self, images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"]) -> Float64[Tensor, " n"]:
        maps = zip(self._maps(images), self._maps(targets), strict=True)
        apart = [(normalize(a.double()) - normalize(b.double())).square().sum(dim=1).mean(dim=(1, 2)) for a, b in maps]
        return torch.stack(apart).mean(dim=0).to(images.device)

    def _maps(self, images: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        small = resize(images[:, :3].float().cpu(), SIDE, "bicubic, antialiased")
        shown = ((small + 1) * 127.5 - CENTER) / SCALE
        shown = shown.expand(-1, 3, -1, -1).to(self.network.class_bias.device, memory_format=torch.channels_last)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            return stage_maps(self.network, shown)


def paired_scores(
    images: Float[Tensor, "n c h w"], targets: Float[Tensor, "n c h w"], distance: PerceptualDistance
) -> dict[str, Float64[Tensor, " n"]]:
    """Each score of each image, by name. SSIM is left out of images that are smaller than its window."""
    return {
        "L1": mean_absolute_error(images, targets),
        "PSNR": peak_signal_to_noise_ratio(images, targets),
        **({"SSIM": structural_similarity(images, targets)} if min(images.shape[2:]) >= WINDOW else {}),
        "distance-lite0": distance(images, targets),
    }
