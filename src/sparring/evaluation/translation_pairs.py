"""Opens the image pairs that translators are trained on and judged by."""

import os
from dataclasses import replace

from sparring.core.console import console
from sparring.core.data_spec import PairSpec
from sparring.core.errors import SettingsError
from sparring.data.pairs.pairs import Pairing, Pairs, native_size, open_pairs, open_pairs_for_judging
from sparring.data.preprocessing import Preprocessing
from sparring.games.translation import TranslationRecipe
from sparring.inference.model import Model
from sparring.runs.config import from_json
from sparring.runs.run_directory import RunDirectory
from sparring.runs.training_data import preprocessing_of, refuse_changed, refuse_moved, source_of

PathLike = str | os.PathLike[str]


def open_training_pairs(
    data: PathLike, recipe: TranslationRecipe, preprocessing: Preprocessing, pairing: Pairing, *, progress: bool
) -> Pairs:
    """The pairs of some data, prepared at `preprocessing.size`, or at the recipe's size for this data if that is None."""
    if preprocessing.size is None:
        preprocessing = replace(preprocessing, size=recipe.size_for(native_size(os.fspath(data), pairing, preprocessing)))
    return open_pairs(os.fspath(data), pairing, preprocessing, recipe.translates, progress=progress)


def pairs_of_run(model: Model) -> Pairs:
    """The pairs that a run was trained on, with its held-out pairs.

    Raises a SettingsError if the model is packed or imported, and a SparringError if the data has moved or changed.
    """
    if not RunDirectory(model.source).exists():
        raise SettingsError(
            f"{model.source} is a packed or imported model, which has no pairs to be judged by. Name some: inputs, and --target (a second "
            "set), --inputs (what to derive from each image) or --side-by-side."
        )
    data, run = source_of(model), RunDirectory(model.source)
    recorded = run.read_config()["data"]
    refuse_moved(run, recorded)
    preprocessing = replace(model.preprocessing, size=model.spec.height)
    pairing = from_json(Pairing, recorded["pairing"] or {})
    assert isinstance(model.recipe, TranslationRecipe)
    pairs = open_training_pairs(data, model.recipe, preprocessing, pairing, progress=console().is_terminal)
    refuse_changed(run, recorded, data, pairs.fingerprint, len(pairs), f"Or name others to judge by: sparring judge {run.path} INPUTS.")
    return pairs


def open_pairs_to_judge(model: Model, data: PathLike, pairing: Pairing, size: int | None = None) -> Pairs:
    """Named pairs to judge a model by, all of them held out. They are prepared like the model's training data, or at `size` pixels."""
    channels = model.translation_game.channels_of("a2b")
    preprocessing = preprocessing_of(model)
    preprocessing = preprocessing if size is None else replace(preprocessing, size=size)
    assert isinstance(model.spec, PairSpec)
    return open_pairs_for_judging(
        os.fspath(data), pairing, preprocessing, channels, paired=model.spec.paired, progress=console().is_terminal
    )
