"""Series for tests, and settings with which recipes of series train in moments."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WINDOW, PAST = 12, 8
SMALL: dict[str, dict[str, Any]] = {
    "quantgan": {"batch_size": 8, "hidden": 4, "discriminator_hidden": 4},
    "cgan-series": {"batch_size": 8, "hidden": 4, "discriminator_hidden": 4, "past": PAST},
    "ganslicing": {"batch_size": 8, "hidden": 4, "discriminator_hidden": 4, "past": PAST},
    "timegan": {"batch_size": 8, "hidden": 4, "layers": 2, "latent_size": 2, "embedding_steps": 2, "supervised_steps": 2},
    "doppelganger": {
        "batch_size": 8, "hidden": 6, "attribute_hidden": 6, "discriminator_hidden": 8, "discriminator_layers": 2, "latent_size": 2,
        "steps_at_once": 5,
    },
    "timevae": {"batch_size": 8, "channels": (4, 6), "latent_size": 3},
}  # fmt: skip
"""By recipe; what reading needs is in COMMON."""
COMMON: dict[str, Any] = {
    "id": "name", "static": ("region",), "window": WINDOW, "period": 6, "threads": 1, "log_every": 1, "precision": "float32",
}  # fmt: skip


def demand(rows: int = 80, seed: int = 0) -> pd.DataFrame:
    """Three series of hours: a load that is autoregressive with a season of six hours, a price that follows it, and a region."""
    random = np.random.default_rng(seed)
    found = []
    for name, region in (("a", "north"), ("b", "south"), ("c", "south")):
        rest = np.zeros(rows)
        for row in range(1, rows):
            rest[row] = 0.7 * rest[row - 1] + random.normal()
        load = 20 + 3 * np.sin(2 * np.pi * np.arange(rows) / 6) + rest
        date = pd.date_range("2024-01-01", periods=rows, freq="h")
        found.append(pd.DataFrame({"date": date, "name": name, "region": region, "load": load, "price": np.exp(load / 10)}))
    return pd.concat(found, ignore_index=True)


def write_demand(folder: Path) -> Path:
    """`demand` as a CSV file in that folder."""
    path = folder / "demand.csv"
    demand().to_csv(path, index=False)
    return path
