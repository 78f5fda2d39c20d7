"""Reading batches from the store against decoding PNGs for each batch.

    python benchmarks/loading.py [--rounds 9]

The same 3,786 images of 64x64x3, as PNG files in a folder and as a store; batches of 128 in random order, as
8-bit pixels (where both could feed the same conversion to floats) and as the float batches that training uses.
Files and store are in the page cache for both. Medians of interleaved rounds, two threads for torch, one for decoding."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sparring.core.hardware import keep_freed_memory
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.media.pixel_range import pixels_to_float

BATCH, BATCHES = 128, 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    keep_freed_memory()
    torch.set_num_threads(2)
    store = prepare(open_source("emoji"), Preprocessing(size=64, channels=3))
    order = np.random.default_rng(0).integers(0, len(store), (BATCHES, BATCH))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i:05d}.png" for i in range(len(store))]
        for path, pixels in zip(paths, store.pixels, strict=True):
            Image.fromarray(pixels).save(path)

        def decoded(indices: np.ndarray) -> np.ndarray:
            return np.stack([np.array(Image.open(paths[index]).convert("RGB")) for index in indices])

        ways: dict[str, Callable[[np.ndarray], object]] = {
            "PNG, 8-bit": decoded,
            "store, 8-bit": lambda indices: store.pixels[indices],
            "PNG, floats": lambda indices: pixels_to_float(torch.from_numpy(decoded(indices))),
            "store, floats": store.batch,
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, read in ways.items():
                began = time.perf_counter()
                for indices in order:
                    read(indices)
                times[way].append(time.perf_counter() - began)
    speed = {way: BATCH * BATCHES / statistics.median(values) for way, values in times.items()}
    print("| way | images/s | over PNG |\n|---|---|---|")
    for way, value in speed.items():
        print(f"| {way} | {value:,.0f} | {value / speed['PNG, ' + way.partition(', ')[2]]:.1f} |")


if __name__ == "__main__":
    main()
