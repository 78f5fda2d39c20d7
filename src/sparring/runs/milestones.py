"""How far a run is, how far it has to go until there is something to see, and the command that gets it there."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparring.core.errors import DataError, SparringError
from sparring.core.formatting import plural
from sparring.core.jsonl import read_lines
from sparring.recipes import name_of
from sparring.runs.config import described
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.settings import BUDGETS
from sparring.training.state import Progress

FIRST_LOOK, GOOD_AT_32, GOOD_STYLES = 200_000, 1_000_000, 5_000_000
"""Images shown until shapes can be made out, and until little more is to be had of networks for two cores or of StyleGAN2. In
docs/benchmarks/, at 32x32, the first are the three minutes of `best` on Stacked Fashion, the second the ten of `dcgan`; for larger sides,
and for StyleGAN2, they are estimates."""
FIRST_LOOKS: Mapping[str, int] = {
    **dict.fromkeys(("dcgan", "cgan", "lsgan", "pacgan", "acgan", "stylegan2"), FIRST_LOOK),  # DCGAN's networks; the doctor's estimate
    "gan": 85_000,  # "The first GAN": shapes of garments after 850 steps of 100
    "sngan": 307_000,  # "All image recipes": at five minutes (half of 1,919 steps of 5 x 64) as near the data as dcgan after 453,000
    "sagan": 47_000,  # the same: half of 1,461 steps of 64
    "biggan": 65_000,  # the same: "in 65,000 images"
    "pix2pix": 36_000,  # "From image to image: how good": from scribbles, 8,928 steps of 4
    "cyclegan": 18_000,  # the same: 9,138 steps of 2, colors and outlines are the targets'
    "cut": 7_000,  # the same: 3,434 steps of 2, shapes stay and colors turn
}
"""Images shown until the recipe's results can be recognized, by its name, from the named section of docs/benchmarks/. Recipes that
were never seen to get there, or only under other settings, are not here: nothing is said of them."""
GOOD: Mapping[str, int] = {
    "stylegan2": GOOD_STYLES,
    "pix2pix": 47_000,  # 11,804 steps of 4: nearly as good as after thirty minutes
    "cyclegan": 200_000,  # the paper's 200 passes of about 1,000 images (recipes/cyclegan.py)
    "cut": 400_000,  # the paper's 400 passes, when the recipe's rates have fallen to zero (recipes/cut.py)
}
SCALED_GOOD = {"dcgan", "cgan", "lsgan", "pacgan", "acgan"}
"""Recipes of DCGAN's networks, for which it is `GOOD_AT_32`, and more for larger sides, as the doctor has it."""
FIRST, LAST = "a first look", "the point after which little improves"
PACE_LINES = 5
"""Of timing.jsonl, the newest: their median is the run's pace."""


@dataclass(frozen=True)
class Whereabouts:
    """How far a run is on the way to its next milestone."""

    real_samples: int
    """Images shown so far."""
    goal: int
    """Images shown at the milestone."""
    aim: str
    """What can be expected there, as the end of "on the way to"."""
    young: bool
    """Whether it is before a first look: results say little yet."""
    minutes: float | None
    """Minutes of training until there, at the run's own pace; None where that is not known."""
    command: str
    """The command that trains until there; "" while another process trains the run."""

    @property
    def sentence(self) -> str:
        """All of it, for a person."""
        share = 100 * self.real_samples / self.goal
        percent = f"{share:.0f}" if share >= 1 else f"{share:.1g}"
        far = f"{percent}% of the way to {self.aim} ({self.real_samples:,} of {self.goal:,} real samples"
        left = "" if self.minutes is None else f"; about {_duration(self.minutes)} more at this speed"
        if not self.command:
            return f"{far}{left}); it is still training."
        total = " (the total for the whole run)" if " --" in self.command else ""
        return f"{far}{left}). To continue: {self.command}{total}"


