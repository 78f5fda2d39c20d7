"""Molecules of the bundled set."""

import lzma
from functools import cache
from importlib.resources import files

BUNDLED = files("sparring.data.sequences") / "bundled_files"


@cache
def moses(n: int = 200, name: str = "moses20k") -> tuple[str, ...]:
    """SMILES at equal distances over the bundled set."""
    found = lzma.decompress((BUNDLED / f"{name}.smi.xz").read_bytes()).decode().split()
    return tuple(found[:: len(found) // n][:n])
