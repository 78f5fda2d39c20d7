"""Words that a rewording must neither lose nor make up: numbers, names, and words that tell one group of texts from another."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from sparring.data.sequences.notations import UNKNOWN, words_of

NUMBER_WORDS = frozenset(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"])
FUNCTION_WORDS = frozenset([
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "from", "in", "is", "it", "its", "just", "my", "of", "on", "only", "or",
    "our", "the", "this", "to", "us", "w", "we", "with", "you", "your",
])  # fmt: skip
"""Words that say nothing of a thing by themselves."""
NAME_SHARE, NAME_COUNT = 0.8, 3
"""A name has a capital letter in at least this share of the places that can tell, and so many of them."""
TELLING_SHARE, TELLING_DEVIATION, TELLING_COUNT = 0.2, 5.0, 20
"""A word tells groups apart if at least this share of its texts would have to change groups for it to be spread as all texts are, if a
group has it more often than chance allows by so many standard deviations, and if it is in so many texts."""


def word_forms(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation marks."""
    return [word for token in words_of(text) if any(map(str.isalnum, word := token.strip().lower()))]


def keeps(token: str, kept: Collection[str]) -> bool:
    """Whether a rewording has to keep a token: one with a digit, a number, or a word of `kept`, which are in small letters."""
    word = token.strip().lower()
    return any(map(str.isdigit, word)) or word in NUMBER_WORDS or word in kept or token.strip() == UNKNOWN


def names_in(texts: Sequence[str]) -> set[str]:
    """Words, in small letters, that have a capital letter almost wherever they stand: names of places and people, and acronyms. Only
    texts with a longer word in small letters after the first can tell, and not their first word.
    """
    capital, small = Counter[str](), Counter[str]()
    for text in set(texts):
        words = [word for token in words_of(text) if (word := token.strip())[:1].isalpha()][1:]
        if any(word.islower() and len(word) > 3 for word in words):
            for word in words:
                (small if word[0].islower() else capital)[word.lower()] += 1
    return {word for word, count in capital.items() if count >= max(NAME_COUNT, NAME_SHARE * (count + small[word]))}


def telling_words(texts: Sequence[str], groups: Sequence[str]) -> set[str]:
    """Words, in small letters, that tell in which group a text is: of two texts with one, more are in the same group than chance allows."""
    words = [{token.strip().lower() for token in words_of(text)} for text in texts]
    names, number, sizes = np.unique(np.asarray(groups, str), return_inverse=True, return_counts=True)
    share = sizes / len(texts)
    counts: dict[str, np.ndarray] = {}
    for each, group in zip(words, number, strict=True):
        for word in each:
            counts.setdefault(word, np.zeros(len(names)))[group] += 1
    found = set()
    for word, count in counts.items():
        total = count.sum()
        if total < TELLING_COUNT or word in FUNCTION_WORDS or not any(map(str.isalpha, word)):
            continue
        moved = np.abs(count / total - share).sum() / 2
        deviation = (count - share * total) / np.sqrt(share * (1 - share) * total + 1e-9)
        if moved >= TELLING_SHARE and deviation.max() > TELLING_DEVIATION:
            found.add(word)
    return found


def kept_words(texts: Sequence[str], within: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """All words of texts that a rewording has to keep, beside numbers. `within`: the group of each text, by each of several columns, whose
    names are kept, too.
    """
    found = names_in(texts)
    for groups in within:
        found |= telling_words(texts, groups)
        found |= {token.strip().lower() for group in set(groups) for token in words_of(group) if len(token.strip()) > 2}
    return tuple(sorted(found))
