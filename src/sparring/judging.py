"""Floor 5: judging whatever a person names: runs, packed models, folders, zips, named data."""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from sparring.core.batch import float_to_pixels
from sparring.core.errors import DataError, SettingsError, SparringError, listed, missing_extra
from sparring.core.files import read_json, write_bytes
from sparring.core.machine import keep_freed_memory
from sparring.core.runs import RunDirectory
from sparring.core.terminal import console as plain_console
from sparring.data.preparation import Preparation, checked_background
from sparring.data.source import open_source
from sparring.data.store import Store, prepare, store_at, usable_source
from sparring.data.survey import shared_range
from sparring.data.workers import progress_bar
from sparring.game import Game, LatentGame
from sparring.judge import report
from sparring.judge.arrays import checked
from sparring.judge.comparison import Judged, Line, markdown, plot, ranked
from sparring.judge.extractors import hash_of_tensors, open_extractor
from sparring.judge.frechet import Gaussian, between
from sparring.judge.pictures import Pictures, of_source, of_store
from sparring.judge.resize import ResizeName
from sparring.judge.scores import Judgement, judge_pictures
from sparring.judge.seen import see
from sparring.loading import IMPORTED, described, from_json, load
from sparring.milestones import whereabouts
from sparring.models import Model
from sparring.train import checkpoints
from sparring.train.settings import TrainSettings
from sparring.trained_on import preparation_of, source_of, training_data
from sparring.translation import TranslationRecipe

if TYPE_CHECKING:
    from rich.console import Console

Place = str | os.PathLike[str]
Judgeable = Model | Store | Place
DEFAULT_SAMPLES = 10_000
COMPARISON = "comparison"
"""The folder of a run for what a comparison found of it."""


def judge(
    first: Judgeable,
    second: Judgeable | None = None,
    *,
    extractor: str = "lite0",
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    truncation: float | None = None,
    checkpoint: str = "last",
    held_out: Store | Place | None = None,
    weights: Place | None = None,
    resize: ResizeName | None = None,
    exact: bool = False,
    device: str = "cpu",
    split: str | None = None,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    out: Place | None = None,
    console: "Console | None" = None,
) -> Judgement:
    """Score pictures against real ones.

    `first`, `second`: a run, a packed model, prepared or named data, a folder, a zip. A model is judged against data, whichever
    comes first; of two alike, the first is judged against the second. A run by itself is judged against what it was trained on.
    `samples`: how many a model draws, with `seed` and `truncation` (see `Model.sample`), from `checkpoint`. `held_out`: real pictures
    that were not trained on, to tell copies by. `extractor`: "lite0", "inception", "classifier" or "timm:NAME"; `weights`: a file in
    place of its published ones; `exact`: float32 throughout for Inception. `out`: a folder for report.json and report.html.

    Data against data: each image goes from its own pixels to the extractor, the whole of it. Data against a model: the data is prepared as
    what the model learned from, so that both sides are alike. `split`, `value_range`, `max_pixels` (see `Preparation`): of data that is
    named.

    Raises a SparringError for anything a user can mend.
    """
    if samples < 1:
        raise SettingsError(f"samples must be at least 1, not {samples}.")
    refuse_checkpoint(checkpoint, first, second)
    keep_freed_memory()
    screen = console or plain_console()
    asked = Preparation(split=split, value_range=value_range, max_pixels=max_pixels)
    checked_background(asked)  # refuses wrong settings
    real, fake, others = _sides(first, second, held_out, lambda model: of_model(model, samples, seed, truncation), checkpoint, asked)
    store = _learned_by(first, second, checkpoint, asked) if extractor == "classifier" else None
    network = open_extractor(
        extractor, weights=None if weights is None else Path(weights), resize=resize, exact=exact, store=store, device=device
    )
    total = sum(pictures.count for pictures in (real, fake, others) if pictures is not None)
    if not screen.is_terminal:  # where there is no bar
        screen.print(f"Looking at {total:,} images ({network.name}); real ones are looked at once, and remembered.")
    with progress_bar(f"Looking at pictures ({network.name})", total, screen.is_terminal) as advance:
        judgement = judge_pictures(real, fake, network, held_out=others, advance=advance)
    if where := whereabouts_of(first, second):
        judgement = replace(judgement, sentences=(where, *judgement.sentences))
    if out is not None:
        report.write(judgement, Path(out))
    return judgement


