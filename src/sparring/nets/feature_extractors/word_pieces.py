"""Texts as word pieces, as BERT reads them (Devlin et al. 2019, section 3): uncased, without accents."""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

UNKNOWN, BEGIN, END = "[UNK]", "[CLS]", "[SEP]"
LONGEST_WORD = 100
"""Longer words are unknown."""
IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip
"""Characters that are words of their own."""


class WordPieces:
    """Cuts texts into pieces of a vocabulary: numbers by piece, of which those within a word begin with "##"."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self.vocabulary = vocabulary
        self.pieces_of_word = lru_cache(maxsize=2**16)(self._pieces_of_word)

    def codes_of(self, text: str, most: int) -> list[int]:
        """Numbers of the pieces of a text, with the beginning and the end: at most `most`."""
        pieces = [piece for word in words_of(text) for piece in self.pieces_of_word(word)]
        return [self.vocabulary[each] for each in (BEGIN, *pieces[: most - 2], END)]

    def _pieces_of_word(self, word: str) -> tuple[str, ...]:
        """The longest known beginning, then the longest known beginning of the rest, and so on; unknown if the rest has none."""
        if len(word) > LONGEST_WORD:
            return (UNKNOWN,)
        pieces, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1)
            found = (("##" if start else "") + word[start:end] for end in ends)
            piece = next((each for each in found if each in self.vocabulary), None)
            if piece is None:
                return (UNKNOWN,)
            pieces.append(piece)
            start += len(piece) - (2 if start else 0)
        return tuple(pieces)


def words_of(text: str) -> list[str]:
    """Words in small letters without accents; punctuation marks and ideographs are words of their own."""
    plain = unicodedata.normalize("NFD", "".join(" " if each.isspace() else each for each in text if not _is_control(each)).lower())
    apart = (f" {each} " if _stands_alone(each) else each for each in plain if unicodedata.category(each) != "Mn")
    return "".join(apart).split()


def _is_control(character: str) -> bool:
    return not character.isspace() and (character in "\0\ufffd" or unicodedata.category(character).startswith("C"))


def _stands_alone(character: str) -> bool:
    code = ord(character)
    is_symbol = 33 <= code < 127 and not character.isalnum()
    return is_symbol or unicodedata.category(character).startswith("P") or any(low <= code <= high for low, high in IDEOGRAPHS)
