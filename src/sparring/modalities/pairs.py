"""The adapter of image pairs, and of two sets of images without pairs."""

import itertools
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from sparring.core.errors import SettingsError
from sparring.core.formatting import flags, plural
from sparring.core.settings_checks import non_default, type_problems
from sparring.data.dataset import Dataset
from sparring.data.pairs.input_statistics import pair_statistics
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.pairs.pairs import Pairing, Pairs, native_size, open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.data.store import Store
from sparring.games.exported_parts import TRANSLATION, Output
from sparring.games.game import Game
from sparring.games.recipe import Recipe
from sparring.games.translation import TranslationGame, TranslationRecipe, mean_difference
from sparring.media.image_files import grid
from sparring.media.pixel_range import convert_channels, float_to_pixels
from sparring.metrics.sliced_wasserstein import downsampled_rows, sliced_wasserstein
from sparring.modalities.images import place_of, with_found_range
from sparring.modalities.modality import DataSettings, JudgedBy, Place

if TYPE_CHECKING:
    from rich.console import Console

SHOWN, SCORED = 8, 64
"""Number of held-out images in a sample grid, and in the score of a checkpoint."""
WITHOUT_USE = {
    "evaluate_every": "evaluate_every is for images from noise; translations are evaluated with: sparring judge RUN. Leave it out.",
    "holdout": "holdout is for images from noise; translators hold pairs out with held_out. Leave it out.",
    "coach": "coach is for images from noise; it knows no remedies for translators yet. Leave it out.",
}
"""Settings of training that translators have no use for, and what to do instead."""


