"""`sparring judge`: scores a model's samples, or a set of images, against real images."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from sparring.core.console import console as plain_console
from sparring.core.errors import DataError, SettingsError
from sparring.core.hardware import keep_freed_memory
from sparring.core.parallel_map import progress_bar
from sparring.data.images.image_labels import values_of_labels
from sparring.data.images.sizes_and_range import shared_range
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare, usable_source
from sparring.data.preprocessing import Preprocessing, check_and_parse_background
from sparring.data.store import Store, open_store_if_present
from sparring.evaluation import report
from sparring.evaluation.feature_cache import load_or_extract_features
from sparring.evaluation.image_sets import ImageSet, columns_of, image_set_from_source, image_set_from_store
from sparring.evaluation.judgment import Judgment, judge_images
from sparring.evaluation.open_extractor import hash_of_tensors, open_extractor
from sparring.games.capabilities import MakesMusic, MakesOrders, MakesRecords, Samples, SimulatesSeries
from sparring.games.game import Game
from sparring.inference.data_of_model import preprocessing_of, source_of, training_data
from sparring.inference.load import IMPORTED, load
from sparring.inference.model import Model
from sparring.media.pixel_range import float_to_pixels
from sparring.metrics.feature_arrays import check_features
from sparring.metrics.frechet_distance import Gaussian, gaussian_frechet_distance
from sparring.nets.feature_extractors.resize import ResizeName
from sparring.runs.config import read_config
from sparring.runs.run_directory import RunDirectory
from sparring.runs.run_progress import next_milestone

if TYPE_CHECKING:
    from rich.console import Console

PathLike = str | os.PathLike[str]
Judgeable = Model | Store | PathLike
"""What can be judged: a model, prepared data, or the path or name of a run, a model or data."""
DEFAULT_SAMPLES = 10_000
SCORING_CHUNK = 256
"""Number of samples that `FrechetScorer` generates at once."""


def judge(
    first: Judgeable,
    second: Judgeable | None = None,
    *,
    extractor: str = "lite0",
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    truncation: float | None = None,
    checkpoint: str = "last",
    held_out: Store | PathLike | None = None,
    weights: PathLike | None = None,
    resize: ResizeName | None = None,
    exact: bool = False,
    device: str = "cpu",
    split: str | None = None,
    value_range: tuple[float, float] | None = None,
    max_pixels: int | None = None,
    out: PathLike | None = None,
    console: "Console | None" = None,
) -> Judgment:
    """Score images against real images.

    `first` and `second` are each a run, a packed model, prepared or named data, a folder or a zip. A model is judged against data in
    either order; of two models or two data sets, the first is judged against the second. A run alone is judged against its training data.

    `samples` is the number of images that a model generates, with `seed` and `truncation` (see `Model.sample`), from `checkpoint`. It does
    not limit the real side: all real images are used, and their features are extracted on first use and then cached. `held_out` names real
    images that were not trained on, as a reference for memorization. `extractor` is "lite0", "inception", "classifier" or "timm:NAME";
    `weights` is a file that replaces its published weights; `exact` keeps Inception in float32. `out` is a folder for report.json and
    report.html.

    When data is judged against data, each whole image goes from its own pixels to the extractor. When a model is judged, the data is
    prepared in the same way as the model's training data. `split`, `value_range` and `max_pixels` (see `Preprocessing`) apply to named
    data.

    Raises a SparringError for everything that the user can fix.
    """
    if samples < 1:
        raise SettingsError(f"samples must be at least 1, not {samples}.")
    check_checkpoint_option(checkpoint, first, second)
    keep_freed_memory()
    screen = console or plain_console()
    requested = Preprocessing(split=split, value_range=value_range, max_pixels=max_pixels)
    check_and_parse_background(requested)  # raises for invalid settings
    sampling = {"n": samples, "seed": seed, "truncation": truncation}
    real, fake, reference = _open_sides(first, second, held_out, sampling, checkpoint, requested)
    store = _classifier_data(first, second, checkpoint, requested) if extractor == "classifier" else None
    network = open_extractor(
        extractor, weights=None if weights is None else Path(weights), resize=resize, exact=exact, store=store, device=device
    )
    total = sum(images.count for images in (real, fake, reference) if images is not None)
    if not screen.is_terminal:  # no progress bar is shown
        screen.print(
            f"Extracting {network.name} features of {fake.count:,} judged and {total - fake.count:,} real images. Those of real images are "
            "cached for the next time."
        )
    with progress_bar(f"Extracting features ({network.name})", total, screen.is_terminal) as advance:
        judgment = judge_images(real, fake, network, held_out=reference, advance=advance)
    if milestone := milestone_sentence(first, second):
        judgment = replace(judgment, sentences=(milestone, *judgment.sentences))
    if out is not None:
        report.write_report(judgment, Path(out))
    return judgment


def _open_sides(
    first: Judgeable,
    second: Judgeable | None,
    held_out: Store | PathLike | None,
    sampling: dict[str, Any],
    checkpoint: str,
    requested: Preprocessing,
) -> tuple[ImageSet, ImageSet, ImageSet | None]:
    """The real images, the judged images, and held-out real images or None. `sampling`: arguments of `image_set_from_model`."""
    model, other, data = _open_models(first, second, checkpoint)
    if model is None:
        if second is None:
            open_unprocessed([first], requested)  # raises if there is no such data
            raise SettingsError(f"{first} is data: name what it is judged against, too.")
        fake, real, *held = open_unprocessed([first, second, *([] if held_out is None else [held_out])], requested)
        return real, fake, held[0] if held else None
    fake = image_set_from_model(model, **sampling)  # raises for translators
    preprocessing = _preprocessing_like(model, requested)
    held = None if held_out is None else _open_prepared(held_out, preprocessing)
    if other is not None:
        return image_set_from_model(other, **sampling), fake, held
    if data is None:
        store = training_data(model)
        return image_set_from_store(store, source_of(model), _describe_preparation(model.preprocessing, store)), fake, held
    return _open_prepared(data, preprocessing), fake, held


def _open_models(first: Judgeable, second: Judgeable | None, checkpoint: str) -> tuple[Model | None, Model | None, Judgeable | None]:
    """The judged model, the model it is judged against, and the data it is judged against; None for those that do not exist."""
    model = load_if_model(first, checkpoint)
    other = None if second is None else load_if_model(second, checkpoint)
    if model is None and other is not None:
        return other, None, first
    return model, other, None if other is not None else second


def _preprocessing_like(model: Model, requested: Preprocessing) -> Preprocessing:
    """The preprocessing of a model's training data, with the requested split, value range and pixel limit."""
    own = preprocessing_of(model)
    return replace(
        own, split=requested.split, value_range=requested.value_range or own.value_range, max_pixels=requested.max_pixels or own.max_pixels
    )


