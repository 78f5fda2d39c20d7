"""Hundreds of images: `fastgan` beside other recipes with augmentation, on 300 emoji of one category, for the same time of one core.

    python benchmarks/few_images.py --emoji emoji-google-64.zip --labels emoji-labels.csv [--minutes 10] [--samples FOLDER]

At 64x64. Each trains on one thread for as many minutes of the processor's time, so that other work on the machine does not count.
5,000 samples are judged against the images that were trained on (lite0)."""

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

import sparring
from processor_time import stopped_after
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from transfer import RECIPES as TRANSFER
from transfer import folders

RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "fastgan": ("fastgan", {}),
    "r3gan, diffaugment": ("r3gan", {"augment": "diffaugment"}),
    "dcgan, relativistic, diffaugment": ("dcgan", {**TRANSFER["dcgan"], "augment": "diffaugment"}),
    "stylegan2, ada": ("stylegan2", {"augment": "ada", "channel_max": 64, "batch_size": 16}),
}
QUIET = Console(quiet=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--category", default="People & Body")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--samples", type=Path, help="where to write a grid of each")
    asked = parser.parse_args()
    print("| recipe | steps | FD-lite0 | precision | recall | copies |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        _, own = folders(asked.emoji, asked.labels, asked.category, asked.count, Path(scratch))
        store = prepare(open_source(own), Preprocessing(size=64))
        for number, name in enumerate(asked.recipes):
            recipe, more = RECIPES[name]
            settings: dict[str, Any] = {"threads": 1, "console": QUIET, "checkpoint_minutes": 60.0, **more}
            run = Path(scratch) / str(number)
            with stopped_after(60 * asked.minutes):
                model = sparring.train(recipe, store, run, steps=10**9, **settings)
            scores = {score.name: score.value for score in sparring.judge(run, store, samples=5000).scores}
            if asked.samples:
                sparring.save_images(model.sample(64, seed=0), asked.samples / f"{recipe}.png", columns=16)
            shown = " | ".join(f"{scores.get(key, math.nan):.3g}" for key in ("FD-lite0", "precision", "recall", "copies"))
            print(f"| {name} | {model.step:,} | {shown} |", flush=True)
            print(json.dumps(scores), flush=True)


if __name__ == "__main__":
    main()
