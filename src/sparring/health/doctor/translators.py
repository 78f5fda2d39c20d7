"""Before training a translator: which recipes this data allows, which to start with, and how long each takes on this machine."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.core.errors import DataError, SettingsError, listed
from sparring.core.file_kinds import kind_of
from sparring.core.formatting import flags
from sparring.core.settings import non_default
from sparring.data.open_source import open_source
from sparring.data.pairs.pair_spec import PairSpec
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.data.readers.folder_layouts import set_of
from sparring.games.recipe import check
from sparring.games.translation import TranslationRecipe
from sparring.health.diagnosis.verdict import plural
from sparring.health.doctor.data_checks import Difficulty, busy_machine, native_sizes, of_sizes, of_store, suitable_size
from sparring.health.doctor.time_estimate import Pace, duration, pace_of, round_minutes, two_figures
from sparring.recipes.cut import CUT
from sparring.recipes.cyclegan import CycleGAN
from sparring.recipes.pix2pix import Pix2Pix
from sparring.recipes.style_transfer import StyleTransfer
from sparring.runs.milestones import FIRST_LOOKS, GOOD
from sparring.training.settings import TrainSettings

if TYPE_CHECKING:
    from rich.console import Console

STYLES = 5
"""Up to so many targets are images of one style, rather than a set to learn to look like."""
ON_A_PROCESSOR: dict[str, dict[str, Any]] = {
    "pix2pix": {"width": 32, "discriminator_width": 32, "patch_layers": 2, "batch_size": 4, "norm": "batch"},
    "cyclegan": {"width": 24, "discriminator_width": 32, "patch_layers": 2, "blocks": 6, "batch_size": 2},
    "cut": {"width": 24, "discriminator_width": 32, "patch_layers": 2, "blocks": 6, "batch_size": 2},
    "style-transfer": {},
}
"""What `benchmarks/translators.py` trained on two cores, for the figures below. A GPU gets the recipes' own settings."""


@dataclass(frozen=True)
class Wish:
    """A recipe for translators, and what it is for."""

    recipe: type[TranslationRecipe]
    wants: str
    """The data that it needs."""
    makes: str
    """What one gets."""
    first_look: int | None
    """Images to show until something can be seen. None: not measured."""
    good: int
    """Images to show until little more is to be had."""
    origin: str
    """Where those figures are from."""


WISHES: dict[str, Wish] = {
    "pix2pix": Wish(
        Pix2Pix,
        "pairs: for each input its true target",
        "the target, as sure as pairs tell it",
        FIRST_LOOKS["pix2pix"],
        GOOD["pix2pix"],
        "docs/benchmarks/translation.md, at 64x64",
    ),
    "cut": Wish(
        CUT,
        "two sets without pairs, of the same channels",
        "one way, with half of CycleGAN's networks",
        FIRST_LOOKS["cut"],
        GOOD["cut"],
        "docs/benchmarks/translation.md, at 64x64, and the recipe's schedule",
    ),
    "cyclegan": Wish(
        CycleGAN,
        "two sets without pairs",
        "both ways: b2a, too",
        FIRST_LOOKS["cyclegan"],
        GOOD["cyclegan"],
        "docs/benchmarks/translation.md, at 64x64, and the paper",
    ),
    "style-transfer": Wish(
        StyleTransfer,
        "images of any kind, and one image (or a few) of the style",
        "the style's colors and strokes, many images a second",
        # docs/benchmarks/translation.md has three minutes at 128x128, but not how good less is. The end: Johnson et al. 2016, section 4.1,
        # has 40,000 batches of 4.
        None,
        160_000,
        "the paper; docs/benchmarks/translation.md shows three minutes at 128x128",
    ),
}


@dataclass(frozen=True, eq=False)
class Possible:
    """A recipe that this data allows, and what it takes here."""

    name: str
    count: int
    """Images, or pairs, to train on."""
    spec: PairSpec
    settings: Mapping[str, Any]
    """Of the recipe, where they are not its own."""
    pace: Pace
    """Measured with these settings."""

    def minutes_for(self, images: float) -> float:
        """How long it takes to show so many images on this machine."""
        return images / self.pace.samples_per_second / 60

    def line(self) -> str:
        """For the terminal: what it gives, and when."""
        wish = WISHES[self.name]
        looks = "" if wish.first_look is None else f"a first look after about {duration(self.minutes_for(wish.first_look))}, "
        end = f"little more to be had after about {duration(self.minutes_for(wish.good))}"
        return f"  {self.name}: {wish.makes}. {two_figures(self.pace.samples_per_second)} images a second: {looks}{end} ({wish.origin})."


