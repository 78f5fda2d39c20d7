"""How a run is begun, and how its sessions are played."""

import contextlib
import functools
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

import sparring
from sparring import modalities, recipes
from sparring.core.data_spec import Spec
from sparring.core.errors import CheckpointError, MemoryShortageError, SettingsError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.core.openmp import remark_once
from sparring.core.settings_checks import range_problems, type_problems
from sparring.data.dataset import Dataset, PrivateDataset
from sparring.games.game import Game
from sparring.games.recipe import Recipe, check
from sparring.modalities.images import place_of
from sparring.modalities.modality import Place
from sparring.runs.config import Config, RunSettings, differing, identity, read_config, write_config
from sparring.runs.run_directory import RunDirectory
from sparring.runs.run_progress import next_milestone
from sparring.runs.several_processes import all_processes, device_count, refuse_processes
from sparring.runs.transfer import is_prepared, remarks_on_rates, usual_settings
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Callback, InterveningCallback
from sparring.training.callbacks.checkpointer import Checkpointer, Score
from sparring.training.callbacks.evaluator import Evaluator
from sparring.training.callbacks.health import HealthRecorder, Measurements
from sparring.training.callbacks.log import Log
from sparring.training.callbacks.progress_bar import ProgressBar
from sparring.training.callbacks.samples import SampleGrids
from sparring.training.callbacks.tensorboard import TensorBoard
from sparring.training.callbacks.throughput import Throughput
from sparring.training.memory_estimate import refuse_too_large
from sparring.training.processes import ALONE, Processes
from sparring.training.session import Session, SessionResult, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State
from sparring.training.transfer import StartingWeights, freeze, take_over

if TYPE_CHECKING:
    from rich.console import Console

LEAST_LOG_LINES = 20
"""Lines of the log of a run that ends by itself: short ones are logged more often than others, so that they can be diagnosed."""
PlaySession = Callable[[Recipe, Config, InterveningCallback | None], SessionResult]
"""Trains with a recipe, perhaps with a coach, from where the run stands."""


@runtime_checkable
class Coaching(Protocol):
    """Plays sessions of a run to the end of its budget, with all the interventions that it takes."""

    def __call__(self, run: RunDirectory, spec: Spec, settings: TrainSettings, play: PlaySession, console: "Console") -> SessionResult:
        """How the last session ended."""
        ...


@dataclass(frozen=True)
class Instruments:
    """What training is handed from packages above this one."""

    measure_health: Callable[[Dataset, Dataset | None, int], Measurements]
    """Makes what measures the health of games on this data (the second: what is held out; the third: the seed)."""
    evaluate: Callable[[Any, TrainSettings], Score]
    """Makes what scores games on this data, as the settings of evaluation say."""
    coach: Coaching
    read_starting_weights: Callable[[str], StartingWeights]
    """Reads what a run can begin with in place of random weights."""


