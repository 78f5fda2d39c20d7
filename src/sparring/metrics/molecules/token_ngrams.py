"""An n-gram model of tokens, the simplest generator of molecules: what other models must surpass (MOSES has one of the same kind)."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

CONTEXT = 4
"""Number of tokens that the next one depends on."""


def draw_from_ngrams(texts: Sequence[Sequence[str]], count: int, seed: int, longest: int) -> list[list[str]]:
    """New sequences, each token drawn as often as it follows the four before it in `texts`. What is not ended after `longest` tokens is
    cut off there.
    """
    following: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for tokens in texts:
        padded = [""] * CONTEXT + [*tokens, ""]
        for place in range(CONTEXT, len(padded)):
            following[tuple(padded[place - CONTEXT : place])][padded[place]] += 1
    random = np.random.default_rng(seed)
    choices = {
        context: (list(counts), np.cumsum(np.fromiter(counts.values(), float)) / counts.total()) for context, counts in following.items()
    }
    found = []
    for _ in range(count):
        tokens = [""] * CONTEXT
        while len(tokens) < CONTEXT + longest:
            names, upto = choices[tuple(tokens[-CONTEXT:])]
            chosen = names[min(int(np.searchsorted(upto, random.random(), side="right")), len(names) - 1)]
            if not chosen:
                break
            tokens.append(chosen)
        found.append(tokens[CONTEXT:])
    return found
