"""Floor 4: what a command needs to train as a run was trained."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sparring import recipes
from sparring.adversarial import AdversarialRecipe
from sparring.data.pairs import Pairing
from sparring.data.preparation import Preparation
from sparring.diagnose.record import plain
from sparring.train.settings import BUDGETS, TrainSettings


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
    own = {**(data.get("preparation") or {}), **(data.get("pairing") or {})}
    found = differing(own, {**asdict(Preparation()), **asdict(Pairing())})
    if data.get("points"):
        return found | {name: value for name, value in training.items() if value}
    usual = asdict(TrainSettings()) | {name: training.get(name) for name in ("coach", "coach_tries")} | dict.fromkeys(BUDGETS)
    return found | differing(training, usual)
