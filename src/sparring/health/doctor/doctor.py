"""Before training: what is hard about some data, what to start with, and how long that takes on this machine."""

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparring import recipes
from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.core.formatting import flags, plural
from sparring.data.images.image_sizes import halved
from sparring.data.images.image_spec import ImageSpec
from sparring.data.music.open_songs import is_music
from sparring.data.open_by_name import open_source
from sparring.data.pairs.derived_inputs import DerivedInput, parse_derived_input
from sparring.data.pairs.pairs import Pairing
from sparring.data.prepare_store import prepare
from sparring.data.preprocessing import Preprocessing
from sparring.data.records.records_reading import RecordsReading, are_records
from sparring.data.sequences.sequences_reading import are_sequences
from sparring.data.store import Store, open_store_if_present
from sparring.data.tables.table_files import is_table
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import (
    Difficulty,
    busy_machine,
    check_measurements,
    check_sizes,
    check_store,
    native_sizes,
    suitable_size,
)
from sparring.health.doctor.kind_advice import KindAdvice
from sparring.health.doctor.music_advice import advise_music
from sparring.health.doctor.recommend_recipe import LARGEST_SIDE_WITHOUT_SIZE, changed_settings, recommend
from sparring.health.doctor.recommend_translation_recipe import TranslatorAdvice, advise_translators, holds_two_sets
from sparring.health.doctor.records_advice import advise_records
from sparring.health.doctor.table_advice import TableAdvice, advise_table
from sparring.health.doctor.texts_advice import advise_texts
from sparring.health.doctor.time_estimate import Pace, budget_for, duration, measure_pace, two_figures
from sparring.health.measurements import HealthMeasurements
from sparring.runs.run_progress import FIRST_LOOK
from sparring.training.session import resolve
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

SLOW_MINUTES = 60
"""Training is slow if a first look takes longer."""
ABOUT_TRANSLATORS = (
    "To translate images to images instead (pix2pix, cut, cyclegan, style-transfer), ask again with --target, --inputs or --side-by-side."
)


@dataclass(frozen=True, eq=False)
class Advice:
    """What to know before training."""

    data: str
    """The name or the path of the data."""
    count: int
    """Number of images."""
    spec: ImageSpec
    difficulties: tuple[Difficulty, ...]
    """What is hard, the most severe first."""
    recipe: str
    """The recipe to start with."""
    settings: Mapping[str, Any]
    """The recipe's settings, with those of preprocessing and training: keywords for `sparring.train`."""
    reason: str
    """Why these, in sentences."""
    pace: Pace
    good_images: int
    """Images to show until little more can be gained."""
    measurements: Mapping[str, Any]
    """What was measured of the data: see `HealthMeasurements.measure_data`."""

    @property
    def command(self) -> str:
        """The command to start with."""
        return " ".join(["sparring train", self.recipe, "--data", shlex.quote(self.data), *flags(self.settings)])

    @property
    def budget_images(self) -> float:
        """How many images the command shows; 0 if it shows none."""
        minutes = self.settings.get("minutes")
        return self.settings["real_samples"] if minutes is None else self.pace.samples_in(minutes)

    def lines(self) -> list[str]:
        """The advice in lines for the terminal."""
        hard = [one.name for one in self.difficulties if one.severity != "note"]
        lines = [f"{self.data}: {plural(self.count, 'image', 'images')} of {self.spec}."]
        lines.append(f"Hard here: {', '.join(hard)}." if hard else "Nothing is hard here.")
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.description}", f"  To do: {each.remedy}"]
        lines += ["", "Start with:", "", f"  {self.command}", "", self.reason, ""]
        memory = f", {self.pace.mebibytes / 1024:.1f} GiB of memory" if self.pace.mebibytes else ""
        lines.append(f"Here ({self.pace.machine}): {two_figures(self.pace.samples_per_second)} images a second{memory}.")
        moments: dict[float, str] = {
            FIRST_LOOK: "a first look: shapes can be recognized",
            self.good_images: "little more can be gained with these networks",
        }
        if self.budget_images and not any(0.9 < self.budget_images / images < 1.1 for images in moments):
            moments[self.budget_images] = "where that command ends"
        for images, what in sorted(moments.items()):
            times = f"each {two_figures(images / self.count)} times" if images > self.count else "not each of them"
            minutes = f"about {duration(self.pace.minutes_for(images))}"
            lines.append(f"  {minutes:>16}: {two_figures(images)} images ({times}), {what}")
        return [*lines, ABOUT_TRANSLATORS]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            **{name: getattr(self, name) for name in ("data", "count", "recipe", "reason", "command")},
            "spec": self.spec.to_json(),
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "pace": asdict(self.pace),
            "minutes": {"first look": self.pace.minutes_for(FIRST_LOOK), "good": self.pace.minutes_for(self.good_images)},
            "measurements": dict(self.measurements),
        }


