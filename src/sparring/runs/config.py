"""config.json: how a run is trained. Only this module reads and writes it, and says in which settings two runs differ."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from sparring import modalities, recipes
from sparring.core.atomic_files import read_json, write_json
from sparring.core.errors import CheckpointError, SettingsError
from sparring.core.file_kinds import kind_of, refusal
from sparring.core.settings_checks import plain
from sparring.games.recipe import Recipe
from sparring.modalities.modality import DataSettings, Modality
from sparring.runs.run_directory import RunDirectory
from sparring.training.settings import BUDGETS, COACHING, EVALUATION, FREEZING, MACHINE, TrainSettings

FORMAT = 2
Kind = TypeVar("Kind")
Config = dict[str, Any]
"""The content of a config.json."""
Entry = Mapping[str, Any]
"""An intervention of a coach in config.json."""


@dataclass(frozen=True)
class RunSettings:
    """All settings of a run."""

    recipe: Recipe
    training: TrainSettings
    data: DataSettings
    """How data became a dataset, by name."""

    @property
    def modality(self) -> Modality:
        """The adapter of the kind of data."""
        return modalities.MODALITIES[self.recipe.modality]


FORMER_NAMES = {"gradient_accumulation": "parts"}
"""Settings of training that older runs call otherwise."""


def read_config(run: RunDirectory) -> Config:
    """The content of config.json; a CheckpointError says what is wrong with it."""
    if not run.exists():
        wanted = "a run directory: it has no config.json"
        said = refusal(run.path, wanted) if run.path.exists() else f"{run.path} is not {wanted}."
        raise CheckpointError(f"{said} Give the folder that `sparring train --out` wrote.")
    config = read_json(run.config, CheckpointError)
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        if kind_of(run.path).holds == "weights":
            raise CheckpointError(refusal(run.path, "a run directory"))
        seen = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise CheckpointError(
            f"{run.config} has the format {seen!r}, and this version of Sparring reads format {FORMAT}. Use the version that wrote it, or "
            "train again."
        )
    training = config.get("train_settings")
    if not isinstance(training, dict):  # damaged, which is said where it is used
        return config
    return {**config, "train_settings": {FORMER_NAMES.get(name, name): value for name, value in training.items()}}


def write_config(run: RunDirectory, config: Config) -> None:
    """Write config.json atomically."""
    write_json(run.config, {"format": FORMAT, **config})


def described(about: Any, source: Path) -> tuple[Recipe, Any]:  # noqa: ANN401 (JSON is any)
    """Recipe and spec from a config.json or the header of a packed file; a CheckpointError if they are not of the right kind."""
    try:
        spec = about["spec"] if "spec" in about else about["data"]["spec"]
        kind = recipes.get(about["recipe"])
        return from_json(kind, {**kind.of_older_runs, **about["recipe_settings"]}), modalities.spec_from_json(spec)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as problem:
        raise CheckpointError(f"{source} does not describe a recipe and its data: {problem!r}. It is damaged, or was altered.") from None


def settings_of(config: Config, source: Path) -> RunSettings:
    """All settings in a config.json; a CheckpointError if it is damaged."""
    recipe, _ = described(config, source)
    try:
        training = from_json(TrainSettings, config["train_settings"])
        kinds = modalities.MODALITIES[recipe.modality].settings
        return RunSettings(recipe, training, {name: from_json(kind, config["data"][name]) for name, kind in kinds.items()})
    except KeyError as problem:
        raise CheckpointError(f"The run's config.json lacks {problem}: another version of Sparring wrote it, or it was altered.") from None
    except (TypeError, AttributeError) as problem:
        raise CheckpointError(f"The run's config.json is damaged, or was altered: {problem!r}") from None


def from_json(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """A dataclass of settings from JSON, where tuples have become lists; a CheckpointError lists names that are not its own."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType] (a dataclass)
    if unknown := sorted(set(values) - known):
        raise CheckpointError(
            f"Settings of {kind.__name__} that this version does not know: {', '.join(unknown)}. Another version wrote them."
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def identity(config: Config) -> dict[str, Any]:
    """What every checkpoint of a run must agree on with its config.json: all but the budget, how it is evaluated, whether a coach looks
    on, and what computes it.
    """
    free = (*BUDGETS, *EVALUATION, *COACHING, *MACHINE)
    training = {
        name: value
        for name, value in config["train_settings"].items()
        if name not in free and (value or name not in FREEZING)  # which older runs do not name
    }
    return {"recipe": config["recipe"], "data": config["data"]["fingerprint"], **config["recipe_settings"], **training}


def differing(own: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings whose values differ; values as JSON has them."""
    return {name: value for name, value in own.items() if plain(value) != plain(usual.get(name))}


def recipe_settings_of(config: Config) -> dict[str, Any]:
    """The recipe's settings of a config.json, with the values of those that an older run does not name. Of a recipe that this version does
    not know, those that are named.
    """
    named = config.get("recipe_settings", {})
    try:
        kind = recipes.get(config.get("recipe", ""))
    except SettingsError:
        return named
    return {**asdict(kind()), **kind.of_older_runs, **named}


def usual_settings(recipe: str, kind_of_data: str) -> dict[str, Any]:
    """The settings of a recipe where nobody changes them, for that kind of data."""
    return asdict(recipes.get(recipe).usual(kind_of_data))


def other_settings(config: Config) -> dict[str, Any]:
    """The settings of a config.json beside the recipe's: its budget, and how it was trained and its data prepared, as far as that is not
    as usual. What computed it and a coach are left out.
    """
    data, training = config["data"], config["train_settings"]
    modality = modalities.MODALITIES[data["spec"]["kind"]]
    found: dict[str, Any] = {"from": config["transfer"]["source"]} if "transfer" in config else {}
    for name, kind in modality.settings.items():
        secret = {field.name for field in fields(kind) if field.metadata.get("secret")}
        found |= differing({key: value for key, value in (data.get(name) or {}).items() if key not in secret}, asdict(kind()))
    if modality.name == "points":
        return found | {name: value for name, value in training.items() if value}
    left_out = {name: training.get(name) for name in (*COACHING, *(set(MACHINE) - {"parts"}))}
    return found | differing(training, asdict(TrainSettings()) | left_out | dict.fromkeys(BUDGETS))
