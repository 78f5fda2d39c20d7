"""Mode collapse on Stacked Fashion: how many of 1,000 modes each recipe's samples reach.

    python benchmarks/stacked.py [--minutes 20] [--only NAME ...] [--out runs/benchmarks/stacked.md] [--runs FOLDER]

Every configuration trains for as many minutes at 32x32, with its recipe's own settings for all that is not named here. A
classifier names the garment in each channel of 25,600 samples from the moving average: the modes found of 1,000, and the
divergence (in nats) of their histogram from equal shares. Rows are added to the table in --out as they come, and a grid of
samples is saved beside it; --runs keeps the run directories."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int64
from rich.console import Console
from torch import Tensor

import sparring
from garments import SIDE, Classifier, garments, modes, names, split, trained_classifier
from sparring.core.batch import float_to_pixels
from sparring.core.errors import SparringError
from sparring.core.pictures import grid, save_picture
from sparring.core.streams import Streams
from sparring.data.source import open_source
from sparring.data.store import Preparation, Store, prepare
from sparring.judge.modes import mode_statistics

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "dcgan": {"recipe": "dcgan"},
    "unrolled": {"recipe": "unrolled"},
    "wgan-gp": {"recipe": "wgan-gp"},
    "pacgan": {"recipe": "pacgan"},
    "dcgan+r1": {"recipe": "dcgan", "r1": 1.0, "discriminator_norm": "none"},
    "best": {
        "recipe": "dcgan",
        "objective": "relativistic",
        "r1": 0.05,
        "r2": 0.05,
        "penalty_every": 4,
        "discriminator_norm": "none",
        "learning_rate": 1e-3,
        "betas": (0.0, 0.99),
        "width": 32,
        "batch_size": 64,
    },
}
SAMPLES, MODES = 25_600, 1000
HEADING = "| configuration | modes | divergence | steps | img/s | minutes |\n|---|---|---|---|---|---|"


def numbers(found: Int64[Tensor, " n"]) -> str:
    reached, divergence = mode_statistics(found, MODES)
    return f"{reached:,} | {divergence:.3f}"


def ceilings(classifier: Classifier, store: Store) -> list[str]:
    """What real pictures get: less than everything, for samples are finite and the classifier errs, more so on garments it has not seen."""
    real = torch.cat([modes(classifier, store.batch(piece.numpy()).images) for piece in torch.arange(SAMPLES).split(1024)])
    single = garments()
    unseen = names(classifier, single.batch(split(single)[1]).images)
    a, b, c = unseen[Streams(0, 0, scope="ceiling").integers("choices", len(unseen), 3, SAMPLES)]
    rows = {"real pictures": real, "real pictures of held-out garments": 100 * a + 10 * b + c}
    return [f"| {name} | {numbers(found)} | | | |" for name, found in rows.items()]


def row(name: str, minutes: float, classifier: Classifier, store: Store, run: Path, picture: Path) -> str:
    """Train one configuration, look at its samples, and give its line of the table."""
    try:
        model = sparring.train(data=store, out=run, minutes=minutes, console=Console(stderr=True, soft_wrap=True), **CONFIGURATIONS[name])
    except SparringError as problem:
        return f"| {name} | failed: {str(problem).splitlines()[0]} | | | | |"
    assert model.ending is not None
    if model.ending.reason == "stopped":
        raise KeyboardInterrupt
    save_picture(grid(float_to_pixels(model.sample(100)).numpy()), picture)
    found = torch.cat([modes(classifier, pictures) for pictures in model.sample_in_pieces(SAMPLES)])
    progress = model.ending.progress
    speed, spent = progress.images / progress.seconds, progress.seconds / 60
    return f"| {name} | {numbers(found)} | {progress.step:,} | {speed:,.0f} | {spent:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/stacked.md"))
    parser.add_argument("--runs", type=Path)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.parent.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        print(line, flush=True)
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    classifier, accuracy = trained_classifier()
    store = prepare(open_source("fashion10k:stacked"), Preparation(size=SIDE))
    rows = ceilings(classifier, store)
    say(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {SAMPLES:,} pictures each; the classifier names {accuracy:.1%} of held-out garments.\n")
    say("\n".join([HEADING, *rows]))
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            run = (arguments.runs or Path(folder)) / name
            say(row(name, arguments.minutes, classifier, store, run, out.with_name(f"{out.stem}-{name}.png")))


if __name__ == "__main__":
    main()
