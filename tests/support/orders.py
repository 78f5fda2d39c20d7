"""A log of orders whose structure is known."""

from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = {
    "customer": "buyer",
    "product": "sku",
    "time": "day",
    "price": "price",
    "quantity": "pieces",
    "group": "kind",
    "customer_group": "region",
}
SMALL = {
    "batch_size": 32, "latent_size": 4, "embedding_size": 3, "embedding_steps": 4, "generator_hidden": 8, "discriminator_hidden": (8,),
    "layers": 1,
}  # fmt: skip
COMMON = {"threads": 1, "log_every": 2, "samples": 4, "checkpoint_every": 2, "device": "cpu", "precision": "float32"}


def log(lines: int = 600, seed: int = 0) -> pd.DataFrame:
    """Customers of the north buy skis in winter, those of the south boats in summer, nine times in ten. Each product has its price, some of
    it 10 % off. Ids have leading zeros.
    """
    random = np.random.default_rng(seed)
    customer = random.integers(0, 20, lines)
    north = customer < 10
    skis = np.where(random.random(lines) < 0.9, north, ~north)
    product = np.where(skis, random.integers(0, 6, lines), random.integers(6, 12, lines))
    month = np.where(skis, random.choice([11, 0, 1], lines), random.choice([5, 6, 7], lines))
    day = np.datetime64("2021-01-01") + (random.integers(0, 2, lines) * 365 + month * 30 + random.integers(0, 28, lines)).astype(
        "timedelta64[D]"
    )
    off = np.where(random.random(lines) < 0.25, 0.9, 1.0)
    return pd.DataFrame(
        {
            "day": day.astype(str),
            "buyer": [f"{each:05d}" for each in customer],
            "region": np.where(north, "north", "south"),
            "sku": [f"P{each:02d}" for each in product],
            "kind": np.where(product < 6, "skis", "boats"),
            "price": np.round((product + 1) * 10 * off, 2),
            "pieces": random.choice([1, 1, 1, 2], lines),
        }
    ).sort_values("day", kind="stable", ignore_index=True)


def write_log(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    path = folder / "orders.csv"
    (log() if frame is None else frame).to_csv(path, index=False)
    return path