class PairsOfImages:
    """Inputs and targets for translators."""

    name: ClassVar[str] = "pairs"
    items: ClassVar[str] = "images"
    judged_by: ClassVar[JudgedBy] = "translations"
    exported: ClassVar[Output] = TRANSLATION
    settings: ClassVar[Mapping[str, type]] = {"preprocessing": Preprocessing, "pairing": Pairing}

    def spec_from_json(self, value: Mapping[str, Any]) -> PairSpec:
        """See Modality."""
        return PairSpec.from_json(value)

    def is_dataset(self, data: object) -> bool:
        """See Modality."""
        return isinstance(data, Pairs)

    def setting_problems(self, settings: DataSettings, training: Mapping[str, Any]) -> list[str]:
        """See Modality."""
        without_use = [problem for name, problem in WITHOUT_USE.items() if training.get(name) not in {None, False}]
        if settings["preprocessing"].labels is not None:
            without_use.append("labels are for recipes that sample; translators are told nothing but images. Leave labels out.")
        return type_problems(settings["preprocessing"]) + settings["pairing"].problems() + without_use

    def refuse_dataset(self, data: object, recipe_name: str) -> None:
        """See Modality."""
        if isinstance(data, Store):
            raise SettingsError(f"{recipe_name} learns from pairs, and a store has none: give the data's place, or `open_pairs`.")

    def located(self, settings: DataSettings) -> DataSettings:
        """See Modality."""
        pairing: Pairing = settings["pairing"]
        found = {name: place_of(place) for name in ("target", "pair_table") if (place := getattr(pairing, name)) is not None}
        return {**settings, "pairing": replace(pairing, **found)} if found else settings

    def location(self, data: Pairs | Place) -> str:
        """See Modality."""
        return str(data.inputs.folder) if isinstance(data, Pairs) else place_of(data)

    def open(self, data: Place, recipe: Recipe, settings: DataSettings, console: "Console") -> Pairs:
        """See Modality. At the recipe's size unless one is named."""
        pairing: Pairing = settings["pairing"]
        pairs = pairs_for_recipe(data, cast(TranslationRecipe, recipe), settings["preprocessing"], pairing, progress=console.is_terminal)
        found = f"{plural(len(pairs), 'input', 'inputs')} to train on, {len(pairs.holdout_indices[0]):,} held out: {pairs.spec}."
        places = {pairs.inputs.folder: str(data), pairs.targets.folder: pairing.target or str(data)}
        stores = {store.folder: store for store in (pairs.inputs, pairs.targets)}
        prepared = " ".join(flags(non_default(replace(settings["preprocessing"], size=pairs.spec.size))))
        summaries = [
            stores[folder].report.summary(f"sparring data prepare {shlex.quote(place)} {prepared}") for folder, place in places.items()
        ]
        for line in (found, *itertools.chain(*summaries), *pairs.notes):
            console.print(line)
        return pairs

    def fit(self, dataset: Pairs, recipe: Recipe, holdout: int | None, seed: int) -> Pairs:
        """See Modality."""
        return dataset

    def record(self, dataset: Pairs, settings: DataSettings) -> dict[str, Any]:
        """See Modality."""
        pairing: Pairing = settings["pairing"]
        made = None if pairing.inputs == "given" else pairing.inputs
        return {
            "preprocessing": asdict(with_found_range(settings["preprocessing"], dataset.inputs, dataset.targets)),
            "pairing": asdict(self.located(settings)["pairing"]),
            "spec": dataset.spec.to_json(),
            "count": len(dataset),
            "fingerprint": dataset.fingerprint,
            "inputs": {direction: found.to_json() for direction, found in pair_statistics(dataset, made).items()},
        }

    def settings_like(self, spec: PairSpec) -> dict[str, object]:
        """See Modality."""
        return {}

    def split_holdout(self, dataset: Pairs, count: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
        """See Modality. Pairs hold out by themselves (`Pairing.held_out`)."""
        return dataset, None

    def sample_grid(self, dataset: Pairs, count: int, seed: int) -> Callable[[Game], UInt8[np.ndarray, "h w c"]]:
        """See Modality."""
        return translation_grid(dataset)

    def probe(self, data: Any, holdout: Any, seed: int) -> None:  # noqa: ANN401
        """See Modality."""

    def checkpoint_score(self, dataset: Pairs, seed: int) -> Callable[[Game], dict[str, Any]]:
        """See Modality. L1 for pairs, else how far translations are from targets, both on held-out images."""
        shown = dataset.holdout_batch(SCORED)

        def score(game: Game) -> dict[str, Any]:
            translated = cast(TranslationGame, game).translate(shown.inputs).cpu()
            if dataset.spec.paired:
                value = mean_difference(translated, shown.targets).mean().item() / 2
                return {"name": "L1 on held-out pairs", "value": value, "pairs": len(shown)}
            n = min(len(translated), len(shown.targets))
            value = sliced_wasserstein(downsampled_rows(shown.targets[:n]), downsampled_rows(translated[:n]))
            return {"name": "sliced Wasserstein distance of translations to targets", "value": value, "real": n, "generated": n}

        return score


def pairs_for_recipe(data: Place, recipe: TranslationRecipe, preprocessing: Preprocessing, pairing: Pairing, *, progress: bool) -> Pairs:
    """The pairs in some data, at the recipe's size unless one is named."""
    if preprocessing.size is None:
        preprocessing = replace(preprocessing, size=recipe.size_for(native_size(os.fspath(data), pairing, preprocessing)))
    return open_pairs(os.fspath(data), pairing, preprocessing, recipe.translates, progress=progress)


def translation_grid(pairs: Pairs, count: int = SHOWN) -> Callable[[Game], UInt8[np.ndarray, "h w 3"]]:
    """Draws held-out images and their translations: input | output | target (| translation of the target)."""
    shown = pairs.holdout_batch(count)

    def draw(game: Game) -> UInt8[np.ndarray, "h w 3"]:
        translator = cast(TranslationGame, game)
        columns = [shown.inputs, translator.translate(shown.inputs), shown.targets]
        if "b2a" in translator.translators:
            columns.append(translator.translate(shown.targets, "b2a"))
        elif translator.settings.translates == "style":
            columns.pop()
        rows = np.stack([in_color(column) for column in columns], axis=1)
        return grid(rows.reshape(-1, *rows.shape[2:]), columns=len(columns) * (2 if len(rows) > 1 else 1))

    return draw


def in_color(images: Float[Tensor, "n c h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Images in [-1, 1] as 8-bit color images, whatever their channels are."""
    return convert_channels(float_to_pixels(images).cpu().numpy(), 3)
