"""Whether conditional recipes draw what they are asked for: the share of samples that a classifier names as asked.

    python benchmarks/conditions.py [--minutes 10] [--only NAME ...] [--out runs/benchmarks/conditions.md] [--runs FOLDER]

Every configuration trains for as many minutes on the embedded garments at 32x32, with its recipe's own settings for all that
is not named here; 100 samples of each class from the moving average are judged. Held-out pictures show what the classifier
can do. Rows are added to the table in --out as they come, and a grid with a row for each class is saved beside it; --runs
keeps the run directories."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from rich.console import Console
from torch import Tensor

import sparring
from garments import CLASSES, Classifier, garments, names, split, trained_classifier
from sparring.core.batch import float_to_pixels
from sparring.core.errors import SparringError
from sparring.core.pictures import grid, save_picture
from sparring.data.store import Store

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "cgan": {"recipe": "cgan"},
    "gan-concatenate": {"recipe": "gan", "condition": "concatenate"},
    "acgan": {"recipe": "acgan"},
    "dcgan-concatenate": {"recipe": "dcgan", "condition": "concatenate"},
    "dcgan-projection": {"recipe": "dcgan", "condition": "projection"},
}
SAMPLES, SHOWN = 100, 12


def shares(right: Bool[Tensor, "classes n"]) -> str:
    return " | ".join(f"{share:.1%}" for share in [right.double().mean().item(), *right.double().mean(1).tolist()])


def real_row(classifier: Classifier, store: Store) -> str:
    batch = store.batch(split(store)[1])
    right = (names(classifier, batch.images) == batch.labels).view(CLASSES, -1)
    return f"| real, held out | {shares(right)} | | |"


def row(name: str, minutes: float, classifier: Classifier, store: Store, run: Path, picture: Path) -> str:
    """Train one configuration, look at its samples, and give its line of the table."""
    try:
        model = sparring.train(data=store, out=run, minutes=minutes, console=Console(stderr=True, soft_wrap=True), **CONFIGURATIONS[name])
    except SparringError as problem:
        return f"| {name} | failed: {str(problem).splitlines()[0]} |" + " |" * (CLASSES + 2)
    assert model.ending is not None
    if model.ending.reason == "stopped":
        raise KeyboardInterrupt
    samples = torch.stack([model.sample(SAMPLES, label=label) for label in range(CLASSES)])
    save_picture(grid(float_to_pixels(samples[:, :SHOWN].flatten(0, 1)).numpy(), columns=SHOWN), picture)
    right = torch.stack([names(classifier, pictures) == label for label, pictures in enumerate(samples)])
    progress = model.ending.progress
    return f"| {name} | {shares(right)} | {progress.step:,} | {progress.images / progress.seconds:,.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/conditions.md"))
    parser.add_argument("--runs", type=Path)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.parent.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        print(line, flush=True)
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    classifier, _ = trained_classifier()
    store = garments()
    columns = ["configuration", "all", *store.spec.classes, "steps", "img/s"]
    say(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {arguments.minutes:g} minutes each, {SAMPLES} samples of each class.\n")
    say(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    say(real_row(classifier, store))
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            run = (arguments.runs or Path(folder)) / name
            say(row(name, arguments.minutes, classifier, store, run, out.with_name(f"{out.stem}-{name}.png")))


if __name__ == "__main__":
    main()
