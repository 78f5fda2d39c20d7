"""Molecules: recipes beside an n-gram model and beside held-out molecules, by MOSES' scores, after so many minutes of one core.

    python benchmarks/molecules.py [--rows latentgan-selfies lm molgan ...] [--minutes 10] [--seed 0] [--samples 2000] [--out scores.json]

Each row trains alone with one thread until its process has used so much time of the processor, which is measured, as other programs may run
beside it. Scores compare samples with the molecules that training held out (2,000 of moses20k, 273 of fragments9).
"""

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

import sparring
from processor_time import stopped_after
from sparring.core.rdkit_molecules import canonical
from sparring.data.sequences.sequence_dataset import split_holdout
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.evaluation.molecule_scores import MoleculeSet, molecule_scores
from sparring.inference.model import Model
from sparring.metrics.molecules.token_ngrams import draw_from_ngrams

PAPER: dict[str, Any] = {
    "choice": "gumbel", "bond_counts": False, "latent_size": 32, "convolutions": (64, 32), "graph_features": 128, "betas": (0.0, 0.9),
    "constant_rate_samples": 10**9,
}  # fmt: skip
"""The networks and gradients of De Cao and Kipf 2018."""
ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "latentgan-selfies": ("latentgan", "moses20k", {"notation": "selfies"}),
    "latentgan-smiles": ("latentgan", "moses20k", {"notation": "smiles"}),
    "latentgan-smiles-by-token": ("latentgan", "moses20k", {"notation": "smiles", "pieces": 0}),
    "organ-smiles": ("organ", "moses20k", {"notation": "smiles"}),
    "lm-smiles": ("lm", "moses20k", {"notation": "smiles"}),
    "lm-selfies": ("lm", "moses20k", {"notation": "selfies"}),
    "molgan": ("molgan", "fragments9", {"notation": "graph"}),
    "molgan-packed": ("molgan", "fragments9", {"notation": "graph", "packing": 4}),
    "molgan, the paper's": ("molgan", "fragments9", {"notation": "graph", **PAPER}),
    "lm-graph": ("lm", "fragments9", {"notation": "graph"}),
}  # fmt: skip
"""By name: recipe, data and settings."""


def trained(recipe: str, data: str, seconds: float, seed: int, folder: Path, settings: dict[str, Any]) -> Model:
    """A model after so many seconds of the processor."""
    with stopped_after(seconds):
        return sparring.train(
            recipe, data, folder / "run", steps=10**9, console=Console(quiet=True), seed=seed, threads=1, device="cpu", **settings
        )


def row(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Scores of one row."""
    recipe, data, settings = ROWS[name]
    reading = SequencesReading(notation=settings["notation"])
    training, held_out = split_holdout(prepare_sequences(data, reading)[0], None, asked.seed)
    real, known = MoleculeSet.of(held_out.texts()), {canonical(text) or "" for text in training.texts()}
    with tempfile.TemporaryDirectory() as scratch:
        model = trained(recipe, data, 60 * asked.minutes, asked.seed, Path(scratch), settings)
        assert model.ending is not None
        begun = time.process_time()
        texts = model.texts(asked.samples, seed=asked.seed)
        drawing = time.process_time() - begun
    scores = molecule_scores(MoleculeSet.of(texts), real, known)
    return {
        "row": name,
        "seed": asked.seed,
        "steps": model.ending.progress.step,
        "seconds a 1,000 samples": round(1000 * drawing / asked.samples, 1),
        **in_numbers(scores),
        "first": [text for text in texts if text][:8],
    }


def bounds(data: str, notation: Any, asked: argparse.Namespace) -> list[dict[str, Any]]:  # noqa: ANN401
    """Scores of an n-gram model, and of molecules that were trained on, as the ceiling: held-out ones are what all are compared with."""
    training, held_out = split_holdout(prepare_sequences(data, SequencesReading(notation=notation))[0], None, asked.seed)
    real = MoleculeSet.of(held_out.texts())
    drawn = draw_from_ngrams(training.tokens(), asked.samples, asked.seed, training.spec.length)
    texts = [training.spec.cut.text_of(tokens) for tokens in drawn]
    known = {canonical(text) or "" for text in training.texts()}
    found = [{"row": f"n-grams of {notation} ({data})", **in_numbers(molecule_scores(MoleculeSet.of(texts), real, known))}]
    some = training.texts()[:: max(1, len(training) // asked.samples)][: asked.samples]
    return [*found, {"row": f"molecules that were trained on ({data})", **in_numbers(molecule_scores(MoleculeSet.of(some), real, set()))}]


def in_numbers(scores: dict[str, Any]) -> dict[str, list[float]]:
    return {name: [round(each.value, 4), round(each.standard_error or math.nan, 4)] for name, each in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=[*ROWS], choices=[*ROWS, "bounds"])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = []
    for name in asked.rows:
        if name == "bounds":
            found += [*bounds("moses20k", "smiles", asked), *bounds("moses20k", "selfies", asked), *bounds("fragments9", "graph", asked)]
        else:
            found.append(row(name, asked))
        print(json.dumps(found[-1]), flush=True)
        if asked.out is not None:
            asked.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
