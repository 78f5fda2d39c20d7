"""A network that predicts each token of a sequence from those before it."""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sparring.nets.recurrent import RecurrentCore
from sparring.nets.relational_memory import RelationalCore
from sparring.nets.transformer import TransformerCore

START = 0
"""The code that stands before the first token: that of the end, which comes nowhere else before a token."""


class LanguageModel(nn.Module):
    """Embeddings of tokens, a core that reads them in their order, and logits by likeness to the same embeddings (Press, Wolf 2017)."""

    def __init__(self, vocabulary: int, embedding: int, core: RecurrentCore | TransformerCore | RelationalCore, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
        self.core = core
        self.narrow = nn.Linear(core.hidden, embedding)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(dropout)

    def hidden(self, codes: Int64[Tensor, "n t"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n t embedding"]:
        """What predicts each token, from those before it."""
        before = torch.cat([torch.full_like(codes[:, :1], START), codes[:, :-1]], dim=1)
        return self.narrow(self.dropout(self.core(self.dropout(self.embedding(before)), condition)))

    def logits_of(self, hidden: Float[Tensor, "*places embedding"]) -> Float[Tensor, "*places vocabulary"]:
        """Logits of the token at each place."""
        return hidden @ self.embedding.weight.t() + self.bias

    def logits_of_some(
        self, hidden: Float[Tensor, "*places embedding"], tokens: Int64[Tensor, "*places some"]
    ) -> Float[Tensor, "*places some"]:
        """Logits of these tokens alone at each place."""
        return (self.embedding.weight[tokens] @ hidden[..., None])[..., 0] + self.bias[tokens]

    def forward(self, codes: Int64[Tensor, "n t"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n t vocabulary"]:
        """Logits of each token, given those before it."""
        return self.logits_of(self.hidden(codes, condition))

    def begin(self, n: int, condition: Float[Tensor, "n classes"] | None = None) -> tuple[Int64[Tensor, " n"], Any]:
        """What `step` takes first: codes before the first token, and a state."""
        return torch.full((n,), START, device=self.bias.device), self.core.begin(n, condition)

    def step(self, codes: Int64[Tensor, " n"], state: Any) -> tuple[Float[Tensor, "n vocabulary"], Any]:  # noqa: ANN401 (of its core)
        """Logits of the next token after these, and the state after them."""
        seen, state = self.core.step(self.dropout(self.embedding(codes)), state)
        return self.logits_of(self.narrow(self.dropout(seen))), state
