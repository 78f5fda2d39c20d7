"""Models of tables that are small and fast, and a table for them."""

import numpy as np
import pandas as pd

SMALL = {
    "tabular": {"batch_size": 40, "latent_size": 8, "generator_hidden": 16, "discriminator_hidden": (16,), "layers": 1},
    "tabular-ar": {"batch_size": 40, "hidden": 16, "embedding": 4, "bins": 8},
    "ctgan": {"batch_size": 40, "latent_size": 8, "generator_hidden": (16,), "discriminator_hidden": (16,)},
    "tvae": {"batch_size": 40, "latent_size": 8, "hidden": (16,)},
}
COMMON = {"threads": 1, "holdout": 20, "log_every": 2}


def people(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Ages, pay that depends on the city, a flag, dates with times, and gaps."""
    random = np.random.default_rng(seed)
    city = random.choice(["Paris", "Rome", "Oslo"], rows, p=[0.6, 0.35, 0.05])
    pay = np.round(random.gamma(2, 1000, rows) + 3000 * (city == "Oslo"), 2)
    return pd.DataFrame(
        {
            "age": random.integers(18, 91, rows),
            "pay": np.where(random.random(rows) < 0.1, np.nan, pay),
            "city": city,
            "country": np.where(city == "Paris", "FR", np.where(city == "Rome", "IT", "NO")),
            "member": random.random(rows) < 0.3,
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, rows) * 24 + random.integers(8, 18, rows), "h"),
        }
    )
