"""Whether images have the continuous label that they are asked for: mean absolute error of the brightness asked for against that of the
generated image, with and without vicinity, beside shuffled labels.

    python benchmarks/labels.py [--steps 1500] [--seeds 1] [--out runs/benchmarks/labels.md] [--runs FOLDER]

Data: the embedded garments at 16x16 with two labels, kind and mean brightness (0 to 1). Made difficult: images with a tenth of all values
(the gap) are left out, and of the brightest fifth (rare) nineteen in twenty. Asked for: the labels of 1,000 training images, and of 500
images each that were left out in the gap and among the bright ones. `kind` is the share of images whose kind is recognized by ridge
regression of pixels that was fitted to real images. Every configuration is `cgan` with --width 16 and as many steps.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float64

import sparring
from sparring.data.images.image_labels import rows_of_labels
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.readers.label_table import sorted_classes
from sparring.data.store import Store
from sparring.inference.model import Model
from sparring.media.pixel_range import float_to_pixels
from sparring.media.save_images import save_images
from sparring.metrics.label_recovery import class_recovery, ridge_predictions, value_recovery

SIDE, GAP, RARE, KEPT_ONE_IN = 16, (0.4, 0.5), 0.8, 20
"""Side of the images, quantiles of brightness of the gap, that from which on images are rare, and how many of these are kept."""


def brightness(pixels: np.ndarray) -> Float64[np.ndarray, " n"]:
    """Mean brightness of each image, 0 to 1."""
    return pixels.reshape(len(pixels), -1).mean(axis=1) / 255


def left_out(values: Float64[np.ndarray, " n"]) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Which images are left out of the gap, and of the rare ones."""
    low, high, rare = np.quantile(values, [*GAP, RARE])
    return (values > low) & (values < high), (values > rare) & (np.arange(len(values)) % KEPT_ONE_IN > 0)


def write_table(path: Path, store: Store, values: Float64[np.ndarray, " n"], which: Bool[np.ndarray, " n"]) -> None:
    """A table with kind and brightness of some of the images."""
    assert store.labels is not None
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "kind", "brightness"])
        rows.writerows([store.names[i], store.spec.classes[store.labels[i]], f"{values[i]:.5f}"] for i in np.flatnonzero(which).tolist())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/labels.md"))
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmarks/labels"))
    asked = parser.parse_args()
    asked.runs.mkdir(parents=True, exist_ok=True)
    store = prepare(open_source("fashion10k"), Preprocessing(size=SIDE))
    assert store.labels is not None
    names = sorted_classes(store.spec.classes)  # as a table's
    values, kinds = brightness(store.pixels), np.array([names.index(name) for name in store.spec.classes])[store.labels]
    gap, rare = left_out(values)
    table = asked.runs / "brightness.csv"
    write_table(table, store, values, ~gap & ~rare)
    random = np.random.default_rng(0)
    groups = {name: random.choice(np.flatnonzero(which), n, replace=False) for name, which, n in (
        ("all", ~gap & ~rare, 1000), ("gap", gap, 500), ("rare", rare, 500))}  # fmt: skip
    pixels = torch.from_numpy(store.pixels.reshape(len(store), -1) / 255.0)
    lines = [
        f"\n{time.strftime('%Y-%m-%d')}, {asked.steps} steps each.\n",
        "| vicinity | seed | all | gap | rare | kind |",
        "|---|---|---|---|---|---|",
    ]

    def measure(model: Model) -> str:
        cells = []
        for name, chosen in groups.items():
            labels = rows_of_labels(model.spec.labels, np.stack([kinds[chosen], values[chosen]], axis=1).astype(np.float64))
            images = float_to_pixels(model.latent_game.sample(len(chosen), 0, torch.from_numpy(labels))).numpy()
            found = value_recovery(torch.from_numpy(brightness(images)), torch.from_numpy(values[chosen]))
            cells.append(f"{found.value:.4f} ± {found.standard_error:.4f} (shuffled {found.by_chance:.4f})")
            if name == "all":
                one_hot = torch.nn.functional.one_hot(torch.from_numpy(kinds)).double()
                flat = torch.from_numpy(images.reshape(len(images), -1) / 255.0)
                of_real, of_fake = ridge_predictions(pixels[::2], one_hot[::2], [pixels[1::2], flat], one_hot[1::2])
                real = class_recovery(of_real.argmax(1), torch.from_numpy(kinds[1::2])).value
                fake = class_recovery(of_fake.argmax(1), torch.from_numpy(kinds[chosen])).value
                kind = f"{fake:.1%} (real {real:.1%})"
        return " | ".join([*cells, kind])  # pyright: ignore[reportPossiblyUnboundVariable]

    for seed in range(asked.seeds):
        for vicinity in ("none", "hard", "soft"):
            out = asked.runs / f"{vicinity}-{seed}"
            settings = {"size": SIDE, "labels": str(table), "max_bad": 0.5, "width": 16, "steps": asked.steps, "seed": seed}
            model = sparring.train("cgan", "fashion10k", out, vicinity=vicinity, threads=1, **settings)
            lines.append(f"| {vicinity} | {seed} | {measure(model)} |")
            print(lines[-1], flush=True)
            shown = [
                model.sample(12, label={"kind": "pullover", "brightness": value})
                for value in np.quantile(values[~gap & ~rare], np.linspace(0.05, 0.95, 6))
            ]
            save_images(torch.cat(shown), asked.out.with_name(f"labels-{vicinity}-{seed}.png"), columns=12)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with asked.out.open("a") as file:
        file.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
