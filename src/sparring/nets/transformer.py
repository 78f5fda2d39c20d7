"""A causal transformer over a sequence of vectors, a step at a time or all steps at once."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

State = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer at all steps so far."""


class CausalBlock(nn.Module):
    """Self-attention to a step and those before it, and a network of each step, both after a layer norm (Xiong et al. 2020). No second
    derivatives.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.attend, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.network = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "n t width"], past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Float[Tensor, "n t width"], tuple[Tensor, Tensor]]:
        """What comes out, and the keys and values so far. `past`: those of earlier steps, of which x is the next one."""
        n, t, width = x.shape
        query, key, value = self.attend(self.norm(x)).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        seen = scaled_dot_product_attention(query, key, value, is_causal=past is None)
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(n, t, width)))
        return x + self.dropout(self.network(x)), (key, value)


class TransformerCore(nn.Module):
    """A causal transformer (Vaswani et al. 2017) with learned positions. What comes out at a step depends on that step and those before it
    alone.
    """

    rows_at: ClassVar[int] = 0
    """Dimension of a state's tensors that is that of the sequences."""

    def __init__(self, in_size: int, width: int, layers: int, heads: int, length: int, dropout: float, condition_size: int = 0) -> None:
        super().__init__()
        self.hidden = width
        self.widen = nn.Linear(in_size, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.condition = nn.Linear(condition_size, width) if condition_size else None
        self.blocks = nn.ModuleList(CausalBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def begin(self, n: int, condition: Float[Tensor, "n c"] | None) -> tuple[Tensor | None, State]:
        """The state before the first step. `condition`: what the sequences are to depend on."""
        added = None if self.condition is None or condition is None else self.condition(condition)
        return added, []

    def forward(self, inputs: Float[Tensor, "n t in"], condition: Float[Tensor, "n c"] | None = None) -> Float[Tensor, "n t width"]:
        """What comes out at every step."""
        x = self.widen(inputs) + self.places[: inputs.shape[1]]
        if self.condition is not None and condition is not None:
            x = x + self.condition(condition)[:, None]
        for block in self.blocks:
            x = block(x)[0]
        return self.norm(x)

    def step(
        self, inputs: Float[Tensor, "n in"], state: tuple[Tensor | None, State]
    ) -> tuple[Float[Tensor, "n width"], tuple[Tensor | None, State]]:
        """What comes out at the next step, and the state after it."""
        added, past = state
        place = past[0][0].shape[2] if past else 0
        x = (self.widen(inputs) + self.places[place])[:, None]
        x = x if added is None else x + added[:, None]
        seen: State = []
        for number, block in enumerate(self.blocks):
            x, own = block(x, past[number] if past else None)
            seen.append(own)
        return self.norm(x)[:, 0], (added, seen)
