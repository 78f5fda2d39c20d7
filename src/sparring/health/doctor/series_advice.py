"""Before training on time series: what is hard about them, which recipe to start with, and how fast that is on this machine."""

import shlex
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sparring import recipes
from sparring.core.formatting import plural
from sparring.data.series.series_dataset import SeriesDataset
from sparring.data.series.series_reading import SeriesReading
from sparring.data.series.series_store import prepare_series, windows_apart
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import Difficulty, busy_machine
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.series_command import recipe_for
from sparring.health.doctor.time_estimate import measure_pace, pace_in_words
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from sparring.data.series.suggest_series import SeriesSuggestion

MINUTES = 20
"""Minutes to begin with, as the cards of the recipes say."""
FEW_WINDOWS, FAR_TOO_FEW_WINDOWS = 50, 10
"""Windows that lie side by side, without overlapping."""
SAID = ("Only ", "There is a step ")
"""How notes of the reader begin that are said otherwise."""
IRREGULAR = "irregular"
"""A word in the note of the reader about times that are."""
REASONS = {
    "quantgan": "quantgan makes paths in which calm and wild times follow each other. cgan-series continues a past (sparring forecast, "
    "sparring simulate --from); timevae is no GAN, to compare with.",
    "doppelganger": "doppelganger generates attributes and series together. To forecast what comes next, or to allocate capacity: "
    "ganslicing. timevae is no GAN, to compare with.",
    "cgan-series": "cgan-series continues a past, and makes whole series as well. For demand that capacity is given to: ganslicing "
    "(sparring allocate). timevae is no GAN, to compare with.",
}


def advise_series(data: str, suggestion: "SeriesSuggestion", training: TrainSettings) -> KindAdvice:
    """What is hard about series, what to start with, and how fast that is here. A few steps are trained to find out. `training`: with
    resolved settings. Raises a DataError for series that are too short to learn.
    """
    name = recipe_for(suggestion)
    recipe = recipes.get(name)()
    kind = cast(Any, recipe)
    reading = SeriesReading(**suggestion.settings)
    dataset, notes = prepare_series(data, reading, window=kind.usual_window, past=kind.usual_past, scaling=kind.scaling, known=kind.known)
    pace = measure_pace(recipe, dataset, training)
    found = series_difficulties(dataset, notes, busy_machine(pace.share))
    settings = {**suggestion.settings, "minutes": training.minutes or MINUTES}
    steps = dataset.spec.steps
    said = (
        f"That is {plural(len(dataset), 'window', 'windows')} of {plural(steps, 'step', 'steps')}.",
        *(note for note in notes if not note.startswith(SAID)),
    )
    after = (
        REASONS[name],
        f"{pace_in_words(pace, 'windows')}.",
        f"If rows have nothing to do with each other, it is a plain table: sparring train tabular-ar --data {shlex.quote(data)}",
    )
    further = {"steps": steps, "series": suggestion.count}
    return KindAdvice(data, len(dataset), suggestion.sentence, said, tuple(found), name, settings, after, pace, further)


def series_difficulties(dataset: SeriesDataset, notes: tuple[str, ...], busy: Difficulty | None) -> list[Difficulty]:
    """What is hard about series, the most severe first."""
    found = [] if busy is None else [busy]
    apart = windows_apart(dataset.starts, dataset.spec.steps)
    if apart < FEW_WINDOWS:
        overlapping = "" if apart == len(dataset) else f", of which only {apart} fit in side by side, without overlapping"
        description = f"{plural(len(dataset), 'window', 'windows')}{overlapping}. So few are learned by heart."
        remedy = "Take shorter windows (--window), more series or longer ones, and look at the copies that sparring judge RUN finds."
        found.append(Difficulty("few windows", description, "severe" if apart < FAR_TOO_FEW_WINDOWS else "warning", remedy))
    if irregular := [note for note in notes if IRREGULAR in note]:
        found.append(Difficulty("irregular times", irregular[0], "warning", "Take means of equal intervals, with --every 1h or another."))
    gaps = float(np.isnan(dataset.raw).any(axis=1).mean())
    if gaps > 0.01:
        remedy = "With --gaps fill they are filled along straight lines. Long ones are better left out."
        found.append(Difficulty("gaps", f"{gaps:.0%} of the steps have missing values.", "warning" if gaps > 0.2 else "note", remedy))
    return sorted(found, key=lambda one: -WEIGHTS[one.severity])
