"""Sparring: train, judge and use generative adversarial networks on your own data.

import sparring
model = sparring.train("dcgan", data="fashion10k", out="runs/garments", minutes=5)
pictures = model.sample(64, seed=0)
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from sparring.core.openmp import shorten_waiting as _shorten_waiting

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sparring.api import (
        Model,
        compare,
        diagnose,
        doctor,
        import_weights,
        judge,
        judge_translations,
        load,
        pack,
        playground,
        resume,
        train,
        translate,
    )
    from sparring.core.errors import SparringError
    from sparring.core.image_saving import save_images
    from sparring.data.source import open_source
    from sparring.data.store import prepare

__all__ = [
    "Model",
    "SparringError",
    "__version__",
    "compare",
    "diagnose",
    "doctor",
    "import_weights",
    "judge",
    "judge_translations",
    "load",
    "open_source",
    "pack",
    "playground",
    "prepare",
    "resume",
    "save_images",
    "train",
    "translate",
]

_HOMES = {
    "compare": "sparring.judging",
    "doctor": "sparring.doctoring",
    "Model": "sparring.models",
    "SparringError": "sparring.core.errors",
    "import_weights": "sparring.loading",
    "judge_translations": "sparring.rating",
    "load": "sparring.loading",
    "open_source": "sparring.data.source",
    "pack": "sparring.loading",
    "prepare": "sparring.data.store",
    "resume": "sparring.api",
    "save_images": "sparring.core.image_saving",
    "translate": "sparring.translating",
}
_ROOMS_WITH_A_VERB = {"diagnose", "judge", "playground", "train"}
"""Modules whose name is also a verb of `sparring.api`: `sparring.train(...)` works, and so does `sparring.train.settings`."""


class _RoomWithAVerb(ModuleType):
    def __call__(self, *arguments: object, **settings: object) -> object:
        """What the verb of the same name in `sparring.api` gives."""
        return self._verb(*arguments, **settings)

    @property
    def _verb(self) -> Callable[..., object]:
        return getattr(importlib.import_module("sparring.api"), self.__name__.rpartition(".")[2])

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._verb)


class _House(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # The import system binds a package's rooms here, whoever imports them first.
        if name in _ROOMS_WITH_A_VERB and isinstance(value, ModuleType):
            value.__class__ = _RoomWithAVerb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _House

_shorten_waiting()  # here, since any module of ours may be the first to load torch: the command line's too


def __getattr__(name: str) -> object:
    """Public names are imported when first used: `import sparring` and `sparring --help` need no torch."""
    if name in _ROOMS_WITH_A_VERB:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        if name.startswith("_") or importlib.util.find_spec(f"{__name__}.{name}") is None:
            raise AttributeError(f"module 'sparring' has no attribute {name!r}")
        return importlib.import_module(f"{__name__}.{name}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
