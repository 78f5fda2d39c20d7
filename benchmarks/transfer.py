"""Transfer learning: 500 emoji of one category, from scratch and from a model of all other categories, for the same minutes.

    python benchmarks/transfer.py --emoji emoji-google-64.zip --labels emoji-labels.csv [--category "People & Body"] [--count 500]
        [--minutes 10] [--source-minutes 20] [--recipes dcgan ...] [--only scratch transfer ...] [--runs FOLDER] [--json FILE]

`dcgan` and `r3gan` play the relativistic game with R1 and R2; `stylegan2` plays its own, small and without extras, as in
benchmarks/budget.py. All are augmented by diffaugment, at 64x64. 5,000 samples of each are judged against the 500 images (lite0), and so
are those of the source's model, which has seen none of them."""

import argparse
import csv
import json
import random
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from rich.console import Console

import sparring
from budget import AS_FOR_CIFAR, STYLES
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing

GAME: dict[str, Any] = {"augment": "diffaugment", "checkpoint_minutes": 2.0}
RECIPES: dict[str, dict[str, Any]] = {
    "dcgan": {
        "width": 32, "batch_size": 64, "objective": "relativistic", "r1": 0.05, "r2": 0.05, "penalty_every": 4,
        "discriminator_norm": "none", "learning_rate": 1e-3, "betas": (0.0, 0.99),
    },
    "r3gan": {},
    "stylegan2": {**STYLES, **AS_FOR_CIFAR},
}  # fmt: skip
SAMPLES = 5000
STARTS = ("scratch", "transfer", "transfer, frozen")


def folders(emoji: Path, labels: Path, category: str, count: int, out: Path) -> tuple[Path, Path]:
    """The images of other categories, and `count` of this one."""
    with labels.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mine = sorted(row["file"] for row in rows if row["category"] == category)
    others = sorted(row["file"] for row in rows if row["category"] != category)
    if len(mine) < count:
        raise SystemExit(f"{category} has {len(mine)} emoji, and {count} are asked for.")
    random.Random(0).shuffle(mine)
    for name, files in (("others", others), ("own", mine[:count])):
        (out / name).mkdir(parents=True)
        with zipfile.ZipFile(emoji) as archive:
            there = set(archive.namelist())
            for file in files:
                if file in there:
                    (out / name / file).write_bytes(archive.read(file))
    return out / "others", out / "own"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--category", default="People & Body")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--source-minutes", type=float, default=20)
    parser.add_argument("--recipes", nargs="+", default=["dcgan"], choices=list(RECIPES))
    parser.add_argument("--only", nargs="+", choices=STARTS, default=STARTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    place = asked.runs or Path(tempfile.mkdtemp())
    others, own = folders(asked.emoji, asked.labels, asked.category, asked.count, place / "data")
    real, quiet, results = prepare(open_source(own), Preprocessing(size=64)), Console(quiet=True), []
    for recipe in asked.recipes:
        settings = {**RECIPES[recipe], **GAME, "size": 64, "console": quiet}
        source = place / f"{recipe}-source"
        sparring.train(recipe, others, source, minutes=asked.source_minutes, **settings)
        scores: dict[str, Any] = {"recipe": recipe, "source": sparring.judge(source, real, samples=SAMPLES)["FD-lite0"].value}
        for seed in asked.seeds:
            for name in asked.only:
                start = None if name == "scratch" else source
                run = place / f"{recipe}-{name.replace(', ', '-')}-{seed}"
                more = {"freeze_discriminator": 2} if "frozen" in name else {}
                model = sparring.train(recipe, own, run, start_from=start, minutes=asked.minutes, seed=seed, **settings, **more)
                score = sparring.judge(run, real, samples=SAMPLES)["FD-lite0"]
                scores.setdefault(name, []).append(score.value)
                sparring.save_images(model.sample(64), place / f"{run.name}.png")
                print(json.dumps({"recipe": recipe, "run": name, "seed": seed, "FD-lite0": score.value, "step": model.step}), flush=True)
        results.append(scores)
        print(json.dumps(scores), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")
    if not asked.runs:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
