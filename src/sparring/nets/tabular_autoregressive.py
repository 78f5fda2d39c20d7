"""Networks that predict each column of a row from any set of the others (TabularARGN's idea: Tiwald et al. 2025, arXiv:2501.12012).

Columns are predicted as one of a few tokens. Each column has an embedding of its tokens and a predictor of its own, a perceptron that sees
the embeddings of the columns that are known and zeros for the others. All predictors are computed together, as batched products.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import dropout, relu

WAVES = 16
"""Number of waves that a place among a column's values is described by."""


class ColumnPredictor(nn.Module):
    """For every column, logits of its tokens given the columns that are known.

    `tokens` is the number of tokens of each column, `embedding` the size of an embedding, `hidden` the number of hidden units of each
    predictor, `rate` the dropout rate of the hidden units. `places` has, for each token of all columns, its place among the column's values
    from 0 to 1, or NaN where tokens have no order: tokens with near places begin alike, so that numbers are learned from few rows.
    """

    def __init__(
        self, tokens: Sequence[int], embedding: int, hidden: int, rate: float = 0.0, places: Float[Tensor, " total"] | None = None
    ) -> None:
        super().__init__()
        self.tokens, self.embedding, self.hidden, self.rate = tuple(tokens), embedding, hidden, rate
        count, total = len(self.tokens), sum(self.tokens)
        self.starts = [0, *itertools.accumulate(self.tokens)][:-1]
        self.embed = nn.Embedding(total, embedding)
        nn.init.normal_(self.embed.weight, std=embedding**-0.5)
        bound = (count * embedding / 2) ** -0.5
        self.first = nn.Parameter(torch.empty(count, count * embedding, hidden).uniform_(-bound, bound))
        self.first_bias = nn.Parameter(torch.zeros(count, hidden))
        self.known_bias = nn.Parameter(torch.zeros(count, count, hidden))
        self.second = nn.Parameter(torch.empty(count, hidden, hidden).uniform_(-(hidden**-0.5), hidden**-0.5))
        self.second_bias = nn.Parameter(torch.zeros(count, hidden))
        self.heads = nn.ModuleList(nn.Linear(hidden, own) for own in self.tokens)
        self.register_buffer("waves", waves_at(torch.full((total,), math.nan) if places is None else places))
        self.embed_waves = nn.Linear(self.waves.shape[1], embedding, bias=False)
        self.wave_heads = nn.ModuleList(nn.Linear(hidden, self.waves.shape[1], bias=False) for _ in self.tokens)

    waves: Float[Tensor, "total w"]
    """For each token, waves of several lengths at its place; zeros where it has none."""

    def embedded(self, codes: Int64[Tensor, "n c"]) -> Float[Tensor, "n c e"]:
        """Embeddings of tokens."""
        return self.embedding_of(codes + torch.tensor(self.starts, device=codes.device))

    def embedding_of(self, numbers: Int64[Tensor, "*shape"]) -> Float[Tensor, "*shape e"]:
        """Embeddings of tokens that are numbered through all columns."""
        return self.embed(numbers) + self.embed_waves(self.waves[numbers])

    def head(self, features: Float[Tensor, "n hidden"], column: int) -> Float[Tensor, "n tokens"]:
        """Logits of the tokens of one column, from the last features of its predictor."""
        own = self.waves[self.starts[column] : self.starts[column] + self.tokens[column]]
        return self.heads[column](features) + self.wave_heads[column](features) @ own.t().to(features.dtype)

    def forward(
        self, codes: Int64[Tensor, "n c"], known: Bool[Tensor, "t n c"], targets: Int64[Tensor, " t"]
    ) -> list[Float[Tensor, "n _"]]:
        """Logits of the tokens of the columns `targets`. `known`: for each of these and each row, which columns it sees."""
        features = self.features(self.embedded(codes), known, targets)
        return [self.head(own, column) for own, column in zip(features, targets.tolist(), strict=True)]

    def features(
        self, embedded: Float[Tensor, "n c e"], known: Bool[Tensor, "t n c"], targets: Int64[Tensor, " t"]
    ) -> Float[Tensor, "t n hidden"]:
        """The last features of the predictors of some columns. `known`: for each of these columns and each row, which columns it sees."""
        shown = embedded * known[..., None].to(embedded.dtype)
        first, bias = self.first[targets], self.first_bias[targets]
        hidden = torch.baddbmm(bias[:, None], shown.flatten(2), first)
        hidden = hidden + torch.bmm(known.to(hidden.dtype), self.known_bias[targets].to(hidden.dtype))
        hidden = dropout(relu(hidden), self.rate, self.training)
        more = torch.baddbmm(self.second_bias[targets][:, None], hidden, self.second[targets])
        return hidden + dropout(relu(more), self.rate, self.training)

    def logits(self, embedded: Float[Tensor, "n c e"], known: Bool[Tensor, "n c"] | None, column: int) -> Float[Tensor, "n tokens"]:
        """Logits of the tokens of one column. `known`: which columns each row shows; None: exactly those before this one."""
        if known is None:
            shown, weights = embedded[:, :column].flatten(1), self.first[column, : column * self.embedding]
            told = self.known_bias[column, :column].sum(dim=0)
        else:
            marks = known.to(embedded.dtype)
            shown, weights = (embedded * marks[:, :, None]).flatten(1), self.first[column]
            told = marks @ self.known_bias[column]
        hidden = relu(torch.addmm(self.first_bias[column], shown, weights) + told)
        more = torch.addmm(self.second_bias[column], hidden, self.second[column])
        return self.head(hidden + relu(more), column)


def waves_at(places: Float[Tensor, " n"]) -> Float[Tensor, "n w"]:
    """Cosines of several lengths at places from 0 to 1; zeros at places that are NaN."""
    found = torch.cos(places[:, None] * math.pi * torch.arange(1, WAVES + 1))
    return torch.nan_to_num(found)


def width_for(columns: int) -> int:
    """Number of hidden units of each predictor that suits so many columns, so that wide tables stay affordable."""
    return max(32, min(128, 2 ** round(math.log2(2048 / max(1, columns)))))
