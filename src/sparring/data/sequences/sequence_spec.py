"""What one sequence is, as networks see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast, get_args

import numpy as np
from jaxtyping import Float, Int, Int64
from torch import Tensor

from sparring.core.data_spec import Spec
from sparring.core.random_streams import Streams
from sparring.data.sequences.kept_words import keeps
from sparring.data.sequences.notations import NOTATIONS, UNKNOWN, Notation, NotationName

SIGNATURE = 8
"""Random numbers that stand for a token where sequences are compared."""
END = 0
"""The code after the last token of a sequence, and of all places after it."""


@dataclass(frozen=True)
class SequenceSpec(Spec):
    """Sequences of tokens. A sample has `length` codes, as floats: those of its tokens, from 1, and `END` in all places after them. A
    sequence of `length` tokens has no end.
    """

    kind: ClassVar[str] = "sequences"

    notation: NotationName
    length: int
    """Largest number of tokens."""
    tokens: tuple[str, ...]
    """Tokens by code: code c is `tokens[c - 1]`. The most frequent comes first."""
    classes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Words, in small letters, that a rewording has to keep, beside numbers (see `kept_words`)."""
    pieces: tuple[tuple[str, ...], ...] = ()
    """Frequent runs of tokens, which a model may write as one (see `pieces`)."""

    @property
    def shape(self) -> tuple[int]:
        """(length,)"""
        return (self.length,)

    @property
    def vocabulary(self) -> int:
        """Number of codes: that of tokens, and one for the end."""
        return len(self.tokens) + 1

    @cached_property
    def code_of(self) -> Mapping[str, int]:
        """The code of each token."""
        return {token: code for code, token in enumerate(self.tokens, 1)}

    @cached_property
    def has_capitals(self) -> bool:
        """Whether any token has a capital letter; if not, texts were made small before they were read."""
        return any(token != token.lower() for token in self.tokens)

    @property
    def kept_tokens(self) -> list[bool]:
        """Whether a rewording has to keep each token: numbers, words of `kept`, and what is not known."""
        return [keeps(token, self.kept) for token in self.tokens]

    @property
    def unknown(self) -> int | None:
        """The code of tokens that are not in the vocabulary; None if training texts have no such token. Models never draw it."""
        return self.code_of.get(UNKNOWN)

    @property
    def cut(self) -> Notation:
        """How texts are cut into tokens."""
        return NOTATIONS[self.notation]

    def comparable(self, samples: Float[Tensor, "n length"]) -> Float[Tensor, "n numbers"]:
        """See Spec: for each place random numbers that are the token's. Two sequences are as far apart, nearly, as the square root of the
        number of places in which they differ, for neighboring codes are no more alike than others.
        """
        table = Streams(0, 0, scope="token signatures").normal("table", self.vocabulary, SIGNATURE)
        return table[samples.long().cpu()].flatten(1)

    def codes_of_tokens(self, tokens: Sequence[str]) -> Int64[np.ndarray, " length"] | None:
        """The codes of a sequence; None if it is too long, or has a token without a code."""
        if not 0 < len(tokens) <= self.length:
            return None
        unknown = self.unknown
        codes = [self.code_of.get(token, unknown) for token in tokens]
        if None in codes:
            return None
        return np.array([*cast(list[int], codes), *[END] * (self.length - len(codes))], np.int64)

    def tokens_of_codes(self, codes: Int[np.ndarray, " length"]) -> list[str]:
        """The tokens of a sequence, up to the first end."""
        ends = np.flatnonzero(codes == END)
        return [self.tokens[code - 1] for code in codes[: ends[0] if len(ends) else None]]

    def texts_of(self, codes: Int[np.ndarray, "n length"]) -> list[str | None]:
        """The texts of sequences; None for those that stand for no text."""
        return [self.cut.text_of(self.tokens_of_codes(each)) for each in np.asarray(codes).astype(np.int64)]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "SequenceSpec":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what are no sequences."""
        spec = cls(
            value["notation"],
            int(value["length"]),
            tuple(map(str, value["tokens"])),
            tuple(map(str, value["classes"])),
            tuple(map(str, value.get("kept", ()))),
            tuple(tuple(map(str, each)) for each in value.get("pieces", ())),
        )
        if spec.notation not in get_args(NotationName) or spec.length < 1 or not spec.tokens:
            raise ValueError("sequences have a notation, a length and tokens")
        if not all(len(piece) > 1 and {*piece} <= {*spec.tokens} for piece in spec.pieces):
            raise ValueError("pieces are of two tokens or more")
        return spec

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"sequences of at most {self.length} {self.token_noun}, of {len(self.tokens):,} kinds{classes}"

    @property
    def token_noun(self) -> str:
        """What messages call tokens, in the plural."""
        return self.notation if self.notation in {"characters", "words"} else f"tokens of {self.notation.upper()}"


def vocabulary_of(counts: Mapping[str, int], most: int, *, with_unknown: bool = False) -> tuple[str, ...]:
    """The `most` most frequent tokens, the most frequent first. Where some have no place, or with `with_unknown`, the last is `UNKNOWN`."""
    ordered = sorted((token for token in counts if token != UNKNOWN), key=lambda token: (-counts[token], token))
    if len(ordered) <= most and UNKNOWN not in counts and not with_unknown:
        return tuple(ordered)
    return (*ordered[: most - 1], UNKNOWN)


def padded(sequences: Iterable[Sequence[int]], length: int) -> Int64[np.ndarray, "n length"]:
    """Codes of sequences of at most `length` tokens, with `END` after each."""
    rows = [[*each, *[END] * (length - len(each))] for each in sequences]
    return np.array(rows, np.int64).reshape(len(rows), length)
