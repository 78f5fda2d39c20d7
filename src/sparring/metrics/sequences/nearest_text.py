"""The nearest of many texts by their words."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64


class NearestText:
    """Finds the nearest of some texts: the largest cosine of their words, each weighted by the logarithm of how rare it is (TF-IDF, Salton
    and Buckley 1988). Texts are given as words in small letters.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.count = len(texts)
        found = Counter(word for text in texts for word in set(text))
        self.weight = {word: 1 + math.log(self.count / times) for word, times in found.items()}
        places: dict[str, list[int]] = {}
        values: dict[str, list[float]] = {}
        for place, text in enumerate(texts):
            for word, value in self._vector(text).items():
                places.setdefault(word, []).append(place)
                values.setdefault(word, []).append(value)
        self.places = {word: np.array(each) for word, each in places.items()}
        self.values = {word: np.array(each) for word, each in values.items()}

    def _vector(self, text: Sequence[str]) -> dict[str, float]:
        """A text's words that are known, with weights whose squares sum to 1."""
        raw = {word: times * self.weight[word] for word, times in Counter(text).items() if word in self.weight}
        norm = math.sqrt(sum(value * value for value in raw.values()))
        return {word: value / norm for word, value in raw.items()}

    def cosines(self, text: Sequence[str]) -> Float64[np.ndarray, " texts"]:
        """How near each text is, from 0 to 1."""
        found = np.zeros(self.count)
        for word, value in self._vector(text).items():
            found[self.places[word]] += value * self.values[word]
        return found

    def nearest(self, text: Sequence[str]) -> int:
        """The number of the nearest text that is not the same; the first of those that are equally near, and of all if none has a word of
        it.
        """
        cosines = self.cosines(text)
        cosines[cosines > 1 - 1e-9] = -1.0
        return int(cosines.argmax())
