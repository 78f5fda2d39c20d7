"""What the game of a `latentgan` run adds: molecules of its codes, beside those of other codes, by MOSES' scores.

    python benchmarks/latent_codes.py RUN [--samples 1000] [--temperatures 0.5 0.8] [--seed 0] [--out scores.json]

Codes are those of training molecules with noise, as the decoder learned from them; draws from the Gaussian with their mean and covariance;
and what the generator makes. The decoder and its random numbers are the same. Also: the share of held-out molecules that are recovered from
their codes, at the likeliest token of each place.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

import sparring
from sparring.core.rdkit_molecules import canonical
from sparring.data.sequences.sequence_dataset import SequenceDataset, split_holdout
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.evaluation.molecule_scores import MoleculeSet, molecule_scores
from sparring.games.latent_sequences import LatentSequenceGame
from sparring.latent.molecule_steering import codes_of_samples
from sparring.nets.latentgan import normalized
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

SHOWN = ("valid", "unique@1k", "unique", "new", "FCD", "FCD infinite", "IntDiv1", "SNN", "Frag", "Scaf", "filters", "drug-like")


def datasets(run: Path, spec: SequenceSpec) -> list[SequenceDataset]:
    """What a run was trained on, and what it held out, with its model's codes of tokens."""
    config = read_config(RunDirectory(run))
    settings = settings_of(config, run)
    data = prepare_sequences(config["data"]["source"], cast(Any, settings.data)["sequences"])[0]
    parts = split_holdout(data, settings.training.holdout, settings.training.seed)
    return [replace(part, spec=spec, lookup=part.lookup_like(spec)) for part in parts]


def gaussian_like(codes: Float[Tensor, "n code"], n: int) -> Float[Tensor, "n code"]:
    """Draws from the Gaussian with the codes' mean and covariance. (It is singular: normalized codes have mean 0.)"""
    values, vectors = torch.linalg.eigh(torch.cov(codes.T))
    return codes.mean(dim=0) + torch.randn(n, codes.shape[1]) * values.clamp(min=0).sqrt() @ vectors.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.8])
    parser.add_argument("--codes", nargs="+", default=["generated", "gaussian", "encoded"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    game = cast(LatentSequenceGame, sparring.load(asked.run).game)
    training, held_out = datasets(asked.run, game.sequence_spec)
    known, real = {canonical(text) or "" for text in training.texts()}, MoleculeSet.of(held_out.texts())
    tokens = torch.from_numpy(held_out.codes()).float()[:500]
    recovered = (game.of_codes(game.encoded(tokens)) == tokens).all(dim=1).float().mean().item()
    found: list[dict[str, Any]] = [{"recovered": recovered}]
    print(json.dumps(found[0]), flush=True)
    clean = game.encoded(torch.from_numpy(training.codes()).float())
    noisy = normalized(clean + game.own.code_noise * torch.randn_like(clean))
    kinds = {
        "generated": lambda: codes_of_samples(game, asked.samples, asked.seed, 0),
        "gaussian": lambda: normalized(gaussian_like(noisy, asked.samples)),
        "encoded": lambda: noisy[torch.randperm(len(noisy))[: asked.samples]],
    }
    chances = torch.rand(asked.samples, game.sequence_spec.length)
    for name in asked.codes:
        codes = kinds[name]()
        for temperature in asked.temperatures:
            rows = game.in_chunks(lambda some, drawn, heat=temperature: game.decoded(some, drawn, heat or None), codes, chances)
            if not temperature:
                rows = game.of_codes(codes)
            scores = molecule_scores(MoleculeSet.of(game.sequence_spec.texts_of(rows.long().numpy())), real, known)
            found.append(
                {"codes": name, "temperature": temperature, **{each: round(scores[each].value, 3) for each in SHOWN if each in scores}}
            )
            print(json.dumps(found[-1]), flush=True)
            if asked.out is not None:
                asked.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
