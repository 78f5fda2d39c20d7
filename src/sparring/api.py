"""Floor 5: what a notebook imports. Train, resume, load, sample, interpolate, pack."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from jaxtyping import Float
from rich.console import Console
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

import sparring
from sparring import recipes
from sparring.core.errors import CheckpointError, SettingsError, did_you_mean, listed
from sparring.core.files import replacing
from sparring.core.runs import RunDirectory
from sparring.core.specs import ImageSpec
from sparring.data.source import open_source
from sparring.data.store import Preparation, Store, open_store, prepare
from sparring.game import Game, Recipe, check
from sparring.judge.sliced import sliced_wasserstein
from sparring.train import checkpoints
from sparring.train.settings import TrainSettings
from sparring.train.state import load_named, select

if TYPE_CHECKING:
    from sparring.train.session import Ending

SCORED_SAMPLES = 512
Kind = TypeVar("Kind")
BUDGETS = ("images", "steps", "minutes")


@dataclass
class Model:
    """A trained game, ready to draw."""

    game: Game
    recipe: Recipe
    source: Path
    """The run or file it was loaded from."""
    ending: "Ending | None" = None
    """How training ended, if it just did."""

    @property
    def spec(self) -> ImageSpec:
        """Size, channels and classes of what it draws."""
        return self.game.spec

    def label_of(self, label: str | int) -> int:
        """The number of a class given by name or number; a SettingsError says which there are."""
        classes = self.spec.classes
        if not self.game.conditional:
            raise SettingsError(
                f"{self.source} was trained without classes, so none can be asked for. "
                "Train with --condition concatenate on data that has classes."
            )
        if isinstance(label, str) and label in classes:
            return classes.index(label)
        try:
            number = int(label)
        except ValueError:
            raise SettingsError(f"There is no class {label!r}. {did_you_mean(str(label), classes)}") from None
        if not 0 <= number < len(classes):
            raise SettingsError(f"There is no class number {number}: they go from 0 ({classes[0]}) to {len(classes) - 1} ({classes[-1]}).")
        return number

    def sample(self, n: int, *, seed: int = 0, label: str | int | None = None, first: int = 0) -> Float[Tensor, "n c h w"]:
        """`n` pictures in [-1, 1]. Picture i of a seed is the same, to the bit, whatever `n` and `first` (where to start) are.
        `label`: the class of all of them, by name or number; by default every class in turn.
        """
        labels = None if label is None else torch.full((n,), self.label_of(label), device=self.game.device)
        return self.game.sample(n, seed, labels, first)

    def interpolate(
        self, seeds: Sequence[int] = (0, 1), *, labels: Sequence[str | int] | None = None, frames: int = 16
    ) -> Float[Tensor, "n c h w"]:
        """A walk through the first sample of each seed, `frames` pictures from one to the next, the last included; in [-1, 1].

        Latents move along great circles (spherical interpolation, White 2016). `labels`: a class for each seed, or
        one for all; between two classes their weights cross-fade.
        """
        if len(seeds) < 2 and (labels is None or len(labels) < 2):
            raise SettingsError("An interpolation needs two seeds or more, or two classes or more.")
        stops = max(len(seeds), len(labels or ()))
        if len(seeds) == 1:
            seeds = list(seeds) * stops
        numbers = None
        if labels is not None:
            numbers = [self.label_of(label) for label in labels]
            numbers = numbers * stops if len(numbers) == 1 else numbers
        elif self.game.conditional:
            numbers = [int(self.game.labels_of(seed, 1)) for seed in seeds]
        if len(seeds) != stops or (numbers is not None and len(numbers) != stops):
            raise SettingsError(
                f"{len(seeds)} seeds and {len(numbers or ())} classes do not pair up: give one class for each seed, or one for all."
            )
        latents = torch.stack([self.game.chunk_of_latents(seed, 0)[0] for seed in seeds])
        places = torch.linspace(0, stops - 1, (stops - 1) * frames + 1).tolist()
        path = torch.stack([_between(latents, place, spherical) for place in places])
        if numbers is None:
            return self.game.generate_chunked(path, None)
        conditions = self.game.condition(torch.tensor(numbers, device=self.game.device))
        assert conditions is not None
        return self.game.generate_chunked(path, torch.stack([_between(conditions, place, torch.lerp) for place in places]))


def spherical(start: Float[Tensor, " d"], end: Float[Tensor, " d"], share: float) -> Float[Tensor, " d"]:
    """The point at `share` (0 to 1) of the way from `start` to `end` along a great circle; lengths change evenly (Shoemake 1985)."""
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if torch.sin(angle) < 1e-4:
        return torch.lerp(start, end, share)
    directions = torch.sin((1 - share) * angle) * start / start.norm() + torch.sin(share * angle) * end / end.norm()
    return directions / torch.sin(angle) * torch.lerp(start.norm(), end.norm(), share)


def _between(stops: Tensor, place: float, walk: Callable[[Tensor, Tensor, float], Tensor]) -> Tensor:
    start = min(int(place), len(stops) - 2)
    return walk(stops[start], stops[start + 1], place - start)


# ---------------------------------------------------------------------------------------------- training


def train(
    recipe: str | Recipe,
    data: str | os.PathLike[str] | Store,
    out: str | os.PathLike[str],
    *,
    console: Console | None = None,
    **settings: object,
) -> Model:
    """Train a game from its beginning and give the model.

    `recipe`: a name, or a recipe with settings. `data`: whatever `open_source` takes, or a prepared store. `out`: the
    run directory to make. `settings`: fields of the recipe, of `TrainSettings` and of `Preparation`; unknown names are
    refused. Raises a SparringError for anything a user can mend. Ctrl-C saves and ends training early.
    """
    console = console or Console()
    run = RunDirectory(Path(out))
    if run.exists():
        raise SettingsError(f"{run.path} holds a run already. Go on with it: sparring resume {run.path}. Or choose another --out.")
    named = recipes.get(recipe) if isinstance(recipe, str) else type(recipe)
    chosen = sort_settings(settings, named, TrainSettings, Preparation)
    recipe = named(**chosen[named]) if isinstance(recipe, str) else replace(recipe, **chosen[named])
    asked = TrainSettings(**chosen[TrainSettings])
    return begin(run, recipe, data, Preparation(**chosen[Preparation]), asked, console)


def begin(
    run: RunDirectory,
    recipe: Recipe,
    data: str | os.PathLike[str] | Store,
    preparation: Preparation,
    settings: TrainSettings,
    console: Console,
) -> Model:
    """`train` with its settings sorted."""
    from sparring.train.session import resolve

    settings.check(recipe.batch_size)
    if settings.with_budget() is not settings:
        console.print(f"No budget given: training for {settings.with_budget().minutes:g} minutes.")
    settings = resolve(settings.with_budget())
    store = data if isinstance(data, Store) else prepared(data, recipe, preparation, console)
    check(recipe, store.spec)
    with run.locked():
        run.write_config(
            {
                "recipe": recipes.name_of(recipe),
                "recipe_settings": asdict(recipe),
                "train_settings": asdict(settings),
                "data": {
                    "source": located(data),
                    "preparation": asdict(preparation),
                    "spec": store.spec.to_json(),
                    "count": len(store),
                    "fingerprint": store.fingerprint,
                },
                "versions": {"sparring": sparring.__version__, "torch": torch.__version__, "python": platform.python_version()},
            }
        )
        return play_on(run, recipe, store, settings, console)


def located(data: str | os.PathLike[str] | Store) -> str:
    """How to find the data again from any working directory."""
    if isinstance(data, Store):
        return str(data.folder)
    return str(Path(data).resolve()) if Path(data).exists() else str(data)


def prepared(data: str | os.PathLike[str], recipe: Recipe, preparation: Preparation, console: Console) -> Store:
    """The store for such data, at the recipe's size unless one is named; what could not be used is said."""
    source = open_source(os.fspath(data))
    if preparation.size is None:
        preparation = replace(preparation, size=recipe.size_for(source.native_size))
    store = prepare(source, preparation, progress=console.is_terminal)
    console.print(f"{len(store):,} pictures of {store.spec} from {source.name}.", highlight=False)
    for line in store.report.lines():
        console.print(line, highlight=False, markup=False)
    return store


