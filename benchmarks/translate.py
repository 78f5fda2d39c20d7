"""Translators in use: a folder of 1,000 images against the bare network, and style transfer's images a second.

    python benchmarks/translate.py [--rounds 3]

A pix2pix generator (U-Net, of width 32, and of the recipe's own 64) and CycleGAN's (6 blocks, width 24) translate 1,000 emoji of 64x64
from PNG files to PNG files, and as many from memory to memory, by turns; a style-transfer network as it comes paints images of 256x256.
Fresh weights: they change nothing here. Medians of the rounds."""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from sides import THREADS
from sparring import recipes
from sparring.core.hardware import keep_freed_memory
from sparring.data.open_by_name import open_source
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.inference.model import Model
from sparring.inference.pack import pack
from sparring.inference.translate_files import translate
from sparring.media.image_files import save_image

COUNT, SIDE, PAINTED = 1000, 64, 256


def model_of(name: str, side: int, paired: bool, **settings: object) -> Model:
    recipe = recipes.get(name)(**settings)
    return Model(recipe.build(PairSpec(side, side, 3, (), 3, paired)).to(memory_format=torch.channels_last).eval(), recipe, Path(name))  # pyright: ignore[reportCallIssue]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    store = prepare(open_source("emoji"), Preprocessing(size=SIDE))
    images = store.batch(torch.arange(COUNT).numpy()).samples
    models = {
        "pix2pix, width 32": model_of("pix2pix", SIDE, True, width=32),
        "pix2pix": model_of("pix2pix", SIDE, True),
        "cyclegan": model_of("cyclegan", SIDE, False, width=24, blocks=6),
    }
    print("| network | bare, images/s | folder, images/s | share |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in"
        for number in range(COUNT):
            save_image(store.pixels[number], source / f"{number:04d}.png")
        for name, model in models.items():
            bare, whole = [], []
            for turn in range(rounds):
                began = time.perf_counter()
                model.translate(images)
                bare.append(time.perf_counter() - began)
                began = time.perf_counter()
                translate(model, source, Path(folder) / f"{name}-{turn}")
                whole.append(time.perf_counter() - began)
            alone, all_ = statistics.median(bare), statistics.median(whole)
            print(f"| {name} | {COUNT / alone:.0f} | {COUNT / all_:.0f} | {alone / all_:.0%} |", flush=True)
        painter = model_of("style-transfer", PAINTED, False)
        shown = torch.rand(10, 3, PAINTED, PAINTED) * 2 - 1
        times = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            painter.translate(shown)
            times.append((time.perf_counter() - began) / len(shown))
        size = pack(painter, Path(folder) / "painter.safetensors").stat().st_size / 2**20
        speed = 1 / statistics.median(times[1:])
        print(f"\nstyle-transfer, {PAINTED}x{PAINTED}, float32: {speed:.1f} images a second; packed {size:.2f} MiB")


if __name__ == "__main__":
    main()
