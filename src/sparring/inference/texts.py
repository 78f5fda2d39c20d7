"""Texts of models of sequences: drawn, scored, and written to files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sparring.core.atomic_files import write_bytes
from sparring.core.errors import DataError, SettingsError, listed
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.tables.table_files import is_table_name
from sparring.games.capabilities import HasLikelihood, MakesSequences
from sparring.inference.labels import label_of
from sparring.modalities.generated_sequences import generated_codes

if TYPE_CHECKING:
    from sparring.inference.model import Model

LINES = {".txt", ".smi", ".smiles", ".abc"}
"""Endings of files with a text on each line (or, of texts of several lines, with an empty line between two)."""
CHUNK = 256
"""Number of texts whose likelihoods are computed together."""


def sequence_spec_of(model: "Model") -> SequenceSpec:
    """What sequences of the model are; a SettingsError if it makes none."""
    if not isinstance(model.game, MakesSequences):
        raise SettingsError(f"{model.source} makes no texts. Use it with: {model.use}")
    return model.game.sequence_spec


def draw_texts(
    model: "Model", n: int, *, seed: int = 0, first: int = 0, label: str | int | None = None, temperature: float | None = None
) -> list[str | None]:
    """Texts `first` to `first + n - 1` of `seed`: the same however they are split into calls. None for sequences that stand for no text.
    `label`: class of all of them, by default every class in turn. `temperature`: below 1 more typical and less varied texts.
    """
    if n < 1 or first < 0:
        raise SettingsError(f"n must be at least 1 and first at least 0, not {n} and {first}.")
    if temperature is not None and not 0 < temperature < np.inf:
        raise SettingsError(f"temperature must be more than 0, not {temperature}.")
    spec = sequence_spec_of(model)
    model.refuse_without_generator()
    if label is not None and not spec.classes:
        raise SettingsError(f"{model.source} knows no classes. Leave label out.")
    labels = None if label is None else np.full(n, label_of(model, label), np.int64)
    return spec.texts_of(generated_codes(model.game, n, seed, first, labels, temperature))


def is_text_file(out: Path) -> bool:
    """Whether texts can be written to a file of that name."""
    return out.suffix.lower() in LINES or is_table_name(out)


def text_ending_of(out: Path) -> str:
    """The ending of a file for texts; a SettingsError for endings of other files."""
    ending = out.suffix.lower()
    if not is_text_file(out):
        raise SettingsError(
            f"Texts are written to {', '.join(sorted(LINES))}, .csv, .tsv, .parquet, .feather, .jsonl or .xlsx, not {ending!r}."
        )
    return ending


def save_texts(texts: Sequence[str], out: Path, *, column: str = "text") -> None:
    """Write texts: to files of text one on each line (with an empty line between two if any has several lines), else as a column."""
    if text_ending_of(out) in LINES:
        between = "\n\n" if any("\n" in text for text in texts) else "\n"
        write_bytes(out, (between.join(texts) + "\n").encode())
        return
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    from sparring.data.tables.table_format import TableFormat  # noqa: PLC0415
    from sparring.data.tables.writing import output_table_kind, write_table  # noqa: PLC0415 (an extra)

    output_table_kind(out)
    write_table(pa.table({column: list(texts)}), out, TableFormat("csv"))


def log_likelihoods(model: "Model", texts: Sequence[str], label: str | int | None = None) -> Float64[np.ndarray, " n"]:
    """Natural logarithm of the probability of each text. A DataError names the texts that the model cannot have made: too long ones, and
    ones with tokens that it does not know. A SettingsError if it knows no likelihoods.
    """
    spec = sequence_spec_of(model)
    if not isinstance(model.game, HasLikelihood):
        raise SettingsError(f"{model.source} knows no likelihoods. Train one that does: sparring train lm")
    codes, problems = [], []
    for number, text in enumerate(texts, 1):
        tokens = spec.cut.tokens_of(text)
        found = spec.codes_of_tokens(tokens)
        if found is None:
            strange = [token for token in tokens if token not in spec.code_of]
            why = (
                f"has {len(tokens)} {spec.token_noun}, and {spec.length} are the most"
                if not strange
                else f"has {strange[0]!r}, which is new"
            )
            problems.append(f"Text {number} ({text[:40]!r}) {why}.")
            continue
        codes.append(found)
    if problems:
        raise DataError(listed("These texts have no likelihood here:", problems))
    labels = None if label is None else np.full(len(codes), label_of(model, label), np.int64)
    return log_likelihoods_of_codes(model, np.array(codes, np.int64).reshape(-1, spec.length), labels)


def log_likelihoods_of_codes(
    model: "Model", codes: Int64[np.ndarray, "n length"], labels: Int64[np.ndarray, " n"] | None = None
) -> Float64[np.ndarray, " n"]:
    """Natural logarithm of the probability of each sequence, of models that know it. `labels`: the class of each, if they have classes."""
    game: Any = model.game
    samples = torch.from_numpy(codes.astype(np.float32)).to(model.game.device)
    classes = None if labels is None else torch.from_numpy(labels).to(model.game.device)
    some = [slice(start, start + CHUNK) for start in range(0, len(codes), CHUNK)]
    found = [game.log_likelihood(samples[each], None if classes is None else classes[each]) for each in some]
    return torch.cat(found).double().cpu().numpy() if found else np.zeros(0)