def play_on(run: RunDirectory, recipe: Recipe, store: Store, settings: TrainSettings, console: Console) -> Model:
    """Play the game of a run, from where it stands to the end of its budget."""
    from sparring.train.session import sit

    count = min(SCORED_SAMPLES, len(store))
    places = torch.linspace(0, len(store) - 1, count).long().numpy()
    real = store.batch(places).images.flatten(1)

    def distance(game: Game) -> float:
        return sliced_wasserstein(real, game.sample(count, settings.seed).flatten(1).cpu())

    ending = sit(run, recipe, lambda: recipe.build(store.spec), store, settings, distance, console)
    progress = ending.progress
    console.print(f"{'Done' if ending.reason == 'budget' else 'Stopped and saved'}: step {progress.step:,}, {progress.images:,} pictures.")
    if ending.reason == "stopped":
        console.print(f"Go on with: sparring resume {run.path}", highlight=False)
    return replace(load(run.path), ending=ending)


def resume(
    run: str | os.PathLike[str], *, data: str | os.PathLike[str] | Store | None = None, console: Console | None = None, **settings: object
) -> Model:
    """Go on with a run, exactly as if it had never been interrupted.

    `data`: where it lies now, if it was moved. `settings`: a longer budget (`images`, `steps`, `minutes`); any other
    setting is refused by name if it differs from the run's.
    """
    console = console or Console()
    directory = RunDirectory(Path(run))
    config = directory.read_config()
    named = recipes.get(config["recipe"])
    recipe, old = from_json(named, config["recipe_settings"]), from_json(TrainSettings, config["train_settings"])
    preparation = from_json(Preparation, config["data"]["preparation"])
    chosen = sort_settings(settings, named, TrainSettings, Preparation)
    longer = {name: chosen[TrainSettings].pop(name) for name in BUDGETS if name in chosen[TrainSettings]}
    problems = [
        f"{name}: the run has {getattr(ours, name)!r}, asked for was {value!r}"
        for ours in (recipe, old, preparation)
        for name, value in chosen[type(ours)].items()
        if getattr(ours, name) != value
    ]
    problems += [
        f"{name}: the run's budget is {before}, and {value} is not longer"
        for name, value in longer.items()
        if value is not None and (before := getattr(old, name)) is not None and value < before
    ]
    if problems:
        raise SettingsError(listed("A resumed run keeps its settings; only a longer budget may be given. These differ:", problems))
    new = replace(old, **(dict.fromkeys(BUDGETS) | longer)) if any(value is not None for value in longer.values()) else old
    place = config["data"]["source"] if data is None else data
    if isinstance(place, Store):
        store = place
    elif (Path(place) / "store.json").is_file():
        store = open_store(Path(place))
    else:
        store = prepared(place, recipe, preparation, console)
    if store.fingerprint != config["data"]["fingerprint"]:
        raise SettingsError(
            f"data: {place} is no longer what the run was trained on (fingerprint {store.fingerprint[:12]}, the run has "
            f"{config['data']['fingerprint'][:12]}; {len(store)} pictures, "
            f"the run has {config['data']['count']}). Restore it, or start a new run."
        )
    if config["versions"]["torch"] != torch.__version__:
        console.print(f"The run was begun with torch {config['versions']['torch']}, this is {torch.__version__}: the last bits may differ.")
    with directory.locked():
        new.check(recipe.batch_size)
        directory.write_config({**config, "train_settings": asdict(new)})
        return play_on(directory, recipe, store, new, console)


