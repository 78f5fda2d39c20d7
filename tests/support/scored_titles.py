"""Titles of rooms, with a score that adjectives decide, so that it is known how they ought to be reworded."""

import csv
from pathlib import Path

import numpy as np

GOOD, BAD, PLAIN = ("sunny", "lovely", "charming"), ("dark", "cheap", "basic"), ("quiet", "large")
PLACES, KINDS = ("Harlem", "Chelsea", "Bushwick"), ("room", "loft")
SMALL = {"embedding": 12, "hidden": 32, "discriminator_channels": 8, "batch_size": 32, "dropout": 0.0}
"""Settings with which the recipe is small."""
LEARNED = {**SMALL, "reconstruction_samples": 32 * 120, "scorer_samples": 32 * 150, "ema_samples": 0, "learning_rate": 0.01, "steps": 150}
"""Settings with which it learns to reword these titles."""
COLUMNS = {"text": "title", "score": "bookings", "within": ("kind",)}


def scored_titles(n: int = 600, seed: int = 0) -> list[dict[str, object]]:
    """Rows with a title, its kind, and bookings: many for good adjectives, few for bad ones, and all of lofts much higher."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        group = int(random.integers(3))
        adjective = str(random.choice((BAD, PLAIN, GOOD)[group]))
        kind, place = str(random.choice(KINDS)), str(random.choice(PLACES))
        beds = random.integers(2, 22)
        rest = [f"{adjective} {kind} for {beds} in {place}", f"{kind} for {beds} in {place} , {adjective}"][int(random.integers(2))]
        bookings = group + 0.4 * random.standard_normal() + (10 if kind == "loft" else 0)
        rows.append({"title": f"the {rest}", "kind": kind, "bookings": round(float(bookings), 3)})
    return rows


def write_titles(path: Path, rows: list[dict[str, object]]) -> Path:
    """Rows as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
