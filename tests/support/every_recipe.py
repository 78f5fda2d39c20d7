"""A run of any recipe, trained for two steps on the smallest data of its kind."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

import sparring
from sparring import recipes
from support import fraud_tables, molecules, music, orders, records, scored_titles, series, table_models, texts, tiny

CLASSES = {
    "cgan": "concatenate", "acgan": "auxiliary", "sngan": "projection", "biggan": "projection", "stylegan2": "projection",
    "vae": "concatenate",
}  # fmt: skip
"""How recipes are told classes, of those that are trained with them here."""
IMAGES: dict[str, dict[str, Any]] = {
    "gan": {"generator_hidden": (8,), "discriminator_hidden": (8,), "latent_size": 5},
    "stylegan": {
        "channel_base": 64, "latent_size": 8, "style_size": 6, "mapping_layers": 2, "stable_samples": 4, "fading_samples": 100,
        "start_side": 8, "steps": 20,
    },
    "progan": {"channel_base": 64, "latent_size": 8, "stable_samples": 4, "fading_samples": 4},
    "stylegan2": {"channel_base": 64, "latent_size": 8, "style_size": 6, "mapping_layers": 2},
    "r3gan": {"channel_base": 64, "channel_max": 8},
    "glow": {"levels": 2, "steps_per_level": 1, "width": 8},
    "realnvp": {"levels": 2, "blocks": 1},
    "flowgan": {"levels": 2, "blocks": 1},
    "pixelcnn": {"width": 6, "layers": 2},
}  # fmt: skip
"""Settings with which recipes of images are small, beside a width of 8."""


def train(name: str, folder: Path, **settings: object) -> Path:
    """A run in that folder, of two steps of every turn (recipes that begin with others: as many as it takes)."""
    recipe = recipes.get(name)
    data, how = _KINDS[recipe.modality](name, folder)
    known = set(recipe.__dataclass_fields__)
    common = {key: value for key, value in {"batch_size": 4, "width": 8}.items() if key in known and key not in how}
    out = folder / "run"
    made = {**common, "steps": 2, "threads": 1, "precision": "float32", **how, **settings}
    sparring.train(name, data, out, console=Console(quiet=True), **made)  # pyright: ignore[reportArgumentType]
    return out


def _images(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    channels = 3 if name in {"dcgan", "biggan", "glow"} else 1
    random = np.random.default_rng(0)
    np.savez(folder / "images.npz", images=random.integers(0, 256, (24, 16, 16, channels), np.uint8), labels=np.arange(24) % 3)
    classes = {"condition": CLASSES[name]} if name in CLASSES else {}
    return folder / "images.npz", {"size": 16, **classes, **IMAGES.get(name, {})}


def _pairs(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    random = np.random.default_rng(0)
    for side in ("a", "b"):
        (folder / side).mkdir()
        for number in range(4):
            Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / side / f"{number}.png")
    return folder / "a", {"size": 32, "target": folder / "b", **tiny.SMALL[name]}


def _tables(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    if name == "fraudgan":
        return fraud_tables.payments(600), {"target": "fraud", "time": "when", **fraud_tables.SMALL_FRAUD, "steps": 8}
    return table_models.people(120), {**table_models.SMALL[name], "holdout": 20}


def _series(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    steps = {"steps": 6} if name == "timegan" else {}
    return series.demand(), {**series.SMALL[name], **series.COMMON, "time": "date", "value": ("load",), **steps}


def _records(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    return records.write_long(folder), {**records.SMALL, "patient": "person", "code": "code", "time": "day", "steps": 4}


def _orders(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    return orders.write_log(folder, orders.log(200)), {**orders.COLUMNS, **orders.SMALL, **orders.COMMON, "steps": 6}


def _sequences(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    if name == "reword":
        rows = scored_titles.scored_titles(120)
        return scored_titles.write_titles(folder / "titles.csv", rows), {**scored_titles.COLUMNS, **scored_titles.SMALL, "batch_size": 8}
    if name in molecules.SMALL_OF:
        return molecules.write_molecules(folder), {**molecules.SMALL_OF[name], "batch_size": 8}
    return texts.write_titles(folder), {**texts.SMALL_OF.get(name, {}), "batch_size": 8}


def _music(name: str, folder: Path) -> tuple[object, Mapping[str, Any]]:
    if name == "music-lm":
        return music.write_songs(folder / "songs"), {**music.SMALL_LM, **music.COMMON}
    own = {"midinet": {**music.SMALL, "steps": 4, "melody": "soprano"}, "musegan": {**music.SMALL, "steps": 4}}
    return music.write_songs(folder / "songs"), {**music.COMMON, **own[name]}


_KINDS: Mapping[str, Callable[[str, Path], tuple[object, Mapping[str, Any]]]] = {
    "images": _images, "pairs": _pairs, "tables": _tables, "series": _series, "records": _records, "orders": _orders,
    "sequences": _sequences,
    "music": _music,
}  # fmt: skip
