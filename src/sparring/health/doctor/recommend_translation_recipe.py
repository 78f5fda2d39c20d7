"""Before training a translator: which recipes this data allows, which to start with, and how long each takes on this machine."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring import recipes
from sparring.core.errors import DataError, SettingsError, listed
from sparring.core.file_kinds import kind_of
from sparring.core.formatting import flags, plural
from sparring.data.open_by_name import open_source
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.data.readers.folder_layouts import split_set
from sparring.games.recipe import check
from sparring.games.translation import TranslationRecipe
from sparring.health.doctor.data_checks import (
    Difficulty,
    busy_machine,
    check_pair_count,
    check_sizes,
    check_store,
    native_sizes,
    suitable_size,
)
from sparring.health.doctor.recommend_recipe import changed_settings
from sparring.health.doctor.time_estimate import Pace, budget_for, duration, measure_pace, two_figures
from sparring.recipes.cut import CUT
from sparring.recipes.cyclegan import CycleGAN
from sparring.recipes.pix2pix import Pix2Pix
from sparring.recipes.style_transfer import StyleTransfer
from sparring.runs.run_progress import FIRST_LOOKS, GOOD
from sparring.training.settings import DEFAULT_MINUTES, TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

MAX_STYLES = 5
"""Up to this many targets are images of one style, rather than a set to learn from."""
NO_SECOND_SET = 10**9
"""Number of targets where there is no second set: as many as there are inputs."""


@dataclass(frozen=True)
class Translator:
    """A recipe for translators, and what it is for."""

    recipe: type[TranslationRecipe]
    needs: str
    """The data that it needs."""
    gives: str
    """What one gets."""
    good_images: int
    """Images to show until little more can be gained."""
    origin: str
    """Where the numbers of images are from."""
    first_look_images: int | None = None
    """Images to show until something can be recognized. None: not measured."""
    wants_pairs: bool = False
    """Whether every input must have its target."""
    wants_style: bool = False
    """Whether the targets are a few images of one style, rather than a set."""
    cpu_settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings that `benchmarks/translators.py` trained on two cores, for these numbers. A GPU gets the recipe's own."""

    @property
    def name(self) -> str:
        """The recipe's name."""
        return recipes.name_of(self.recipe)


PIX2PIX = Translator(
    Pix2Pix,
    needs="pairs: for each input its true target",
    gives="the target itself, which only pairs can show it",
    first_look_images=FIRST_LOOKS["pix2pix"],
    good_images=GOOD["pix2pix"],
    origin="docs/benchmarks/translation.md, at 64x64",
    wants_pairs=True,
    cpu_settings={"width": 32, "discriminator_width": 32, "patch_layers": 2, "batch_size": 4, "norm": "batch"},
)
UNPAIRED_ON_CPU = {"width": 24, "discriminator_width": 32, "patch_layers": 2, "blocks": 6, "batch_size": 2}
CONTRASTIVE = Translator(
    CUT,
    needs="two sets without pairs, with the same number of channels",
    gives="one direction, with half of CycleGAN's networks",
    first_look_images=FIRST_LOOKS["cut"],
    good_images=GOOD["cut"],
    origin="docs/benchmarks/translation.md, at 64x64, and the recipe's schedule",
    cpu_settings=UNPAIRED_ON_CPU,
)
CYCLE = Translator(
    CycleGAN,
    needs="two sets without pairs",
    gives="both directions, a2b and b2a",
    first_look_images=FIRST_LOOKS["cyclegan"],
    good_images=GOOD["cyclegan"],
    origin="docs/benchmarks/translation.md, at 64x64, and the paper",
    cpu_settings=UNPAIRED_ON_CPU,
)
STYLE = Translator(
    StyleTransfer,
    needs="images of any kind, and one image (or a few) of the style",
    gives="the style's colors and strokes, at many images a second",
    # docs/benchmarks/translation.md has three minutes at 128x128, but not how good less is. The end: Johnson et al. 2016, section 4.1,
    # has 40,000 batches of 4.
    good_images=160_000,
    origin="the paper; docs/benchmarks/translation.md shows three minutes at 128x128",
    wants_style=True,
)
TRANSLATORS = (PIX2PIX, CONTRASTIVE, CYCLE, STYLE)
"""All translators. What knows more about the targets comes first."""


