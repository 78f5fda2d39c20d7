"""Explicit models beside GANs, on the same images for the same minutes: likelihood with its kind, Fréchet distance, seconds to sample.

    python benchmarks/explicit.py [--recipes vae glow pixelcnn ...] [--minutes 10] [--data fashion10k] [--size 32] [--json FILE]

One run each, one after the other, with all cores. Bits per dimension are of held-out images (128) and of as many that were trained on, with
standard errors. As a floor, a kernel density (discretized logistic kernels of one width, chosen on a tenth of the training images) and a
mixture of 32 diagonal normal distributions (on pixels with uniform noise) are fitted on the same images."""

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

import sparring
from sparring.evaluation.judge import judge
from sparring.games.capabilities import HasLikelihood
from sparring.inference.data_of_model import training_data
from sparring.inference.likelihood import bits_of_run
from sparring.losses.likelihoods import log_discretized_logistic
from sparring.modalities import MODALITIES
from sparring.runs.config import read_config, settings_of
from sparring.runs.run_directory import RunDirectory

SETTINGS: dict[str, dict[str, Any]] = {
    "dcgan": {"width": 32},
    "bigan": {"width": 32},
    "vaegan": {"width": 32},
    "flowgan": {"width": 32, "flow_width": 16, "blocks": 2},
}
KERNELS = 2000
"""Number of training images that are kernels."""


def kernel_bits(training: torch.Tensor, unseen: torch.Tensor) -> float:
    """Bits per dimension of unseen images under a kernel density."""
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))
    kernels, tenth = training[order[:KERNELS]], training[order[KERNELS : KERNELS + 100]]

    def mean_log(images: torch.Tensor, log_scale: float) -> float:
        found = []
        for image in images:
            each = log_discretized_logistic(image.expand_as(kernels), kernels, torch.full_like(kernels, log_scale)).flatten(1).sum(dim=1)
            found.append(each.logsumexp(dim=0) - math.log(len(kernels)))
        return float(torch.stack(found).mean())

    best = max(np.arange(-4.0, 0.01, 0.5), key=lambda log_scale: mean_log(tenth[:30], log_scale))
    return -mean_log(unseen, best) / (math.log(2) * training[0].numel())


def mixture_bits(training: torch.Tensor, unseen: torch.Tensor) -> float:
    """A dequantized bound of bits per dimension under a mixture of normal distributions."""
    from sklearn.mixture import GaussianMixture

    random = np.random.default_rng(0)
    levels = [((each.flatten(1).numpy() + 1) * 127.5).round() for each in (training, unseen)]
    shares = [(each + random.random(each.shape)) / 256 for each in levels]
    mixture = GaussianMixture(32, covariance_type="diag", reg_covar=1e-5, random_state=0, max_iter=50).fit(shares[0])
    return float(8 - mixture.score(shares[1]) / (math.log(2) * shares[0].shape[1]))


def one(recipe: str, minutes: float, data: str, size: int, folder: Path) -> dict[str, Any]:
    run = folder / recipe
    settings = SETTINGS.get(recipe, {})
    model = sparring.train(recipe, data, run, minutes=minutes, size=size, console=Console(quiet=True), **settings)
    model = sparring.load(run, whole=True)
    began = time.monotonic()
    model.sample(1000, seed=1)
    sampling = time.monotonic() - began
    found: dict[str, Any] = {"recipe": recipe, "step": model.step, "seconds for 1,000 samples": sampling}
    found["parameters"] = sum(weight.numel() for weight in model.game.parameters())
    if isinstance(model.game, HasLikelihood):
        trained_on, held_out = bits_of_run(model, 128)
        found |= {"kind": model.game.likelihood_kind, "trained on": [trained_on.mean, trained_on.error]}
        found["held out"] = None if held_out is None else [held_out.mean, held_out.error]
    judged = judge(run, samples=5000, out=folder / "judged")
    return found | {score.name: score.value for score in judged.scores if score.name in {"FD-lite0", "precision", "recall", "coverage"}}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--recipes", nargs="+", default=["vae", "glow", "realnvp", "pixelcnn", "flowgan", "bigan", "vaegan", "dcgan"])
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--data", default="fashion10k")
    arguments.add_argument("--size", type=int, default=32)
    arguments.add_argument("--json", type=Path)
    asked = arguments.parse_args()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in asked.recipes:
            results.append(one(recipe, asked.minutes, asked.data, asked.size, Path(scratch)))
            print(json.dumps(results[-1]), flush=True)
        run = RunDirectory(Path(scratch) / asked.recipes[0])
        settings = settings_of(read_config(run), run.path).training
        store = training_data(sparring.load(run.path))
        parts = MODALITIES["images"].split_holdout(store, settings.holdout, settings.seed)
        training, unseen = (part.batch(np.arange(len(part))).samples for part in parts if part is not None)
        floors = {"kernel density": kernel_bits(training, unseen), "mixture": mixture_bits(training, unseen)}
        print(json.dumps(floors), flush=True)
    print("\n| model | bits per dimension, held out | trained on | kind | FD-lite0 | precision | recall | s for 1,000 | parameters |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in results:
        bits = [f"{each[name][0]:.3f} ± {each[name][1]:.3f}" if each.get(name) else "-" for name in ("held out", "trained on")]
        scores = " | ".join(f"{each[name]:.3g}" for name in ("FD-lite0", "precision", "recall"))
        seconds, weights = each["seconds for 1,000 samples"], each["parameters"]
        print(f"| {each['recipe']} | {bits[0]} | {bits[1]} | {each.get('kind', '-')} | {scores} | {seconds:.1f} | {weights:,} |")
    for name, value in floors.items():
        print(f"| {name} | {value:.3f} | | {'exact' if name.startswith('kernel') else 'dequantized bound'} | | | | | |")
    if asked.json:
        asked.json.write_text(json.dumps({"runs": results, "floors": floors}, indent=1) + "\n")


if __name__ == "__main__":
    main()
