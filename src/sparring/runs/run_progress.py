"""How far a run is from its next milestone (recognizable samples, then good ones), and the command that trains until there."""

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
"""Real samples until shapes can be recognized; until networks for two cores stop improving at 32x32; and until StyleGAN2 does. The first
two are measured in docs/benchmarks/ (three minutes of `best` on Stacked Fashion, ten minutes of `dcgan`). Larger sides and StyleGAN2 are
estimates."""
FIRST_LOOKS: Mapping[str, int] = {
    # DCGAN's networks; the doctor's estimate
    **dict.fromkeys(("dcgan", "cgan", "lsgan", "pacgan", "acgan", "r3gan", "stylegan2"), FIRST_LOOK),
    "gan": 85_000,  # "The first GAN": shapes of garments after 850 steps of 100
    "sngan": 307_000,  # "All image recipes": at five minutes (half of 1,919 steps of 5 x 64) as near the data as dcgan after 453,000
    "sagan": 47_000,  # the same: half of 1,461 steps of 64
    "biggan": 65_000,  # the same: "in 65,000 images"
    "pix2pix": 36_000,  # "From image to image: how good": from scribbles, 8,928 steps of 4
    "cyclegan": 18_000,  # the same: 9,138 steps of 2, colors and outlines are the targets'
    "cut": 7_000,  # the same: 3,434 steps of 2, shapes stay and colors turn
}
"""By recipe, real samples until its results can be recognized, from the named section of docs/benchmarks/. Recipes without a measurement
under their own settings are absent: no milestone is announced for them."""
GOOD: Mapping[str, int] = {
    "stylegan2": GOOD_STYLES,
    "pix2pix": 47_000,  # 11,804 steps of 4: nearly as good as after thirty minutes
    "cyclegan": 200_000,  # the paper's 200 passes of about 1,000 images (recipes/cyclegan.py)
    "cut": 400_000,  # the paper's 400 passes, when the recipe's rates have fallen to zero (recipes/cut.py)
}
SCALED_GOOD = {"dcgan", "cgan", "lsgan", "pacgan", "acgan", "r3gan"}
"""Recipes with networks for two cores: `GOOD_AT_32` real samples at 32x32, and in proportion to the side above, as the doctor estimates."""
FIRST, LAST = "a first look", "the point after which little improves"
SPEED_LINES = 5
"""Number of newest lines of timing.jsonl whose median is the run's speed."""


@dataclass(frozen=True)
class Milestone:
    """A run's next milestone, and how far the run is from it."""

    real_samples: int
    """Real samples so far."""
    goal: int
    """Real samples at the milestone."""
    aim: str
    """What can be expected there, to complete the sentence "on the way to"."""
    young: bool
    """Whether the run is before its first milestone, so that its results say little yet."""
    minutes: float | None
    """Minutes of training until there at the run's own speed, or None where the speed is unknown."""
    command: str
    """The command that trains until there, or "" while another process trains the run."""

    @property
    def distance(self) -> str:
        """How far the run is, as the beginning of a sentence with an open parenthesis."""
        share = 100 * self.real_samples / self.goal
        percent = f"{share:.0f}" if share >= 1 else f"{share:.1g}"
        return f"{percent}% of the way to {self.aim} ({self.real_samples:,} of {self.goal:,} real samples"

    @property
    def sentence(self) -> str:
        """The distance, the time and the command as one sentence."""
        left = "" if self.minutes is None else f"; about {_duration(self.minutes)} more at this speed"
        if not self.command:
            return f"{self.distance}{left}); it is still training."
        total = " (the total for the whole run)" if " --" in self.command else ""
        return f"{self.distance}{left}). To continue: {self.command}{total}"