def whereabouts(run: RunDirectory, config: Mapping[str, Any], *, at_rest: bool = False) -> Whereabouts | None:
    """Where a run is. None if it is beyond all milestones of its recipe, or if none is known. `config`: the content of its config.json.
    `at_rest`: the process that trained it asks, and has done; else whether one trains it is found out.
    """
    if config.get("data", {}).get("fingerprint") is None:  # a game that cannot be gone on with: on points
        return None
    progress = checkpoints.newest_progress(run.checkpoints)
    images = max([progress.real_samples, *(int(line.get("real_samples", 0)) for line in _lines(run.log)[-1:])])
    try:
        ahead = [(aim, goal) for aim, goal in milestones(config, run) if images < goal]
    except SparringError:  # a recipe or a config.json that is not known here, which is others' to say
        return None
    if not ahead:
        return None
    aim, goal = ahead[0]
    pace = pace_of(run, progress)
    left = None if pace is None else (goal - images) / pace / 60
    limits = config.get("train_settings", {})
    command = "" if not at_rest and run.in_use() else resume_command(run, limits, progress, goal - progress.real_samples, pace)
    return Whereabouts(images, goal, aim, aim == FIRST, left, command)


def milestones(config: Mapping[str, Any], run: RunDirectory) -> list[tuple[str, int]]:
    """What can be expected of a run after how many images, in their order; as far as that is known of its recipe."""
    recipe, spec = described(config, run.config)
    if growth := recipe.samples_until_full_size(spec):  # before, there is nothing to see at the full side
        return [(FIRST, growth)]
    name = name_of(recipe)
    good = GOOD_AT_32 * max(32, spec.height) // 32 if name in SCALED_GOOD else GOOD.get(name)
    return [(aim, goal) for aim, goal in ((FIRST, FIRST_LOOKS.get(name)), (LAST, good)) if goal is not None]


def pace_of(run: RunDirectory, progress: Progress) -> float | None:
    """Images a second: the median of the newest lines of timing.jsonl, or the run's mean; None if it has none."""
    newest = sorted(float(line["samples_per_second"]) for line in _lines(run.timing)[-PACE_LINES:] if line.get("samples_per_second"))
    if newest:
        return newest[len(newest) // 2]
    return progress.real_samples / progress.seconds if progress.real_samples and progress.seconds else None


def resume_command(run: RunDirectory, settings: Mapping[str, Any], progress: Progress, images_left: int, pace: float | None) -> str:
    """The command that trains for so many images more. Limits that the run has, and that would end it before, are raised; its total is
    named in minutes where its pace is known, else in images.
    """
    used = progress.used_budget
    need: dict[str, float] = {"real_samples": used["real_samples"] + images_left}
    if progress.real_samples:
        need["steps"] = used["steps"] + math.ceil(images_left * progress.step / progress.real_samples)
    if pace is not None:
        need["minutes"] = _round_up(used["minutes"] + images_left / pace / 60)
    limits = {name: float(limit) for name in BUDGETS if (limit := settings.get(name)) is not None}
    open_limits = {name: limit for name, limit in limits.items() if used[name] < limit}
    raised = {name: need[name] for name, limit in open_limits.items() if name in need and limit < need[name]}
    unit = "minutes" if "minutes" in need else "real_samples"
    if len(open_limits) < len(limits) and not raised:  # what is used up is dropped where something else is named
        raised[unit] = max(need[unit], open_limits.get(unit, 0))
    flags = (
        f"--{name.replace('_', '-')} {value:.0f}" if value == int(value) else f"--{name.replace('_', '-')} {value:g}"
        for name, value in raised.items()
    )
    return " ".join([run.resume_command, *flags])


def _round_up(minutes: float) -> float:
    """To a number of minutes that is easily typed: whole ones, above 20 whole fives, above 3 hours whole half-hours."""
    step = 1 if minutes <= 20 else 5 if minutes <= 180 else 30
    return max(1, step * math.ceil(minutes / step))


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file; none if it is damaged, for that is others' to say."""
    try:
        return read_lines(path)
    except DataError:
        return []


def _duration(minutes: float) -> str:
    """Minutes, or hours if there are many."""
    return plural(max(1, round(minutes)), "minute", "minutes") if minutes < 120 else plural(round(minutes / 60), "hour", "hours")
