"""BiGAN's discriminator of pairs of an image and its latent (Donahue et al. 2017)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.dcgan import Norm, initialize, strided_features, strided_layers


class PairDiscriminator(nn.Module):
    """One logit for each pair of an image and a latent: both have layers of their own, and then layers together."""

    def __init__(
        self,
        resolution: int,
        channels: int,
        latent_size: int,
        width: int,
        leak: float,
        hidden: int,
        norm: Norm,
        *,
        smallest_map: tuple[int, int] = (4, 4),
    ) -> None:
        super().__init__()
        self.layers = strided_layers(resolution, channels, width, leak, norm)
        self.latent = nn.Sequential(nn.Linear(latent_size, hidden), nn.LeakyReLU(leak), nn.Linear(hidden, hidden), nn.LeakyReLU(leak))
        features = strided_features(resolution, width, smallest_map)
        self.joined = nn.Sequential(nn.Linear(features + hidden, hidden), nn.LeakyReLU(leak), nn.Linear(hidden, 1))
        initialize(self.layers)

    def forward(self, images: Float[Tensor, "n c h w"], latents: Float[Tensor, "n latent"]) -> Float[Tensor, "n 1"]:
        """Logits: above 0 means an image that is real, and the latent that was found for it."""
        features = self.layers(images).flatten(1)
        return self.joined(torch.cat([features, self.latent(latents).to(features.dtype)], dim=1))
