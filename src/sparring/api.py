"""What a notebook imports. Train, resume, load, pack."""

import itertools
import os
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

import sparring
from sparring import recipes
from sparring.core.console import console as plain_console
from sparring.core.errors import CheckpointError, MemoryShortageError, SettingsError, SparringError, did_you_mean, listed
from sparring.core.formatting import flags, plural
from sparring.core.hardware import has_fast_bfloat16
from sparring.core.settings import range_problems, type_problems
from sparring.data.images.sizes_and_range import common_size
from sparring.data.open_source import open_source, source_names
from sparring.data.pairs.input_statistics import pair_statistics
from sparring.data.pairs.pairs import Pairing, Pairs
from sparring.data.store import Preprocessing, Store, prepare, open_store_if_present
from sparring.data.subset import split_holdout
from sparring.evaluation.compare import compare
from sparring.evaluation.judge import FrechetScorer, judge
from sparring.evaluation.judge_translations import judge_translations
from sparring.evaluation.translation_pairs import open_training_pairs
from sparring.evaluation.translation_progress import checkpoint_score, translation_sheet
from sparring.games.game import Game
from sparring.games.latent_game import LatentGame
from sparring.games.recipe import Recipe, check
from sparring.games.translation import TranslationRecipe
from sparring.health.diagnosis.diagnose import diagnose
from sparring.health.doctor.doctor import doctor, unusual
from sparring.health.measurements import Examiner
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.inference.pack import pack
from sparring.inference.translate_files import translate
from sparring.interop.import_weights import import_weights
from sparring.media.image_files import grid
from sparring.media.pixels import float_to_pixels
from sparring.media.save_images import save_images
from sparring.metrics.sliced_wasserstein import downsampled_rows, sliced_wasserstein
from sparring.nets.blocks.layers import MinibatchDeviation
from sparring.playground_2d.play import playground
from sparring.runs.config import described, from_json
from sparring.runs.milestones import whereabouts
from sparring.runs.run_directory import RunDirectory
from sparring.runs.training_data import refuse_changed, refuse_moved
from sparring.training import checkpoints
from sparring.training.settings import BUDGETS, COACHING, MACHINE, TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

    from sparring.health.coach.coach import Coach
    from sparring.training.session import Ending

__all__ = [
    "Model", "SparringError", "compare", "diagnose", "doctor", "import_weights", "judge", "judge_translations", "load", "open_source",
    "pack", "playground", "prepare", "resume", "save_images", "train", "translate",
]  # fmt: skip

SCORED_SAMPLES = 512
WATCHING = ("evaluate_every", "evaluate_samples", "evaluate_extractor")
"""Settings of training that change nothing of what is learned."""
Place = str | os.PathLike[str]


