"""What the Fréchet distance of unpaired emoji sees: how far from all targets inputs are, their true twins, twins at less resolution, inputs
in the colors of their twins, and what runs make of them.

    python benchmarks/bounds.py [--runs RUN ...]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from skimage.exposure import match_histograms

import sparring
from sparring.data.pairs.pairs import open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.evaluation.feature_cache import load_or_extract_features
from sparring.evaluation.image_sets import image_set_from_store
from sparring.evaluation.judge_translations import MAX_JUDGED
from sparring.evaluation.open_extractor import open_extractor
from sparring.media.pixel_range import float_to_pixels, pixels_to_float
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance
from sparring.nets.feature_extractors.resize import resize
from translators import SIDE, TWITTER

Pixels = UInt8[np.ndarray, "n 64 64 3"]


def coarser(images: Pixels, side: int) -> Pixels:
    """Made smaller, and enlarged again."""
    small = resize(pixels_to_float(torch.from_numpy(images)), side, "bicubic, antialiased")
    return float_to_pixels(resize(small, SIDE, "bicubic, antialiased").clamp(-1, 1)).numpy()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, nargs="+", default=[], metavar="RUN")
    asked = parser.parse_args()
    unpaired, paired = (open_pairs("emoji:google", TWITTER, Preprocessing(size=SIDE), kind) for kind in ("unpaired", "paired"))
    inputs = np.array(unpaired.inputs.pixels[unpaired.training_indices[0][:MAX_JUDGED]])
    place_of = {image.tobytes(): place for place, image in enumerate(np.array(paired.inputs.pixels))}
    twins = np.array(paired.targets.pixels)[[place_of[image.tobytes()] for image in inputs]]
    matched = [match_histograms(one, twin, channel_axis=-1) for one, twin in zip(inputs, twins, strict=True)]
    shown: dict[str, Pixels] = {
        "inputs": inputs,
        "true twins": twins,
        "twins by way of 32x32": coarser(twins, 32),
        "twins by way of 16x16": coarser(twins, 16),
        "inputs in the colors of their twins": np.stack(matched).round().clip(0, 255).astype(np.uint8),
    }
    for run in asked.runs:
        drawn = sparring.load(run).translate(pixels_to_float(torch.from_numpy(inputs)))
        shown[str(run)] = float_to_pixels(drawn).cpu().numpy()
    extractor = open_extractor("lite0")
    targets = Gaussian.fit(load_or_extract_features(image_set_from_store(unpaired.targets, "targets"), extractor).rows)
    print("| of | FD-lite0 to all targets |\n|---|---|")
    for name, images in shown.items():
        print(f"| {name} | {gaussian_frechet_distance(Gaussian.fit(extractor.extract([images]).rows), targets):.1f} |", flush=True)


if __name__ == "__main__":
    main()
