"""What rewordings are compared with: the nearest text that scored high; and how well the scorers that expect rank texts."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sparring.data.sequences.kept_words import word_forms
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.games.capabilities import Rewords
from sparring.inference.reword import ReadText, Rewording, describe, on_device
from sparring.metrics.sequences.nearest_text import NearestText
from sparring.metrics.sequences.ranking import Ranking, ranking

AT_ONCE = 1024
"""Number of texts that are scored together."""


class PopularTexts:
    """The training texts of the highest third, but for those from which the scorers that expect have learned."""

    def __init__(self, game: Rewords, training: SequenceDataset) -> None:
        self.game = game
        labels = training.labels
        assert labels is not None
        high = np.flatnonzero(labels == len(training.spec.classes) - 1)
        shown = game.shown_classes(on_device(game, training.codes(high))).cpu().numpy()
        self.texts = training.texts(high[shown])
        self.by_words = NearestText([word_forms(text) for text in self.texts])

    def nearest(self, text: str) -> Rewording | None:
        """The nearest of them that is not the text itself, with what is expected of it; None if there is none."""
        if not self.texts:
            return None
        found = self.texts[self.by_words.nearest(word_forms(text))]
        spec = self.game.sequence_spec
        read = ReadText.of(spec, found)
        rows = np.zeros((1, spec.length), np.int64)
        rows[0, : len(read.codes)] = read.codes
        return describe(self.game, text, [found], rows)[0]


def expected_of(game: Rewords, codes: Int64[np.ndarray, "n length"]) -> Float64[np.ndarray, " n"]:
    """What is expected of many texts."""
    return torch.cat([game.expected(some).double().cpu() for some in on_device(game, codes).split(AT_ONCE)]).numpy()


def scorer_ranking(game: Rewords, datasets: Sequence[SequenceDataset]) -> Ranking | None:
    """How well the scorers that expect rank texts of the highest third above those of the lowest that they have not learned from."""
    expected, high = [], []
    for dataset in datasets:
        labels = dataset.labels
        assert labels is not None
        last = len(dataset.spec.classes) - 1
        extreme = np.flatnonzero((labels == 0) | (labels == last))
        if len(extreme):
            expected.append(expected_of(game, dataset.codes(extreme)))
            high.append(labels[extreme] == last)
    return ranking(np.concatenate(expected), np.concatenate(high)) if expected else None
