"""Encoder and decoder of table rows (Xu et al. 2019, section 4.4)."""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparring.nets.blocks.exporting import inverse_error_function
from sparring.nets.tabular_gan import Cells, ColumnShape, RowHead, RowInput

BEGIN, SMALLEST, LARGEST = 0.1, 0.01, 1.0
"""Standard deviation of positions before training, and its bounds."""


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of these sizes, each followed by a rectifier."""
    return nn.Sequential(*(layer for before, after in itertools.pairwise(sizes) for layer in (nn.Linear(before, after), nn.ReLU())))


class Encoder(nn.Module):
    """Mean and log-variance of the latent of each row."""

    def __init__(self, columns: Sequence[ColumnShape], hidden: tuple[int, ...], latent_size: int) -> None:
        super().__init__()
        self.look = RowInput(columns)
        self.layers = perceptron((self.look.width, *hidden))
        self.mean, self.log_variance = nn.Linear(hidden[-1], latent_size), nn.Linear(hidden[-1], latent_size)

    def forward(self, rows: Float[Tensor, "n width"]) -> tuple[Float[Tensor, "n latent"], Float[Tensor, "n latent"]]:
        """(n, width) to (n, latent) twice."""
        features = self.layers(self.look(rows))
        return self.mean(features), self.log_variance(features)


class Decoder(nn.Module):
    """Rows from latents. `outputs` gives logits of codes and unbounded positions; calling it draws rows."""

    def __init__(self, columns: Sequence[ColumnShape], latent_size: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.layers = perceptron((latent_size, *hidden))
        self.head = RowHead(hidden[-1], columns)
        self.deviation = nn.Parameter(torch.full((sum(column.has_position for column in columns),), BEGIN))
        self.cells = Cells(columns, 1.0, hard=True)
        ends = list(itertools.accumulate(column.width for column in columns))
        self.places = [end - 1 for end, column in zip(ends, columns, strict=True) if column.has_position]

    def deviations(self) -> Float[Tensor, " p"]:
        """Standard deviation of the positions of each column that has them."""
        return self.deviation.clamp(SMALLEST, LARGEST)

    def outputs(self, latent: Float[Tensor, "n latent"]) -> Float[Tensor, "n width"]:
        """Logits of codes and unbounded positions."""
        return self.head(self.layers(latent))

    def forward(self, latents: Float[Tensor, "n latents"]) -> Float[Tensor, "n width"]:
        """Rows: codes are drawn by their probability, positions from a normal distribution. The noise of the cells follows the latent."""
        noise = latents[:, self.latent_size :]
        rows = self.cells(self.outputs(latents[:, : self.latent_size]).float(), noise)
        if self.places:
            normal = (2**0.5) * inverse_error_function(noise[:, self.places].clamp(-1 + 1e-6, 1 - 1e-6))
            drawn = rows[:, self.places]
            rows = rows.clone()
            rows[:, self.places] = torch.where(drawn == 0, drawn, (drawn + self.deviations() * normal).clamp(-1, 1))
        return rows
