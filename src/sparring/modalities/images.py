"""The adapter of images."""

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from jaxtyping import UInt8

from sparring.core.errors import SettingsError
from sparring.core.formatting import flags, plural
from sparring.core.settings_checks import non_default, type_problems
from sparring.data.dataset import Dataset
from sparring.data.images.image_spec import ImageSpec
from sparring.data.images.sizes_and_range import common_size
from sparring.data.open_by_name import open_source, source_names
from sparring.data.pairs.pairs import Pairs
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store, open_store_if_present
from sparring.data.subset import split_holdout
from sparring.games.capabilities import Samples
from sparring.games.exported_parts import IMAGE, Output
from sparring.games.game import Game
from sparring.games.image_recipe import ImageRecipe
from sparring.games.recipe import Recipe
from sparring.media.image_files import grid
from sparring.media.pixel_range import float_to_pixels
from sparring.metrics.sliced_wasserstein import downsampled_rows, sliced_wasserstein
from sparring.modalities.image_probe import image_probe
from sparring.modalities.modality import DataSettings, JudgedBy, Place

if TYPE_CHECKING:
    from rich.console import Console

SCORED_SAMPLES = 512


class Images:
    """Images of one size, with or without classes."""

    name: ClassVar[str] = "images"
    items: ClassVar[str] = "images"
    judged_by: ClassVar[JudgedBy] = "samples"
    exported: ClassVar[Output] = IMAGE
    settings: ClassVar[Mapping[str, type]] = {"preprocessing": Preprocessing}

    def spec_from_json(self, value: Mapping[str, Any]) -> ImageSpec:
        """See Modality."""
        return ImageSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, Store)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        return type_problems(settings["preprocessing"])

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""
        if isinstance(data, Pairs):
            raise SettingsError(f"{recipe_name} learns from images, not from pairs of them: give one of the pairs' stores.")

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        preprocessing: Preprocessing = settings["preprocessing"]
        labels = preprocessing.labels
        if labels is None or not Path(labels).expanduser().is_file():
            return settings
        return {**settings, "preprocessing": replace(preprocessing, labels=place_of(labels))}

    def location(self, data: Store | Place) -> str:
        """See Modality."""
        return str(data.folder) if isinstance(data, Store) else place_of(data)

    def open(self, data: Place, recipe: Recipe, settings: DataSettings, console: "Console") -> Store:
        """See Modality. At the recipe's size unless one is named."""
        preprocessing: Preprocessing = settings["preprocessing"]
        if (store := open_store_if_present(Path(data))) is not None:
            if preprocessing != Preprocessing():
                raise SettingsError(f"{data} is prepared already, so size, crop and the like cannot be chosen. Name its source instead.")
            return store
        source = open_source(os.fspath(data), split=preprocessing.split)
        if preprocessing.size is None:
            size = cast(ImageRecipe, recipe).size_for(common_size(source, preprocessing.max_pixels))
            preprocessing = replace(preprocessing, size=size)
        store = prepare(source, preprocessing, progress=console.is_terminal)
        prepares = " ".join(["sparring data prepare", shlex.quote(os.fspath(data)), *flags(non_default(preprocessing))])
        for line in (f"{plural(len(store), 'image', 'images')} of {store.spec} from {source.name}.", *store.report.summary(prepares)):
            console.print(line)
        return store

    def fit(self, dataset: Store, recipe: Recipe, holdout: int | None, seed: int) -> Store:
        """See Modality. Pixels have a range of their own."""
        return dataset

    def record(self, dataset: Store, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        return {
            "preprocessing": asdict(with_found_proportion(with_found_range(self.located(settings)["preprocessing"], dataset), dataset)),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
        }

    def settings_like(self, spec: ImageSpec) -> dict[str, object]:
        """See Modality."""
        return {"size": spec.size, "channels": spec.channels}

    def split_holdout(self, dataset: Store, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality."""
        return split_holdout(dataset, count, seed)

    def sample_grid(self, dataset: Store, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality."""
        return lambda game: grid(float_to_pixels(cast(Samples, game).sample(count, seed)).cpu().numpy())

    def probe(self, data: Dataset, holdout: Dataset | None, seed: int) -> tuple[dict[str, Any], Callable[[Game], dict[str, Any]]]:
        """See Modality. Likelihoods, and what becomes of images on the way to their latents and back."""
        return image_probe(data, holdout)

    def checkpoint_score(self, dataset: Dataset, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. The sliced Wasserstein distance to some of the images."""
        count = min(SCORED_SAMPLES, len(dataset))
        real = downsampled_rows(dataset.batch(np.linspace(0, len(dataset) - 1, count).astype(np.int64)).samples)

        def score(game: Game) -> dict[str, Any]:
            value = sliced_wasserstein(real, downsampled_rows(cast(Samples, game).sample(count, seed)).cpu())
            name = "sliced Wasserstein distance, 256 directions, at most 32x32"
            return {"name": name, "value": value, "real": count, "generated": count, "seed": seed}

        return score


def place_of(data: Place) -> str:
    """How to find a place again from any working directory; names of data stay as they are."""
    path = Path(data).expanduser()
    return str(path.resolve()) if str(data) not in source_names() and path.exists() else str(data)


def with_found_proportion(preprocessing: Preprocessing, store: Store) -> Preprocessing:
    """The preprocessing with the width over the height of the middle one of the images, where these were squashed, so that samples can be
    stretched back.
    """
    if preprocessing.crop != "squash" or preprocessing.proportion is not None:
        return preprocessing
    found = float(np.median(store.origins[:, 1] / store.origins[:, 0]))
    return (
        preprocessing
        if found == store.spec.width / store.spec.height
        else replace(preprocessing, proportion=min(16.0, max(1 / 16, round(found, 4))))
    )


def with_found_range(preprocessing: Preprocessing, *stores: Store) -> Preprocessing:
    """The preprocessing with the values that were found to be black and white in images of more than 8 bits, so that the model reads
    other images in the same way.
    """
    ranges = {each.black_white for each in stores} - {None}
    return replace(preprocessing, value_range=ranges.pop()) if len(ranges) == 1 else preprocessing
