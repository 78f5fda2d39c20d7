"""How a text is cut into tokens, and put together again."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sparring.data.sequences.molecule_notations import (
    graph_tokens_of,
    selfies_tokens_of,
    smiles_tokens_of,
    text_of_graph,
    text_of_selfies,
)

NotationName = Literal["characters", "words", "smiles", "selfies", "graph"]
UNKNOWN = "\ufffd"
"""What stands for a token that is not in the vocabulary."""

_WORD = re.compile(r"\n| ?(?:[^\W_]+(?:['\u2019][^\W_]+)*|[^\w\s]|_)")


@dataclass(frozen=True)
class Notation:
    """One way to cut texts into tokens."""

    tokens_of: Callable[[str], list[str]]
    """The tokens of a text. Raises an UnreadableTextError for texts that it cannot hold."""
    text_of: Callable[[Sequence[str]], str | None]
    """The text of tokens, the inverse; None for tokens that stand for no text."""
    items: str = "texts"
    """What messages call the sequences, in the plural."""


def characters_of(text: str) -> list[str]:
    """Every character is a token."""
    return list(text)


def words_of(text: str) -> list[str]:
    """Words and punctuation marks. A token begins with a space where there is one before it, and at the beginning of a line, so that what
    they are joined to is the text again, but for runs of spaces.
    """
    lines = text.split("\n")
    return _WORD.findall("\n".join(" " + " ".join(line.split()) if line.strip() else "" for line in lines))


def text_of_words(tokens: Sequence[str]) -> str:
    """The inverse of `words_of`."""
    return "\n".join(line.removeprefix(" ") for line in "".join(tokens).split("\n"))


NOTATIONS: dict[NotationName, Notation] = {
    "characters": Notation(characters_of, "".join),
    "words": Notation(words_of, text_of_words),
    "smiles": Notation(smiles_tokens_of, "".join, items="molecules"),
    "selfies": Notation(selfies_tokens_of, text_of_selfies, items="molecules"),
    "graph": Notation(graph_tokens_of, text_of_graph, items="molecules"),
}
