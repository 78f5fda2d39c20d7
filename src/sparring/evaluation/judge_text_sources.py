"""Judging the texts of a model, or of a file, against those that a model was trained on or that are in another file."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sparring.core.errors import SettingsError
from sparring.core.rdkit_molecules import has_rdkit
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_spec import END, SequenceSpec
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.evaluation.judge_molecules import judge_molecules
from sparring.evaluation.judge_texts import TextSet, judge_texts
from sparring.evaluation.text_features import embed_by
from sparring.evaluation.text_judgment import Likelihood, TextJudgment
from sparring.evaluation.texts_report import write_texts_report
from sparring.games.capabilities import HasLikelihood
from sparring.inference.model import Model
from sparring.inference.texts import log_likelihoods_of_codes, sequence_spec_of
from sparring.inference.training_texts import reading_of, training_texts
from sparring.modalities.generated_sequences import generated_codes
from sparring.modalities.tables import spread

LOOKED_AT = 2000
"""Number of texts whose likelihoods are looked at, of each kind."""
MOST = 5000
"""Number of texts that are drawn, where nobody says."""


def judge_texts_model(
    model: Model,
    other: Any = None,  # noqa: ANN401 (a path, a list or a frame)
    *,
    samples: int | None = None,
    extractor: str | None = None,
    temperatures: Sequence[float] = (),
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> TextJudgment:
    """Score texts of a run against those that it was trained on.

    `other`: a file or frame of generated texts, by whatever program, that are scored in place of the model's own. `samples`: number of
    texts that are drawn (None: as many as are scored). `extractor`: "minilm" for a Fréchet distance of its features; None: no such score.
    `temperatures`: further temperatures at which samples are scored, for curves.
    `out`: a folder for report.json and report.html. Raises a SettingsError if the run's data is not where it was or has changed.
    """
    spec, (training, unseen) = sequence_spec_of(model), training_texts(model)
    embed = embed_by(extractor, spec)
    training_set, held_out = as_text_set(training), as_text_set(unseen) if len(unseen) else None
    likelihood, curves, lost = None, {}, 0
    if other is None:
        model.refuse_without_generator()
        n = samples or min(MOST, max(2, (len(held_out or training_set)) // 2))
        generated, lost = drawn(model, n, seed)
        texts = [*generated.texts, *[None] * lost]
        curves = {each: drawn(model, n, seed, each)[0] for each in temperatures}
        likelihood = _likelihood(model, training, unseen)
    else:
        if temperatures:
            raise SettingsError("Temperatures are of samples that the model draws: leave them out, or the file of generated texts.")
        generated = as_text_set(prepare_sequences(other, _like(reading_of(model), spec, other))[0])
        texts = generated.texts
    judgment = judge_texts(
        training_set,
        generated,
        held_out,
        items=spec.cut.items,
        length=spec.length,
        embed=embed,
        likelihood=likelihood,
        at_temperatures=curves,
        lost=lost,
        seed=seed,
    )
    if held_out is not None:
        judgment = with_molecules(judgment, texts, training_set, held_out, spec)
    return _reported(judgment, out)


def with_molecules(
    judgment: TextJudgment, generated: Sequence[str | None], training: TextSet, held_out: TextSet, spec: SequenceSpec
) -> TextJudgment:
    """With scores of molecules, if the texts are molecules, and RDKit is installed."""
    if spec.cut.items != "molecules" or not has_rdkit():
        return judgment
    scores, findings = judge_molecules(generated, training.texts, held_out.texts, training.tokens, spec.cut.text_of, judgment.seed)
    return replace(judgment, molecules=scores, findings=(*findings, *judgment.findings))


def judge_text_files(
    real: Any,  # noqa: ANN401 (a path, a list or a frame)
    generated: Any,  # noqa: ANN401
    reading: SequencesReading,
    *,
    held_out: Any = None,  # noqa: ANN401
    extractor: str | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
) -> TextJudgment:
    """Score generated texts, by whatever program, against real ones. See `judge_texts_model`. `held_out`: real texts that the generator has
    not seen.
    """
    data, _ = prepare_sequences(real, reading)
    like = _like(reading, data.spec, generated)
    unseen = None if held_out is None else as_text_set(prepare_sequences(held_out, _like(reading, data.spec, held_out))[0])
    made = as_text_set(prepare_sequences(generated, like)[0])
    embed = embed_by(extractor, data.spec)
    return _reported(judge_texts(as_text_set(data), made, unseen, items=data.spec.cut.items, embed=embed, seed=seed), out)


def _like(reading: SequencesReading, spec: SequenceSpec, source: Any) -> SequencesReading:  # noqa: ANN401
    """How a file of generated texts is read: in the notation of the data, its texts in the column of that name, or in the only one."""
    text = reading.text if reading.text and Path(str(source)).suffix.lower() not in {".txt", ".smi", ".smiles", ".abc"} else None
    return SequencesReading(text=text, notation=spec.notation, lowercase=reading.lowercase, unit=reading.unit)


def as_text_set(data: SequenceDataset) -> TextSet:
    """The texts of a dataset, and their tokens."""
    return TextSet(data.texts(), data.tokens())


def drawn(model: Model, n: int, seed: int, temperature: float | None = None) -> tuple[TextSet, int]:
    """Texts that a model draws, and how many sequences stood for none."""
    spec = sequence_spec_of(model)
    codes = generated_codes(model.game, n, seed, temperature=temperature)
    found = [(text, spec.tokens_of_codes(row)) for text, row in zip(spec.texts_of(codes), codes, strict=True) if text is not None]
    return TextSet([text for text, _ in found], [tokens for _, tokens in found]), n - len(found)


def likelihood_of_run(model: Model) -> Likelihood | None:
    """How likely the model of a run finds texts that it was trained on, and held-out ones; None for models that cannot say, and for runs
    without held-out texts. Raises a SettingsError if the run's data is not where it was or has changed.
    """
    return _likelihood(model, *training_texts(model))


def _likelihood(model: Model, training: SequenceDataset, held_out: SequenceDataset) -> Likelihood | None:
    """How likely the model finds texts that it was trained on, and held-out ones; None for models that cannot say."""
    if not isinstance(model.game, HasLikelihood) or not len(held_out):
        return None
    nats, errors = [], []
    for data in (training, held_out):
        rows = spread(len(data), LOOKED_AT)
        codes = data.lookup_like(model.spec)[data.everything.codes[data.indices[rows]]]
        labels = None if data.labels is None or not model.spec.classes else data.labels[rows]
        found = -log_likelihoods_of_codes(model, codes, labels)
        counts = np.minimum((codes != END).sum(axis=1) + 1, codes.shape[1])
        mean = found.sum() / counts.sum()
        nats.append(float(mean))
        errors.append(float(np.sqrt(np.square(found - mean * counts).sum()) / counts.sum()))
    return Likelihood(model.game.likelihood_kind, nats[0], nats[1], errors[1])


def _reported(judgment: TextJudgment, out: str | os.PathLike[str] | None) -> TextJudgment:
    if out is not None:
        write_texts_report(judgment, Path(out))
    return judgment