def train(recipe: str | Recipe, data: Place | Store | Pairs, out: Place, *, console: "Console | None" = None, **settings: object) -> Model:
    """Train a game from its beginning and give the model.

    `recipe`: a name, or a recipe with settings. `data`: whatever `open_source` takes, or a prepared store. `out`: the
    run directory to make. `settings`: fields of the recipe, of `TrainSettings`, of `Preprocessing`, and for recipes that make images of
    images of `Pairing`; unknown names are refused. Raises a SparringError for anything a user can mend. Ctrl-C saves and ends
    training early.
    """
    console = console or plain_console()
    run = RunDirectory(Path(out))
    refuse_another_run(run)
    kind = recipes.get(recipe) if isinstance(recipe, str) else type(recipe)
    chosen = sort_settings(settings, *parts_of(kind))
    recipe = with_located_files(kind(**chosen[kind]) if isinstance(recipe, str) else replace(recipe, **chosen[kind]))
    asked, preprocessing = TrainSettings(**chosen[TrainSettings]), Preprocessing(**chosen[Preprocessing])
    pairing = Pairing(**chosen[Pairing]) if Pairing in chosen else None
    refuse_wrong_values(recipe, asked, preprocessing, pairing)
    refuse_wrong_data(data, recipe)
    recipe.refuse_to_begin()
    from sparring.training.memory_estimate import refuse_too_large
    from sparring.training.session import resolve

    resolved = resolve(asked.with_budget())
    store = data if isinstance(data, Store | Pairs) else prepared(data, recipe, preprocessing, console, pairing)
    check(recipe, store.spec)
    if isinstance(store, Store):
        split_holdout(store, resolved.holdout, resolved.seed)  # refuses what leaves nothing, before anything is written
    refuse_too_large(recipe, store.spec, store, resolved)
    if asked.with_budget() is not asked:
        console.print(f"No budget given: training for {asked.with_budget().minutes:g} minutes.")
    config = {
        "recipe": recipes.name_of(recipe),
        "recipe_settings": asdict(recipe),
        "train_settings": asdict(resolved),
        "data": {
            "source": located(data),
            "preprocessing": asdict(with_found_range(preprocessing, store)),
            "pairing": None if pairing is None else asdict(located_pairing(pairing)),
            "spec": store.spec.to_json(),
            "count": len(store),
            "fingerprint": store.fingerprint,
            **({"inputs": _inputs_of(store, pairing)} if isinstance(store, Pairs) else {}),
        },
        "versions": versions(),
    }
    with run.locked():
        refuse_another_run(run)
        checkpoints.forget_untrained(run)
        run.write_config(config)
        try:
            return play_on(run, config, recipe, store, resolved, console)
        except MemoryShortageError:
            if not checkpoints.trained(run):
                checkpoints.forget_untrained(run)
            raise
        finally:
            run.vacate()


def _inputs_of(pairs: Pairs, pairing: Pairing | None) -> dict[str, Any]:
    """What the inputs of each direction look like, for those who translate others."""
    made = None if pairing is None or pairing.inputs == "given" else pairing.inputs
    return {way: found.to_json() for way, found in pair_statistics(pairs, made).items()}


def parts_of(kind: type[Recipe]) -> tuple[type, ...]:
    """The dataclasses that the settings of a run are made of."""
    return (kind, TrainSettings, Preprocessing, *([Pairing] if issubclass(kind, TranslationRecipe) else []))


def refuse_wrong_values(recipe: Recipe, training: TrainSettings, preprocessing: Preprocessing, pairing: Pairing | None) -> None:
    """Raise a SettingsError that names every value of a wrong type or out of its range, before anything is done with them."""
    problems = type_problems(recipe) or range_problems(recipe, recipe.ranges)
    problems += training.problems(recipe.batch_size, recipe.smallest_part) + type_problems(preprocessing)
    if pairing is not None:
        problems += pairing.problems()
        if training.evaluate_every is not None:
            problems.append("evaluate_every is for images of noise; translations are judged with: sparring judge RUN. Leave it out.")
        if training.holdout is not None:
            problems.append("holdout is for images of noise; translators hold pairs out with held_out. Leave it out.")
        if training.coach:
            problems.append("coach is for images of noise; it knows no remedies for translators yet. Leave it out.")
    if problems:
        raise SettingsError(listed("These settings cannot be used:", problems))


def refuse_wrong_data(data: Place | Store | Pairs | None, recipe: Recipe) -> None:
    """Raise a SettingsError if prepared data is not of the kind that the recipe learns from."""
    if isinstance(data, Store) and isinstance(recipe, TranslationRecipe):
        raise SettingsError(f"{recipes.name_of(recipe)} learns from pairs, and a store has none: give the data's place, or `open_pairs`.")
    if isinstance(data, Pairs) and not isinstance(recipe, TranslationRecipe):
        raise SettingsError(f"{recipes.name_of(recipe)} learns from images, not from pairs of them: give one of the pairs' stores.")


def with_located_files(recipe: Recipe) -> Recipe:
    """The recipe, with a file that it names to be found from any working directory."""
    weights = getattr(recipe, "weights", None)
    return replace(recipe, weights=located(weights)) if isinstance(weights, str) else recipe  # pyright: ignore[reportCallIssue]


