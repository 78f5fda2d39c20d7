"""TimeVAE's encoder and decoder of windows (Desai et al. 2021): convolutions, a trend and a season."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.temporal import perceptron

SMALLEST_DEVIATION, LARGEST_DEVIATION = 0.01, 2.0
"""Bounds of the standard deviation of values around what is decoded."""
QUICKER = 10.0
"""The logarithm of that deviation moves so many times as fast as a weight: Adam's steps are as long as the learning rate."""


def halved(steps: int, times: int) -> int:
    """Number of steps after so many convolutions with a stride of 2."""
    for _ in range(times):
        steps = (steps + 1) // 2
    return steps


class WindowEncoder(nn.Module):
    """Mean and log-variance of the latent of each window, by convolutions with a stride of 2."""

    def __init__(self, values: int, steps: int, channels: Sequence[int], latent_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((values, *channels)):
            layers += [nn.Conv1d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        width = channels[-1] * halved(steps, len(channels))
        self.mean, self.log_variance = nn.Linear(width, latent_size), nn.Linear(width, latent_size)

    def forward(self, windows: Float[Tensor, "n v t"]) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n latent"]]:
        """(n, values, steps) to (n, latent) twice."""
        features = self.layers(windows)
        return self.mean(features), self.log_variance(features)


class WindowDecoder(nn.Module):
    """The mean of each window from its latent: the sum of a trend (a polynomial of the steps), a season (a number for each step of it), and
    the rest by transposed convolutions. `season`: its number of steps; None: there is none.
    """

    def __init__(self, latent_size: int, values: int, steps: int, channels: Sequence[int], degree: int, season: int | None) -> None:
        super().__init__()
        self.latent_size, self.values, self.steps, self.degree, self.season = latent_size, values, steps, degree, season
        size = values * (degree + 1)
        self.trend = perceptron((latent_size, size, size))
        self.to_season = nn.Linear(latent_size, values * season) if season is not None else None
        begin = halved(steps, len(channels))
        rest: list[nn.Module] = [nn.Linear(latent_size, channels[-1] * begin), nn.ReLU(), nn.Unflatten(1, (channels[-1], begin))]
        for number, (before, after) in enumerate(itertools.pairwise((*reversed(channels), values))):
            rest += [nn.ReLU()] * (number > 0) + [nn.ConvTranspose1d(before, after, 3, stride=2, padding=1, output_padding=1)]
        self.rest = nn.Sequential(*rest)
        self.log_deviation = nn.Parameter(torch.zeros(values))  # QUICKER times as large

    def deviations(self) -> Float[Tensor, " v"]:
        """Standard deviation of each value around what is decoded."""
        return (QUICKER * self.log_deviation).exp().clamp(SMALLEST_DEVIATION, LARGEST_DEVIATION)

    def trends(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n v t"]:
        """A polynomial of each value, by the share of the window that is over."""
        share = torch.arange(self.steps, device=latent.device) / self.steps
        powers = share ** torch.arange(self.degree + 1, device=latent.device)[:, None]  # powers t
        return self.trend(latent).view(latent.shape[0], self.values, self.degree + 1) @ powers

    def seasons(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n v t"]:
        """A number for each step of the season, which comes round."""
        assert self.to_season is not None
        assert self.season is not None
        step = torch.arange(self.steps, device=latent.device) % self.season
        return self.to_season(latent).view(latent.shape[0], self.values, self.season)[:, :, step]

    def forward(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n v t"]:
        """(n, latent) to (n, values, steps)."""
        windows = self.trends(latent) + self.rest(latent)[:, :, : self.steps]
        return windows if self.season is None else windows + self.seasons(latent)
