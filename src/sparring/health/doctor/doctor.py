"""Before training: what some data makes hard, what to start with, and how long that takes on this machine."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sparring import recipes
from sparring.core.errors import SettingsError, did_you_mean, listed
from sparring.core.formatting import flags, plural
from sparring.core.settings import non_default
from sparring.data.images.image_spec import ImageSpec
from sparring.data.open_source import open_source
from sparring.data.pairs.made_inputs import Made, kind_called
from sparring.data.pairs.pairs import Pairing
from sparring.data.store import Preprocessing, Store, prepare, store_at
from sparring.health.diagnosis.finding import WEIGHTS
from sparring.health.doctor.data_checks import (
    BUSY,
    Difficulty,
    busy_machine,
    native_sizes,
    of_signs,
    of_sizes,
    of_store,
    suitable_size,
)
from sparring.health.doctor.recommend_recipe import LARGEST_AT_FIRST, recommended
from sparring.health.doctor.time_estimate import Pace, duration, pace_of, round_minutes, two_figures
from sparring.health.doctor.translators import TranslatorAdvice, advise, holds_two_sets
from sparring.health.measurements import Examiner
from sparring.recipes.stylegan2 import StyleGAN2
from sparring.runs.milestones import FIRST_LOOK, GOOD_AT_32, GOOD_STYLES
from sparring.training.session import resolve
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

SLOW_MINUTES = 60
"""From how many minutes to a first look training is slow."""
TRANSLATORS = (
    "To make images of images instead (pix2pix, cut, cyclegan, style-transfer), ask again with --target, --inputs or --side-by-side."
)


@dataclass(frozen=True, eq=False)
class Advice:
    """What to know before training."""

    data: str
    """Its name or place."""
    count: int
    spec: ImageSpec
    difficulties: tuple[Difficulty, ...]
    """The gravest first."""
    recipe: str
    """The recipe to start with..."""
    settings: Mapping[str, Any]
    """...and its settings, with those of preprocessing and training: keywords for `sparring.train`."""
    reason: str
    """Why these, in sentences."""
    pace: Pace
    good: int
    """Images to show until little more is to be had."""
    signs: Mapping[str, Any]
    """What was measured on the data: see `Examiner.data_signs`."""

    @property
    def command(self) -> str:
        """The command line to start with."""
        return " ".join(["sparring train", self.recipe, "--data", shlex.quote(self.data), *flags(self.settings)])

    def minutes_for(self, images: float) -> float:
        """How long it takes to show so many images on this machine."""
        return images / self.pace.samples_per_second / 60

    def lines(self) -> list[str]:
        """For the terminal."""
        hard = [one.name for one in self.difficulties if one.severity != "note"]
        lines = [f"{self.data}: {plural(self.count, 'image', 'images')} of {self.spec}."]
        lines.append(f"Hard here: {', '.join(hard)}." if hard else "Nothing is hard here.")
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.says}", f"  To do: {each.remedy}"]
        lines += ["", "Start with:", "", f"  {self.command}", "", self.reason, ""]
        memory = f", {self.pace.mebibytes / 1024:.1f} GiB of memory" if self.pace.mebibytes else ""
        lines.append(f"Here ({self.pace.machine}): {two_figures(self.pace.samples_per_second)} images a second{memory}.")
        moments = {FIRST_LOOK: "a first look: shapes can be made out", self.good: "little more is to be had of these networks"}
        budget = self.settings["minutes"] * 60 * self.pace.samples_per_second
        if budget and not any(0.9 < budget / images < 1.1 for images in moments):
            moments[budget] = "where that command ends"
        for images, what in sorted(moments.items()):
            times = f"each {two_figures(images / self.count)} times" if images > self.count else "not each of them"
            lines.append(f"  {'about ' + duration(self.minutes_for(images)):>16}: {two_figures(images)} images ({times}), {what}")
        return [*lines, TRANSLATORS]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            **{name: getattr(self, name) for name in ("data", "count", "recipe", "reason", "command")},
            "spec": self.spec.to_json(),
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "pace": asdict(self.pace),
            "minutes": {"first look": self.minutes_for(FIRST_LOOK), "good": self.minutes_for(self.good)},
            "signs": dict(self.signs),
        }


def doctor(
    data: str | os.PathLike[str] | Store,
    *,
    minutes: float | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 0,
    target: str | os.PathLike[str] | None = None,
    inputs: Made | Literal["gray", "given"] = "given",
    side_by_side: Literal["none", "left", "right"] = "none",
    console: "Console | None" = None,
    **preprocessing: Any,  # noqa: ANN401 (fields of `Preprocessing`)
) -> Advice | TranslatorAdvice:
    """What this data makes hard, what to start with, and how long that takes here: a few steps are played to find out.

    `data`: whatever `open_source` takes, or a prepared store. `minutes`: how long training is to last. None: as long as a first look
    takes, but ten minutes at least. `device`, `threads`: as in training. `preprocessing`: fields of `Preprocessing`; without a size, the
    power of two that suits the images. `target`, `inputs`, `side_by_side`: as in training translators; with one of them, what is told is
    which of those recipes this data allows. `console` shows a bar while data is prepared. Raises a SparringError for data or settings
    that cannot be used.
    """
    asked, known = TrainSettings(minutes=minutes, device=device, threads=threads), {one.name for one in fields(Preprocessing)}
    unknown = [f"{name!r} is not known. {did_you_mean(name, known)}" for name in preprocessing if name not in known]
    if problems := asked.problems(1) + unknown:
        raise SettingsError(listed("These settings cannot be used:", problems))
    training, chosen, found = resolve(asked), Preprocessing(**preprocessing), []
    named = target is not None or inputs != "given" or side_by_side != "none"
    if named or (not isinstance(data, Store) and chosen.split is None and holds_two_sets(data)):
        if isinstance(data, Store):
            raise SettingsError("A prepared store has no pairs: name the data's place.")
        made = inputs if inputs == "given" else kind_called(inputs)
        pairing = Pairing(target=None if target is None else os.fspath(target), inputs=made, side_by_side=side_by_side)
        return advise(data, pairing, chosen, asked, training, LARGEST_AT_FIRST[training.device], console)
    place = os.fspath(data.folder if isinstance(data, Store) else data)
    store = data if isinstance(data, Store) else store_at(Path(data))
    if store is None:
        source = open_source(place, split=chosen.split)
        sizes = native_sizes(source)
        if chosen.size is None:
            chosen = replace(chosen, size=suitable_size(sizes, LARGEST_AT_FIRST[training.device]))
        store = prepare(source, chosen, progress=console is not None and console.is_terminal)
        found = of_sizes(sizes, store.spec.height, cut=chosen.crop == "center")
    elif chosen != Preprocessing():
        raise SettingsError(f"{place} is prepared already, so size, crop and the like cannot be chosen. Name its source instead.")
    signs = Examiner(store, None, 0).data_signs()
    recipe, reason = recommended(store.spec, signs, training.device)
    pace = pace_of(recipe, store, training)
    if minutes is None:
        minutes = round_minutes(FIRST_LOOK / pace.samples_per_second / 60 if pace.share >= BUSY else 0)
    found += [*of_store(store), *of_signs(signs), *of_pace(pace, store.spec)]
    return Advice(
        data=place,
        count=len(store),
        spec=store.spec,
        difficulties=tuple(sorted(found, key=lambda one: -WEIGHTS[one.severity])),
        recipe=recipes.name_of(recipe),
        settings=non_default(chosen) | non_default(recipe) | non_default(replace(asked, minutes=minutes)),
        reason=reason,
        pace=pace,
        good=GOOD_STYLES if isinstance(recipe, StyleGAN2) else GOOD_AT_32 * max(32, store.spec.height) // 32,
        signs=signs,
    )


def of_pace(pace: Pace, spec: ImageSpec) -> list[Difficulty]:
    """What is slow on this machine, and whether it is the machine's own pace."""
    minutes = FIRST_LOOK / pace.samples_per_second / 60
    if (busy := busy_machine(pace.share)) is not None:
        return [busy]
    if minutes < SLOW_MINUTES:
        return []
    remedy = f"--size {spec.height // 2} takes about a quarter of that." if spec.height > 32 else "A faster machine, or a GPU."
    return [Difficulty("slow", f"A first look takes about {duration(minutes)} on this machine.", "warning", remedy)]
