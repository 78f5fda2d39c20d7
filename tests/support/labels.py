"""A folder of small images with several labels that can be computed from them, and its table."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

COUNT = 60


def labeled_folder(folder: Path) -> Path:
    """60 images of 16x16 in a folder, and labels.csv beside it: of each the shape of its spot, whether it is on the left, and its gray."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    table = folder.parent / "labels.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image_id", "shape", "left", "gray"])
        for number in range(COUNT):
            shape, left, gray = random.integers(3), random.integers(2), 60 + 3 * number
            pixels = np.zeros((16, 16), np.uint8)
            across = slice(1, 7) if left else slice(9, 15)
            pixels[(slice(4, 8), slice(4, 12), slice(2, 14))[shape], across] = gray
            Image.fromarray(pixels).save(folder / f"{number:02d}.png")
            rows.writerow([f"{number:02d}.png", ("flat", "square", "tall")[shape], left, gray / 10])
    return table