def doctor(
    data: str | os.PathLike[str] | Store,
    *,
    minutes: float | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 0,
    target: str | os.PathLike[str] | None = None,
    inputs: DerivedInput | Literal["gray", "given"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    records: RecordsReading | None = None,
    console: "Console | None" = None,
    **preprocessing: Any,  # noqa: ANN401 (fields of `Preprocessing`)
) -> Advice | TranslatorAdvice | TableAdvice | KindAdvice:
    """What is hard about this data, what to start with, and how long that takes here. A few steps are trained to find out.

    `data`: whatever `open_source` takes, or a prepared store. `minutes`: how long training may take. None: as long as a first look takes,
    but at least ten minutes; on a busy machine, until a first look is reached. `device`, `threads`: as in training. `preprocessing`: fields
    of `Preprocessing`; without a size, the power of two that suits the images. `target`, `inputs`, `side_by_side`: as in training
    translators; with one of them, the advice is about the translators that this data allows. `records`: how the data is read as health
    records (None: it is none, unless it is known to be). `console` shows a bar while data is prepared.
    Raises a SparringError for data or settings that cannot be used.
    """
    asked, known = TrainSettings(minutes=minutes, device=device, threads=threads), {one.name for one in fields(Preprocessing)}
    unknown = [f"{name!r} is not known. {did_you_mean(name, known)}" for name in preprocessing if name not in known]
    if problems := asked.problems(1) + unknown:
        raise SettingsError(listed("These settings cannot be used:", problems))
    training, chosen, found = resolve(asked), Preprocessing(**preprocessing), []
    if isinstance(data, str | os.PathLike) and (advise := _adviser(os.fspath(data), records)) is not None:
        if given := [*preprocessing, *(["target"] if target is not None else [])]:
            raise SettingsError(f"{os.fspath(data)} holds no images, and {', '.join(given)} is for images. Leave it out.")
        return advise(training)
    largest = LARGEST_SIDE_WITHOUT_SIZE[training.device]
    names_pairs = target is not None or inputs != "given" or side_by_side != "none"
    if names_pairs or (isinstance(data, str | os.PathLike) and chosen.split is None and holds_two_sets(data)):
        if not isinstance(data, str | os.PathLike):
            raise SettingsError("A prepared store has no pairs: give the source of the data instead.")
        made = inputs if inputs == "given" else parse_derived_input(inputs)
        pairing = Pairing(target=None if target is None else os.fspath(target), inputs=made, side_by_side=side_by_side)
        return advise_translators(data, pairing, chosen, asked, training, largest, console)
    name = os.fspath(data if isinstance(data, str | os.PathLike) else data.folder)
    store = open_store_if_present(Path(data)) if isinstance(data, str | os.PathLike) else data
    if store is None:
        source = open_source(name, split=chosen.split)
        sizes = native_sizes(source)
        most = largest if chosen.size is None else None
        if chosen.size is None:
            chosen = replace(chosen, size=suitable_size(sizes, largest))
        store = prepare(source, chosen, progress=console is not None and console.is_terminal)
        found = check_sizes(sizes, store.spec, crop=chosen.crop, most=most)
    elif chosen != Preprocessing():
        raise SettingsError(f"{name} is prepared already, so size, crop and the like cannot be chosen. Give its source instead.")
    measurements = HealthMeasurements(store, None, 0).measure_data()
    recommendation = recommend(store.spec, measurements, training.device)
    pace = measure_pace(recommendation.recipe, store, training)
    found += [*check_store(store), *check_measurements(measurements), *check_pace(pace, store.spec)]
    budget = asked if minutes is not None else budget_for(FIRST_LOOK, pace, asked)
    return Advice(
        data=name,
        count=len(store),
        spec=store.spec,
        difficulties=tuple(sorted(found, key=lambda one: -WEIGHTS[one.severity])),
        recipe=recipes.name_of(recommendation.recipe),
        settings=changed_settings(chosen) | changed_settings(recommendation.recipe) | changed_settings(budget),
        reason=recommendation.reason,
        pace=pace,
        good_images=recommendation.good_images,
        measurements=measurements,
    )


def _adviser(data: str, records: RecordsReading | None) -> Callable[[TrainSettings], TableAdvice | KindAdvice] | None:
    """What advises on data that are no images; None for images."""
    if records is not None or are_records(data):
        reading = records or RecordsReading()
        if problems := reading.problems():
            raise SettingsError(listed("These settings cannot be used:", problems))
        return partial(advise_records, data, reading)
    if is_music(data):
        return partial(advise_music, data)
    if are_sequences(data):
        return partial(advise_texts, data)
    return partial(advise_table, data) if is_table(data) else None


def check_pace(pace: Pace, spec: ImageSpec) -> list[Difficulty]:
    """Whether training is slow on this machine, and whether that is the machine's own pace."""
    minutes = pace.minutes_for(FIRST_LOOK)
    if (busy := busy_machine(pace.share)) is not None:
        return [busy]
    if minutes < SLOW_MINUTES:
        return []
    remedy = f"--size {halved(spec.size)} takes about a quarter of that." if spec.mean_side > 32 else "A faster machine, or a GPU."
    return [Difficulty("slow", f"A first look takes about {duration(minutes)} on this machine.", "warning", remedy)]
