"""Sequences as a dataset: codes mapped from disk, and batches of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Int, Int32, Int64

from sparring.core.batch import Batch
from sparring.core.errors import SettingsError
from sparring.core.random_streams import stream_seed
from sparring.data.sequences.sequence_spec import END, SequenceSpec, vocabulary_of

HOLDOUT_ONE_IN, LARGEST_HOLDOUT = 10, 5_000
"""Texts held out: scores compare how often short runs of tokens are, which takes many."""


@dataclass(frozen=True, eq=False)
class AllTexts:
    """Every text that was read, with codes of all tokens that are in any of them."""

    texts: Sequence[str]
    codes: Int32[np.ndarray, "n length"]
    """Codes by `tokens`, from 1; 0 after each sequence."""
    tokens: tuple[str, ...]
    labels: Int64[np.ndarray, " n"] | None = None
    """The class of each; None without classes."""
    classes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Words that a rewording has to keep (see `kept_words`)."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other columns of the source that are kept, by name."""

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class SequenceDataset:
    """Sequences, all those that were read or some of them."""

    spec: SequenceSpec
    everything: AllTexts
    indices: Int64[np.ndarray, " n"]
    """Numbers of those that are in this dataset."""
    lookup: Int64[np.ndarray, " codes"]
    """The spec's code of each code of `everything`."""
    fingerprint: str
    """A digest of the content."""
    most_tokens: int
    """Largest number of tokens that models know."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def counts(self) -> tuple[int]:
        """Number of sequences, as a tuple: all are of one kind."""
        return (len(self),)

    @property
    def labels(self) -> Int64[np.ndarray, " n"] | None:
        """The class of each; None without classes."""
        return None if self.everything.labels is None else self.everything.labels[self.indices]

    def texts(self, indices: Int[np.ndarray, " n"] | None = None) -> list[str]:
        """Texts with these numbers, as they were read; None: all."""
        texts = self.everything.texts
        return [str(texts[index]) for index in (self.indices if indices is None else self.indices[indices])]

    def codes(self, indices: Int[np.ndarray, " n"] | None = None) -> Int64[np.ndarray, "n length"]:
        """Codes of the sequences with these numbers; None: of all."""
        return self.lookup[self.everything.codes[self.indices if indices is None else self.indices[indices]]]

    def lookup_like(self, spec: SequenceSpec) -> Int64[np.ndarray, " codes"]:
        """The code in a spec of each code of `everything`; that of unknown tokens, or END if it has none, for tokens that it lacks."""
        unknown = spec.unknown or END
        return np.array([END, *(spec.code_of.get(token, unknown) for token in self.everything.tokens)], np.int64)

    def tokens(self, indices: Int[np.ndarray, " n"] | None = None) -> list[list[str]]:
        """Tokens of the sequences with these numbers, as they were read, whether models know them or not; None: all."""
        names = self.everything.tokens
        rows = self.everything.codes[self.indices if indices is None else self.indices[indices]]
        return [[names[code - 1] for code in row[row != END]] for row in rows]

    def batch(self, indices: Int64[np.ndarray, " n"]) -> Batch:
        """The sequences with these numbers, as networks see them."""
        labels = self.labels
        return Batch(
            torch.from_numpy(self.codes(np.asarray(indices)).astype(np.float32)),
            None if labels is None else torch.from_numpy(labels[indices]),
        )


def with_vocabulary(dataset: SequenceDataset, trained_on: SequenceDataset) -> SequenceDataset:
    """The dataset with the most frequent tokens of what is trained on. The others become the unknown token."""
    everything = dataset.everything
    counts = np.bincount(everything.codes[trained_on.indices].ravel(), minlength=len(everything.tokens) + 1)[1:]
    elsewhere = bool((np.bincount(everything.codes[dataset.indices].ravel(), minlength=len(counts) + 1)[1:][counts == 0] > 0).any())
    known = {token: int(count) for token, count in zip(everything.tokens, counts, strict=True) if count}
    tokens = vocabulary_of(known, dataset.most_tokens, with_unknown=elsewhere)
    spec = replace(dataset.spec, tokens=tokens)
    return replace(dataset, spec=spec, lookup=dataset.lookup_like(spec))


def split_holdout(dataset: SequenceDataset, count: int | None, seed: int) -> tuple[SequenceDataset, SequenceDataset]:
    """The training set, and a holdout of `count` texts that the seed chooses (None: one in ten, at most 5,000)."""
    count = min(LARGEST_HOLDOUT, len(dataset) // HOLDOUT_ONE_IN) if count is None else count
    if count >= len(dataset):
        raise SettingsError(f"holdout must leave something to train on; {count} of {len(dataset)} texts does not.")
    order = np.random.Generator(np.random.Philox(stream_seed(seed, "sequences holdout", 0))).permutation(dataset.indices)
    return tuple(replace(dataset, indices=np.sort(some)) for some in (order[count:], order[:count]))  # pyright: ignore[reportReturnType] (two)
