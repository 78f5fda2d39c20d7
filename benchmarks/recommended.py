"""The recommended recipe beside what people use: `r3gan`, DCGAN's networks in the relativistic game, and PyTorch's DCGAN example.

    python benchmarks/recommended.py --train FOLDER --test FOLDER [--minutes 8] [--seeds 0 1 2] [--only NAME ...] [--json FILE]
        [--samples 10000] [--one-thread] [--size 32] [--augment diffaugment]

All learn from the same images for the same minutes, with all cores, one after the other; with --one-thread each on one, for as
many minutes of the processor's time, so that other work on the machine does not count. `--samples` of each are judged against the test
images (lite0). `--train`, `--test`: data as `open_source` takes it, as PLACE::SPLIT where it has splits. The example is its public code,
with one layer fewer for images of 32x32: batches of 64, Adam with 2e-4 and 0.5, binary cross entropy, in float32, no augmentation; its
samples are drawn in evaluation mode.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

import sparring
from processor_time import stopped_after
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.media.pixel_range import float_to_pixels, pixels_to_float

RELATIVISTIC: dict[str, Any] = {
    "width": 32, "batch_size": 64, "objective": "relativistic", "r1": 0.05, "r2": 0.05, "penalty_every": 4,
    "discriminator_norm": "none", "learning_rate": 1e-3, "betas": (0.0, 0.99),
}  # fmt: skip
CONFIGURATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "r3gan": ("r3gan", {}),
    "r3gan, the paper's networks": ("r3gan", {"architecture": "paper", "channel_base": 1024}),
    "r3gan with classes": ("r3gan", {"condition": "projection"}),
    "dcgan, relativistic": ("dcgan", RELATIVISTIC),
    "cgan": ("cgan", {"width": 32}),
}
EXAMPLE = "PyTorch's DCGAN example"


def opened(place: str, side: int) -> Store:
    name, _, split = place.partition("::")
    return prepare(open_source(Path(name) if Path(name).exists() else name, split=split or None), Preprocessing(size=side))


def example_networks(channels: int, side: int) -> tuple[nn.Module, nn.Module]:
    """The example's for 64x64, or with one layer fewer for 32x32."""
    widths = [64 * 2**power for power in range(side.bit_length() - 3)]
    drawing: list[nn.Module] = [nn.ConvTranspose2d(100, widths[-1], 4, 1, 0, bias=False), nn.BatchNorm2d(widths[-1]), nn.ReLU(True)]
    seeing: list[nn.Module] = [nn.Conv2d(channels, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for narrow, wide in itertools.pairwise(widths):
        seeing += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, inplace=True)]
    for wide, narrow in itertools.pairwise(widths[::-1]):
        drawing += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(True)]
    generator = nn.Sequential(*drawing, nn.ConvTranspose2d(64, channels, 4, 2, 1, bias=False), nn.Tanh())
    discriminator = nn.Sequential(*seeing, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False), nn.Sigmoid())
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return generator, discriminator


def play_example(store: Store, minutes: float, seed: int, samples: int, clock: Callable[[], float]) -> tuple[Tensor, int]:
    """Train the example; so many samples of it (in hundreds), and the images that it was shown."""
    torch.manual_seed(seed)
    generator, discriminator = example_networks(store.spec.channels, store.spec.height)
    optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (discriminator, generator)]
    criterion, end, shown = nn.BCELoss(), clock() + 60 * minutes, 0
    order = np.random.default_rng(seed)
    while clock() < end:
        indices = order.permutation(len(store))
        for start in range(0, len(indices) - 63, 64):
            if clock() >= end:
                break
            real = pixels_to_float(torch.from_numpy(store.pixels.view(np.ndarray)[indices[start : start + 64]])).contiguous()
            discriminator.zero_grad()
            ones, zeros = torch.ones(64), torch.zeros(64)
            criterion(discriminator(real).view(-1), ones).backward()
            fake = generator(torch.randn(64, 100, 1, 1))
            criterion(discriminator(fake.detach()).view(-1), zeros).backward()
            optimizers[0].step()
            generator.zero_grad()
            criterion(discriminator(fake).view(-1), ones).backward()
            optimizers[1].step()
            shown += 64
    generator.eval()
    with torch.no_grad():
        return torch.cat([generator(torch.randn(100, 100, 1, 1)) for _ in range(samples // 100)]), shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    names = [*CONFIGURATIONS, EXAMPLE]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--size", type=int, default=32, choices=(32, 64))
    parser.add_argument("--augment", default="none", help="of all but the example: ada or diffaugment")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one-thread", action="store_true", help="minutes of the processor's time, on one thread")
    asked = parser.parse_args()
    train, test, quiet = opened(asked.train, asked.size), opened(asked.test, asked.size), Console(quiet=True)
    found: dict[str, list[float]] = {}
    if asked.one_thread:
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        for seed in asked.seeds:
            for name in asked.only:
                if name == EXAMPLE:
                    clock = time.process_time if asked.one_thread else time.monotonic
                    images, shown = play_example(train, asked.minutes, seed, asked.samples, clock)
                    np.savez(Path(scratch) / "samples.npz", x=float_to_pixels(images).numpy())
                    judged = sparring.judge(Path(scratch) / "samples.npz", test)
                else:
                    recipe, settings = CONFIGURATIONS[name]
                    settings = {**settings, "augment": asked.augment}
                    run = Path(scratch) / f"{name}-{seed}"
                    if asked.one_thread:
                        with stopped_after(60 * asked.minutes):
                            model = sparring.train(recipe, train, run, seed=seed, console=quiet, steps=10**9, threads=1, **settings)
                    else:
                        model = sparring.train(recipe, train, run, seed=seed, console=quiet, minutes=asked.minutes, **settings)
                    assert model.ending is not None
                    shown = model.ending.progress.real_samples
                    judged = sparring.judge(run, test, samples=asked.samples)
                scores = {score: judged[score].value for score in ("FD-lite0", "precision", "recall", "coverage")}
                found.setdefault(name, []).append(scores["FD-lite0"])
                print(
                    json.dumps({"name": name, "seed": seed, "size": asked.size, "augment": asked.augment, "images": shown, **scores}),
                    flush=True,
                )
    print("\n| configuration | FD-lite0, mean | of each seed |\n|---|---|---|")
    for name, values in found.items():
        print(f"| {name} | {statistics.mean(values):.1f} | {', '.join(f'{value:.1f}' for value in values)} |")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
