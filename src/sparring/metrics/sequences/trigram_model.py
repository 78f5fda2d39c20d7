"""A trigram model of words: how fluent a text is, by counts alone."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

BEGIN, END = "<s>", "</s>"
DISCOUNT = 0.75
"""What is taken from every count for words that were not seen there (Ney, Essen, Kneser 1994)."""


class TrigramModel:
    """Probabilities of words by the two before them, with absolute discounting, interpolated with those of shorter histories (Ney, Essen,
    Kneser 1994, in the form of Chen and Goodman 1999, section 2.7). The shortest is interpolated with equal chances of all words and one
    unknown.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.counts: list[dict[tuple[str, ...], Counter[str]]] = [defaultdict(Counter) for _ in range(3)]
        for text in texts:
            words = (BEGIN, BEGIN, *text, END)
            for place in range(2, len(words)):
                for order in range(3):
                    self.counts[order][words[place - order : place]][words[place]] += 1
        self.vocabulary = len(self.counts[0][()]) + 1

    def probability(self, word: str, history: tuple[str, ...]) -> float:
        """The probability of a word after those of a history of two words at most."""
        lower = self.probability(word, history[1:]) if history else 1 / self.vocabulary
        seen = self.counts[len(history)].get(history)
        if seen is None:
            return lower
        total = seen.total()
        return max(0.0, seen[word] - DISCOUNT) / total + DISCOUNT * len(seen) / total * lower

    def nats(self, text: Sequence[str]) -> float:
        """Negative log-probability of a text and its end, over the number of its words and the end."""
        words = (BEGIN, BEGIN, *text, END)
        found = [math.log(self.probability(words[place], words[place - 2 : place])) for place in range(2, len(words))]
        return -sum(found) / len(found)
