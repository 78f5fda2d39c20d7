"""The judge's speed and exactness, beside torch-fidelity and scipy on the same images, weights and threads.

    python benchmarks/judge.py [--run RUN] [--only features distance whole extrapolation]

features: images a second through Inception-v3 (random weights: speed does not depend on them) and lite0, interleaved, medians of
five rounds, and what bfloat16 does to distances. distance: a Fréchet distance of 2,048 dimensions. whole: 10,000 garments judged
against 10,000 with lite0 in a process of its own, the real ones looked at before. extrapolation: distances of 2,000, 5,000 and
10,000 samples of RUN to its data."""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import scipy.linalg
import torch
import torch_fidelity.feature_extractor_inceptionv3 as theirs
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

import sparring
from sparring.core.hardware import core_count, keep_freed_memory
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.evaluation.feature_cache import load_or_extract_features
from sparring.evaluation.features import CHUNK, Extractor
from sparring.evaluation.image_sets import image_set_from_store
from sparring.evaluation.judgment import judge_images
from sparring.evaluation.open_extractor import open_extractor
from sparring.media.pixel_range import float_to_pixels
from sparring.metrics.frechet_distance import Gaussian, extrapolate_distance, frechet_distance, gaussian_frechet_distance

ROUNDS = 5
COMPARED = 1000
PARTS = ("features", "distance", "whole", "extrapolation")


def garments() -> Store:
    return prepare(open_source("fashion10k"), Preprocessing(size=32))


def random_inception(path: Path) -> FeatureExtractorInceptionV3:
    """torch-fidelity's network with random weights, which are also written to a file."""
    load, load_state = theirs.torch.load, nn.Module.load_state_dict
    theirs.torch.load, nn.Module.load_state_dict = lambda *_, **__: {}, lambda *_, **__: None
    try:
        network = FeatureExtractorInceptionV3("any", ["2048"], feature_extractor_weights_path="none")
    finally:
        theirs.torch.load, nn.Module.load_state_dict = load, load_state
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), path)
    return network


