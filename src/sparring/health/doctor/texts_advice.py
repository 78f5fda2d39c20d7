"""Before training on texts: what is hard about them, which recipe to start with, and how fast training is on this machine."""

import numpy as np

from sparring import recipes
from sparring.core.formatting import plural
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.time_estimate import duration, measure_pace, two_figures
from sparring.training.settings import TrainSettings

RECIPE, MINUTES = "lm", 10
FEW_TEXTS, TWICE, UNKNOWN_SHARE, RARE_TOKENS, RARE_SHARE = 1000, 0.2, 0.05, 5, 0.5


def advise_texts(data: str, training: TrainSettings) -> KindAdvice:
    """What is hard about texts, what to start with, and how fast that is here. A few steps are trained to find out. `training`: with
    resolved settings. A DataError if they cannot be used.
    """
    dataset, notes = prepare_sequences(data, SequencesReading())
    pace = measure_pace(recipes.get(RECIPE)(), dataset, training)
    spec, minutes = dataset.spec, training.minutes or MINUTES
    lengths = (dataset.codes() > 0).sum(axis=1)
    sentence = (
        f"{len(dataset):,} {spec.cut.items} of {lengths.min()} to {lengths.max()} {spec.token_noun}, {len(spec.tokens):,} different ones."
    )
    passes = pace.samples_in(minutes) / len(dataset)
    after = (
        "lm learns by likelihood, which GANs of texts rarely beat. Beside it: relgan and scratchgan, which are GANs, and latentgan, whose "
        "latents can be moved through. Afterwards: sparring judge RUN --temperatures 0.7 0.85 1.0",
        f"Here ({pace.machine}): {two_figures(pace.samples_per_second)} {spec.cut.items} a second, so {two_figures(passes)} passes through "
        f"them in {duration(minutes)}.",
    )
    found = text_difficulties(dataset, busy_machine(pace.share))
    return KindAdvice(data, len(dataset), sentence, notes, tuple(found), RECIPE, {"minutes": minutes}, after, pace)


def text_difficulties(dataset: SequenceDataset, busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about texts, the most severe first."""
    found, texts, spec = [] if busy is None else [busy], dataset.texts(), dataset.spec
    if len(texts) < FEW_TEXTS:
        description = f"{plural(len(texts), 'text', 'texts')}: they are soon memorized, and samples are copies then."
        remedy = "Take more texts, or smaller ones (--unit line), or a smaller network with more dropout (--hidden 128 --dropout 0.3)."
        found.append(Difficulty("few texts", description, "warning", remedy))
    twice = 1 - len(set(texts)) / len(texts)
    if twice > TWICE:
        description = f"{twice:.0%} of the texts are there before: copies in samples are to be expected."
        found.append(Difficulty("repeated texts", description, "note", "Leave repetitions out, unless they should be learned as such."))
    codes = dataset.codes()
    used = codes[codes > 0]
    unknown = 0.0 if spec.unknown is None else float((used == spec.unknown).mean())
    if unknown > UNKNOWN_SHARE:
        description = f"{unknown:.0%} of all {spec.token_noun} are too rare for the vocabulary, and stand as unknown."
        found.append(
            Difficulty("unknown tokens", description, "warning", "Give a larger --vocabulary, or --notation characters, or --lowercase.")
        )
    rare = float((np.bincount(used, minlength=spec.vocabulary)[1:] < RARE_TOKENS).mean())
    if rare > RARE_SHARE and spec.notation in {"words", "characters"}:
        description = f"{rare:.0%} of the different {spec.token_noun} come less than {RARE_TOKENS} times: little is learned of them."
        found.append(Difficulty("rare tokens", description, "note", "Take more texts, or a smaller --vocabulary."))
    return sorted(found, key=lambda one: -WEIGHTS[one.severity])
