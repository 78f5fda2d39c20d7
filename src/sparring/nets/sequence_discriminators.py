"""Networks that tell real sequences of tokens from generated ones: of whole sequences, and token by token."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import pad

from sparring.nets.recurrent import RecurrentCore

CARRY_BIAS = -2.0
"""Highway layers begin by passing most of their input on (Srivastava et al. 2015, section 2.2)."""
PLACE_SIZE = 8
"""Numbers that say where a token stands."""


class TokenEmbedding(nn.Module):
    """A vector for each token. Takes codes, or weights of all tokens, through which gradients pass."""

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.table = nn.Parameter(torch.randn(vocabulary, size) * 0.1)

    def forward(self, tokens: Int64[Tensor, "n t"] | Float[Tensor, "n t vocabulary"]) -> Float[Tensor, "n t size"]:
        """The vectors of codes; or the sums of all vectors by their weights."""
        return tokens @ self.table if tokens.is_floating_point() else self.table[tokens]


class SequenceCNN(nn.Module):
    """Convolutions of several widths over the places of a sequence, and the largest value of each (Kim 2014), for each of several
    embeddings of the tokens. The convolutions are the same for all of these: each is a view of its own (Nie et al. 2019, section 2.3).
    With one embedding, the discriminator of Yu et al. 2017 (section 3.4).
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        representations: int,
        embedding: int,
        widths: Sequence[int],
        filters: int,
        features: int,
        dropout: float,
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.representations, self.widest = representations, max(widths)
        self.embedding = TokenEmbedding(vocabulary, representations * embedding)
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, filters, width) for width in widths)
        pooled = filters * len(widths)
        self.highway, self.gate = nn.Linear(pooled, pooled), nn.Linear(pooled, pooled)
        nn.init.constant_(self.gate.bias, CARRY_BIAS)
        self.features, self.head = nn.Linear(pooled, features), nn.Linear(features, 1)
        self.classes = nn.Linear(classes, features, bias=False) if classes else None
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Int64[Tensor, "n t"] | Float[Tensor, "n t vocabulary"],
        condition: Float[Tensor, "n classes"] | None = None,
    ) -> Float[Tensor, "n representations"]:
        """A logit of each sequence by each embedding: above 0 for real. With classes, the features' product with the class is added
        (Miyato and Koyama 2018).
        """
        return self.of_vectors(self.embedding(tokens), condition)

    def of_vectors(
        self, vectors: Float[Tensor, "n t size"], condition: Float[Tensor, "n classes"] | None = None
    ) -> Float[Tensor, "n representations"]:
        """The same, of the vectors of tokens."""
        n, t = vectors.shape[:2]
        x = vectors.view(n, t, self.representations, -1).permute(0, 2, 3, 1).flatten(0, 1)
        x = pad(x, (0, max(0, self.widest - t)))
        pooled = torch.cat([convolution(x).relu().max(dim=2).values for convolution in self.convolutions], dim=1)
        gate = self.gate(pooled).sigmoid()
        features = self.features(self.dropout(gate * self.highway(pooled).relu() + (1 - gate) * pooled))
        logits = self.head(features)[:, 0].view(n, self.representations)
        if self.classes is None or condition is None:
            return logits
        return logits + (features.view(n, self.representations, -1) * self.classes(condition)[:, None]).sum(dim=2)


class TokenDiscriminator(nn.Module):
    """A recurrent network that says of each token whether it is real, given those before it (de Masson d'Autume et al. 2019, section 3.1):
    embeddings and places of the tokens, a layer norm, and a logit for each place.
    """

    def __init__(self, vocabulary: int, *, embedding: int, hidden: int, layers: int, length: int, dropout: float, classes: int = 0) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(vocabulary, embedding)
        self.core = RecurrentCore(embedding + PLACE_SIZE, hidden, layers, classes)
        self.norm, self.head, self.dropout = nn.LayerNorm(hidden), nn.Linear(hidden, 1), nn.Dropout(dropout)
        self.register_buffer("places", sinusoids(length, PLACE_SIZE), persistent=False)

    def forward(self, codes: Int64[Tensor, "n t"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n t"]:
        """A logit of each place: above 0 for real."""
        places = self.get_buffer("places")[: codes.shape[1]].expand(len(codes), -1, -1)
        inputs = torch.cat([self.dropout(self.embedding(codes)), places], dim=2)
        return self.head(self.dropout(self.norm(self.core(inputs, condition))))[:, :, 0]


def sinusoids(length: int, size: int) -> Float[Tensor, "length size"]:
    """Sines and cosines of places, with wavelengths from 2 pi to about 10,000 (Vaswani et al. 2017, section 3.5)."""
    angles = torch.arange(length)[:, None] * torch.exp(torch.arange(0, size, 2) * (-math.log(10_000) / size))
    return torch.cat([angles.sin(), angles.cos()], dim=1)
