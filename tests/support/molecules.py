"""Molecules of the bundled set."""

import lzma
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

BUNDLED = files("sparring.data.sequences") / "bundled_files"


@cache
def moses(n: int = 200, name: str = "moses20k") -> tuple[str, ...]:
    """SMILES at equal distances over the bundled set."""
    found = lzma.decompress((BUNDLED / f"{name}.smi.xz").read_bytes()).decode().split()
    return tuple(found[:: len(found) // n][:n])


SMALL_OF: Mapping[str, Mapping[str, Any]] = {
    "latentgan": {
        "notation": "selfies", "code_size": 6, "decoder_hidden": 8, "generator_hidden": (8,), "discriminator_hidden": (8,),
        "latent_size": 4, "autoencoder_steps": 2, "steps": 4,
    },
    "molgan": {
        "notation": "graph", "latent_size": 4, "generator_hidden": (8,), "convolutions": (6, 5), "graph_features": 7,
        "discriminator_hidden": (5,),
    },
    "organ": {
        "notation": "smiles", "embedding": 4, "hidden": 6, "filters": 2, "discriminator_embedding": 4, "fit_steps": 2,
        "discriminator_fit_steps": 1, "steps": 4,
    },
}  # fmt: skip
"""By recipe, settings with which it is small, and the notation of what it learns from."""


def write_molecules(folder: Path, n: int = 60) -> Path:
    """Small molecules as a .smi file."""
    path = folder / "molecules.smi"
    path.write_text("\n".join(moses(n, "fragments9")) + "\n")
    return path
