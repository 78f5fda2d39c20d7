"""Explicit models beside GANs, on the same images for the same minutes: likelihood with its kind, Fréchet distance, seconds to sample.

    python benchmarks/explicit.py [--recipes vae glow pixelcnn ...] [--minutes 10] [--data fashion10k] [--size 32] [--json FILE]
        [--samples FOLDER] [--one-thread]

One run each, one after the other, with all cores; with --one-thread each on one, for as many steps as fit into as many minutes of the
processor's time (measured on thirty steps), so that other work on the machine does not count. Bits per dimension are of held-out images
(128) and of as many that were trained on, with standard errors. Baselines are those of `sparring compare`: a kernel density and a
mixture, fitted on the same images."""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

import sparring
from processor_time import steps_within
from sparring.evaluation.judge import judge
from sparring.evaluation.likelihood_baselines import likelihood_baselines
from sparring.games.capabilities import HasLikelihood
from sparring.inference.likelihood import bits_of_run, parts_of_run

SETTINGS: dict[str, dict[str, Any]] = {
    "dcgan": {"width": 32},
    "bigan": {"width": 32},
    "vaegan": {"width": 32},
    "flowgan": {"width": 32, "flow_width": 16, "blocks": 2},
}


def one(recipe: str, minutes: float, data: str, size: int, folder: Path, one_thread: bool) -> dict[str, Any]:
    run = folder / recipe
    settings: dict[str, Any] = {"size": size, "console": Console(quiet=True)} | SETTINGS.get(recipe, {})
    budget: dict[str, Any] = {"minutes": minutes}
    if one_thread:
        settings["threads"] = 1
        budget = {"steps": steps_within(60 * minutes, recipe, data, folder, **settings)}
    sparring.train(recipe, data, run, **budget, **settings)
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
    arguments.add_argument("--one-thread", action="store_true", help="minutes of the processor's time, on one thread")
    arguments.add_argument("--samples", type=Path, help="where to write a row of samples of each model")
    asked = arguments.parse_args()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in asked.recipes:
            results.append(one(recipe, asked.minutes, asked.data, asked.size, Path(scratch), asked.one_thread))
            if asked.samples:
                row = sparring.load(Path(scratch) / recipe).sample(16, seed=0)
                sparring.save_images(row, asked.samples / f"{recipe}.png", columns=16)
            print(json.dumps(results[-1]), flush=True)
        trained_on, held_out = parts_of_run(sparring.load(Path(scratch) / asked.recipes[0]))
        assert held_out is not None
        baselines = likelihood_baselines(trained_on, held_out, 128)
        print(json.dumps(baselines), flush=True)
    print("\n| model | bits per dimension, held out | trained on | kind | FD-lite0 | precision | recall | s for 1,000 | parameters |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in results:
        bits = [f"{each[name][0]:.3f} ± {each[name][1]:.3f}" if each.get(name) else "-" for name in ("held out", "trained on")]
        scores = " | ".join(f"{each[name]:.3g}" for name in ("FD-lite0", "precision", "recall"))
        seconds, weights = each["seconds for 1,000 samples"], each["parameters"]
        print(f"| {each['recipe']} | {bits[0]} | {bits[1]} | {each.get('kind', '-')} | {scores} | {seconds:.1f} | {weights:,} |")
    for name, (kind, bits) in baselines.items():
        print(f"| {name} | {bits:.3f} | | {kind} | | | | | |")
    if asked.json:
        asked.json.write_text(json.dumps({"runs": results, "baselines": baselines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
