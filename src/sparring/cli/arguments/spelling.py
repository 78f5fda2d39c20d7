"""Spellings that count as the same: upper and lower case, underscores and hyphens, British and American English."""

import re

AMERICAN = (
    ("colour", "color"),
    ("grey", "gray"),
    ("centre", "center"),
    ("optimis", "optimiz"),
    ("normalis", "normaliz"),
    ("regularis", "regulariz"),
    ("harmonis", "harmoniz"),
    ("judgement", "judgment"),
    ("neighbour", "neighbor"),
)
"""British spellings and their American counterparts, in flags and in values."""


def folded(word: str) -> str:
    """The one form that all spellings of a word share: lower case, hyphens, American."""
    word = word.lower().replace("_", "-")
    for british, american in AMERICAN:
        word = word.replace(british, american)
    return word


def is_flag(word: str) -> bool:
    """Whether a word looks like a flag. Negative numbers, -inf and -nan do not."""
    return bool(re.match(r"--?[a-z]", word, re.IGNORECASE)) and word.lower() not in {"-inf", "-nan", "-infinity"}
