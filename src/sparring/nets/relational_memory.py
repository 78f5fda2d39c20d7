"""A memory of several slots that attend to each other and to what is read, a step at a time or all steps at once."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

FORGET_BIAS = 1.0
"""What is added before the sigmoid of the gate of forgetting, so that a new memory keeps most of what it holds (Santoro et al. 2018)."""


class RelationalCore(nn.Module):
    """The relational memory core of Santoro et al. 2018 (section 3), the cell of the generator of Nie et al. 2019 (section 2.1). At each
    step the slots attend to each other and to the input, pass a network, and are written through gates. What comes out at a step depends
    on that step and those before it alone.
    """

    rows_at: ClassVar[int] = 0
    """Dimension of a state's tensors that is that of the sequences."""

    def __init__(self, in_size: int, width: int, slots: int, heads: int, condition_size: int = 0) -> None:
        super().__init__()
        self.width, self.slots, self.heads, self.hidden = width, slots, heads, slots * width
        self.widen = nn.Linear(in_size, width)
        self.attend = nn.Linear(width, 3 * width)  # query, key and value, of slots and input alike
        self.after_attention, self.after_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.gates_of_input, self.gates_of_memory = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width, bias=False)
        self.condition = nn.Linear(condition_size, slots * width) if condition_size else None

    def begin(self, n: int, condition: Float[Tensor, "n c"] | None) -> Float[Tensor, "n slots width"]:
        """The memory before the first step: a row of the identity matrix in each slot, so that slots differ. `condition`: what the
        sequences are to depend on.
        """
        weight = self.attend.weight
        memory = torch.eye(self.slots, self.width, device=weight.device, dtype=weight.dtype).expand(n, -1, -1)
        if self.condition is None or condition is None:
            return memory
        return memory + self.condition(condition).tanh().view(n, self.slots, self.width)

    def forward(self, inputs: Float[Tensor, "n t in"], condition: Float[Tensor, "n c"] | None = None) -> Float[Tensor, "n t hidden"]:
        """What comes out at every step."""
        memory, seen = self.begin(len(inputs), condition), []
        keys_values, gates = self.of_inputs(inputs)
        for place in range(inputs.shape[1]):
            memory = self.written(memory, keys_values[:, place], gates[:, place])
            seen.append(memory.flatten(1))
        return torch.stack(seen, dim=1)

    def step(
        self, inputs: Float[Tensor, "n in"], state: Float[Tensor, "n slots width"]
    ) -> tuple[Float[Tensor, "n hidden"], Float[Tensor, "n slots width"]]:
        """What comes out at the next step, and the memory after it."""
        memory = self.written(state, *self.of_inputs(inputs))
        return memory.flatten(1), memory

    def of_inputs(
        self, inputs: Float[Tensor, "*places in"]
    ) -> tuple[Float[Tensor, "*places keys_and_values"], Float[Tensor, "*places gates"]]:
        """What the memory needs of inputs: their keys and values (2 * width), and their share of the gates (2 * width)."""
        wide = self.widen(inputs)
        return linear(wide, self.attend.weight[self.width :], self.attend.bias[self.width :]), self.gates_of_input(wide)

    def written(
        self, memory: Float[Tensor, "n slots width"], keys_values: Float[Tensor, "n keys_and_values"], gates: Float[Tensor, "n gates"]
    ) -> Float[Tensor, "n slots width"]:
        """The memory after an input. Gates of writing and of keeping are of each unit; as in the authors' code, there is none of output."""
        n, head_width = len(memory), self.width // self.heads
        query, own = self.attend(memory).split([self.width, 2 * self.width], dim=2)
        query = query.view(n, self.slots, self.heads, head_width).transpose(1, 2)
        both = torch.cat([own, keys_values[:, None]], dim=1).view(n, self.slots + 1, 2, self.heads, head_width)
        key, value = both.permute(2, 0, 3, 1, 4)
        attention = (query @ key.transpose(2, 3) * head_width**-0.5).softmax(dim=3)
        seen = (attention @ value).transpose(1, 2).reshape(n, self.slots, self.width)
        new = self.after_attention(memory + seen)
        new = self.after_network(new + self.network(new))
        write, keep = (gates[:, None] + self.gates_of_memory(memory.tanh())).chunk(2, dim=2)
        return write.sigmoid() * new.tanh() + (keep + FORGET_BIAS).sigmoid() * memory
