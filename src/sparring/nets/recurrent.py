"""A recurrent network over a sequence of vectors, a step at a time or all steps at once."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RecurrentCore(nn.Module):
    """Gated recurrent units (Cho et al. 2014). What comes out at a step depends on that step and those before it alone."""

    rows_at: ClassVar[int] = 1
    """Dimension of a state's tensors that is that of the sequences."""

    def __init__(self, in_size: int, hidden: int, layers: int, condition_size: int = 0) -> None:
        super().__init__()
        self.hidden, self.layers = hidden, layers
        self.gru = nn.GRU(in_size, hidden, layers, batch_first=True)
        self.condition = nn.Linear(condition_size, layers * hidden) if condition_size else None

    def begin(self, n: int, condition: Float[Tensor, "n c"] | None) -> Float[Tensor, "layers n hidden"]:
        """The state before the first step. `condition`: what the sequences are to depend on."""
        if self.condition is None or condition is None:
            return next(self.parameters()).new_zeros(self.layers, n, self.hidden)
        return self.condition(condition).tanh().view(n, self.layers, self.hidden).transpose(0, 1).contiguous()

    def forward(self, inputs: Float[Tensor, "n t in"], condition: Float[Tensor, "n c"] | None = None) -> Float[Tensor, "n t hidden"]:
        """What comes out at every step."""
        return self.gru(inputs, self.begin(len(inputs), condition))[0]

    def step(
        self, inputs: Float[Tensor, "n in"], state: Float[Tensor, "layers n hidden"]
    ) -> tuple[Float[Tensor, "n hidden"], Float[Tensor, "layers n hidden"]]:
        """What comes out at the next step, and the state after it."""
        out, state = self.gru(inputs[:, None], state)
        return out[:, 0], state


def mean_over_places(values: Float[Tensor, "n t c"], read: Float[Tensor, "n t"]) -> Float[Tensor, "n c"]:
    """Mean over the places that count (1 in `read`)."""
    return (values * read[:, :, None]).sum(dim=1) / read.sum(dim=1, keepdim=True).clamp(min=1)


def last_place(values: Float[Tensor, "n t c"], read: Float[Tensor, "n t"]) -> Float[Tensor, "n c"]:
    """Values at the last place that counts (1 in `read`, which are the first ones)."""
    last = (read.sum(dim=1).long() - 1).clamp(min=0)
    return values[torch.arange(len(values), device=values.device), last]