def next_milestone(run: RunDirectory, config: Mapping[str, Any], *, at_rest: bool = False) -> Milestone | None:
    """The next milestone of a run, or None if it is past all milestones of its recipe or if the recipe has none.

    `config` is the content of its config.json. `at_rest` says that no process trains the run; otherwise that is checked.
    """
    if config.get("data", {}).get("fingerprint") is None:  # games on points cannot be resumed
        return None
    progress = checkpoints.newest_progress(run.checkpoints)
    real_samples = max([progress.real_samples, *(int(line.get("real_samples", 0)) for line in _lines(run.log)[-1:])])
    try:
        ahead = [(aim, goal) for aim, goal in milestones(config, run) if real_samples < goal]
    except SparringError:  # an unknown recipe or config.json is reported elsewhere
        return None
    if not ahead:
        return None
    aim, goal = ahead[0]
    speed = speed_of(run, progress)
    left = None if speed is None else (goal - real_samples) / speed / 60
    limits = config.get("train_settings", {})
    command = "" if not at_rest and run.in_use() else resume_command(run, limits, progress, goal - progress.real_samples, speed)
    return Milestone(real_samples, goal, aim, aim == FIRST, left, command)


def milestones(config: Mapping[str, Any], run: RunDirectory) -> list[tuple[str, int]]:
    """Milestones known for the run's recipe, in order: what can be expected, and the number of real samples until then."""
    recipe, spec = described(config, run.config)
    if growth := recipe.samples_until_full_size(spec):  # before that, samples are not at full size
        return [(FIRST, growth)]
    name = name_of(recipe)
    good = GOOD_AT_32 * max(32, spec.mean_side) // 32 if name in SCALED_GOOD else GOOD.get(name)
    return [(aim, goal) for aim, goal in ((FIRST, FIRST_LOOKS.get(name)), (LAST, good)) if goal is not None]


def speed_of(run: RunDirectory, progress: Progress) -> float | None:
    """Samples per second: the median of the newest lines of timing.jsonl, else the run's mean, or None if neither is recorded."""
    newest = sorted(float(line["samples_per_second"]) for line in _lines(run.timing)[-SPEED_LINES:] if line.get("samples_per_second"))
    if newest:
        return newest[len(newest) // 2]
    return progress.real_samples / progress.seconds if progress.real_samples and progress.seconds else None


def resume_command(run: RunDirectory, settings: Mapping[str, Any], progress: Progress, samples_left: int, speed: float | None) -> str:
    """The command that trains for `samples_left` more real samples.

    Limits of the run that would stop it earlier are raised. The new total is in minutes where `speed` (samples per second) is known, else
    in real samples.
    """
    used = progress.used_budget
    need: dict[str, float] = {"real_samples": used["real_samples"] + samples_left}
    if progress.real_samples:
        need["steps"] = used["steps"] + math.ceil(samples_left * progress.step / progress.real_samples)
    if speed is not None:
        need["minutes"] = _round_up(used["minutes"] + samples_left / speed / 60)
    limits = {name: float(limit) for name in BUDGETS if (limit := settings.get(name)) is not None}
    open_limits = {name: limit for name, limit in limits.items() if used[name] < limit}
    raised = {name: need[name] for name, limit in open_limits.items() if name in need and limit < need[name]}
    unit = "minutes" if "minutes" in need else "real_samples"
    if len(open_limits) < len(limits) and not raised:  # a used-up limit is left out where another is named
        raised[unit] = max(need[unit], open_limits.get(unit, 0))
    flags = (
        f"--{name.replace('_', '-')} {value:.0f}" if value == int(value) else f"--{name.replace('_', '-')} {value:g}"
        for name, value in raised.items()
    )
    return " ".join([run.resume_command, *flags])


def _round_up(minutes: float) -> float:
    """Minutes rounded up to a plain number: a whole minute, above 20 a multiple of 5, above 3 hours a multiple of 30."""
    step = 1 if minutes <= 20 else 5 if minutes <= 180 else 30
    return max(1, step * math.ceil(minutes / step))


def _lines(path: Path) -> list[dict[str, Any]]:
    """All complete lines of a JSON lines file, or none if it is damaged, which is reported elsewhere."""
    try:
        return read_lines(path)
    except DataError:
        return []


def _duration(minutes: float) -> str:
    """Minutes, or hours from two hours on, as text."""
    return plural(max(1, round(minutes)), "minute", "minutes") if minutes < 120 else plural(round(minutes / 60), "hour", "hours")
