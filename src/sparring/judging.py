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
from sparring.core.errors import DataError, SettingsError, SparringError, missing_extra
from sparring.core.files import read_json, write_bytes
from sparring.core.machine import keep_freed_memory
from sparring.core.runs import RunDirectory
from sparring.core.terminal import console as plain_console
from sparring.data.source import open_source
from sparring.data.store import Preparation, Store, prepare, store_at
from sparring.data.workers import progress_bar
from sparring.game import Game, LatentGame
from sparring.judge import report
from sparring.judge.arrays import checked
from sparring.judge.comparison import Judged, Line, markdown, plot, ranked
from sparring.judge.extractors import open_extractor
from sparring.judge.frechet import Gaussian, between
from sparring.judge.pictures import Pictures, of_store
from sparring.judge.resize import ResizeName
from sparring.judge.scores import Judgement, judge_pictures
from sparring.judge.seen import see
from sparring.loading import IMPORTED, described, from_json, load
from sparring.milestones import whereabouts
from sparring.models import Model
from sparring.train import checkpoints
from sparring.train.settings import TrainSettings
from sparring.trained_on import preparation_of, source_of, training_data

if TYPE_CHECKING:
    from rich.console import Console

Place = str | os.PathLike[str]
Judgeable = Model | Store | Place
DEFAULT_SAMPLES = 10_000


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
    out: Place | None = None,
    console: "Console | None" = None,
) -> Judgement:
    """Score pictures against real ones.

    `first`, `second`: a run, a packed model, prepared or named data, a folder, a zip. A model is judged against data, whichever
    comes first; of two alike, the first is judged against the second. A run by itself is judged against what it was trained on.
    `samples`: how many a model draws, with `seed` and `truncation` (see `Model.sample`), from `checkpoint`. `held_out`: real pictures
    that were not trained on, to tell copies by. `extractor`: "lite0", "inception", "classifier" or "timm:NAME"; `weights`: a file in
    place of its published ones; `exact`: float32 throughout for Inception. `out`: a folder for report.json and report.html.

    Raises a SparringError for anything a user can mend.
    """
    if samples < 1:
        raise SettingsError(f"samples must be at least 1, not {samples}.")
    refuse_checkpoint(checkpoint, first, second)
    keep_freed_memory()
    screen = console or plain_console()
    store, real, fake = _sides(first, second, lambda model: of_model(model, samples, seed, truncation), checkpoint)
    network = open_extractor(
        extractor, weights=None if weights is None else Path(weights), resize=resize, exact=exact, store=store, device=device
    )
    others = None if held_out is None else _data(held_out, _like(real, first, second, checkpoint))[1]
    total = sum(pictures.count for pictures in (real, fake, others) if pictures is not None)
    with progress_bar(f"Looking at pictures ({network.name})", total, screen.is_terminal) as advance:
        judgement = judge_pictures(real, fake, network, held_out=others, advance=advance)
    if where := whereabouts_of(first, second):
        judgement = replace(judgement, sentences=(where, *judgement.sentences))
    if out is not None:
        report.write(judgement, Path(out))
    return judgement


def _sides(
    first: Judgeable, second: Judgeable | None, drawn: Callable[[Model], Pictures], checkpoint: str
) -> tuple[Store | None, Pictures, Pictures]:
    """The real side's store, if it has one, the real side and the fake side."""
    model = model_at(first, checkpoint)
    other = None if second is None else model_at(second, checkpoint)
    if model is None and other is not None:
        model, other, second = other, None, first
    if model is None:
        if second is None:
            _data(first)  # says so if there is nothing
            raise SettingsError(f"{first} is data: name what it is judged against, too.")
        return *_data(second), _data(first)[1]
    fake = drawn(model)
    if other is not None:
        return None, drawn(other), fake
    if second is None:
        store = training_data(model)
        return store, of_store(store, source_of(model)), fake
    return *_data(second, preparation_of(model)), fake


def whereabouts_of(*places: Judgeable | None) -> str:
    """How far the first run among these is on the way to its next milestone, in a sentence; "" if there is none, or nothing is known."""
    for place in places:
        source = place.source if isinstance(place, Model) else place
        if isinstance(source, str | os.PathLike) and (run := RunDirectory(Path(source))).exists():
            where = whereabouts(run, run.read_config())
            return "" if where is None else f"{'Young' if where.young else 'Not at its end'}: {where.sentence}"
    return ""


def _like(real: Pictures, first: Judgeable, second: Judgeable | None, checkpoint: str) -> Preparation:
    """How held-out pictures become like the real ones: as a run says, or else with their size and channels."""
    for place in (first, second):
        model = None if place is None else model_at(place, checkpoint)
        if model is not None:
            return preparation_of(model)
    return Preparation(size=real.spec.height, channels=real.spec.channels)  # pyright: ignore[reportArgumentType] (1, 3 or 4)


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
    return Pictures(str(model.source), n, model.spec, batches, pick, labels, seed=seed, step=model.step, truncation=truncation)


def _data(place: Judgeable, preparation: Preparation | None = None) -> tuple[Store, Pictures]:
    """Data, prepared that way (None: at its own size)."""
    if isinstance(place, Store):
        return place, of_store(place, str(place.folder))
    assert not isinstance(place, Model)
    store = store_at(Path(place)) or prepare(open_source(os.fspath(place)), preparation, progress=plain_console().is_terminal)
    return store, of_store(store, str(place))


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

    Each is judged as by `judge`, unless its report.json says it was judged so since its last step. `out`: a .md file for the
    table, or a .png, .pdf or .svg for a plot.
    """
    screen = console or plain_console()
    _refuse_output(out)
    directories = [RunDirectory(Path(run)) for run in runs]
    if not runs or len({directory.path.resolve() for directory in directories}) < len(runs):
        raise SettingsError("Name the runs to compare, each once.")
    configs = [directory.read_config() for directory in directories]
    names = [name_of_run(config, directory.path) for config, directory in zip(configs, directories, strict=True)]
    data = {config["data"]["fingerprint"]: config["data"]["source"] for config in configs}
    if len(data) > 1:
        raise SettingsError(f"These runs were trained on different data, so no score compares them: {', '.join(data.values())}.")
    found = []
    for directory, config, name in zip(directories, configs, names, strict=True):
        asked = {"n_fake": samples, "seed": seed, "truncation": None, "extractor": extractor}
        scores = _kept_scores(directory, config["data"]["fingerprint"], asked) if checkpoint == "last" else None
        if scores is None:
            screen.print(f"Judging {directory.path} ...")
            judgement = judge(
                directory.path, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, out=directory.path, console=console
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
    """The scores in a run's report.json, if its last step was judged as `asked` against its own data, in the usual way."""
    if asked["extractor"] == "classifier":
        return None
    usual = asked | open_extractor(asked["extractor"]).identity()
    try:
        kept = read_json(run.path / report.JSON)
        first = kept["scores"][0]
        fresh = kept["fake"]["step"] == checkpoints.newest_progress(run.checkpoints).step and kept["real"]["fingerprint"] == fingerprint
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