def sort_settings(settings: Mapping[str, object], *kinds: type) -> dict[type, dict[str, Any]]:
    """Settings by the dataclass that has a field of that name; a SettingsError lists all unknown names."""
    homes = {field.name: kind for kind in kinds for field in fields(kind)}
    unknown = [f"{name!r}. {did_you_mean(name, homes)}" for name in settings if name not in homes]
    if unknown:
        raise SettingsError(listed("These settings are not known:", unknown))
    return {kind: {name: value for name, value in settings.items() if homes[name] is kind} for kind in kinds}


def from_json(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """A dataclass of settings from JSON, where tuples have become lists; a CheckpointError lists names that are not its own."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType] (a dataclass)
    if unknown := sorted(set(values) - known):
        raise CheckpointError(
            f"Settings of {kind.__name__} that this version does not know: {', '.join(unknown)}. A newer version wrote them."
        )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


# --------------------------------------------------------------------------------------- models and files


def load(path: str | os.PathLike[str], *, checkpoint: str | int = "last") -> Model:
    """The model in a run directory (its moving average) or in a file that `pack` wrote.

    `checkpoint`: "last", "best" or the number of a step that is kept. Raises a CheckpointError that says what is wrong.
    """
    place = Path(path)
    if place.is_dir():
        return _load_run(RunDirectory(place), checkpoint)
    if not place.exists():
        raise CheckpointError(f"{place} does not exist. Give a run directory or a packed .safetensors file.")
    return _load_packed(place)


def _load_run(run: RunDirectory, checkpoint: str | int) -> Model:
    config = run.read_config()
    recipe = from_json(recipes.get(config["recipe"]), config["recipe_settings"])
    if checkpoint == "last":
        found = checkpoints.read_newest(run.checkpoints, say=lambda text: Console(stderr=True).print(text))
        if found is None:
            raise CheckpointError(f"{run.path} has no checkpoint yet.")
        tensors = found[0]
    else:
        kept = checkpoints.steps(run.checkpoints)
        step = checkpoints.best(run.checkpoints) if checkpoint == "best" else {str(step): step for step in kept}.get(str(checkpoint))
        if step is None:
            raise CheckpointError(
                f"{run.path} keeps no checkpoint {checkpoint}. There are: {', '.join(map(str, kept)) or 'none'}, last and best."
            )
        tensors, _ = checkpoints.read(run.checkpoints, step)
    average = dict(select(tensors, "average/"))
    return _model(recipe, ImageSpec.from_json(config["data"]["spec"]), dict(select(tensors, "game/")) | average, run.path)


def _load_packed(path: Path) -> Model:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["sparring"])
        tensors = load_file(path)
        name, settings, spec = about["recipe"], about["recipe_settings"], ImageSpec.from_json(about["spec"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as problem:
        raise CheckpointError(f"{path} is not a model that `sparring pack` wrote, or is damaged: {problem!r}") from None
    return _model(from_json(recipes.get(name), settings), spec, tensors, path)


def _model(recipe: Recipe, spec: ImageSpec, tensors: dict[str, Tensor], source: Path) -> Model:
    with torch.random.fork_rng(devices=[]):
        game = recipe.build(spec)
    for name, network in game.named_children():
        if name not in game.sampling_networks:
            network.to("meta")  # no memory for what is not used
    game.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch's stubs miss it)
    game.requires_grad_(False).eval()
    wanted = {name for name in game.state_dict() if name.partition(".")[0] in game.sampling_networks}
    missing = wanted - set(tensors)
    if missing:
        raise CheckpointError(
            listed(f"{source} does not hold all that its recipe needs to sample:", [f"missing: {name}" for name in sorted(missing)])
        )
    load_named(game, {name: tensor for name, tensor in tensors.items() if name in wanted}, wanted)
    return Model(game, recipe, source)


def pack(model: Model | str | os.PathLike[str], file: str | os.PathLike[str]) -> Path:
    """Write only what sampling needs (no discriminator, no optimiser) to one safetensors file that `load` reads. Gives its path."""
    model = model if isinstance(model, Model) else load(model)
    path = Path(file)
    game = model.game
    tensors = {name: tensor.contiguous() for name, tensor in game.state_dict().items() if name.partition(".")[0] in game.sampling_networks}
    about = {"recipe": recipes.name_of(model.recipe), "recipe_settings": asdict(model.recipe), "spec": model.spec.to_json()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"sparring": json.dumps(about)})
    return path