def begin(
    recipe: str | Recipe,
    data: Any,  # noqa: ANN401 (a place, or the dataset of some kind)
    out: Place,
    instruments: Instruments,
    console: "Console",
    settings: Mapping[str, object],
    start_from: Place | None = None,
) -> SessionResult:
    """Begin a run in the folder `out`, and train it to the end of its budget. `data`: a place, or a dataset. `settings`: fields of the
    recipe, of TrainSettings, and of the settings of its kind of data. `start_from`: what to begin with in place of random weights; its
    settings are the run's where `settings` has none. Raises a SparringError for anything a user can mend.
    """
    run = RunDirectory(Path(out))
    refuse_another_run(run)
    source = None if start_from is None else instruments.read_starting_weights(place_of(start_from))
    given = settings
    if source is not None:
        if not isinstance(recipe, str):  # what was chosen in it is given, too
            given = differing(asdict(recipe), asdict(type(recipe)())) | {**given}
        kind = recipes.get(recipe) if isinstance(recipe, str) else type(recipe)
        settings = usual_settings(kind, source, given, prepared=is_prepared(data))
    chosen = chosen_settings(recipe, settings)
    refuse_wrong_values(chosen)
    if source is None and (chosen.training.freeze_discriminator or chosen.training.freeze_mapping):
        raise SettingsError("What is frozen must have learned something: name what to begin with (--from), or freeze nothing.")
    modality = chosen.modality
    modality.refuse_dataset(data, recipes.name_of(chosen.recipe))
    chosen.recipe.refuse_to_begin()
    resolved = resolve(with_devices(chosen.training.with_budget()))
    refuse_processes(resolved, data_in_memory=modality.is_dataset(data))
    dataset = data if modality.is_dataset(data) else modality.open(data, chosen.recipe, chosen.data, console)
    dataset = modality.fit(dataset, chosen.recipe, resolved.holdout, resolved.seed)
    if source is not None and "condition" not in given and not dataset.spec.condition_names:
        chosen = replace(chosen, recipe=without_condition(chosen.recipe))
    check(chosen.recipe, dataset.spec)
    # refuses what leaves nothing, before anything is written
    trained_on, _ = modality.split_holdout(dataset, resolved.holdout, resolved.seed)
    if source is not None:
        refuse_to_begin_with_weights(chosen, dataset.spec, trained_on)
    resolved = ending_with_enough(resolved, chosen.recipe, dataset, console)
    refuse_too_large(chosen.recipe, dataset.spec, dataset, resolved)
    for remark in [*chosen.recipe.remarks(dataset.spec), *remarks_on_rates(source, chosen.recipe, given)]:
        console.print(remark)
    if chosen.training.with_budget() is not chosen.training:
        console.print(f"No budget given, so training for {chosen.training.with_budget().minutes:g} minutes (--minutes).")
    config = {
        "recipe": recipes.name_of(chosen.recipe),
        "recipe_settings": asdict(chosen.recipe),
        "train_settings": asdict(resolved),
        "data": {"source": modality.location(data), **modality.record(dataset, chosen.data)},
        "versions": versions(),
    }
    if source is not None and start_from is not None:
        config["transfer"] = {"source": place_of(start_from), "called": source.called}
    with run.locked():
        refuse_another_run(run)
        forget_untrained(run)
        write_config(run, config)
        try:
            with all_processes(resolved.devices, resolved.reduce) as processes:
                return continue_run(run, config, replace(chosen, training=resolved), dataset, instruments, console, source, processes)
        except MemoryShortageError:
            if not trained(run):
                forget_untrained(run)
            raise
        finally:
            run.vacate()


def continue_run(
    run: RunDirectory,
    config: Config,
    settings: RunSettings,
    dataset: Any,  # noqa: ANN401 (that of the recipe's kind)
    instruments: Instruments,
    console: "Console",
    source: StartingWeights | None = None,
    processes: Processes = ALONE,
) -> SessionResult:
    """Train a locked run from where it stands to the end of its budget, and say how far it is. `source`: what it begins with, if that was
    read already. `processes`: who trains; this one is the first.
    """
    modality, training = settings.modality, settings.training
    if training.device == "cpu" and training.threads > 1:
        remark_once(console.print)
    trained_on, held_out = modality.split_holdout(dataset, training.holdout, training.seed)
    if held_out is not None and len(held_out):
        console.print(
            f"Of these {len(dataset):,}, {len(held_out):,} {'is' if len(held_out) == 1 else 'are'} held out from training, to measure "
            f"whether the other {len(trained_on):,} are memorized (--holdout)."
        )
    steps_before = checkpoints.newest_progress(run.checkpoints).step if trained(run) else None
    every = training.evaluate_every
    score = modality.checkpoint_score(trained_on, training.seed) if every is None else instruments.evaluate(dataset, training)
    grid = modality.sample_grid(dataset, training.samples, training.seed)
    measurements = instruments.measure_health(trained_on, held_out, training.seed)

    def begin_with_weights(recipe: Recipe, state: State) -> None:
        found = instruments.read_starting_weights(config["transfer"]["source"]) if source is None else source
        if found.called != config["transfer"]["called"]:
            raise SettingsError(
                f"This run is to begin with {config['transfer']['called']}, and now there is {found.called}. Begin a new run."
            )
        console.print(f"Beginning with {found.called} ({found.spec}).")
        for line in take_over(state, recipe, dataset.spec, found).lines():
            console.print(f"  {line}")

    def play(recipe: Recipe, config: Config, coach: InterveningCallback | None) -> SessionResult:
        board = TensorBoard(run.tensorboard)
        log, throughput = Log(run.log, training.log_every, board), Throughput(run.timing, training.log_every, board)
        health, grids = HealthRecorder(run.health, measurements), SampleGrids(run.samples, training.sample_every, grid, board)
        # A coach sees what the others wrote, and is saved with what it makes of it.
        coaches: list[Any] = [] if coach is None else [coach]
        checkpointer = Checkpointer(run.checkpoints, training, identity(config), [log, *coaches], None if every else score, coach)
        evaluators: list[Callback] = [Evaluator(run.scores, every, score, board, checkpointer)] if every else []
        progress_bar = ProgressBar(console, training, log, throughput)
        run.sweep()
        processes.agreed({**config, "recipe_settings": asdict(recipe), "train_settings": asdict(training)})
        return Session(
            recipe=recipe,
            build=functools.partial(built, recipe, dataset.spec, training),
            data=recipe.shown(trained_on),
            settings=training,
            callbacks=[board, log, throughput, health, grids, *coaches, *evaluators, checkpointer, progress_bar],
            begin_with=functools.partial(begin_with_weights, recipe) if "transfer" in config else None,
            ending=run.ending,
            resume_command=run.resume_command,
            processes=processes,
        ).run(console)

    coached = training.coach
    result = instruments.coach(run, dataset.spec, training, play, console) if coached else play(settings.recipe, config, None)
    progress = result.progress
    end = "Stopped, and saved" if result.reason == "stopped" else "Nothing left to do" if progress.step == steps_before else "Done"
    console.print(f"{end}: step {progress.step:,}, {plural(progress.real_samples, 'real sample', 'real samples')}.")
    if result.reason == "stopped":
        console.print(f"To continue: {run.resume_command}")
    if (where := next_milestone(run, read_config(run), at_rest=True)) is not None:
        console.print(f"{where.sentence[:1].upper()}{where.sentence[1:]}")
    return result


