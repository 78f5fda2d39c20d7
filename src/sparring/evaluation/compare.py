"""`compare`: runs ranked by their scores, those that differ by their seed alone as one line."""

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.core.console import console as plain_console
from sparring.core.errors import SettingsError, SparringError, listed, missing_extra
from sparring.core.files import read_json, write_bytes
from sparring.evaluation import report
from sparring.evaluation.extractors import open_extractor
from sparring.evaluation.ranking import Judged, Line, markdown, plot, ranked
from sparring.games.translation import TranslationRecipe
from sparring.inference.load import IMPORTED, load
from sparring.runs.config import described, from_json, read_config
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console
from sparring.evaluation.judge import DEFAULT_SAMPLES, Place, _weights_of, judge

COMPARISON = "comparison"
"""The folder of a run for what a comparison found of it."""


def compare(
    runs: Sequence[Place],
    *,
    extractor: str = "lite0",
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    checkpoint: str = "last",
    out: Place | None = None,
    console: "Console | None" = None,
) -> list[Line]:
    """Rank runs on the same data by their Fréchet distance, those that differ by their seed alone as one line.

    Each is judged as by `judge`, unless its report.json says it was judged so since its last step. What is judged anew is reported in
    the run's folder "comparison", so that its own report stays as it is. `out`: a .md file for the table, or a .png, .pdf or .svg for
    a plot. Raises a SettingsError that names everything that is no run of images from noise.
    """
    screen = console or plain_console()
    _refuse_output(out)
    directories = [RunDirectory(Path(run)) for run in runs]
    if not runs or len({directory.path.resolve() for directory in directories}) < len(runs):
        raise SettingsError("Name the runs to compare, each once.")
    configs = _comparable(directories)
    names = [name_of_run(config, directory.path) for config, directory in zip(configs, directories, strict=True)]
    data = {config["data"]["fingerprint"]: config["data"]["source"] for config in configs}
    if len(data) > 1:
        raise SettingsError(f"These runs were trained on different data, so no score compares them: {', '.join(data.values())}.")
    found = []
    for directory, config, name in zip(directories, configs, names, strict=True):
        asked = {"n_fake": samples, "seed": seed, "truncation": None, "extractor": extractor}
        scores = _kept_scores(directory, config["data"]["fingerprint"], asked) if checkpoint == "last" else None
        if scores is None:
            folder = directory.path / COMPARISON
            screen.print(f"Judging {directory.path}; its report: {folder / report.HTML}")
            judgment = judge(
                directory.path, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, out=folder, console=console
            )
            scores = {score.name: score.value for score in judgment.scores}
        found.append(Judged(name, scores))
    by = next(iter(found[0].scores))
    lines = ranked(found, by)
    if out is not None:
        path = Path(out)
        if path.suffix == ".md":
            write_bytes(path, markdown(lines).encode())
        else:
            plot(lines, path)
    return lines


def _comparable(directories: Sequence[RunDirectory]) -> list[dict[str, Any]]:
    """The config.json of each run. A SettingsError names, all at once, what is no run or has no score in common with the others."""
    problems, configs, translators = [], [], []
    for directory in directories:
        path = directory.path
        if directory.exists():
            configs.append(read_config(directory))
            if issubclass(type(described(configs[-1], path)[0]), TranslationRecipe):
                translators.append(str(path))
        elif path.suffix == ".safetensors" or (path / IMPORTED).is_file():
            problems.append(f"{path} is a model without its run: judge it by data that you name, with: sparring judge {path} DATA")
        else:
            problems.append(f"{path} is not a run directory: it has no config.json. Data is judged with: sparring judge {path} DATA")
    if translators:
        each = "each of them" if len(translators) > 1 else "it"
        problems.append(
            f"{' and '.join(translators)} {'make images of images' if len(translators) > 1 else 'makes images of images'}, and only runs "
            f"that make images of noise are ranked: judge {each} with: sparring judge RUN"
        )
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("These cannot be compared:", problems))
    return configs


def name_of_run(config: dict[str, Any], source: Path) -> str:
    """Its recipe, the settings that are not the recipe's own, and how long it was trained: all but the seed."""
    recipe, _ = described(config, source)
    training = from_json(TrainSettings, config["train_settings"])
    usual = asdict(type(recipe)()) | asdict(TrainSettings())
    settings = asdict(recipe) | {name: getattr(training, name) for name in ("real_samples", "steps", "minutes", "gradient_accumulation")}
    differing = [f"{name}={value}" for name, value in settings.items() if value != usual[name]]
    return " ".join([config["recipe"], *differing])


def _refuse_output(out: Place | None) -> None:
    """Raise before anything is judged if the result could not be written."""
    if out is None or Path(out).suffix == ".md":
        return
    if Path(out).suffix not in {".png", ".pdf", ".svg"}:
        raise SettingsError(f"{out}: a comparison is written as .md (a table) or as .png, .pdf or .svg (a plot).")
    if importlib.util.find_spec("matplotlib") is None:
        raise missing_extra("matplotlib", "plots", "Drawing a comparison")


def _kept_scores(run: RunDirectory, fingerprint: str, asked: dict[str, Any]) -> dict[str, float] | None:
    """The scores in a run's own report, or in its last comparison's, if its last step was judged as `asked` against its own data."""
    if asked["extractor"] == "classifier":
        return None
    usual = asked | open_extractor(asked["extractor"]).identity()
    kept_here = (_scores_in(folder / report.JSON, run, fingerprint, usual) for folder in (run.path, run.path / COMPARISON))
    return next((scores for scores in kept_here if scores is not None), None)


def _scores_in(path: Path, run: RunDirectory, fingerprint: str, usual: dict[str, Any]) -> dict[str, float] | None:
    """The scores in one report, if it is of the run's last step, its own data, and the protocol `usual`."""
    try:
        kept = read_json(path)
        first = kept["scores"][0]
        fresh = kept["fake"]["step"] == checkpoints.newest_progress(run.checkpoints).step and kept["real"]["fingerprint"] == fingerprint
        fresh = fresh and kept["fake"]["weights"] == _weights_of(load(run.path))
        fresh = fresh and kept["held_out"] is None and all(first[name] == value for name, value in usual.items())
        return {score["name"]: score["value"] for score in kept["scores"]} if fresh else None
    except (SparringError, KeyError, TypeError, IndexError):
        return None
