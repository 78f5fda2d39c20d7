"""Opens the image pairs that translators are trained on and judged by."""

import os
from dataclasses import replace
from typing import cast

from sparring.core.console import console
from sparring.core.errors import SettingsError
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs_for_judging
from sparring.games.translation import TranslationRecipe
from sparring.inference.data_of_model import preprocessing_of, source_of
from sparring.inference.model import Model
from sparring.modalities.pairs import pairs_for_recipe
from sparring.runs.config import from_json, read_config
from sparring.runs.data_changes import refuse_changed, refuse_moved
from sparring.runs.run_directory import RunDirectory

PathLike = str | os.PathLike[str]


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
    recorded = read_config(run)["data"]
    refuse_moved(run, recorded)
    preprocessing = replace(model.preprocessing, size=model.spec.size)
    pairing = from_json(Pairing, recorded["pairing"] or {})
    pairs = pairs_for_recipe(data, cast(TranslationRecipe, model.recipe), preprocessing, pairing, progress=console().is_terminal)
    refuse_changed(run, recorded, data, pairs, f"Or name others to judge by: sparring judge {run.path} INPUTS.")
    return pairs


def open_pairs_to_judge(model: Model, data: PathLike, pairing: Pairing, size: int | str | None = None) -> Pairs:
    """Named pairs to judge a model by, all of them held out. They are prepared like the model's training data, or at another `size`."""
    channels = model.translation_game.channels_of("a2b")
    preprocessing = preprocessing_of(model)
    preprocessing = preprocessing if size is None else replace(preprocessing, size=size)
    return open_pairs_for_judging(
        os.fspath(data), pairing, preprocessing, channels, paired=model.spec.paired, progress=console().is_terminal
    )