def _sides(
    first: Judgeable,
    second: Judgeable | None,
    held_out: Store | Place | None,
    drawn: Callable[[Model], Pictures],
    checkpoint: str,
    asked: Preparation,
) -> tuple[Pictures, Pictures, Pictures | None]:
    """The real side, the fake side, and held-out real images, if there are any."""
    model, other, data = _models(first, second, checkpoint)
    if model is None:
        if second is None:
            _as_they_are([first], asked)  # says so if there is nothing
            raise SettingsError(f"{first} is data: name what it is judged against, too.")
        fake, real, *held = _as_they_are([first, second, *([] if held_out is None else [held_out])], asked)
        return real, fake, held[0] if held else None
    fake = drawn(model)  # refuses translators
    like = _like(model, asked)
    held = None if held_out is None else _prepared(held_out, like)
    if other is not None:
        return drawn(other), fake, held
    if data is None:
        store = training_data(model)
        return of_store(store, source_of(model), _brought(model.preparation, store)), fake, held
    return _prepared(data, like), fake, held


def _models(first: Judgeable, second: Judgeable | None, checkpoint: str) -> tuple[Model | None, Model | None, Judgeable | None]:
    """The model that is judged, the model that it is judged against, and the data that it is judged against, as far as there are such."""
    model = model_at(first, checkpoint)
    other = None if second is None else model_at(second, checkpoint)
    if model is None and other is not None:
        return other, None, first
    return model, other, None if other is not None else second


def _like(model: Model, asked: Preparation) -> Preparation:
    """How data becomes like what a model learned from."""
    own = preparation_of(model)
    return replace(own, split=asked.split, value_range=asked.value_range or own.value_range, max_pixels=asked.max_pixels or own.max_pixels)


def _as_they_are(places: Sequence[Judgeable], asked: Preparation) -> list[Pictures]:
    """Data, each image as it is; what was prepared already, as it was prepared. All share one range of values."""
    stores = [_store_at(place) for place in places]
    sources = {
        number: usable_source(open_source(os.fspath(place), split=asked.split), asked)
        for number, (place, store) in enumerate(zip(places, stores, strict=True))
        if store is None and isinstance(place, str | os.PathLike)
    }
    black_white = shared_range(list(sources.values()), asked)
    return [
        of_source(sources[number], asked, black_white) if store is None else of_store(store, str(store.folder))
        for number, store in enumerate(stores)
    ]


def _prepared(place: Judgeable, preparation: Preparation) -> Pictures:
    """Data, prepared in that way."""
    store = _store_at(place)
    if store is not None:
        return of_store(store, str(store.folder))
    assert not isinstance(place, Model | Store)
    store = prepare(open_source(os.fspath(place), split=preparation.split), preparation, progress=plain_console().is_terminal)
    return of_store(store, str(place), _brought(preparation, store))


def _store_at(place: Judgeable) -> Store | None:
    """Prepared data, if that is what lies there."""
    if isinstance(place, Store):
        return place
    return None if isinstance(place, Model) else store_at(Path(place))


def _brought(preparation: Preparation, store: Store) -> str:
    """How prepared data became what it is, for a protocol."""
    ways = {"centre": "the middle square of each cut out", "squash": "each squeezed to a square", "pad": "each padded to a square"}
    side = store.spec.height
    if (store.origins[:, :2] == side).all():
        return "as they are, which is what the model learned from"
    square = (store.origins[:, 0] == store.origins[:, 1]).all()
    return f"prepared as what the model learned from: {'' if square else f'{ways[preparation.crop]} and '}resized to {side}x{side}"


def _learned_by(first: Judgeable, second: Judgeable | None, checkpoint: str, asked: Preparation) -> Store:
    """The real data, for the extractor that learns its classes."""
    model, other, data = _models(first, second, checkpoint)
    if other is not None:
        raise SettingsError("The extractor 'classifier' learns the classes of real data, and here are two models: take another extractor.")
    if model is not None and data is None:
        return training_data(model)
    place = second if data is None else data
    assert place is not None
    if (store := _store_at(place)) is not None:
        return store
    assert not isinstance(place, Model | Store)
    preparation = _like(model, asked) if model is not None else replace(asked, crop="squash")
    return prepare(open_source(os.fspath(place), split=asked.split), preparation, progress=plain_console().is_terminal)


