"""Sparring: train, evaluate and use generative adversarial networks on your own data.

import sparring
model = sparring.train("r3gan", data="fashion10k", out="runs/garments", minutes=5)
images = model.sample(64, seed=0)

Public names are those of `sparring.api`. They are imported when first used: `import sparring` and `sparring --help` need no torch.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING

from sparring.core.openmp import shorten_waiting as _shorten_waiting

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sparring.api import *  # noqa: F403 (the names are written in sparring.api alone)

_shorten_waiting()  # here, since any module of ours may be the first to load torch: the command line's too


def __getattr__(name: str) -> object:
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'sparring' has no attribute {name!r}")
    package = importlib.util.find_spec(f"{__name__}.{name}") if name != "__all__" else None
    if package is not None and package.origin is not None:
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module("sparring.api"), name)


def __dir__() -> list[str]:
    return importlib.import_module("sparring.api").__all__
