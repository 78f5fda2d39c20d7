"""Floor 3: published systems, one file each. The file's name is the recipe's name, and its `RECIPE` the class of its settings."""

import importlib
import pkgutil

from sparring.core.errors import SettingsError, did_you_mean
from sparring.game import Recipe


def names() -> list[str]:
    """All recipes there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def get(name: str) -> type[Recipe]:
    """The settings class of the recipe called `name`; a SettingsError suggests the nearest names."""
    known = names()
    wanted = name.lower().replace("_", "-")
    if wanted not in known:
        raise SettingsError(f"There is no recipe {name!r}. {did_you_mean(wanted, known)}")
    return importlib.import_module(f"{__name__}.{wanted.replace('-', '_')}").RECIPE


def name_of(recipe: Recipe | type[Recipe]) -> str:
    """The name that `get` knows a recipe by."""
    cls = recipe if isinstance(recipe, type) else type(recipe)
    return cls.__module__.rpartition(".")[2].replace("_", "-")
