"""All image recipes under one budget: the same data, the same minutes, the same judge.

    python benchmarks/budget.py [--minutes 10] [--only NAME ...] [--out runs/benchmarks/budget.md] [--runs FOLDER]

Every configuration trains for as many minutes, on the embedded garments at 32x32 or ("emoji-...") on the embedded emoji at 64x64; 5,000
samples of the moving average, from halfway and from the end, are judged against all of the data with lite0. What is not named here has its
recipe's own settings; widths are those that suit two cores. "NAME-seed1" is NAME with another seed. Rows are added to the table in --out
as they come, with a grid of samples beside it."""

import time
from pathlib import Path
from typing import Any

import sparring
from rows import arguments, rows, say
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.inference.model import Model
from sparring.media.image_files import grid, save_image
from sparring.media.pixel_range import float_to_pixels
from sparring.training import checkpoints

SMALL: dict[str, Any] = {"width": 32, "batch_size": 64}
STYLES: dict[str, Any] = {"channel_base": 512, "channel_max": 128, "mapping_layers": 2, "latent_size": 128, "style_size": 128}
AS_FOR_CIFAR: dict[str, Any] = {"style_mixing": 0.0, "path_length": 0.0, "discriminator_architecture": "orig", "batch_size": 16}
"""What NVIDIA's code changes for CIFAR-10 (Karras et al. 2020: Training Generative Adversarial Networks with Limited Data, table 7), with a
smaller batch."""
SOON: dict[str, Any] = {"learning_rate": 2e-4, "discriminator_learning_rate": 4e-4, "discriminator_steps": 1, "betas": (0.0, 0.99)}
"""Rates for minutes in place of the authors' for days."""
RELATIVISTIC: dict[str, Any] = {
    "objective": "relativistic", "r1": 0.05, "r2": 0.05, "penalty_every": 4, "learning_rate": 1e-3, "betas": (0.0, 0.99),
}  # fmt: skip
"""The game of `cgan` (after Huang et al. 2024)."""
UNNORMALISED: dict[str, Any] = {
    "spectral_norm": False, "generator_spectral_norm": False, "orthogonal": 0.0, "attention": 0, "discriminator_learning_rate": None,
    "discriminator_steps": 1,
}  # fmt: skip
GARMENTS: dict[str, dict[str, Any]] = {
    "gan": {"recipe": "gan"},
    "dcgan": {"recipe": "dcgan", **SMALL},
    "lsgan": {"recipe": "lsgan", **SMALL},
    "wgan": {"recipe": "wgan", **SMALL},
    "wgan-gp": {"recipe": "wgan-gp", **SMALL},
    "sngan": {"recipe": "sngan", "width": 16},
    "cgan": {"recipe": "cgan"},
    "acgan": {"recipe": "acgan", **SMALL},
    "unrolled": {"recipe": "unrolled", **SMALL},
    "pacgan": {"recipe": "pacgan", **SMALL},
    "progan": {"recipe": "progan", "channel_base": 512, "channel_max": 128, "stable_samples": 15_000, "fading_samples": 15_000},
    "stylegan": {"recipe": "stylegan", **STYLES, "stable_samples": 20_000, "fading_samples": 20_000},
    "stylegan2": {"recipe": "stylegan2", **STYLES},
    "stylegan2-cifar": {"recipe": "stylegan2", **STYLES, **AS_FOR_CIFAR},
    "sagan": {"recipe": "sagan", "width": 16},
    "biggan": {"recipe": "biggan", "width": 16, **SOON},
    "biggan-relativistic": {"recipe": "biggan", "width": 16, **RELATIVISTIC, **UNNORMALISED},
    "dcgan-relativistic": {"recipe": "dcgan", **SMALL, **RELATIVISTIC, "discriminator_norm": "none"},
}
EMOJI: dict[str, dict[str, Any]] = {
    "dcgan": {"recipe": "dcgan", **SMALL},
    "dcgan-diffaugment": {"recipe": "dcgan", **SMALL, "augment": "diffaugment"},
    "stylegan2": {"recipe": "stylegan2", **STYLES, "augment": "diffaugment"},
    "stylegan2-ada": {"recipe": "stylegan2", **STYLES, "augment": "ada"},
    "biggan": {"recipe": "biggan", "width": 16, "augment": "diffaugment", "condition": "none", **RELATIVISTIC, **UNNORMALISED},
}
SEEDS = (0, 1, 2)
SAMPLES = 5000
COLUMNS = (
    "configuration",
    "FD-lite0 halfway",
    "FD-lite0",
    "extrapolated",
    "precision",
    "recall",
    "coverage",
    "steps",
    "img/s",
    "minutes",
)


def with_seeds(configurations: dict[str, dict[str, Any]], prefix: str = "") -> dict[str, dict[str, Any]]:
    return {
        f"{prefix}{name}{f'-seed{seed}' if seed else ''}": {**settings, "seed": seed}
        for seed in SEEDS
        for name, settings in configurations.items()
    }


def main() -> None:
    garments, emoji = with_seeds(GARMENTS), with_seeds(EMOJI, "emoji-")
    asked = arguments("runs/benchmarks/budget.md", 10, [*garments, *emoji])

    def cells(model: Model, image: Path) -> str:
        save_image(grid(float_to_pixels(model.sample(64)).numpy()), image)
        folder = model.source / "checkpoints"
        halfway = min(checkpoints.steps(folder), key=lambda step: abs(seconds_at(folder, step) - 30 * asked.minutes))
        before, after = (sparring.judge(one, samples=SAMPLES) for one in (sparring.load(model.source, checkpoint=halfway), model))
        distances = [before["FD-lite0"], after["FD-lite0"], after["FD-lite0-infinite"]]
        shares = [after[name] for name in ("precision", "recall", "coverage")]
        return " | ".join([*(f"{score.value:.1f}" for score in distances), *(f"{score.value:.2f}" for score in shares)])

    say(asked.out, f"\n{time.strftime('%Y-%m-%d %H:%M')}, {asked.minutes:g} minutes each, {SAMPLES:,} samples.\n")
    say(asked.out, f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for data, side, configurations in (("fashion10k", 32, garments), ("emoji", 64, emoji)):
        if chosen := [name for name in asked.only if name in configurations]:
            store = prepare(open_source(data), Preprocessing(size=side))
            halves = {name: {**configurations[name], "checkpoint_minutes": asked.minutes / 2} for name in chosen}
            rows(asked, halves, store, cells)


def seconds_at(folder: Path, step: int) -> float:
    return checkpoints.read_facts(folder, step)["progress"]["seconds"]


if __name__ == "__main__":
    main()
