"""An autoencoder of sequences of tokens, and a generator of its codes (Prykhodko et al. 2019; Zhao et al. 2018).

Codes are what the autoencoder makes of sequences. They are normalized: each has mean 0 and variance 1 over its numbers, so that all of them
are on one sphere, as in ARAE (Zhao et al. 2018, section 5).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from sparring.nets import mlp

END = 0


def normalized(codes: Float[Tensor, "*n code"]) -> Float[Tensor, "*n code"]:
    """Codes with mean 0 and variance 1 over their numbers."""
    return layer_norm(codes.float(), codes.shape[-1:])


class SequenceEncoder(nn.Module):
    """Codes of sequences, by strided convolutions over their tokens, of which the last has twice as many channels."""

    def __init__(self, vocabulary: int, length: int, code_size: int, channels: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, channels)
        widths = [channels, channels, 2 * channels]
        layers: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            layers += [nn.Conv1d(inputs, outputs, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
            length = (length - 1) // 2 + 1
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1] * length, code_size)

    def forward(self, tokens: Int64[Tensor, "n length"]) -> Float[Tensor, "n code"]:
        """Normalized codes."""
        return normalized(self.head(self.layers(self.embed(tokens).transpose(1, 2)).flatten(1)))


class SequenceDecoder(nn.Module):
    """Tokens of a code, one after the other: an LSTM that is told the code at its start, and at each place what the code says of it.
    `dropout`: the share of its inputs and outputs that is left out while it learns (Zaremba et al. 2014, arXiv:1409.2329).
    """

    def __init__(self, vocabulary: int, length: int, code_size: int, hidden: int, embedding: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.embed = nn.Embedding(vocabulary, embedding)
        self.told = nn.Sequential(nn.Linear(code_size, length * embedding), nn.Unflatten(1, (length, embedding)))
        self.start = nn.Linear(code_size, 2 * hidden)
        self.cell = nn.LSTM(embedding, hidden, batch_first=True)  # on processors with bfloat16 faster than a GRU
        self.head = nn.Linear(hidden + embedding, vocabulary)

    def forward(
        self, codes: Float[Tensor, "n code"], tokens: Int64[Tensor, "n length"], lengths: Int64[Tensor, " n"]
    ) -> Float[Tensor, "total vocabulary"]:
        """Logits of the first tokens of each sequence, `lengths` of them, given its code and the tokens before each: one sequence after the
        other. END stands before the first.
        """
        used = int(lengths.max())  # beyond the longest nothing is read
        before = torch.nn.functional.pad(tokens[:, : used - 1], (1, 0), value=END)
        told = self.told(codes)[:, :used]
        states, _ = self.cell(self.dropout(self.embed(before)) + told, self.first_state(codes))
        return self.head(torch.cat([self.dropout(states), told], dim=2)[torch.arange(used, device=lengths.device) < lengths[:, None]])

    def first_state(self, codes: Float[Tensor, "n code"]) -> tuple[Float[Tensor, "1 n hidden"], Float[Tensor, "1 n hidden"]]:
        """The state before the first token."""
        hidden, cell = self.start(codes).tanh()[None].chunk(2, dim=2)
        return hidden.contiguous(), cell.contiguous()

    def decode(
        self, codes: Float[Tensor, "n code"], length: int, choose: Callable[[Float[Tensor, "n vocabulary"], int], Int64[Tensor, " n"]]
    ) -> Int64[Tensor, "n {length}"]:
        """Sequences of codes, token after token. `choose`: the token of each row, from its logits and the number of the place."""
        told, state = self.told(codes), self.first_state(codes)
        tokens = torch.full((len(codes), length + 1), END, device=codes.device)
        ended = torch.zeros(len(codes), dtype=torch.bool, device=codes.device)
        for place in range(length):
            states, state = self.cell(self.embed(tokens[:, place : place + 1]) + told[:, place : place + 1], state)
            logits = self.head(torch.cat([states[:, 0], told[:, place]], dim=1))
            tokens[:, place + 1] = torch.where(ended, END, choose(logits, place))
            ended |= tokens[:, place + 1] == END
            if ended.all():
                break
        return tokens[:, 1:]


class CodeGenerator(mlp.Generator):
    """Normalized codes from latents, as one channel. `straight`: a linear map of latents is added to what the hidden layers give, so that
    codes are normal from the first step on.
    """

    def __init__(self, code_size: int, latent_size: int, hidden: tuple[int, ...], *, straight: bool = False, **classes: int) -> None:
        super().__init__((1, code_size), latent_size, hidden, bounded=False, **classes)
        self.straight = nn.Linear(latent_size, code_size, bias=False) if straight else None

    def forward(self, latent: Float[Tensor, "n latent"], condition: Float[Tensor, "n classes"] | None = None) -> Float[Tensor, "n 1 code"]:
        """See `mlp.Generator`."""
        codes = super().forward(latent, condition)
        return normalized(codes if self.straight is None else codes + self.straight(latent)[:, None])