def interleaved(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, by turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    return {name: median(each) for name, each in seconds.items()}


def features() -> None:
    store = garments()
    pixels = store.pixels[:CHUNK].view(np.ndarray)
    shown = torch.from_numpy(pixels.repeat(3, axis=3)).permute(0, 3, 1, 2).contiguous()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        file = Path(folder) / "weights.pth"
        reference = random_inception(file)
        ours = {"bfloat16": open_extractor("inception", weights=file), "float32": open_extractor("inception", weights=file, exact=True)}
    lite = open_extractor("lite0")
    ways: dict[str, Callable[[], object]] = {"torch-fidelity": lambda: reference(shown)}
    ways |= {f"inception, {name}": lambda each=each: each.extract([pixels]) for name, each in ours.items()}
    ways["lite0, float32"] = lambda: lite.extract([pixels])
    seconds = interleaved(ways, ROUNDS)
    print(f"\n{CHUNK} garments of 32x32 at a time, medians of {ROUNDS} interleaved rounds:\n")
    print("| features | images/s | times torch-fidelity |\n|---|---|---|")
    for name, each in seconds.items():
        print(f"| {name} | {CHUNK / each:.1f} | {seconds['torch-fidelity'] / each:.2f} |", flush=True)
    print(f"\nFréchet distance of two halves of {COMPARED} garments, the second blurred a little, Inception in bfloat16 and in float32:\n")
    first, second = store.pixels[:COMPARED].view(np.ndarray)[::2], blurred(store.pixels[:COMPARED].view(np.ndarray)[1::2])
    values = {way: frechet_distance(*(each.extract([half]).rows for half in (first, second))) for way, each in ours.items()}
    print(f"{values['bfloat16']:.5g} and {values['float32']:.5g}, {values['bfloat16'] / values['float32'] - 1:+.2%}", flush=True)


def blurred(pixels: np.ndarray) -> np.ndarray:
    wide = np.pad(pixels.astype(np.float32), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return ((wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] + 4 * pixels) / 8).round().astype(np.uint8)


def distance() -> None:
    torch.manual_seed(0)
    mixing = torch.randn(2048, 2048) / 2048**0.5
    real = (torch.randn(5000, 2048) @ mixing + 0.5).relu().double()
    fake = (torch.randn(5000, 2048) @ mixing * 1.1 + 0.6).relu().double()
    statistics = [fid_features_to_statistics(each) for each in (real, fake)]
    gaussians = [Gaussian.fit(each) for each in (real, fake)]

    def by_root() -> float:
        (m1, c1), (m2, c2) = ((each["mu"], each["sigma"]) for each in statistics)
        root = scipy.linalg.sqrtm(c1 @ c2)
        return float((m1 - m2) @ (m1 - m2) + np.trace(c1) + np.trace(c2) - 2 * np.trace(root).real)

    ways: dict[str, Callable[[], float]] = {
        "scipy.linalg.sqrtm": by_root,
        "torch-fidelity (eigvals)": lambda: fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"],
        # Fresh objects, so that the factor is computed each time.
        "sparring": lambda: gaussian_frechet_distance(replace(gaussians[0]), gaussians[1]),
    }
    values = {name: way() for name, way in ways.items()}
    seconds = interleaved(ways, 3)
    print("\nFréchet distance of 2,048 dimensions from means and covariances, medians of 3 interleaved rounds:\n")
    print("| way | seconds | times as fast as sqrtm | value |\n|---|---|---|---|")
    for name, each in seconds.items():
        print(f"| {name} | {each:.2f} | {seconds['scipy.linalg.sqrtm'] / each:.1f} | {values[name]:.9g} |", flush=True)


def whole() -> None:
    """Look at the real ones, then judge in a process of its own."""
    load_or_extract_features(image_set_from_store(garments(), "real"), open_extractor("lite0"))
    subprocess.run([sys.executable, __file__, "--only", "judged"], check=True)


def judged() -> None:
    began = time.perf_counter()
    keep_freed_memory()
    store = garments()
    real = image_set_from_store(store, "real")
    mirrored = np.ascontiguousarray(store.pixels.view(np.ndarray)[:, :, ::-1])
    fake = replace(real, name="mirrored", fingerprint=None, batches=lambda: iter([mirrored]), pick=lambda numbers: mirrored[list(numbers)])
    extractor: Extractor = open_extractor("lite0")
    judgment = judge_images(real, fake, extractor)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    seconds = time.perf_counter() - began
    print(f"\n10,000 against 10,000 with lite0, by class too: {seconds:.0f} s, peak memory {peak:,.0f} MiB", flush=True)
    print({score.name: round(score.value, 4) for score in judgment.scores})


def extrapolation(run: Path) -> None:
    model = sparring.load(run)
    extractor, store = open_extractor("lite0"), garments()
    real = Gaussian.fit(load_or_extract_features(image_set_from_store(store, "real"), extractor).rows)
    rows = extractor.extract(float_to_pixels(piece).numpy() for piece in model.sample_in_pieces(10_000)).rows
    print(f"\nSamples of {run.name} against {len(store):,} garments:\n")
    print("| samples | FD-lite0 | extrapolated |\n|---|---|---|")
    for n in (2000, 5000, 10_000):
        plain = gaussian_frechet_distance(real, Gaussian.fit(rows[:n]))
        found = extrapolate_distance(real, rows[:n], plain)
        print(f"| {n:,} | {plain:.2f} ± {found.standard_error:.2f} | {found.infinite:.2f} ± {found.infinite_error:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, help="A run on fashion10k at 32x32.")
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "judged"], default=list(PARTS), metavar="PART")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(core_count())
    for part in arguments.only:
        if part != "extrapolation":
            {"features": features, "distance": distance, "whole": whole, "judged": judged}[part]()
        elif arguments.run is not None:
            extrapolation(arguments.run)


if __name__ == "__main__":
    main()
