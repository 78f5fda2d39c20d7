"""Mode collapse on Stacked Fashion: how many of 1,000 modes each recipe's samples reach.

    python benchmarks/stacked.py [--minutes 20] [--only NAME ...] [--out runs/benchmarks/stacked.md] [--runs FOLDER]

Every configuration trains for as many minutes at 32x32, with its recipe's own settings for all that is not named here. A
classifier names the garment in each channel of 25,600 samples from the moving average: the modes found of 1,000, and the
divergence (in nats) of their histogram from equal shares. Rows are added to the table in --out as they come, with a grid of
samples beside it."""

import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from garments import SIDE, garments, held_out, modes
from rows import arguments, rows, say
from sparring.core.random_streams import Streams
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.evaluation.classifier_features import Classifier, load_or_train_classifier
from sparring.inference.model import Model
from sparring.media.image_files import grid, save_image
from sparring.media.pixel_range import float_to_pixels
from sparring.metrics.mode_coverage import class_coverage

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
HEADING = "| configuration | modes | divergence | steps | images/s | minutes |\n|---|---|---|---|---|---|"


def numbers(found: Int64[Tensor, " n"]) -> str:
    reached, divergence = class_coverage(found, MODES)
    return f"{reached:,} | {divergence:.3f}"


def ceilings(classifier: Classifier, store: Store) -> list[str]:
    """What real images get: less than everything, for samples are finite and the classifier errs, more so on garments it has not seen."""
    real = torch.cat([modes(classifier, store.batch(piece.numpy()).samples) for piece in torch.arange(SAMPLES).split(1024)])
    unseen, _ = held_out(classifier)
    a, b, c = unseen[Streams(0, 0, scope="ceiling").integers("choices", len(unseen), 3, SAMPLES)]
    found = {"real images": real, "real images of held-out garments": 100 * a + 10 * b + c}
    return [f"| {name} | {numbers(modes)} | | | |" for name, modes in found.items()]


def main() -> None:
    asked = arguments("runs/benchmarks/stacked.md", 20, CONFIGURATIONS)
    classifier = load_or_train_classifier(garments())
    store = prepare(open_source("fashion10k:stacked"), Preprocessing(size=SIDE))

    def cells(model: Model, image: Path) -> str:
        save_image(grid(float_to_pixels(model.sample(100)).numpy()), image)
        return numbers(torch.cat([modes(classifier.network, images) for images in model.sample_in_pieces(SAMPLES)]))

    about = f"{SAMPLES:,} images each; the classifier names {classifier.accuracy:.1%} of held-out garments."
    say(asked.out, f"\n{time.strftime('%Y-%m-%d %H:%M')}, {about}\n")
    say(asked.out, "\n".join([HEADING, *ceilings(classifier.network, store)]))
    rows(asked, CONFIGURATIONS, store, cells)


if __name__ == "__main__":
    main()
