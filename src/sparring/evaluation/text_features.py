"""Features of texts by name, for Fréchet distances."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from sparring.core.errors import SettingsError
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.evaluation.text_scores import Embed
from sparring.metrics.sequences.ngrams import Tokens

WITH_FEATURES = ("characters", "words")
"""Notations of texts in a language."""


def embed_by(extractor: str | None, spec: SequenceSpec) -> Embed | None:
    """The features of that name ("minilm"); None for None. A SettingsError for other names, and for molecules; a CheckpointError if the
    package with the weights is not installed.
    """
    if extractor is None:
        return None
    if extractor != "minilm":
        raise SettingsError(f"extractor {extractor!r} is not for texts. Of texts there is: minilm.")
    if spec.notation not in WITH_FEATURES:
        raise SettingsError("minilm has features of texts, not of molecules. Leave extractor out.")
    from sparring.nets.feature_extractors import minilm  # noqa: PLC0415 (90 MB, for this alone)

    network = minilm.load()

    def embed(sequences: Sequence[Tokens]) -> Float32[np.ndarray, "n d"]:
        return network.features_of([spec.cut.text_of(tokens) or "" for tokens in sequences]).numpy()

    return embed
