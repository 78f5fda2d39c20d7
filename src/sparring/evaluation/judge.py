"""Judging whatever a person names: runs, packed models, folders, zips, named data."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from sparring.core.console import console as plain_console
from sparring.core.errors import DataError, SettingsError
from sparring.core.hardware import keep_freed_memory
from sparring.core.parallel import progress_bar
from sparring.data.images.sizes_and_range import shared_range
from sparring.data.open_source import open_source
from sparring.data.preprocessing import Preprocessing, checked_background
from sparring.data.store import Store, prepare, store_at, usable_source
from sparring.evaluation import report
from sparring.evaluation.extractors import hash_of_tensors, open_extractor
from sparring.evaluation.feature_cache import see
from sparring.evaluation.image_sets import Images, of_source, of_store
from sparring.evaluation.scores import Judgment, judge_images
from sparring.games.game import Game
from sparring.games.latent_game import LatentGame
from sparring.inference.load import IMPORTED, load
from sparring.inference.model import Model
from sparring.inference.training_data import preprocessing_of, source_of, training_data
from sparring.media.pixels import float_to_pixels
from sparring.metrics.feature_arrays import checked
from sparring.metrics.frechet_distance import Gaussian, between
from sparring.nets.feature_extractors.resize import ResizeName
from sparring.runs.config import read_config
from sparring.runs.milestones import whereabouts
from sparring.runs.run_directory import RunDirectory

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
    split: str | None = None,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    out: Place | None = None,
    console: "Console | None" = None,
) -> Judgment:
    """Score images against real ones.

    `first`, `second`: a run, a packed model, prepared or named data, a folder, a zip. A model is judged against data, whichever
    comes first; of two alike, the first is judged against the second. A run by itself is judged against what it was trained on.
    `samples`: how many a model draws, with `seed` and `truncation` (see `Model.sample`), from `checkpoint`. `held_out`: real images
    that were not trained on, to tell copies by. `extractor`: "lite0", "inception", "classifier" or "timm:NAME"; `weights`: a file in
    place of its published ones; `exact`: float32 throughout for Inception. `out`: a folder for report.json and report.html.

    Data against data: each image goes from its own pixels to the extractor, the whole of it. Data against a model: the data is prepared as
    what the model learned from, so that both sides are alike. `split`, `value_range`, `max_pixels` (see `Preprocessing`): of data that is
    named.

    Raises a SparringError for anything a user can mend.
    """
    if samples < 1:
        raise SettingsError(f"samples must be at least 1, not {samples}.")
    refuse_checkpoint(checkpoint, first, second)
    keep_freed_memory()
    screen = console or plain_console()
    asked = Preprocessing(split=split, value_range=value_range, max_pixels=max_pixels)
    checked_background(asked)  # refuses wrong settings
    real, fake, others = _sides(first, second, held_out, lambda model: of_model(model, samples, seed, truncation), checkpoint, asked)
    store = _learned_by(first, second, checkpoint, asked) if extractor == "classifier" else None
    network = open_extractor(
        extractor, weights=None if weights is None else Path(weights), resize=resize, exact=exact, store=store, device=device
    )
    total = sum(images.count for images in (real, fake, others) if images is not None)
    if not screen.is_terminal:  # where there is no bar
        screen.print(f"Looking at {total:,} images ({network.name}); real ones are looked at once, and remembered.")
    with progress_bar(f"Looking at images ({network.name})", total, screen.is_terminal) as advance:
        judgment = judge_images(real, fake, network, held_out=others, advance=advance)
    if where := whereabouts_of(first, second):
        judgment = replace(judgment, sentences=(where, *judgment.sentences))
    if out is not None:
        report.write(judgment, Path(out))
    return judgment


def _sides(
    first: Judgeable,
    second: Judgeable | None,
    held_out: Store | Place | None,
    drawn: Callable[[Model], Images],
    checkpoint: str,
    asked: Preprocessing,
) -> tuple[Images, Images, Images | None]:
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
        return of_store(store, source_of(model), _brought(model.preprocessing, store)), fake, held
    return _prepared(data, like), fake, held


def _models(first: Judgeable, second: Judgeable | None, checkpoint: str) -> tuple[Model | None, Model | None, Judgeable | None]:
    """The model that is judged, the model that it is judged against, and the data that it is judged against, as far as there are such."""
    model = model_at(first, checkpoint)
    other = None if second is None else model_at(second, checkpoint)
    if model is None and other is not None:
        return other, None, first
    return model, other, None if other is not None else second


def _like(model: Model, asked: Preprocessing) -> Preprocessing:
    """How data becomes like what a model learned from."""
    own = preprocessing_of(model)
    return replace(own, split=asked.split, value_range=asked.value_range or own.value_range, max_pixels=asked.max_pixels or own.max_pixels)


def _as_they_are(places: Sequence[Judgeable], asked: Preprocessing) -> list[Images]:
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


def _prepared(place: Judgeable, preprocessing: Preprocessing) -> Images:
    """Data, prepared in that way."""
    store = _store_at(place)
    if store is not None:
        return of_store(store, str(store.folder))
    assert not isinstance(place, Model | Store)
    store = prepare(open_source(os.fspath(place), split=preprocessing.split), preprocessing, progress=plain_console().is_terminal)
    return of_store(store, str(place), _brought(preprocessing, store))


def _store_at(place: Judgeable) -> Store | None:
    """Prepared data, if that is what lies there."""
    if isinstance(place, Store):
        return place
    return None if isinstance(place, Model) else store_at(Path(place))


def _brought(preprocessing: Preprocessing, store: Store) -> str:
    """How prepared data became what it is, for a protocol."""
    ways = {"center": "the middle square of each cut out", "squash": "each squeezed to a square", "pad": "each padded to a square"}
    side = store.spec.height
    if (store.origins[:, :2] == side).all():
        return "as they are, which is what the model learned from"
    square = (store.origins[:, 0] == store.origins[:, 1]).all()
    return f"prepared as what the model learned from: {'' if square else f'{ways[preprocessing.crop]} and '}resized to {side}x{side}"


def _learned_by(first: Judgeable, second: Judgeable | None, checkpoint: str, asked: Preprocessing) -> Store:
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
    preprocessing = _like(model, asked) if model is not None else replace(asked, crop="squash")
    return prepare(open_source(os.fspath(place), split=asked.split), preprocessing, progress=plain_console().is_terminal)


def whereabouts_of(*places: Judgeable | None) -> str:
    """How far the first run among these is on the way to its next milestone, in a sentence; "" if there is none, or nothing is known."""
    for place in places:
        source = place.source if isinstance(place, Model) else place
        if isinstance(source, str | os.PathLike) and (run := RunDirectory(Path(source))).exists():
            where = whereabouts(run, read_config(run))
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


def of_model(model: Model, n: int, seed: int, truncation: float | None = None) -> Images:
    """Samples of a model; those of a conditional one are of every class in turn. A SettingsError for translators."""
    if not isinstance(model.game, LatentGame):
        raise SettingsError(
            f"{model.source} makes images of images, so it is judged by pairs or by two sets (sparring judge {model.source}, or "
            "sparring.judge_translations): a run by those that it held out, or by others that are named."
        )
    model.refuse_without_generator()

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for piece in model.sample_in_pieces(n, seed=seed, truncation=truncation):
            yield float_to_pixels(piece).cpu().numpy()

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        chosen = [model.sample(1, seed=seed, first=number, truncation=truncation) for number in numbers]
        return np.concatenate([float_to_pixels(image).cpu().numpy() for image in chosen])

    game = model.game
    labels = game.default_labels(seed, n).cpu().numpy() if game.conditional else None
    return Images(
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


class FrechetJudge:
    """Rates a game by the Fréchet distance of its samples (of one seed) to the data; the data is looked at once, and remembered."""

    def __init__(self, store: Store, extractor: str, samples: int, seed: int) -> None:
        if len(store) < 2:
            raise DataError("A single image has no covariance to judge by: train without evaluate_every.")
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
