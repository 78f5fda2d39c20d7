"""Whether style transfer paints in the style's own colors: ten styles, two seeds, two photographs that were not trained on.

    python benchmarks/style_transfer.py [--steps 400] [--only STYLE ...] [--runs FOLDER] [--out style-colors.webp]

Each style trains the recipe `style-transfer` twice (seeds 0 and 1) on 240 random crops of photographs (scikit-learn's china and flower,
scikit-image's motorcycle, rocket and camera) at 64x64, with 8 channels, batches of 4, and all else as it comes. scikit-image's cat and
astronaut are then translated at 128x128. Measured is the mean color of each translation (RGB, 0 to 255), and how far it is (Euclidean)
from the mean color of the style and from that of the style's complement, 255 - x: every translation is to be nearer to the first. The
last column is the translation's contrast (the deviation of its gray values over the photograph's): one flat color would be nearer, too.
Five styles are photographs, five are generated. The sheet shows a row for each style: the style, the cat of both seeds, the astronaut of
both. As many styles are trained at once as there are cores, with one thread each. Ends with 1 if a translation is nearer to the
complement."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sparring.core.hardware import core_count

SIDE, SHOWN, STYLE_SIDE, CROPS = 64, 128, 256, 240
SEEDS = (0, 1)
Pixels = np.ndarray
"""(height, width, 3), uint8."""


# ------------------------------------------------------------------------------------------------- generated styles


def smooth_noise(random: np.random.Generator, cells: int) -> np.ndarray:
    """(256, 256) values around 0.5: random ones on a grid of so many cells a side, joined smoothly."""
    coarse = Image.fromarray(random.random((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((STYLE_SIDE, STYLE_SIDE), Image.Resampling.BICUBIC))


def ramp(values: np.ndarray, *colors: tuple[int, int, int]) -> np.ndarray:
    """Colors at evenly spaced values from 0 to 1, mixed between them."""
    places = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(values, places, channel) for channel in np.array(colors).T], axis=-1)


def grid_places() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:STYLE_SIDE, :STYLE_SIDE] / STYLE_SIDE
    return y, x


def stripes(random: np.random.Generator) -> np.ndarray:
    y, x = grid_places()
    place = (12 * (x + y / 2) + 1.5 * smooth_noise(random, 6)) % 1
    bands = ramp(np.round(place * 4) / 4, (236, 190, 30), (200, 60, 20), (250, 225, 120), (150, 30, 20), (236, 190, 30))
    return bands * (0.8 + 0.4 * smooth_noise(random, 64))[..., None]


def waves(random: np.random.Generator) -> np.ndarray:
    y, x = grid_places()
    bend = smooth_noise(random, 5)
    height = np.sin(2 * np.pi * (9 * y + 0.6 * np.sin(2 * np.pi * (2.5 * x + 0.6 * bend)) + bend))
    return ramp((height + 1) / 2, (8, 30, 80), (20, 70, 140), (60, 130, 180), (215, 230, 225))


def cells(random: np.random.Generator) -> np.ndarray:
    """Voronoi cells between dark lines, as in stained glass."""
    y, x = grid_places()
    centers = random.random((70, 2))
    distances = np.hypot(x[..., None] - centers[:, 0], y[..., None] - centers[:, 1])
    glass = ramp(random.random(70), (110, 20, 120), (200, 40, 140), (240, 130, 190), (70, 20, 110))[distances.argmin(-1)]
    nearest = np.partition(distances, 1)[..., :2]
    return np.where((nearest[..., 1] - nearest[..., 0] < 3.5 / STYLE_SIDE)[..., None], (25, 5, 30), glass)


def watercolor(random: np.random.Generator) -> np.ndarray:
    """Greens that run into each other, with darker rims."""
    depth = sum((smooth_noise(random, 4 << octave) / 2**octave for octave in range(5)), np.zeros(()))
    depth = (depth - depth.min()) / np.ptp(depth)
    rims = np.exp(-30 * (depth * 8 % 1) ** 2)
    return ramp(depth, (20, 80, 40), (60, 150, 70), (150, 205, 110), (225, 240, 190)) * (1 - 0.35 * rims)[..., None]


def strokes(random: np.random.Generator) -> np.ndarray:
    """Short blue and yellow strokes along a swirling field."""
    canvas = Image.new("RGB", (STYLE_SIDE, STYLE_SIDE), (20, 30, 90))
    pen = ImageDraw.Draw(canvas)
    for _ in range(1500):
        (x, y), length = random.random(2) * STYLE_SIDE, 8 + 10 * random.random()
        angle = 3 * np.sin(x / 60) + 2 * np.cos(y / 50)
        blue = ramp(random.random(), (15, 25, 90), (30, 60, 160), (80, 120, 210), (240, 220, 120))
        color = blue if random.random() < 0.9 else np.array((250, 230, 90))
        pen.line((x, y, x + length * np.cos(angle), y + length * np.sin(angle)), fill=tuple(color.astype(int).tolist()), width=3)
    return np.asarray(canvas)


GENERATED = {"stripes": stripes, "waves": waves, "cells": cells, "watercolor": watercolor, "strokes": strokes}


def generated(name: str) -> Pixels:
    """One of the generated styles, always the same."""
    return GENERATED[name](np.random.default_rng(0)).clip(0, 255).astype(np.uint8)


# ------------------------------------------------------------------------------------------------------ photographs


def centered(pixels: Pixels, side: int) -> Pixels:
    """The largest square in the middle, at this side."""
    whole = Image.fromarray(pixels).convert("RGB")
    edge = min(whole.size)
    left, top = (whole.width - edge) // 2, (whole.height - edge) // 2
    return np.asarray(whole.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + edge, top + edge)))


def photographed() -> Mapping[str, Callable[[], Pixels]]:
    """Styles that are photographs."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    return {
        "coffee": data.coffee,
        "retina": lambda: data.retina()[300:1100, 300:1100],
        "tissue": data.immunohistochemistry,
        "rocket": data.rocket,
        "dahlia": lambda: load_sample_image("flower.jpg")[60:340, 200:480],
    }


