"""The Python API: one thin function for each verb. `import sparring` gives these names."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sparring.core.console import console as plain_console
from sparring.core.errors import SparringError
from sparring.data.open_by_name import open_source
from sparring.data.prepare_store import prepare
from sparring.evaluation.compare import compare
from sparring.evaluation.feature_statistics import judge_against_statistics, write_statistics
from sparring.evaluation.judge import FrechetScorer, judge
from sparring.evaluation.judge_frauds import judge_frauds
from sparring.evaluation.judge_rewordings import judge_rewordings
from sparring.evaluation.judge_translations import judge_translations
from sparring.exporting.export import export
from sparring.health.coach.interventions import coached
from sparring.health.diagnosis.diagnose import diagnose
from sparring.health.doctor.doctor import doctor
from sparring.health.measurements import HealthMeasurements
from sparring.inference.allocate import allocate
from sparring.inference.forecast import forecast, score_forecasts
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.inference.pack import pack
from sparring.inference.reword_table import reword_table
from sparring.inference.score_rows import score_rows
from sparring.inference.simulate import simulate
from sparring.inference.translate_files import translate
from sparring.interop.hub import pull, push
from sparring.interop.import_weights import import_weights
from sparring.interop.starting_weights import read_starting_weights
from sparring.media.save_images import save_images
from sparring.playground_2d.play import playground
from sparring.runs.train import Instruments

if TYPE_CHECKING:
    from rich.console import Console

    from sparring.data.pairs.pairs import Pairs
    from sparring.data.store import Store
    from sparring.games.recipe import Recipe

__all__ = [
    "Model", "SparringError", "allocate", "compare", "diagnose", "doctor", "export", "forecast", "import_weights", "judge",
    "judge_against_statistics", "judge_frauds", "judge_rewordings", "judge_translations", "load", "open_source", "pack", "playground",
    "prepare", "pull", "push", "resume", "reword_table", "save_images", "score_forecasts", "score_rows", "simulate", "train", "translate",
    "write_statistics",
]  # fmt: skip

Place = str | os.PathLike[str]
INSTRUMENTS = Instruments(
    measure_health=HealthMeasurements,
    evaluate=lambda data, settings: FrechetScorer(data, settings.evaluate_extractor, settings.evaluate_samples, settings.seed),
    coach=coached,
    read_starting_weights=read_starting_weights,
)


def train(
    recipe: "str | Recipe",
    data: "Place | Store | Pairs",
    out: Place,
    *,
    start_from: Place | None = None,
    console: "Console | None" = None,
    **settings: object,
) -> Model:
    """Train a recipe on data from its beginning, and give the model.

    `recipe`: a name, or a recipe with settings. `data`: whatever `open_source` takes, or prepared data. `out`: the run directory to make.
    `settings`: fields of the recipe, of `TrainSettings`, of `Preprocessing`, and for translators of `Pairing`; unknown names are refused.
    `start_from`: a run, a packed or imported model, or a file of weights to begin with (transfer learning); settings that are not given are
    those it was trained with. Raises a SparringError for anything a user can mend. Ctrl-C saves, and ends training early.
    """
    from sparring.runs.several_processes import plays_along
    from sparring.runs.train import begin

    if plays_along():
        return played_along(out)
    result = begin(recipe, data, out, INSTRUMENTS, console or plain_console(), settings, start_from)
    return replace(load(out), ending=result)


def resume(run: Place, *, data: "Place | Store | Pairs | None" = None, console: "Console | None" = None, **settings: object) -> Model:
    """Go on with a run, exactly as if it had never been interrupted.

    `data` (and `target`, of translators): where it lies now, if it was moved; the new place is remembered once its content is known to
    be the same. `settings`: a longer budget (`real_samples`, `steps`, `minutes`: totals of the run, not added to what it has done);
    `coach`, from now on, for a run without one; and what computes it (`device`, `precision`, `threads`, `parts`, `reduce`), after
    which it is no longer the same to the bit, or `devices`, after which it is. Any other setting is refused by name if it differs from
    the run's.
    """
    from pathlib import Path

    from sparring.runs.resume import go_on
    from sparring.runs.run_directory import RunDirectory
    from sparring.runs.several_processes import plays_along

    if plays_along():
        return played_along(run)
    result = go_on(RunDirectory(Path(run)), data, INSTRUMENTS, console or plain_console(), settings)
    return replace(load(run), ending=result)


def played_along(run: Place) -> Model:
    """What training gives in a process that torchrun has started, and that is not the first: the model that the first one wrote."""
    from sparring.runs.play_along import play_along

    play_along()
    return load(run)