def built(recipe: Recipe, spec: Spec, training: TrainSettings) -> Game:
    """A new game, in which what the settings freeze does not move."""
    game = recipe.build(spec)
    freeze(game, training.freeze_discriminator, training.freeze_mapping)
    return game


def ending_with_enough(training: TrainSettings, recipe: Recipe, dataset: Any, console: "Console") -> TrainSettings:  # noqa: ANN401
    """The settings of a run that ends when more real samples would only repeat the data, if the recipe knows when and no budget says
    otherwise.
    """
    enough = recipe.enough_samples(dataset.spec, len(dataset))
    if enough is None or training.real_samples is not None or training.steps is not None:
        return training
    lines = max(1, enough // recipe.batch_size // LEAST_LOG_LINES)
    console.print(f"Training ends after {enough:,} real samples, if not before: more would repeat the data (--real-samples).")
    return replace(training, real_samples=enough, log_every=min(training.log_every, lines))


def with_devices(training: TrainSettings) -> TrainSettings:
    """The settings with as many devices as torchrun has started processes, if it has."""
    return replace(training, devices=device_count(training.devices if training.devices > 1 else None, 1))


def without_condition(recipe: Recipe) -> Recipe:
    """The recipe for data without classes."""
    return replace(recipe, condition="none") if hasattr(recipe, "condition") else recipe  # pyright: ignore[reportCallIssue]


def refuse_to_begin_with_weights(chosen: RunSettings, spec: Spec, trained_on: Dataset) -> None:
    """Raise a SettingsError if a run cannot begin with the weights of another: networks that grow would not use most of them at first, and
    nobody knows which private rows others have seen.
    """
    recipe, training = chosen.recipe, chosen.training
    if training.coach:
        raise SettingsError("A coach may go back to the beginning, which it cannot make again of other weights: leave coach or --from out.")
    if recipe.samples_until_full_size(spec):
        raise SettingsError(f"The networks of {recipes.name_of(recipe)} grow from 4x4 on, and cannot begin with others: resume that run.")
    if isinstance(trained_on, PrivateDataset):
        raise SettingsError("With epsilon, a run cannot begin with other weights: what they were trained on would not be counted.")
    with torch.device("meta"):
        freeze(recipe.build(spec), training.freeze_discriminator, training.freeze_mapping)


# ------------------------------------------------------------------------------------------------------- settings


def chosen_settings(recipe: str | Recipe, settings: Mapping[str, object]) -> RunSettings:
    """A recipe (by name, or with settings) and fields of any of its run's dataclasses as all settings of a run."""
    kind = recipes.get(recipe) if isinstance(recipe, str) else type(recipe)
    sorted_ = sort_settings(settings, *dataclasses_of(kind))
    made = kind(**sorted_[kind]) if isinstance(recipe, str) else replace(recipe, **sorted_[kind])
    data = {name: each(**sorted_[each]) for name, each in modalities.MODALITIES[kind.modality].settings.items()}
    return RunSettings(with_located_files(made), TrainSettings(**sorted_[TrainSettings]), data)


def dataclasses_of(recipe: type[Recipe]) -> tuple[type, ...]:
    """The dataclasses that the settings of a run are made of."""
    return (recipe, TrainSettings, *modalities.MODALITIES[recipe.modality].settings.values())


def sort_settings(settings: Mapping[str, object], *kinds: type) -> dict[type, dict[str, Any]]:
    """Settings by the dataclass that has a field of that name, paths as text; a SettingsError lists all unknown names."""
    settings = {name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in settings.items()}
    homes = {field.name: kind for kind in kinds for field in fields(kind)}
    assert len(homes) == sum(len(fields(kind)) for kind in kinds), "two dataclasses have a field of the same name"
    unknown = [f"{name!r}. {did_you_mean(name, homes)}" for name in settings if name not in homes]
    if unknown:
        raise SettingsError(listed("These settings are not known:", unknown))
    as_tuples = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return {kind: {name: value for name, value in as_tuples.items() if homes[name] is kind} for kind in kinds}


def refuse_wrong_values(settings: RunSettings) -> None:
    """Raise a SettingsError that names every value of a wrong type or out of its range, before anything is done with them."""
    recipe, training = settings.recipe, settings.training
    problems = type_problems(recipe) or range_problems(recipe, recipe.ranges)
    problems += training.problems(recipe.batch_size, recipe.smallest_part)
    problems += settings.modality.setting_problems(settings.data, asdict(training))
    if problems:
        raise SettingsError(listed("These settings cannot be used:", problems))


def with_located_files(recipe: Recipe) -> Recipe:
    """The recipe, with a file that it names to be found from any working directory."""
    weights = getattr(recipe, "weights", None)
    return replace(recipe, weights=place_of(weights)) if isinstance(weights, str) else recipe  # pyright: ignore[reportCallIssue]


def versions() -> dict[str, str]:
    """What the last bits of a result depend on, beside the settings."""
    return {
        "sparring": sparring.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


# -------------------------------------------------------------------------------------------------- the directory


def refuse_another_run(run: RunDirectory) -> None:
    """Raise a SettingsError if something was trained in that directory already: a run that ended before its first step leaves it free."""
    if trained(run):
        raise SettingsError(
            f"{run.path} contains a run already. To continue it: {run.resume_command}. To start a new one, choose another --out."
        )
    if not run.exists() and checkpoints.steps(run.checkpoints):
        raise SettingsError(f"{run.path} contains checkpoints of a run, but no config.json. Choose another --out.")


def trained(run: RunDirectory) -> bool:
    """Whether a run holds anything that was trained: a checkpoint of a step, or what a coach rolled back."""
    try:
        coached = run.exists() and bool(read_config(run).get("interventions"))
    except CheckpointError:
        return True  # damaged, or of another version: not ours to judge
    return run.exists() and (coached or any(checkpoints.steps(run.checkpoints)))


def forget_untrained(run: RunDirectory) -> None:
    """Delete what a run wrote before its first step, and its folders that are empty then; nothing else. For who holds the run's lock."""
    if not run.exists():
        return
    run.sweep()
    written = [run.config, run.log, run.timing, run.scores, run.health, run.ending]
    written += [*run.tensorboard.glob("events.out.tfevents.*"), *run.samples.glob("step-*.png"), *checkpoints.paths_of(run.checkpoints, 0)]
    for path in written:
        path.unlink(missing_ok=True)
    for folder in (run.tensorboard, run.samples, run.checkpoints):
        with contextlib.suppress(OSError):  # there is something else in it, or it is not there
            folder.rmdir()