def open_unprocessed(data: Sequence[Judgeable], requested: Preprocessing) -> list[ImageSet]:
    """Data sets whose images keep their own sizes; prepared data stays as it was prepared. All share one value range."""
    stores = [_open_if_store(each) for each in data]
    sources = {
        index: usable_source(open_source(os.fspath(each), split=requested.split), requested)
        for index, (each, store) in enumerate(zip(data, stores, strict=True))
        if store is None and isinstance(each, str | os.PathLike)
    }
    black_white = shared_range(list(sources.values()), requested)
    return [
        image_set_from_source(sources[index], requested, black_white) if store is None else image_set_from_store(store, str(store.folder))
        for index, store in enumerate(stores)
    ]


def _open_prepared(data: Judgeable, preprocessing: Preprocessing) -> ImageSet:
    """Data, prepared with `preprocessing` unless it is prepared already."""
    store = _open_if_store(data)
    if store is not None:
        return image_set_from_store(store, str(store.folder))
    assert isinstance(data, str | os.PathLike)
    store = prepare(open_source(os.fspath(data), split=preprocessing.split), preprocessing, progress=plain_console().is_terminal)
    return image_set_from_store(store, str(data), _describe_preparation(preprocessing, store))


def _open_if_store(data: Judgeable) -> Store | None:
    """Prepared data, or None if `data` is a model or has to be prepared first."""
    if isinstance(data, str | os.PathLike):
        return open_store_if_present(Path(data))
    return None if isinstance(data, Model) else data