def whereabouts_of(*places: Judgeable | None) -> str:
    """How far the first run among these is on the way to its next milestone, in a sentence; "" if there is none, or nothing is known."""
    for place in places:
        source = place.source if isinstance(place, Model) else place
        if isinstance(source, str | os.PathLike) and (run := RunDirectory(Path(source))).exists():
            where = whereabouts(run, run.read_config())
            return "" if where is None else f"{'Young' if where.young else 'Not at its end'}: {where.sentence}"
    return ""


def model_at(place: Judgeable, checkpoint: str = "last") -> Model | None:
    """The model that is meant, or None if it is data."""
    if isinstance(place, Model):
        return place
    if isinstance(place, Store):
        return None
    path = Path(place)
    is_run = RunDirectory(path).exists()
    is_model = is_run or (path / IMPORTED).is_file() or (path.suffix == ".safetensors" and path.is_file())
    return load(path, checkpoint=checkpoint if is_run else "last") if is_model else None


def refuse_checkpoint(checkpoint: str, *places: Judgeable | None) -> None:
    """Raise a SettingsError if a checkpoint is named and none of these is a run, which alone has several (or a model, loaded already)."""
    runs = (isinstance(place, Model) or (isinstance(place, str | os.PathLike) and RunDirectory(Path(place)).exists()) for place in places)
    if checkpoint != "last" and not any(runs):
        raise SettingsError(f"There is no run here to take checkpoint {checkpoint} of: leave --checkpoint out.")


def of_model(model: Model, n: int, seed: int, truncation: float | None = None) -> Pictures:
    """Samples of a model; those of a conditional one are of every class in turn. A SettingsError for translators."""
    if not isinstance(model.game, LatentGame):
        raise SettingsError(
            f"{model.source} makes pictures of pictures, so it is judged by pairs or by two sets (sparring judge {model.source}, or "
            "sparring.judge_translations): a run by those that it held out, or by others that are named."
        )
    model.refuse_without_generator()

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for piece in model.sample_in_pieces(n, seed=seed, truncation=truncation):
            yield float_to_pixels(piece).cpu().numpy()

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        chosen = [model.sample(1, seed=seed, first=number, truncation=truncation) for number in numbers]
        return np.concatenate([float_to_pixels(picture).cpu().numpy() for picture in chosen])

    game = model.game
    labels = game.labels_of(seed, n).cpu().numpy() if game.conditional else None
    return Pictures(
        str(model.source),
        n,
        model.spec.classes,
        batches,
        pick,
        labels,
        seed=seed,
        step=model.step,
        weights=_weights_of(model),
        truncation=truncation,
        brought="as the generator draws them",
    )


def _weights_of(model: Model) -> str:
    """The first figures of the SHA-256 of the weights that draw."""
    networks = model.game.sampling_networks
    return hash_of_tensors({name: tensor for name, tensor in model.game.state_dict().items() if name.partition(".")[0] in networks})


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
            judgement = judge(
                directory.path, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, out=folder, console=console
            )
            scores = {score.name: score.value for score in judgement.scores}
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
            configs.append(directory.read_config())
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
    settings = asdict(recipe) | {name: getattr(training, name) for name in ("images", "steps", "minutes", "gradient_accumulation")}
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


class FrechetJudge:
    """Rates a game by the Fréchet distance of its samples (of one seed) to the data; the data is looked at once, and remembered."""

    def __init__(self, store: Store, extractor: str, samples: int, seed: int) -> None:
        if len(store) < 2:
            raise DataError("A single picture has no covariance to judge by: train without judge_every.")
        self.store, self.extractor, self.samples, self.seed = store, open_extractor(extractor, store=store), samples, seed

    @cached_property
    def real(self) -> Gaussian:
        """The data, as the extractor sees it."""
        return Gaussian.of(see(of_store(self.store, "training data"), self.extractor).rows)

    def __call__(self, game: Game) -> dict[str, Any]:
        """The score and its protocol; lower is better."""
        assert isinstance(game, LatentGame), "translators are judged in another way"
        pieces = (range(first, min(first + 256, self.samples)) for first in range(0, self.samples, 256))
        batches = (float_to_pixels(game.sample(len(piece), self.seed, first=piece.start)).cpu().numpy() for piece in pieces)
        rows = checked(self.extractor.extract(batches).rows, "features of samples")
        return {
            "name": self.extractor.score_name("FD"),
            "value": between(self.real, Gaussian.of(rows)),
            "real": self.real.n,
            "generated": self.samples,
            "seed": self.seed,
            **self.extractor.identity(),
        }
