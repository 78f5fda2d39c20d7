"""Molecules that a model draws: which are valid, which are new, and what they are like."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from jaxtyping import Float64
from PIL import Image

from sparring.core.atomic_files import replacing
from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.core.rdkit_molecules import canonical, molecule_of
from sparring.data.sequences.sequence_dataset import split_holdout
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.games.capabilities import MakesSequences
from sparring.inference.texts import LINES, save_texts, text_ending_of
from sparring.media.draw_molecules import draw_molecules as drawing_of
from sparring.metrics.molecules.properties import PROPERTIES, PropertyName
from sparring.modalities.file_or_frame import FRAME
from sparring.modalities.generated_sequences import generated_codes
from sparring.runs.config import read_config, settings_of
from sparring.runs.data_changes import refuse_moved
from sparring.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from sparring.inference.model import Model

MOST_SHOWN = 60
"""Number of molecules in a drawing, at most."""
DRUG_LIKE = 0.5
"""QED above which a molecule counts as like a drug."""
PIECE, MOST_DRAWN = 1024, 100_000
"""Number of molecules that are drawn at a time, and at most, where some are looked for."""
_WANT = re.compile(r"\s*([a-z]+)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d*)?)\s*")


def makes_molecules(model: "Model") -> bool:
    """Whether a model draws molecules."""
    return isinstance(model.game, MakesSequences) and model.game.sequence_spec.cut.items == "molecules"


@dataclass(frozen=True)
class Want:
    """What a property of a molecule is to be."""

    name: PropertyName
    above: bool
    """Whether values above the bound are wanted, and not those below it."""
    bound: float

    def holds(self, values: Float64[np.ndarray, " n"]) -> np.ndarray:
        """Whether each value is wanted. NaN never is."""
        return values > self.bound if self.above else values < self.bound

    def __str__(self) -> str:
        return f"{self.name}{'>' if self.above else '<'}{self.bound:g}"


def wants_of(words: Sequence[str]) -> tuple[Want, ...]:
    """From words such as "qed>0.8". A SettingsError lists all that are none."""
    found, problems = [], []
    for word in words:
        match = _WANT.fullmatch(word.lower())
        if match is None:
            problems.append(f"{word!r} is no wish. Write a property, < or >, and a number, such as 'qed>0.8' or 'weight<400'.")
        elif match[1] not in get_args(PropertyName):
            problems.append(f"{word!r}: there is no property {match[1]!r}. {did_you_mean(match[1], get_args(PropertyName))}")
        else:
            found.append(Want(cast(PropertyName, match[1]), ">" in match[2], float(match[3])))
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("--want:", problems))
    return tuple(found)


def wanted(smiles: Sequence[str | None], wants: Sequence[Want]) -> np.ndarray:
    """Whether each molecule is valid and has all properties that are wanted."""
    molecules = [None if each is None else molecule_of(each) for each in smiles]
    fulfilled = np.array([each is not None for each in molecules], bool)
    for want in wants:
        measure = PROPERTIES[want.name]
        values = np.array([np.nan if each is None else measure(each) for each in molecules])
        fulfilled &= want.holds(values)
    return fulfilled


@dataclass(frozen=True, eq=False)
class DrawnMolecules:
    """Molecules that a model drew."""

    texts: tuple[str | None, ...]
    """What was drawn; None for tokens that stand for no text."""
    smiles: tuple[str | None, ...]
    """Canonical SMILES of each; None if it is no molecule."""
    known: Collection[str] | None = None
    """Canonical SMILES of the training data; None if the model does not know it."""

    @property
    def valid(self) -> list[str]:
        """Canonical SMILES of those that are molecules."""
        return [each for each in self.smiles if each is not None]

    @cached_property
    def drug_likeness(self) -> Float64[np.ndarray, " valid"]:
        """QED of the valid ones."""
        measure = PROPERTIES["qed"]
        return np.array([measure(molecule) for molecule in map(molecule_of, self.valid) if molecule is not None])

    def lines(self) -> list[str]:
        """How many are valid, unique, new and like a drug, in sentences."""
        valid, count = self.valid, len(self.smiles)
        if not valid:
            return [f"Valid: none of {count:,}."]
        different = set(valid)
        new = (
            ""
            if self.known is None
            else f", {len(different.difference(self.known)) / len(different):.1%} of these not in the training data"
        )
        qed = self.drug_likeness
        return [
            f"Valid: {len(valid) / count:.1%} of {count:,}; {len(different) / len(valid):.1%} of them different{new}.",
            f"Like a drug (QED): {qed.mean():.2f} on average; {(qed > DRUG_LIKE).mean():.1%} above {DRUG_LIKE}.",
        ]


def draw_molecules(model: "Model", n: int, seed: int = 0, first: int = 0, temperature: float | None = None) -> DrawnMolecules:
    """Molecules `first` to `first + n - 1` of a seed."""
    spec = cast(MakesSequences, model.game).sequence_spec
    texts = spec.texts_of(generated_codes(model.game, n, seed, first, temperature=temperature))
    return DrawnMolecules(tuple(texts), tuple(map(canonical, texts)))


def draw_wanted(
    model: "Model", n: int, wants: Sequence[Want], seed: int = 0, temperature: float | None = None
) -> tuple[DrawnMolecules, list[str]]:
    """Draw until `n` molecules are as wanted, or 100,000 were drawn: all that were drawn, and those that are as wanted."""
    texts: list[str | None] = []
    smiles: list[str | None] = []
    found: list[str] = []
    while len(found) < n and len(texts) < MOST_DRAWN:
        drawn = draw_molecules(model, PIECE, seed, len(texts), temperature)
        fulfilled = np.flatnonzero(wanted(drawn.smiles, wants))[: n - len(found)]
        end = PIECE if len(found) + len(fulfilled) < n else int(fulfilled[-1]) + 1
        texts, smiles = [*texts, *drawn.texts[:end]], [*smiles, *drawn.smiles[:end]]
        found += [cast(str, drawn.smiles[place]) for place in fulfilled]
    return DrawnMolecules(tuple(texts), tuple(smiles)), found


def with_training_data(drawn: DrawnMolecules, model: "Model") -> DrawnMolecules:
    """With what the model was trained on, if it is a run, and its data can be found again."""
    run = RunDirectory(model.source)
    if not run.exists():
        return drawn
    config = read_config(run)
    source = config["data"]["source"]
    if source == FRAME:
        return drawn
    refuse_moved(run, config["data"])
    settings = settings_of(config, run.config)
    dataset, _ = prepare_sequences(source, cast(SequencesReading, cast(Mapping[str, object], settings.data)["sequences"]))
    trained = split_holdout(dataset, settings.training.holdout, settings.training.seed)[0]
    return replace(drawn, known={canonical(text) for text in trained.texts()})


def save_molecules(smiles: Sequence[str], out: Path, *, check: bool = False) -> None:
    """Write molecules: one on each line of text; with their properties, in tables (.csv, .parquet and others); or, the first sixty, drawn
    (.png). `check`: only raise the SettingsError for endings of other files.
    """
    if out.suffix.lower() == ".png":
        _save_drawing(smiles[:MOST_SHOWN], out)
    elif text_ending_of(out) in LINES:
        if not check:
            save_texts(smiles, out)
    else:
        from sparring.data.tables.table_format import TableFormat  # noqa: PLC0415 (an extra)
        from sparring.data.tables.writing import output_table_kind, write_table  # noqa: PLC0415 (an extra)

        output_table_kind(out)
        if not check:
            write_table(_table_of(smiles), out, TableFormat("csv"))


def _table_of(smiles: Sequence[str]) -> Any:  # noqa: ANN401 (of Arrow)
    """SMILES and properties; empty for what is no molecule."""
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    molecules = [molecule_of(each) for each in smiles]
    columns = {name: [None if each is None else measure(each) for each in molecules] for name, measure in PROPERTIES.items()}
    return pa.table({"smiles": list(smiles), **columns})


def _save_drawing(smiles: Sequence[str], out: Path) -> None:
    with replacing(out) as temporary:
        Image.fromarray(drawing_of(smiles)).save(temporary, "PNG", optimize=True)
