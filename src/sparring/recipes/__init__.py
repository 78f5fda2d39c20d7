"""Published systems, one file each. The file's name is the recipe's name, and its `RECIPE` the class of its settings."""

import importlib
import pkgutil

from sparring.core.errors import SettingsError, did_you_mean
from sparring.games.recipe import Recipe


def names() -> list[str]:
    """All recipes there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def found(name: str) -> str | None:
    """The name of the recipe that `name` means, whatever its case, hyphens, underscores and spaces: "WGANGP" is "wgan-gp"."""
    return next((known for known in names() if _bare(known) == _bare(name)), None)


def get(name: str) -> type[Recipe]:
    """The settings class of the recipe that `name` means (see `found`); a SettingsError suggests the nearest names."""
    known = found(name)
    if known is None:
        raise SettingsError(f"There is no recipe {name!r}. {did_you_mean(name, names())}")
    return importlib.import_module(f"{__name__}.{known.replace('-', '_')}").RECIPE


def _bare(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def name_of(recipe: Recipe | type[Recipe]) -> str:
    """The name that `get` knows a recipe by."""
    cls = recipe if isinstance(recipe, type) else type(recipe)
    return cls.__module__.rpartition(".")[2].replace("_", "-")