def shown() -> list[Pixels]:
    """The photographs that are translated."""
    from skimage import data

    return [centered(pixels, SHOWN) for pixels in (data.chelsea(), data.astronaut())]


def save_crops(folder: Path) -> None:
    """What is trained on."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    whole = [load_sample_image("china.jpg"), load_sample_image("flower.jpg"), data.stereo_motorcycle()[0], data.rocket(), data.camera()]
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(CROPS):
        photograph = Image.fromarray(whole[number % len(whole)]).convert("RGB")
        edge = int(random.integers(2 * SIDE, min(photograph.size), endpoint=True))
        left, top = (int(random.integers(0, side - edge, endpoint=True)) for side in photograph.size)
        cut = photograph.resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS, (left, top, left + edge, top + edge))
        cut.save(folder / f"{number:03d}.png")


# --------------------------------------------------------------------------------------------------------- painting


def paint(name: str, seed: int, *, steps: int, folder: Path) -> list[Pixels]:
    """Train one network, and translate the photographs."""
    import io

    import torch
    from rich.console import Console

    import sparring

    run = folder / f"{name}-{seed}"
    if run.exists():
        model = sparring.load(run)
    else:
        model = sparring.train(
            "style-transfer",
            folder / "photographs",
            run,
            target=folder / f"{name}.png",
            size=SIDE,
            width=8,
            steps=steps,
            seed=seed,
            threads=1,
            console=Console(file=io.StringIO()),
        )
    found = model.translate(torch.from_numpy(np.stack(shown())).permute(0, 3, 1, 2).float() / 127.5 - 1)
    return list(((found.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy())


def rgb(color: np.ndarray) -> str:
    return " ".join(f"{value:.0f}" for value in color)


def row(name: str, seed: int, photograph: str, style: Pixels, before: Pixels, after: Pixels) -> tuple[str, bool]:
    """A row of the table, and whether the translation's mean color is nearer to the style's."""
    wanted, found = (pixels.mean((0, 1), dtype=float) for pixels in (style, after))
    near, far = np.linalg.norm(found - wanted), np.linalg.norm(found - (255 - wanted))
    contrast = after.mean(-1).std() / before.mean(-1).std()
    verdict = "yes" if near < far else "**no**"
    line = f"| {name} ({rgb(wanted)}) | {photograph}, {seed} | {rgb(found)} | {near:.0f} | {far:.0f} | {verdict} | {contrast:.2f} |"
    return line, near < far


def main() -> None:
    styles = {**photographed(), **{name: partial(generated, name) for name in GENERATED}}
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", nargs="+", choices=list(styles), default=list(styles), metavar="STYLE")
    parser.add_argument("--runs", type=Path, help="keeps the run directories; what is there already is not trained again")
    parser.add_argument("--out", type=Path, default=Path("style-colors.webp"), help="the sheet")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.runs or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "photographs").exists():
            save_crops(folder / "photographs")
        images = {name: centered(styles[name](), STYLE_SIDE) for name in chosen.only}
        for name, pixels in images.items():
            Image.fromarray(pixels).save(folder / f"{name}.png")
        jobs = [(name, seed) for name in chosen.only for seed in SEEDS]
        with ProcessPoolExecutor(core_count(), mp_context=get_context("spawn")) as pool:
            painted = dict(zip(jobs, pool.map(partial(paint, steps=chosen.steps, folder=folder), *zip(*jobs, strict=True)), strict=True))
    photographs = shown()
    sheet = [np.full((SHOWN, SHOWN, 3), 255, np.uint8), *(photograph for photograph in photographs for _ in SEEDS)]
    print("| style (mean color) | photograph, seed | mean color | to style | to complement | nearer to style | contrast |")
    print("|---|---|---|---|---|---|---|")
    right = []
    for name, pixels in images.items():
        sheet.append(centered(pixels, SHOWN))
        for place, photograph in enumerate(("cat", "astronaut")):
            for seed in SEEDS:
                line, nearer = row(name, seed, photograph, pixels, photographs[place], painted[name, seed][place])
                print(line, flush=True)
                right.append(nearer)
                sheet.append(painted[name, seed][place])
    print(f"\n{sum(right)} of {len(right)} translations are nearer to the style's mean color than to its complement's.")
    save_sheet(sheet, 1 + 2 * len(SEEDS), chosen.out)
    sys.exit(not all(right))


def save_sheet(images: list[Pixels], columns: int, path: Path) -> None:
    from sparring.media.image_files import grid

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid(np.stack(images), columns=columns)).save(path, quality=80)


if __name__ == "__main__":
    main()
