"""Whether conditional recipes draw what they are asked for: the share of samples that a classifier names as asked.

    python benchmarks/conditions.py [--minutes 10] [--only NAME ...] [--out runs/benchmarks/conditions.md] [--runs FOLDER]

Every configuration trains for as many minutes on the embedded garments at 32x32, with its recipe's own settings for all that
is not named here; 100 samples of each class from the moving average are judged. Held-out images show what the classifier
can do. Rows are added to the table in --out as they come, with a grid beside it that has a row for each class."""

import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from garments import CLASSES, garments, held_out
from rows import arguments, rows, say
from sparring.evaluation.classifier_features import load_or_train_classifier, predict_classes
from sparring.inference.model import Model
from sparring.media.image_files import grid, save_image
from sparring.media.pixel_range import float_to_pixels

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "cgan": {"recipe": "cgan"},
    "gan-concatenate": {"recipe": "gan", "condition": "concatenate"},
    "acgan": {"recipe": "acgan"},
    "dcgan-concatenate": {"recipe": "dcgan", "condition": "concatenate"},
    "dcgan-projection": {"recipe": "dcgan", "condition": "projection"},
    "r3gan-projection": {"recipe": "r3gan", "condition": "projection"},
}
SAMPLES, SHOWN = 100, 12


def shares(right: Bool[Tensor, "classes n"]) -> str:
    return " | ".join(f"{share:.1%}" for share in [right.double().mean().item(), *right.double().mean(1).tolist()])


def main() -> None:
    asked = arguments("runs/benchmarks/conditions.md", 10, CONFIGURATIONS)
    store = garments()
    classifier = load_or_train_classifier(store).network

    def cells(model: Model, image: Path) -> str:
        samples = torch.stack([model.sample(SAMPLES, label=label) for label in range(CLASSES)])
        save_image(grid(float_to_pixels(samples[:, :SHOWN].flatten(0, 1)).numpy(), columns=SHOWN), image)
        return shares(torch.stack([predict_classes(classifier, images) == label for label, images in enumerate(samples)]))

    columns = ["configuration", "all", *store.spec.classes, "steps", "images/s", "minutes"]
    named, true = held_out(classifier)
    say(asked.out, f"\n{time.strftime('%Y-%m-%d %H:%M')}, {asked.minutes:g} minutes each, {SAMPLES} samples of each class.\n")
    say(asked.out, f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    say(asked.out, f"| real, held out | {shares((named == true).view(CLASSES, -1))} | | | |")
    rows(asked, CONFIGURATIONS, store, cells)


if __name__ == "__main__":
    main()