@dataclass(frozen=True, eq=False)
class TranslatorAdvice:
    """What to know before training a translator."""

    data: str
    difficulties: tuple[Difficulty, ...]
    possible: tuple[Possible, ...]
    """The recommended one first."""
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
        """The command line to start with."""
        return " ".join(["sparring train", self.recipe, "--data", shlex.quote(self.data), *flags(self.settings)])

    def lines(self) -> list[str]:
        """For the terminal."""
        first = self.possible[0]
        pairs = "pairs" if first.spec.paired else "inputs"
        lines = [f"{self.data}: {first.count:,} {pairs} to train on, of {first.spec}."]
        for each in self.difficulties:
            lines += ["", f"{each.name.capitalize()}: {each.severity}", f"  {each.says}", f"  To do: {each.remedy}"]
        lines += ["", f"Possible with this data, each timed here ({first.pace.machine}):"]
        lines += [one.line() for one in self.possible]
        lines += ["Not possible:"] if self.impossible else []
        lines += [f"  {name} wants {WISHES[name].wants}. {why}" for name, why in self.impossible.items()]
        return [*lines, "", "Start with:", "", f"  {self.command}"]

    def to_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "data": self.data,
            "recipe": self.recipe,
            "command": self.command,
            "settings": dict(self.settings),
            "difficulties": [asdict(one) for one in self.difficulties],
            "possible": [
                {
                    "recipe": one.name,
                    "count": one.count,
                    "spec": one.spec.to_json(),
                    "settings": dict(one.settings),
                    "pace": asdict(one.pace),
                    "minutes": {
                        "first look": None if (look := WISHES[one.name].first_look) is None else one.minutes_for(look),
                        "good": one.minutes_for(WISHES[one.name].good),
                    },
                }
                for one in self.possible
            ],
            "impossible": dict(self.impossible),
        }


def advise(
    data: str | os.PathLike[str],
    pairing: Pairing,
    preprocessing: Preprocessing,
    asked: TrainSettings,
    training: TrainSettings,
    largest: int,
    console: "Console | None" = None,
) -> TranslatorAdvice:
    """Which translators this data allows, each played for some seconds.

    `asked`: settings as they were given; `training`: the same, resolved. `largest`: the side that images are brought to at most, if none is
    named. A SettingsError if no recipe is possible, a DataError if the data cannot be used.
    """
    place, progress = os.fspath(data), console is not None and console.is_terminal
    if problems := pairing.problems():
        raise SettingsError(listed("These settings cannot be used:", problems))
    sizes = native_sizes(open_source(place))
    chosen = preprocessing if preprocessing.size is not None else replace(preprocessing, size=suitable_size(sizes, largest))
    found: list[Difficulty] = []
    possible, impossible = list[Possible](), dict[str, str]()
    opened = dict[str, Pairs]()
    for name in _order(pairing):
        kind = WISHES[name].recipe.translates
        own = ON_A_PROCESSOR[name] if training.device == "cpu" else {}
        recipe = WISHES[name].recipe(**own)
        try:
            if (problem := _misfit(name, pairing)) is not None:
                raise SettingsError(problem)
            if kind not in opened:
                opened[kind] = open_pairs(place, pairing, chosen, kind, progress=progress)
            check(recipe, opened[kind].spec)
        except (SettingsError, DataError) as problem:
            impossible[name] = str(problem).splitlines()[0]
            continue
        pairs = opened[kind]
        possible.append(Possible(name, len(pairs), pairs.spec, non_default(recipe), pace_of(recipe, pairs, training)))
    if not possible:
        raise SettingsError(listed("No translator can be trained on this:", [f"{name}: {why}" for name, why in impossible.items()]))
    pairs = opened[WISHES[possible[0].name].recipe.translates]
    found += of_sizes(sizes, pairs.spec.height, cut=chosen.crop == "center" and pairing.side_by_side == "none")
    found += of_store(pairs.inputs)
    first = possible[0]
    look = WISHES[first.name].first_look
    busy = busy_machine(min(one.pace.share for one in possible))
    found += [] if busy is None else [busy]
    minutes = asked.minutes or round_minutes(0 if busy or look is None else first.minutes_for(look))
    named = {name: value for name, value in non_default(pairing).items() if name in {"target", "inputs", "side_by_side"}}
    settings = named | non_default(chosen) | dict(first.settings) | non_default(replace(asked, minutes=minutes))
    return TranslatorAdvice(place, tuple(found), tuple(possible), impossible, settings)


def _order(pairing: Pairing) -> tuple[str, ...]:
    """The recipes, the one first that suits such data best, if it is possible: what knows more about the targets comes first."""
    few = _targets(pairing) <= STYLES
    return ("style-transfer", "pix2pix", "cut", "cyclegan") if few else ("pix2pix", "cut", "cyclegan", "style-transfer")


def holds_two_sets(data: str | os.PathLike[str]) -> bool:
    """Whether the data is a folder or zip of two sets, as CycleGAN's and pix2pix's are: trainA and trainB, A/train and B/train."""
    try:
        return {set_of(part) for part in open_source(os.fspath(data)).splits} == {"a", "b"}
    except DataError:  # which is said where it is opened to be used
        return False


def _targets(pairing: Pairing) -> int:
    """How many targets there are in a second set, one for a single image; as many as there may be where there is no second set."""
    if pairing.target is None:
        return 10**9
    path = Path(pairing.target).expanduser()
    if path.is_file() and kind_of(path).says.startswith("an image"):
        return 1
    return len(open_source(pairing.target))


def _misfit(name: str, pairing: Pairing) -> str | None:
    """Why a recipe and the way that inputs and targets are named do not go together."""
    targets = _targets(pairing)
    if name == "style-transfer" and targets > STYLES:
        given = "Targets are a whole set here" if pairing.target is None else f"{pairing.target} has {targets:,} images"
        return f"{given}: give one image as --target."
    if name != "style-transfer" and targets <= STYLES:
        return f"{pairing.target} has {plural(targets, 'image', 'images')}, which is a style, not a set."
    if name in {"cut", "cyclegan"} and (pairing.inputs != "given" or pairing.side_by_side != "none"):
        return "Here every input has its target, and pairs say more: give --target, a set of its own, if there are none."
    return None