@dataclass(frozen=True, eq=False)
class Possible:
    """A translator that this data allows, and how fast it trains here."""

    translator: Translator
    count: int
    """Number of images, or pairs, to train on."""
    spec: PairSpec
    settings: Mapping[str, Any]
    """The recipe's settings that differ from its defaults."""
    pace: Pace
    """Measured with these settings."""

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.translator.name

    @property
    def minutes_to_first_look(self) -> float | None:
        """How long a first look takes; None if that was not measured."""
        images = self.translator.first_look_images
        return None if images is None else self.pace.minutes_for(images)

    @property
    def minutes_to_good(self) -> float:
        """How long it takes until little more can be gained."""
        return self.pace.minutes_for(self.translator.good_images)

    def line(self) -> str:
        """What it gives, and when, in a line for the terminal."""
        first_look = self.minutes_to_first_look
        look = "" if first_look is None else f"a first look after about {duration(first_look)}, "
        end = f"little more to gain after about {duration(self.minutes_to_good)}"
        pace = f"{two_figures(self.pace.samples_per_second)} images a second"
        return f"  {self.name}: {self.translator.gives}. {pace}: {look}{end} ({self.translator.origin})."

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes of it."""
        return {
            "recipe": self.name,
            "count": self.count,
            "spec": self.spec.to_json(),
            "settings": dict(self.settings),
            "pace": asdict(self.pace),
            "minutes": {"first look": self.minutes_to_first_look, "good": self.minutes_to_good},
        }


@dataclass(frozen=True, eq=False)
class TranslatorAdvice:
    """What to know before training a translator."""

    data: str
    difficulties: tuple[Difficulty, ...]
    possible: tuple[Possible, ...]
    """The translators that this data allows, the recommended one first."""
    impossible: Mapping[str, str]
    """By recipe, why this data does not allow it."""
    settings: Mapping[str, Any]
    """Keywords for `sparring.train`, with the recommended recipe."""

    @property
    def recipe(self) -> str:
        """The recipe to start with."""
        return self.possible[0].name

    @property
    def command(self) -> str:
        """The command to start with."""
        return " ".join(["sparring train", self.recipe, "--data", shlex.quote(self.data), *flags(self.settings)])

    def lines(self) -> list[str]:
        """The advice in lines for the terminal."""
        first = self.possible[0]
        noun = "pairs" if first.spec.paired else "inputs"
        lines = [f"{self.data}: {first.count:,} {noun} to train on, of {first.spec}."]
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.description}", f"  To do: {each.remedy}"]
        lines += ["", f"Possible with this data, each timed here ({first.pace.machine}):"]
        lines += [one.line() for one in self.possible]
        lines += ["Not possible:"] if self.impossible else []
        needs = {translator.name: translator.needs for translator in TRANSLATORS}
        lines += [f"  {name} needs {needs[name]}. {why}" for name, why in self.impossible.items()]
        return [*lines, "", "Start with:", "", f"  {self.command}"]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "data": self.data,
            "recipe": self.recipe,
            "command": self.command,
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "possible": [one.to_json() for one in self.possible],
            "impossible": dict(self.impossible),
        }


def advise_translators(
    data: str | os.PathLike[str],
    pairing: Pairing,
    preprocessing: Preprocessing,
    asked: TrainSettings,
    training: TrainSettings,
    largest: int,
    console: "Console | None" = None,
) -> TranslatorAdvice:
    """Which translators this data allows, each trained for some seconds.

    `asked`: settings as they were given; `training`: the same, resolved. `largest`: the largest side of images if no size is given. Raises
    a SettingsError if no translator is possible, and a DataError if the data cannot be used.
    """
    name, progress = os.fspath(data), console is not None and console.is_terminal
    if problems := pairing.problems():
        raise SettingsError(listed("These settings cannot be used:", problems))
    sizes = native_sizes(open_source(name))
    chosen = preprocessing if preprocessing.size is not None else replace(preprocessing, size=suitable_size(sizes, largest))
    targets = count_targets(pairing)
    possible, impossible = list[Possible](), dict[str, str]()
    opened = dict[str, Pairs]()
    for translator in sorted(TRANSLATORS, key=lambda one: one.wants_style != (targets <= MAX_STYLES)):
        kind = translator.recipe.translates
        recipe = translator.recipe(**(translator.cpu_settings if training.device == "cpu" else {}))
        try:
            if (problem := why_unsuitable(translator, pairing, targets)) is not None:
                raise SettingsError(problem)
            if kind not in opened:
                opened[kind] = open_pairs(name, pairing, chosen, kind, progress=progress)
            check(recipe, opened[kind].spec)
        except (SettingsError, DataError) as problem:
            impossible[translator.name] = str(problem).splitlines()[0]
            continue
        pairs = opened[kind]
        pace = measure_pace(recipe, pairs, training)
        possible.append(Possible(translator, len(pairs), pairs.spec, changed_settings(recipe), pace))
    if not possible:
        raise SettingsError(listed("No translator can be trained on this data:", [f"{name}: {why}" for name, why in impossible.items()]))
    first = possible[0]
    pairs = opened[first.translator.recipe.translates]
    most = largest if preprocessing.size is None else None
    crop = chosen.crop if pairing.side_by_side == "none" else "squash"  # the shape of halves is not known here
    found = check_sizes(sizes, pairs.spec, crop=crop, most=most)
    found += check_store(pairs.inputs)
    if not first.translator.wants_style:
        found += check_pair_count(first.count, paired=first.spec.paired)
    busy = busy_machine(min(one.pace.share for one in possible))
    found += [] if busy is None else [busy]
    budget = asked
    if asked.minutes is None and first.translator.first_look_images is None:
        budget = replace(asked, minutes=DEFAULT_MINUTES)
    elif asked.minutes is None and first.translator.first_look_images is not None:
        budget = budget_for(first.translator.first_look_images, first.pace, asked)
    named = {name: value for name, value in changed_settings(pairing).items() if name in {"target", "inputs", "side_by_side"}}
    settings = named | changed_settings(chosen) | dict(first.settings) | changed_settings(budget)
    return TranslatorAdvice(name, tuple(found), tuple(possible), impossible, settings)


def holds_two_sets(data: str | os.PathLike[str]) -> bool:
    """Whether the data is a folder or zip of two sets, as CycleGAN's and pix2pix's are: trainA and trainB, A/train and B/train."""
    try:
        return {split_set(split) for split in open_source(os.fspath(data)).splits} == {"a", "b"}
    except DataError:  # which is reported where the data is opened to be used
        return False


def count_targets(pairing: Pairing) -> int:
    """Number of targets in a second set, one for a single image; as many as possible if there is no second set."""
    if pairing.target is None:
        return NO_SECOND_SET
    path = Path(pairing.target).expanduser()
    if path.is_file() and kind_of(path).says.startswith("an image"):
        return 1
    return len(open_source(pairing.target))


def why_unsuitable(translator: Translator, pairing: Pairing, targets: int) -> str | None:
    """Why a translator does not suit the way in which inputs and targets are given; None if it does."""
    if translator.wants_style and targets > MAX_STYLES:
        given = "Targets are a whole set here" if pairing.target is None else f"{pairing.target} has {targets:,} images"
        return f"{given}: give one image as --target."
    if not translator.wants_style and targets <= MAX_STYLES:
        return f"{pairing.target} has {plural(targets, 'image', 'images')}, which is a style, not a set."
    makes_pairs = pairing.inputs != "given" or pairing.side_by_side != "none"
    if makes_pairs and not (translator.wants_pairs or translator.wants_style):
        return "Here every input has its target, and pairs tell more. Give --target, a second set, if there are no pairs."
    return None