def _describe_preparation(preprocessing: Preprocessing, store: Store) -> str:
    """How data was prepared, for a protocol."""
    heights, widths = store.origins[:, 0], store.origins[:, 1]
    if (heights == store.spec.height).all() and (widths == store.spec.width).all():
        return "unchanged, like the model's training data"
    resolution, square = store.spec.resolution, store.spec.width == store.spec.height
    shape = "a square" if square else "that proportion"
    done = {
        "center": "each cropped to its central square" if square else f"each cropped to the proportion of {resolution}",
        "squash": f"each squeezed to {shape}",
        "pad": f"each padded to {shape}",
        "random": f"{'squares' if square else 'pieces'} cut out of each at random places",
    }[preprocessing.crop]
    alike = (heights * store.spec.width == widths * store.spec.height).all()
    return f"prepared like the model's training data: {'' if alike else f'{done} and '}resized to {resolution}"


def _classifier_data(first: Judgeable, second: Judgeable | None, checkpoint: str, requested: Preprocessing) -> Store:
    """The real data, for the extractor that is trained on its classes. Raises a SettingsError if two models are compared."""
    model, other, data = _open_models(first, second, checkpoint)
    if other is not None:
        raise SettingsError(
            "The extractor 'classifier' is trained on the classes of real data, but two models are given here: choose another extractor."
        )
    if model is not None and data is None:
        return training_data(model)
    real = second if data is None else data
    assert real is not None
    if (store := _open_if_store(real)) is not None:
        return store
    assert isinstance(real, str | os.PathLike)
    preprocessing = _preprocessing_like(model, requested) if model is not None else replace(requested, crop="squash")
    return prepare(open_source(os.fspath(real), split=requested.split), preprocessing, progress=plain_console().is_terminal)


def milestone_sentence(*judged: Judgeable | None) -> str:
    """How far the first run among `judged` is from its next milestone, as a sentence; "" if there is no run or no milestone ahead."""
    for each in judged:
        source = each.source if isinstance(each, Model) else each
        if isinstance(source, str | os.PathLike) and (run := RunDirectory(Path(source))).exists():
            milestone = next_milestone(run, read_config(run))
            return "" if milestone is None else f"{'Young' if milestone.young else 'Not at its end'}: {milestone.sentence}"
    return ""


def load_if_model(judged: Judgeable, checkpoint: str = "last") -> Model | None:
    """The model at a path (a run, or a packed or imported model), or None if there is data instead."""
    if isinstance(judged, Model):
        return judged
    if not isinstance(judged, str | os.PathLike):
        return None
    path = Path(judged)
    is_run = RunDirectory(path).exists()
    is_model = is_run or (path / IMPORTED).is_file() or (path.suffix == ".safetensors" and path.is_file())
    return load(path, checkpoint=checkpoint if is_run else "last") if is_model else None


def check_checkpoint_option(checkpoint: str, *judged: Judgeable | None) -> None:
    """Raise a SettingsError if a checkpoint is named but none of `judged` is a run (or a model that is loaded already)."""
    has_checkpoints = (
        isinstance(each, Model) or (isinstance(each, str | os.PathLike) and RunDirectory(Path(each)).exists()) for each in judged
    )
    if checkpoint != "last" and not any(has_checkpoints):
        raise SettingsError(f"Checkpoint {checkpoint} was requested, but nothing that is judged is a run: leave --checkpoint out.")


