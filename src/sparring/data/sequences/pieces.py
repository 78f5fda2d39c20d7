"""Pieces: frequent runs of tokens, which a model writes as one. So it takes fewer steps for a sequence.

They are found by byte pair encoding (Sennrich, Haddow, Birch 2016, arXiv:1508.07909, section 3.2; of SMILES: Li, Fourches 2021: SMILES Pair
Encoding), and read as in WordPiece: at each place the longest piece that fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_spec import END, SequenceSpec

LOOKED_AT = 5_000
"""Largest number of sequences that pieces are found in."""


def with_pieces(dataset: SequenceDataset, trained_on: SequenceDataset, count: int) -> SequenceDataset:
    """The dataset with at most `count` pieces of what is trained on. 0: with none."""
    if not count:
        return dataset
    some = trained_on.indices[:: max(1, -(-len(trained_on) // LOOKED_AT))]
    spec = dataset.spec
    rows = dataset.lookup[dataset.everything.codes[some]]
    found = frequent_runs(rows, count, apart={END, spec.unknown or END})
    return replace(dataset, spec=replace(spec, pieces=tuple(tuple(spec.tokens[code - 1] for code in each) for each in found)))


def frequent_runs(rows: Int64[np.ndarray, "n length"], count: int, apart: set[int]) -> list[tuple[int, ...]]:
    """At most `count` runs of codes, in the order in which they are joined: again and again the most frequent pair of neighbors becomes
    one. A pair that is there only once is none. `apart`: codes that are never joined.
    """
    flat = np.append(rows.astype(np.int64), np.full((len(rows), 1), END), axis=1).ravel()
    first = int(flat.max()) + 1
    runs: list[tuple[int, ...]] = []
    base = first + count
    while len(runs) < count:
        kept = ~np.isin(flat, list(apart))
        pairs, counts = np.unique((flat[:-1] * base + flat[1:])[kept[:-1] & kept[1:]], return_counts=True)
        if not len(pairs) or counts.max() < 2:
            break
        left, right = divmod(int(pairs[counts.argmax()]), base)
        flat = _joined(flat, left, right, first + len(runs))
        runs.append(tuple(code for each in (left, right) for code in (runs[each - first] if each >= first else (each,))))
    return list(dict.fromkeys(runs))


def _joined(flat: Int64[np.ndarray, " codes"], left: int, right: int, joined: int) -> Int64[np.ndarray, " fewer"]:
    """Codes with `joined` in place of each `left` that `right` follows, from the left on: of three alike the first two."""
    at = np.flatnonzero((flat[:-1] == left) & (flat[1:] == right))
    if left == right:
        run = np.flatnonzero(np.diff(at, prepend=-2) > 1)  # where runs of pairs that overlap begin
        at = at[(np.arange(len(at)) - np.repeat(run, np.diff(run, append=len(at)))) % 2 == 0]
    flat = flat.copy()
    flat[at] = joined
    return np.delete(flat, at + 1)


@dataclass
class _Branch:
    """What some tokens in a row may be the beginning of."""

    piece: int = END
    """The piece that they are; END: they are none."""
    after: dict[int, "_Branch"] = field(default_factory=dict)
    """By the next token, the same with that."""


class Pieces:
    """Between sequences of tokens and of pieces. A token is a piece, too, with the same code; the others have codes after these."""

    def __init__(self, spec: SequenceSpec) -> None:
        found = (tuple(spec.code_of[token] for token in each) for each in spec.pieces)
        self.runs = [(), *((code,) for code in range(1, spec.vocabulary)), *found]
        counts = [len(run) for run in self.runs]
        with torch.device("cpu"):  # also where a game is built without weights
            self.lengths = torch.tensor(counts)
            self.table = torch.tensor([[*run, *[END] * (max(counts) - len(run))] for run in self.runs])
        self.tree = _Branch()
        for piece, run in enumerate(self.runs):
            branch = self.tree
            for token in run:
                branch = branch.after.setdefault(token, _Branch())
            branch.piece = piece

    def __len__(self) -> int:
        """Number of codes, with that of the end."""
        return len(self.runs)

    def of_tokens(self, tokens: Int64[Tensor, "n length"]) -> Int64[Tensor, "n length"]:
        """The pieces of sequences, and END after them."""
        rows = np.zeros(tuple(tokens.shape), np.int64)
        for row, codes in zip(rows, tokens.tolist(), strict=True):
            found = self._cut(codes)
            row[: len(found)] = found
        return torch.from_numpy(rows).to(tokens.device)

    def _cut(self, codes: Sequence[int]) -> list[int]:
        found, place = list[int](), 0
        while place < len(codes) and codes[place] != END:
            branch, longest, ahead = self.tree, (END, 0), place
            while ahead < len(codes) and (following := branch.after.get(codes[ahead])) is not None:
                branch, ahead = following, ahead + 1
                longest = (branch.piece, ahead) if branch.piece else longest
            found.append(longest[0])
            place = longest[1]
        return found

    def tokens_of(self, pieces: Int64[Tensor, "n places"], length: int) -> Int64[Tensor, "n {length}"]:
        """The first `length` tokens of sequences of pieces, and END after them."""
        counts = self.lengths.to(pieces.device)[pieces]
        run = torch.arange(self.table.shape[1], device=pieces.device)
        places = (counts.cumsum(dim=1) - counts)[:, :, None] + run
        written = (run < counts[:, :, None]) & (places < length)
        rows = torch.arange(len(pieces), device=pieces.device)[:, None, None].expand_as(places)
        tokens = torch.full((len(pieces), length), END, device=pieces.device)
        tokens[rows[written], places[written]] = self.table.to(pieces.device)[pieces][written]
        return tokens
