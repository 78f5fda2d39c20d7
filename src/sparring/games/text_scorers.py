"""Linear scorers of texts by their words, pairs of words and parts of words, each trained on texts of its own."""

import zlib
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor, nn
from torch.nn.functional import embedding

from sparring.data.sequences.sequence_spec import END

BUCKETS = 2**16
"""Number of weights of a scorer. Features share one where their digests are equal (Weinberger et al. 2009, feature hashing)."""
SHORTEST_PART, LONGEST_PART, MOST_PARTS = 2, 5, 48
"""Letters of the parts of words that are looked at, and how many parts of one word."""
FOLDS = 6
_PAIR, _FOLD = 0x9E3779B1, 0x85EBCA77


def digest(feature: str) -> int:
    """A number that stands for a string, the same everywhere."""
    return zlib.crc32(feature.encode()) % (2**31 - 1)


def features_of(token: str) -> list[int]:
    """Buckets of one token: the word, whatever its capitals, and its parts, of which the first and last tell where the word ends."""
    word = token.strip().lower()
    edged = f"<{word}>"
    parts = [edged[at : at + size] for size in range(SHORTEST_PART, LONGEST_PART + 1) for at in range(len(edged) - size + 1)]
    return [1 + digest(each) % (BUCKETS - 1) for each in (f"word {word}", *parts[:MOST_PARTS])]


class TextScorers(nn.Module):
    """Scorers of the texts of one vocabulary. Scorer 0 may guide a game; the others say what is to be expected of a text, and no game sees
    them. Half of the texts, by a digest of their words, is for the first; each of the others learns from two thirds of the other half, so
    that every text has scorers that have not learned from it. They also know which tokens a rewording has to keep.
    """

    EXPECTING = FOLDS // 2
    """Number of scorers that expect."""

    def __init__(self, tokens: Sequence[str], kept: Sequence[bool]) -> None:
        super().__init__()
        found = [[0], *map(features_of, tokens)]
        widest = max(map(len, found))
        self.register_buffer("features", torch.tensor([[*each, *[0] * (widest - len(each))] for each in found], dtype=torch.int32))
        self.register_buffer("digests", torch.tensor([0, *(1 + digest(token.strip().lower()) for token in tokens)]))
        self.register_buffer("kept", torch.tensor([False, *kept]))
        self.weights = nn.Parameter(torch.zeros(BUCKETS, 1 + self.EXPECTING))
        self.bias = nn.Parameter(torch.zeros(1 + self.EXPECTING))
        self.slope, self.shift = nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))
        self.features: Int32[Tensor, "codes parts"]
        self.kept: Bool[Tensor, " codes"]
        self.digests: Int64[Tensor, " codes"]

    def forward(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, "n scorers"]:
        """Log-odds of the last class against the first, by every scorer: the sum of the weights of a text's features over the root of their
        number.
        """
        codes = codes[:, : int((codes != END).sum(dim=1).amax()) or 1]
        digests = self.digests[codes]
        pairs = 1 + (digests[:, :-1] * _PAIR + digests[:, 1:]) % (BUCKETS - 1)
        pairs = torch.where(codes[:, 1:] != END, pairs, 0)
        buckets = torch.cat([self.features[codes].flatten(1), pairs], dim=1)
        count = (buckets > 0).sum(dim=1, keepdim=True).clamp(min=1)
        return embedding(buckets, self.weights, padding_idx=0).sum(dim=1) / count.sqrt() + self.bias

    def liking(self) -> Float[Tensor, " codes"]:
        """What each token adds to the log-odds of the guiding scorer, but for the number of features of a text."""
        return embedding(self.features, self.weights[:, :1], padding_idx=0).sum(dim=1)[:, 0]

    def folds(self, codes: Int64[Tensor, "n length"]) -> Int64[Tensor, " n"]:
        """The fold of each text, from 0, by a digest of its words: the same for texts that differ by capitals alone."""
        found = torch.zeros_like(codes[:, 0])
        for place in range(codes.shape[1]):
            found = torch.where(codes[:, place] != END, (found * _FOLD + self.digests[codes[:, place]]) % (2**31 - 1), found)
        return found % FOLDS

    def learns(self, codes: Int64[Tensor, "n length"]) -> Bool[Tensor, "n scorers"]:
        """Which scorers learn from each text: the first from those of the folds below 3, scorer 1 + j from those above but fold 3 + j."""
        fold = self.folds(codes)[:, None]
        others = torch.arange(self.EXPECTING, device=codes.device) + self.EXPECTING
        return torch.cat([fold < self.EXPECTING, (fold >= self.EXPECTING) & (fold != others)], dim=1)

    def unseen(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, " n"]:
        """The mean of the log-odds of the scorers that expect and have not learned from a text."""
        use = ~self.learns(codes)[:, 1:]
        return (self(codes)[:, 1:] * use).sum(dim=1) / use.sum(dim=1)

    def expected(self, codes: Int64[Tensor, "n length"]) -> Float[Tensor, " n"]:
        """The probability of the last class against the first, by scorers that have not learned from a text: `unseen`, with the slope and
        shift with which it is right on training texts (Platt 1999).
        """
        return (self.slope * self.unseen(codes) + self.shift).sigmoid()