def image_set_from_model(model: Model, n: int, seed: int, truncation: float | None = None) -> ImageSet:
    """`n` samples of a model; a conditional model generates its classes in turn. Raises a SettingsError for translators."""
    if isinstance(model.game, MakesOrders):
        raise SettingsError(
            f"{model.source} makes order lines, so it is judged by those: sparring judge {model.source} (in Python: "
            "sparring.evaluation.judge_order_sources.judge_orders_model)."
        )
    if isinstance(model.game, MakesMusic):
        raise SettingsError(
            f"{model.source} makes phrases of music, so it is judged by those: sparring judge {model.source} (in Python: "
            "sparring.evaluation.judge_music_sources.judge_music_model)."
        )
    if isinstance(model.game, SimulatesSeries):
        raise SettingsError(
            f"{model.source} makes paths of a series, so it is judged by those: sparring judge {model.source} (in Python: "
            "sparring.evaluation.judge_series_sources.judge_series_model)."
        )
    if isinstance(model.game, MakesRecords):
        raise SettingsError(
            f"{model.source} makes patients of health records, so it is judged by those: sparring judge {model.source} (in Python: "
            "sparring.evaluation.judge_records_sources.judge_records_model)."
        )
    if not isinstance(model.game, Samples):
        raise SettingsError(
            f"{model.source} translates images, so it is judged by pairs or by two sets (sparring judge {model.source}, or "
            "sparring.judge_translations): a run by its held-out images, or by others that you name."
        )
    model.refuse_without_generator()

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for samples in model.sample_in_pieces(n, seed=seed, truncation=truncation):
            yield float_to_pixels(samples).cpu().numpy()

    def pick(indices: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        chosen = [model.sample(1, seed=seed, first=index, truncation=truncation) for index in indices]
        return np.concatenate([float_to_pixels(image).cpu().numpy() for image in chosen])

    game = model.latent_game
    labels = game.default_labels(seed, n).cpu().numpy() if game.conditional else None
    several = getattr(model.spec, "labels", ()) if labels is not None else ()
    columns = columns_of(several, values_of_labels(several, labels)) if several and labels is not None else ()
    return ImageSet(
        str(model.source),
        n,
        model.spec.classes,
        batches,
        pick,
        None if several else labels,
        columns,
        seed=seed,
        step=model.step,
        weights=sampling_weights_hash(model),
        truncation=truncation,
        provenance="as generated",
    )


def sampling_weights_hash(model: Model) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the weights that generate samples."""
    networks = model.game.sampling_networks
    return hash_of_tensors({name: tensor for name, tensor in model.game.state_dict().items() if name.partition(".")[0] in networks})


class FrechetScorer:
    """Scores a game in training by the Fréchet distance of its samples (always of one seed) to the training data."""

    def __init__(self, store: Store, extractor: str, samples: int, seed: int) -> None:
        if len(store) < 2:
            raise DataError("A Fréchet distance needs at least two images, and the data has one. Train without evaluate_every.")
        self.store, self.extractor, self.samples, self.seed = store, open_extractor(extractor, store=store), samples, seed

    @cached_property
    def real(self) -> Gaussian:
        """Mean and covariance of the training data's features, extracted once and cached on disk."""
        return Gaussian.fit(load_or_extract_features(image_set_from_store(self.store, "training data"), self.extractor).rows)

    def __call__(self, game: Game) -> dict[str, Any]:
        """The distance under "value" (lower is better), with its name and protocol."""
        assert isinstance(game, Samples), "translators have another score"
        chunks = (range(first, min(first + SCORING_CHUNK, self.samples)) for first in range(0, self.samples, SCORING_CHUNK))
        batches = (float_to_pixels(game.sample(len(chunk), self.seed, first=chunk.start)).cpu().numpy() for chunk in chunks)
        rows = check_features(self.extractor.extract(batches).rows, "features of samples")
        return {
            "name": self.extractor.score_name("FD"),
            "value": gaussian_frechet_distance(self.real, Gaussian.fit(rows)),
            "real": self.real.n,
            "generated": self.samples,
            "seed": self.seed,
            **self.extractor.identity(),
        }
