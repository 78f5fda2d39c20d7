"""Games that draw sequences of tokens."""

from typing import cast

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import one_hot

from sparring.core.batch import Labels
from sparring.core.random_streams import Streams
from sparring.data.sequences.sequence_spec import END, SequenceSpec
from sparring.games.game import Game, evaluating

SAMPLE_CHUNK = 256
"""Sequences are always computed in chunks of this many, so that sequence i of a seed does not depend on how many are asked for."""


def draw_codes(
    logits: Float[Tensor, "n vocabulary"], chance: Float[Tensor, " n"], temperature: float = 1.0, unknown: int | None = None
) -> Int64[Tensor, " n"]:
    """Codes by the softmax of logits over a temperature. `chance`: a uniform number in [0, 1) for each. `unknown`: a code that is never
    drawn.
    """
    return draw_several(logits, chance[:, None], temperature, unknown)[:, 0]


def draw_several(
    logits: Float[Tensor, "n vocabulary"], chance: Float[Tensor, "n k"], temperature: float = 1.0, unknown: int | None = None
) -> Int64[Tensor, "n k"]:
    """As `draw_codes`, so many of each row, independently."""
    if unknown is not None:
        logits = logits.index_fill(1, torch.tensor([unknown], device=logits.device), -torch.inf)
    upto = (logits.float() / temperature).softmax(dim=1).cumsum(dim=1)
    return torch.searchsorted(upto, chance.contiguous() * upto[:, -1:], right=True).clamp(max=logits.shape[1] - 1)


def until_end(codes: Int64[Tensor, "n length"]) -> Int64[Tensor, "n length"]:
    """Codes with END in every place after the first END."""
    return torch.where((codes == END).cumsum(dim=1) > 0, END, codes)


def places_read(codes: Int64[Tensor, "n length"]) -> Float[Tensor, "n length"]:
    """1 for the places that belong to a sequence: its tokens, and the end after them if it has one; 0 for those after it."""
    return ((codes == END).cumsum(dim=1) - (codes == END).long() == 0).float()


class SequenceGame(Game):
    """A game that draws sequences. Subclasses say how a chunk of them is drawn."""

    sample_chunk: int = SAMPLE_CHUNK
    """Number of sequences that are computed together."""

    @property
    def sequence_spec(self) -> SequenceSpec:
        """See `capabilities.MakesSequences`."""
        return cast(SequenceSpec, self.spec)

    @property
    def conditional(self) -> bool:
        """Whether sequences are asked for by class."""
        return bool(self.spec.classes)

    def draw(self, streams: Streams, n: int, condition: Float[Tensor, "n classes"] | None, temperature: float) -> Int64[Tensor, "n length"]:
        """Codes of `n` sequences with the random numbers of `streams`. `condition`: one-hot classes, if the game is conditional."""
        raise NotImplementedError

    def condition(self, labels: Labels | None) -> Float[Tensor, "n classes"] | None:
        """What networks are told of labels: one-hot classes if the game is conditional, else None."""
        return one_hot(cast(Tensor, labels), len(self.spec.classes)).float() if self.conditional else None

    def sample(
        self, n: int, seed: int = 0, labels: Labels | None = None, first: int = 0, truncation: float | None = None
    ) -> Float[Tensor, "n length"]:
        """See `capabilities.Samples`. Truncation is the temperature of every token's distribution."""
        if self.conditional and labels is None:
            labels = self.spec.usual_labels(seed, first + n)[first:]
        drawn = []
        with evaluating(self):
            for chunk in range(first // self.sample_chunk, -(-(first + n) // self.sample_chunk)):
                start = chunk * self.sample_chunk
                some = slice(max(first - start, 0), min(first + n - start, self.sample_chunk))
                streams = Streams(seed, chunk, device=self.device, scope="sample")
                of_chunk = None
                if self.conditional:
                    of_chunk = torch.zeros(self.sample_chunk, dtype=torch.int64)
                    of_chunk[some] = cast(Tensor, labels)[start + some.start - first : start + some.stop - first].cpu()
                    of_chunk = of_chunk.to(self.device)
                codes = self.draw(streams, self.sample_chunk, self.condition(of_chunk), 1.0 if truncation is None else truncation)
                drawn.append(codes[some])
        return torch.cat(drawn).float()
