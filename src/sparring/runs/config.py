"""What a command needs to train as a run was trained."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from sparring import recipes
from sparring.core.data_spec import ImageSpec, spec_from_json
from sparring.core.errors import CheckpointError
from sparring.data.pairs.pairs import Pairing
from sparring.data.preprocessing import Preprocessing
from sparring.games.adversarial import AdversarialRecipe
from sparring.games.recipe import Recipe
from sparring.health.diagnosis.record import plain
from sparring.training.settings import BUDGETS, TrainSettings


def usual_settings(recipe: str, on_points: bool) -> dict[str, Any]:
    """A recipe's settings where nobody changes them."""
    kind = recipes.get(recipe)
    return asdict(kind(**kind.on_points) if on_points and issubclass(kind, AdversarialRecipe) else kind())  # pyright: ignore[reportArgumentType]


def differing(own: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings that are not as usual."""
    return {name: value for name, value in own.items() if plain(value) != plain(usual.get(name))}


def other_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """From a config.json, the budget, and how the run was trained and its data prepared and paired, as far as that is not as usual. A coach
    is left out.
    """
    data, training = config["data"], config["train_settings"]
    own = {**(data.get("preprocessing") or {}), **(data.get("pairing") or {})}
    found = differing(own, {**asdict(Preprocessing()), **asdict(Pairing())})
    if data.get("points"):
        return found | {name: value for name, value in training.items() if value}
    usual = asdict(TrainSettings()) | {name: training.get(name) for name in ("coach", "coach_tries")} | dict.fromkeys(BUDGETS)
    return found | differing(training, usual)


Kind = TypeVar("Kind")


def described(about: Any, source: Path) -> tuple[Recipe, ImageSpec]:  # noqa: ANN401 (JSON is any)
    """Recipe and spec from a config.json or a packed file's heading; a CheckpointError if they are not of the right kind."""
    try:
        spec = about["spec"] if "spec" in about else about["data"]["spec"]
        return from_json(recipes.get(about["recipe"]), about["recipe_settings"]), spec_from_json(spec)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise CheckpointError(f"{source} does not describe a recipe and its data: {problem!r}. It is damaged, or was altered.") from None


def from_json(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """A dataclass of settings from JSON, where tuples have become lists; a CheckpointError lists names that are not its own."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType] (a dataclass)
    if unknown := sorted(set(values) - known):
        raise CheckpointError(
            f"Settings of {kind.__name__} that this version does not know: {', '.join(unknown)}. A newer version wrote them."
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
