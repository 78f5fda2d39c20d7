"""Sequences of a known distribution: those of a recurrent network with random weights, as Yu et al. 2017 (section 5.1) made them.

What a model has learned can be said exactly here: how likely the oracle finds what the model makes, and how likely the model finds what the
oracle makes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from sparring.core.random_streams import Streams

VERSION = 1
"""Of the sequences that are made: a new one where they change."""
SEQUENCES = 10_000
CHUNK = 500
"""Sequences that are computed together."""


@dataclass(frozen=True, eq=False)
class TokenOracle:
    """A long short-term memory (Hochreiter and Schmidhuber 1997) that gives sequences of one length, without an end."""

    embedding: Float64[Tensor, "tokens hidden"]
    gates: Float64[Tensor, "gates inputs"]
    """Weights of what is read and of the state before (2 * hidden), for the gates of input and of forgetting, the new memory, and the gate
    of output (4 * hidden)."""
    gate_bias: Float64[Tensor, " gates"]
    head: Float64[Tensor, "tokens hidden"]
    head_bias: Float64[Tensor, " tokens"]
    length: int = 20

    @classmethod
    def random(cls, tokens: int = 5000, hidden: int = 32, length: int = 20, seed: int = 0) -> "TokenOracle":
        """With standard normal weights."""
        draw = Streams(seed, 0, scope="token oracle")
        shapes = {
            "embedding": (tokens, hidden), "gates": (4 * hidden, 2 * hidden), "gate bias": (4 * hidden,), "head": (tokens, hidden),
            "head bias": (tokens,),
        }  # fmt: skip
        embedding, gates, gate_bias, head, head_bias = (draw.normal(name, *shape).double() for name, shape in shapes.items())
        return cls(embedding, gates, gate_bias, head, head_bias, length)

    def sample(self, n: int, seed: int = 0) -> Int64[np.ndarray, "n length"]:
        """Sequences of tokens, as numbers from 0."""
        chunks = []
        for chunk in range(-(-n // CHUNK)):
            chance = (Streams(seed, chunk, scope="oracle tokens").uniform("chance", CHUNK, self.length).double() + 1) / 2
            chunks.append(self._run(chance, drawn=True)[0])
        return torch.cat(chunks)[:n].numpy()

    def log_likelihood(self, tokens: Int64[np.ndarray, "n length"]) -> Float64[np.ndarray, " n"]:
        """Natural logarithm of the probability of sequences of `length` tokens, exact."""
        chunks = torch.from_numpy(np.asarray(tokens, np.int64)).split(CHUNK)
        return torch.cat([self._run(each, drawn=False)[1] for each in chunks]).numpy()

    def _run(self, given: Tensor, *, drawn: bool) -> tuple[Int64[Tensor, "n length"], Float64[Tensor, " n"]]:
        """Tokens and their log-likelihood. `given`: tokens; or, if they are drawn, uniform numbers that decide."""
        state = memory = given.new_zeros(len(given), self.embedding.shape[1], dtype=torch.float64)
        token = torch.zeros(len(given), dtype=torch.int64)  # token 0 stands before the first
        total, found = given.new_zeros(len(given), dtype=torch.float64), []
        for place in range(self.length):
            read, forget, new, out = (torch.cat([self.embedding[token], state], dim=1) @ self.gates.t() + self.gate_bias).chunk(4, dim=1)
            memory = forget.sigmoid() * memory + read.sigmoid() * new.tanh()
            state = out.sigmoid() * memory.tanh()
            log_chances = (state @ self.head.t() + self.head_bias).log_softmax(dim=1)
            if drawn:
                upto = log_chances.exp().cumsum(dim=1)
                token = torch.searchsorted(upto, given[:, place : place + 1] * upto[:, -1:], right=True)[:, 0].clamp(max=upto.shape[1] - 1)
            else:
                token = given[:, place]
            total = total + log_chances.gather(1, token[:, None])[:, 0]
            found.append(token)
        return torch.stack(found, dim=1), total


@cache
def token_oracle() -> TokenOracle:
    """The oracle of the data set "oracle": 5,000 tokens, 32 units, sequences of 20."""
    return TokenOracle.random()


def oracle_texts() -> list[str]:
    """The data set "oracle": 10,000 sequences, each token written as its number."""
    return [" ".join(map(str, row)) for row in token_oracle().sample(SEQUENCES)]


def nats_by_oracle(sequences: Sequence[Sequence[str]]) -> Float64[np.ndarray, " n"]:
    """Of sequences of the oracle's tokens, the mean negative logarithm of a token's probability (the papers' NLL-oracle). NaN for those of
    another length, or with a token that is not the oracle's.
    """
    oracle = token_oracle()
    found = np.full(len(sequences), np.nan)
    codes = [_numbers(each, oracle) for each in sequences]
    known = [row for row, each in enumerate(codes) if each is not None]
    if known:
        found[known] = -oracle.log_likelihood(np.array([codes[row] for row in known])) / oracle.length
    return found


def _numbers(tokens: Sequence[str], oracle: TokenOracle) -> list[int] | None:
    """Tokens as numbers; None if the oracle does not make such sequences."""
    words = [token.strip() for token in tokens]
    if len(words) != oracle.length or not all(word.isdecimal() for word in words):
        return None
    numbers = [int(word) for word in words]
    return numbers if max(numbers) < len(oracle.embedding) else None
