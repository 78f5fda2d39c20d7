"""How fast a recipe trains on this machine, and durations in words."""

import itertools
import math
import time
from dataclasses import dataclass, replace

import torch

from sparring.core.formatting import plural
from sparring.data.dataset import PreparedDataset
from sparring.data.pairs.pairs import Pairs
from sparring.games.game import Game
from sparring.games.recipe import Recipe, check
from sparring.health.doctor.data_checks import BUSY_SHARE
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.throughput import resident_mebibytes
from sparring.training.loop import TrainingContext, train
from sparring.training.session import first_state, machine_for
from sparring.training.settings import TrainSettings
from sparring.training.state import State

WARM_UP_STEPS, TIMED_SECONDS = 2, 3.0
"""Steps that are not timed, and how long the timed ones take at least."""


@dataclass(frozen=True)
class Pace:
    """How fast a recipe trains on this machine."""

    samples_per_second: float
    """In its last phase: of the game, where something is learned before it."""
    mebibytes: int | None
    """Memory: the most that was allocated on the GPU, or what the process holds. None if the system does not tell."""
    machine: str
    """What computes, for people."""
    share: float = 1.0
    """Share of the processor's time that the threads got: less than 1 if other programs run. (Not measured for a GPU.)"""
    before: tuple[tuple[int, float], ...] = ()
    """Of the phases before the last: how many samples each shows, and how many a second."""

    def minutes_for(self, images: float) -> float:
        """How long it takes to show that many images."""
        seconds, left = 0.0, images
        for shown, pace in self.before:
            seconds += min(shown, left) / pace
            left -= min(shown, left)
        return (seconds + left / self.samples_per_second) / 60

    def samples_in(self, minutes: float) -> float:
        """How many samples are shown in that time."""
        samples, left = 0.0, 60 * minutes
        for shown, pace in self.before:
            taken = min(shown / pace, left)
            samples, left = samples + taken * pace, left - taken
        return samples + left * self.samples_per_second


class Stopwatch(Callback):
    """Times steps until the pace is known."""

    def __init__(self, cycle: int, first_step: int = 0, end: int | None = None) -> None:
        self.begins = first_step + WARM_UP_STEPS
        """The first step that is timed."""
        self.end = end
        """The step that the phase ends before, if it ends."""
        self.step = first_step
        self.cycle = cycle
        """Steps from one lazy penalty to the next: whole cycles are timed, if there is time for one."""
        self.marks: list[tuple[float, int]] = []
        """Seconds of training and images shown: after the warm-up, and after each timed step."""

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """See Watcher."""
        self.step = state.progress.step
        if state.progress.step >= self.begins:
            self.marks.append((state.progress.seconds, state.progress.real_samples))

    def is_done(self) -> bool:
        """Whether enough steps were timed, or the phase is over."""
        return len(self.marks) > 1 and (
            self.marks[-1][0] - self.marks[0][0] > TIMED_SECONDS or (self.end is not None and self.step >= self.end)
        )

    @property
    def samples_per_second(self) -> float:
        """Images shown in a second."""
        steps = len(self.marks) - 1
        (start, before), (end, after) = self.marks[0], self.marks[steps // self.cycle * self.cycle or steps]
        return (after - before) / (end - start)


def measure_pace(recipe: Recipe, store: PreparedDataset | Pairs, settings: TrainSettings) -> Pace:
    """Train some steps of each phase of `recipe` on a dataset with resolved settings, and measure the pace. Nothing is kept."""
    check(recipe, store.spec)
    gpu = settings.device == "cuda"
    with machine_for(settings) as fabric:
        state = first_state(recipe, lambda: recipe.build(store.spec), settings.seed)
        for game in (state.game, state.ema):
            game.to(fabric.device)
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        context = TrainingContext(store, recipe, replace(settings, minutes=None), fabric)
        began, used, phases = time.monotonic(), time.process_time(), list[tuple[int, float]]()
        for first_step, steps in phases_of(state.game):
            shown = sum(before for before, _ in phases)
            state.progress.step, state.progress.real_samples = first_step, shown
            stopwatch = Stopwatch(recipe.steps_per_cycle, first_step, first_step + steps if steps else None)
            train(state, context, [stopwatch], stopwatch.is_done)
            in_a_step = (state.progress.real_samples - shown) // (state.progress.step - first_step)
            phases.append((steps * in_a_step, stopwatch.samples_per_second))
        share = 1.0 if gpu else (time.process_time() - used) / (time.monotonic() - began) / settings.threads
        mebibytes = torch.cuda.max_memory_allocated() // 2**20 if gpu else resident_mebibytes()
    machine = torch.cuda.get_device_name() if gpu else plural(settings.threads, "thread", "threads")
    *before, (_, pace) = phases
    return Pace(pace, mebibytes, f"{machine}, {settings.precision}", share, tuple(before))


def phases_of(game: Game) -> list[tuple[int, int]]:
    """The phases, in each of which the same turns are played: first step and number of steps (0 of the last, which has no end)."""
    starts = {0, *(turn.start for turn in game.turns), *(turn.stop for turn in game.turns if turn.stop is not None)}
    played = sorted(step for step in starts if any(turn.due(step) for turn in game.turns))
    return [*((step, after - step) for step, after in itertools.pairwise(played)), (played[-1], 0)]


def round_up_minutes(minutes: float) -> int:
    """A budget that is easy to read, no shorter than `minutes` and than ten minutes."""
    return next((each for each in (10, 15, 20, 30, 45) if each >= minutes), 60 * math.ceil(minutes / 60))


def budget_for(images: int, pace: Pace, asked: TrainSettings) -> TrainSettings:
    """The settings with a budget for that many images: in minutes, or in images on a busy machine, where no pace is known."""
    if pace.share < BUSY_SHARE:
        return replace(asked, real_samples=images)
    return replace(asked, minutes=round_up_minutes(pace.minutes_for(images)))


def pace_in_words(pace: Pace, samples: str) -> str:
    """How many samples a second it is, and when the game begins if something is learned before."""
    found = f"Here ({pace.machine}): {two_figures(pace.samples_per_second)} {samples} a second"
    if not pace.before:
        return found
    minutes = pace.minutes_for(sum(shown for shown, _ in pace.before))
    return f"{found} in the game, which begins after {'less than a minute' if minutes < 1 else f'about {duration(minutes)}'}"


def duration(minutes: float) -> str:
    """A duration in the largest unit of which there are at least two, or in minutes."""
    unit, size = next(((unit, size) for unit, size in (("day", 1440), ("hour", 60)) if minutes >= 2 * size), ("minute", 1))
    return plural(max(1, round(minutes / size)), unit, f"{unit}s")


def two_figures(number: float) -> str:
    """A number with two significant figures: no more are known."""
    value = float(f"{number:.2g}")
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"
