"""A table of payments with frauds, of which everything is known."""

import numpy as np
import pandas as pd

SMALL_FRAUD = {
    "batch_size": 256, "hidden": 24, "discriminator_hidden": (24,), "code_size": 4, "latent_size": 8, "dropout": 0.1,
}  # fmt: skip


def payments(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Payments in order of time. Amount and fee go together; one in 25 is a fraud, which is large and made at night, or has a fee that its
    amount does not explain. Three in a hundred have no label.
    """
    random = np.random.default_rng(seed)
    is_fraud = random.random(rows) < 0.04
    amount = np.round(random.gamma(2, 50, rows) + 400 * is_fraud * random.random(rows), 2)
    fee = np.round(amount * 0.1 + random.normal(0, 0.5, rows) + 30 * (is_fraud & (random.random(rows) < 0.7)), 2)
    hour = np.where(is_fraud & (random.random(rows) < 0.7), random.integers(0, 6, rows), random.integers(6, 24, rows))
    day = np.sort(random.integers(0, 200, rows))
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(day * 1440 + hour * 60 + random.integers(0, 60, rows), "min")
    label = np.where(random.random(rows) < 0.03, None, np.where(is_fraud, "yes", "no"))
    return pd.DataFrame(
        {
            "when": when,
            "amount": amount,
            "fee": fee,
            "shop": random.choice(["books", "food", "travel"], rows),
            "fraud": label,
        }
    )