def refuse_another_run(run: RunDirectory) -> None:
    """Raise a SettingsError if something was trained in that directory already: a run that ended before its first step leaves it free."""
    if checkpoints.trained(run):
        raise SettingsError(f"{run.path} holds a run already. Go on with it: {run.resume_command}. Or choose another --out.")
    if not run.exists() and checkpoints.steps(run.checkpoints):
        raise SettingsError(f"{run.path} holds checkpoints of a run without its config.json. Choose another --out.")


def versions() -> dict[str, str]:
    """What the last bits of a result depend on, beside the settings."""
    return {
        "sparring": sparring.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


def located_pairing(pairing: Pairing) -> Pairing:
    """The pairing, its second set to be found from any working directory."""
    return pairing if pairing.target is None else replace(pairing, target=located(pairing.target))


def located(data: Place | Store | Pairs) -> str:
    """How to find the data again from any working directory."""
    if isinstance(data, Pairs):
        return str(data.inputs.folder)
    if isinstance(data, Store):
        return str(data.folder)
    path = Path(data).expanduser()
    return str(path.resolve()) if str(data) not in source_names() and path.exists() else str(data)


def prepared(
    data: Place, recipe: Recipe, preprocessing: Preprocessing, console: "Console", pairing: Pairing | None = None
) -> Store | Pairs:
    """The data, ready for training, at the recipe's size unless one is named; what could not be used is said."""
    if isinstance(recipe, TranslationRecipe):
        pairs = open_training_pairs(data, recipe, preprocessing, pairing or Pairing(), progress=console.is_terminal)
        said = f"{plural(len(pairs), 'input', 'inputs')} to train on, {len(pairs.holdout_indices[0]):,} held out: {pairs.spec}."
        places = {pairs.inputs.folder: str(data), pairs.targets.folder: (pairing and pairing.target) or str(data)}
        stores = {store.folder: store for store in (pairs.inputs, pairs.targets)}
        looks = [stores[folder].report.summary(f"sparring data inspect {shlex.quote(place)}") for folder, place in places.items()]
        for line in (said, *itertools.chain(*looks), *pairs.notes):
            console.print(line)
        return pairs
    if (store := open_store_if_present(Path(data))) is not None:
        if preprocessing != Preprocessing():
            raise SettingsError(f"{data} is prepared already, so size, crop and the like cannot be chosen. Name its source instead.")
        return store
    source = open_source(os.fspath(data), split=preprocessing.split)
    if preprocessing.size is None:
        preprocessing = replace(preprocessing, size=recipe.size_for(common_size(source, preprocessing.max_pixels)))
    store = prepare(source, preprocessing, progress=console.is_terminal)
    prepares = " ".join(["sparring data prepare", shlex.quote(os.fspath(data)), *flags(unusual(preprocessing))])
    for line in (f"{plural(len(store), 'image', 'images')} of {store.spec} from {source.name}.", *store.report.summary(prepares)):
        console.print(line)
    return store


def with_found_range(preprocessing: Preprocessing, store: Store | Pairs) -> Preprocessing:
    """The preprocessing with the values that were found to be black and white in images of more than 8 bits, so that the model reads others
    in the same way.
    """
    stores = (store,) if isinstance(store, Store) else (store.inputs, store.targets)
    ranges = {each.black_white for each in stores} - {None}
    return replace(preprocessing, value_range=ranges.pop()) if len(ranges) == 1 else preprocessing


def play_on(
    run: RunDirectory,
    config: Mapping[str, Any],
    recipe: Recipe,
    store: Store | Pairs,
    settings: TrainSettings,
    console: "Console",
) -> Model:
    """Play the game of a locked run, from where it stands to the end of its budget."""
    from sparring.training.session import sit

    if isinstance(store, Pairs):
        score, sheet = checkpoint_score(store), translation_sheet(store)
        data, examine = store, Examiner(store, None, settings.seed)
    else:
        score, sheet = score_for(store, settings), sheet_for(settings)
        data, holdout = split_holdout(store, settings.holdout, settings.seed)
        if len(holdout):
            console.print(
                f"Of these {len(store):,}, {len(holdout):,} {'is' if len(holdout) == 1 else 'are'} held out, to tell whether the "
                f"discriminator learns the other {len(data):,} by heart (--holdout)."
            )
        examine = Examiner(data, holdout, settings.seed)

    def sitting(recipe: Recipe, config: Mapping[str, Any], coach: "Coach | None") -> "Ending":
        whole = identity(config)
        return sit(run, recipe, lambda: recipe.build(store.spec), data, settings, score, sheet, examine, whole, console, coach)

    if settings.coach:
        from sparring.health.coach.interventions import Bench

        ending = Bench(run, store.spec, settings, identity, console).play(sitting)
    else:
        ending = sitting(recipe, config, None)
    progress = ending.progress
    end = "Done" if ending.reason == "budget" else "Stopped and saved"
    console.print(f"{end}: step {progress.step:,}, {plural(progress.real_samples, 'image', 'images')} shown.")
    if ending.reason == "stopped":
        console.print(f"Go on with: {run.resume_command}")
    if (where := whereabouts(run, run.read_config(), at_rest=True)) is not None:
        console.print(f"{where.sentence[:1].upper()}{where.sentence[1:]}")
    return replace(load(run.path), ending=ending)


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """What every checkpoint of a run must agree on with its config.json: all but the budget, how it is judged, who looks on, and
    what computes it.
    """
    settled = (*BUDGETS, *WATCHING, *COACHING, *MACHINE)
    training = {name: value for name, value in config["train_settings"].items() if name not in settled}
    settings = {**config["recipe_settings"], **training}
    return {"recipe": config["recipe"], "data": config["data"]["fingerprint"], **settings}


def score_for(store: Store, settings: TrainSettings) -> Callable[[Game], dict[str, Any]]:
    """What rates the games of a run."""
    if settings.evaluate_every is None:
        return distance_to(store, settings.seed)
    return FrechetScorer(store, settings.evaluate_extractor, settings.evaluate_samples, settings.seed)


def sheet_for(settings: TrainSettings) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
    """What draws samples of the same latents."""

    def sheet(game: Game) -> UInt8[np.ndarray, "h w c"]:
        assert isinstance(game, LatentGame)
        return grid(float_to_pixels(game.sample(settings.samples, settings.seed)).cpu().numpy())

    return sheet


def distance_to(store: Store, seed: int) -> Callable[[Game], dict[str, Any]]:
    """A score of games, lower is better: the distance of their samples to images of the store, with its protocol."""
    count = min(SCORED_SAMPLES, len(store))
    real = downsampled_rows(store.batch(np.linspace(0, len(store) - 1, count).astype(np.int64)).images)

    def score(game: Game) -> dict[str, Any]:
        assert isinstance(game, LatentGame)
        value = sliced_wasserstein(real, downsampled_rows(game.sample(count, seed)).cpu())
        return {
            "name": "sliced Wasserstein distance, 256 directions, at most 32x32",
            "value": value,
            "real": count,
            "generated": count,
            "seed": seed,
        }

    return score


def resume(run: Place, *, data: Place | Store | Pairs | None = None, console: "Console | None" = None, **settings: object) -> Model:
    """Go on with a run, exactly as if it had never been interrupted.

    `data` (and `target`, of translators): where it lies now, if it was moved; the new place is remembered once its content is known to
    be the same. `settings`: a longer budget (`images`, `steps`, `minutes`: totals of the run, not added to what it has done); `coach`, from
    now on, for a run without one; and what computes it (`device`, `precision`, `threads`, `gradient_accumulation`), after which it is no
    longer the same to the bit. Any other setting is refused by name if it differs from the run's.
    """
    from sparring.training.memory_estimate import refuse_too_large

    console = console or plain_console()
    directory = RunDirectory(Path(run))
    directory.read_config()  # nothing is made where there is no run
    with directory.locked():
        config = directory.read_config()
        recipe, _ = described(config, directory.config)
        old, preprocessing, *of_pairs = recorded_settings(config)
        chosen = sort_settings(settings, *parts_of(type(recipe)))
        pairing = of_pairs[0] if of_pairs else None
        if pairing is not None and (target := chosen[Pairing].pop("target", None)) is not None:
            pairing = replace(pairing, target=target)  # where it lies now: the fingerprint says whether it is the same
        longer = {name: value for name in BUDGETS if (value := chosen[TrainSettings].pop(name, None)) is not None}
        refuse_wrong_values(recipe, old, preprocessing, pairing)
        refuse_wrong_values(
            replace(recipe, **chosen[type(recipe)]), replace(old, **chosen[TrainSettings], **longer), preprocessing, pairing
        )
        engaged = {name: chosen[TrainSettings].pop(name) for name in COACHING if not old.coach and name in chosen[TrainSettings]}
        machine = {name: chosen[TrainSettings].pop(name) for name in MACHINE if name in chosen[TrainSettings]}
        refuse_differences((recipe, old, preprocessing, *of_pairs), chosen, longer)
        placed = on_machine(directory, old, machine)
        new = replace(with_longer_budget(directory, placed, longer, console), **engaged)
        refuse_wrong_data(data, recipe)
        recipe.refuse_to_begin()
        place = config["data"]["source"] if data is None else data
        sought = {"source": located(place), "pairing": None if pairing is None else asdict(located_pairing(pairing))}
        if not isinstance(place, Store | Pairs):
            refuse_moved(directory, sought)
        store = place if isinstance(place, Store | Pairs) else prepared(place, recipe, preprocessing, console, pairing)
        refuse_changed(directory, config["data"], place, store.fingerprint, len(store))
        elsewhere = data is not None or pairing != next(iter(of_pairs), None)
        if elsewhere and {name: config["data"].get(name) for name in sought} != sought:
            config = {**config, "data": {**config["data"], **sought}}
            console.print("The data is the same. Its new place is remembered in config.json.")
        for name, value in versions().items():
            if (before := config.get("versions", {}).get(name)) != value:
                console.print(f"The run was begun with {name} {before}, this is {value}: the last bits may differ.")
        if changes := {name: [getattr(old, name), value] for name in MACHINE if (value := getattr(new, name)) != getattr(old, name)}:
            step = checkpoints.newest_progress(directory.checkpoints).step
            config = {**config, "machine_changes": [*config.get("machine_changes", []), {"step": step, "changes": changes}]}
            for line in changes_said(changes, step, recipe.build(store.spec), recipe):
                console.print(line)
        refuse_too_large(recipe, store.spec, store, new, resuming=directory.resume_command)
        config = {**config, "train_settings": asdict(new)}
        directory.write_config(config)
        return play_on(directory, config, recipe, store, new, console)


def recorded_settings(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """How the run of a config.json was trained, its data prepared, and (for translators) paired."""
    try:
        data = config["data"]
        pairing = [from_json(Pairing, data["pairing"])] if data.get("pairing") else []
        training = {"holdout": 0, **config["train_settings"]}  # runs begun before there were vital signs kept nothing back
        return from_json(TrainSettings, training), from_json(Preprocessing, data["preprocessing"]), *pairing
    except (KeyError, TypeError, AttributeError) as problem:
        raise CheckpointError(f"The run's config.json is damaged, or was altered: {problem!r}") from None


def on_machine(run: RunDirectory, old: TrainSettings, asked: Mapping[str, Any]) -> TrainSettings:
    """The settings of a run with those that were asked for of `MACHINE`, resolved. A run keeps its precision unless another is asked for,
    but where it moves to another device that computes bfloat16 slowly (or not at all), it goes on in float32, which every device has.
    """
    if "device" not in asked and old.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            f"{run.path} was trained on a GPU, and torch sees none here. To go on without one: {run.resume_command} --device cpu"
        )
    from sparring.training.session import resolve

    new = resolve(replace(old, **asked))
    moved = new.device != old.device and "precision" not in asked
    if moved and new.precision == "bfloat16" and not has_fast_bfloat16(torch.device(new.device)):
        new = replace(new, precision="float32")
    return new


def changes_said(changes: Mapping[str, Sequence[Any]], step: int, game: Game, recipe: Recipe) -> list[str]:
    """What it means that a run goes on under other settings of `MACHINE`: old and new value of each, by name."""
    listing = ", ".join(f"{name} {after} (was {before})" for name, (before, after) in changes.items())
    lines = [
        f"From step {step:,} on: {listing}. Recorded in config.json. The run is no longer the same, to the bit, as one without this change."
    ]
    if "gradient_accumulation" in changes:
        before, after = (recipe.batch_size // parts for parts in changes["gradient_accumulation"])
        mixes = any(isinstance(module, nn.modules.batchnorm._BatchNorm | MinibatchDeviation) for module in game.modules())
        mixes = mixes or getattr(recipe, "objective", "") == "relativistic-average"
        lines.append(
            f"Statistics of a batch (batch norm, minibatch deviation) are those of {after} images now, not {before}: training changes a "
            "little, the more the smaller the parts are."
            if mixes
            else f"Parts of {after} images draw other latents than parts of {before} did; gradients are the same on average."
        )
    return lines


def refuse_differences(own: tuple[object, ...], chosen: Mapping[type, Mapping[str, Any]], longer: Mapping[str, Any]) -> None:
    """Raise a SettingsError that names every setting that differs from the run's own, and every budget that is not longer."""
    settings = {name: getattr(part, name) for part in own for name in chosen[type(part)]}
    asked = {name: value for part in own for name, value in chosen[type(part)].items()}
    problems = [
        f"{name}: the run has {settings[name]!r}, asked for was {value!r}" for name, value in asked.items() if settings[name] != value
    ]
    budget = {name: getattr(part, name) for part in own for name in longer if hasattr(part, name)}
    problems += [
        f"{name}: the run's budget is {budget[name]}, and {value} is not longer"
        for name, value in longer.items()
        if budget[name] is not None and value < budget[name]
    ]
    if problems:
        raise SettingsError(
            listed(
                "A resumed run keeps its settings; only a longer budget, a coach, and what computes (device, precision, "
                "threads, gradient_accumulation) may be given. These differ:",
                problems,
            )
        )


def with_longer_budget(run: RunDirectory, old: TrainSettings, longer: Mapping[str, Any], console: "Console") -> TrainSettings:
    """The settings with the budgets that were named; budgets that were not named stay, unless they are used up by now."""
    progress = checkpoints.newest_progress(run.checkpoints)
    used = progress.spent
    spent = {name: limit for name in BUDGETS if name not in longer and (limit := getattr(old, name)) is not None and used[name] >= limit}
    if spent and not longer:
        limits = ", ".join(f"{name} {limit:g}" for name, limit in spent.items())
        console.print(
            f"The budget of this run is used up ({limits}). For more: {run.resume_command} --{next(iter(spent)).replace('_', '-')} NUMBER"
        )
        return old
    for name, limit in spent.items():
        console.print(f"The old budget of {limit:g} {name} is used up, and no longer counts.")
    return replace(old, **dict.fromkeys(spent), **longer)


def sort_settings(settings: Mapping[str, object], *kinds: type) -> dict[type, dict[str, Any]]:
    """Settings by the dataclass that has a field of that name, paths as text; a SettingsError lists all unknown names."""
    settings = {name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in settings.items()}
    homes = {field.name: kind for kind in kinds for field in fields(kind)}
    assert len(homes) == sum(len(fields(kind)) for kind in kinds), "two dataclasses have a field of the same name"
    unknown = [f"{name!r}. {did_you_mean(name, homes)}" for name in settings if name not in homes]
    if unknown:
        raise SettingsError(listed("These settings are not known:", unknown))
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return {kind: {name: value for name, value in plain.items() if homes[name] is kind} for kind in kinds}
