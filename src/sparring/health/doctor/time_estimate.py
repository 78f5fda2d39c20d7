"""How fast a recipe is played on this machine, and times for people."""

import math
import time
from dataclasses import dataclass, replace

import torch

from sparring.core.formatting import plural
from sparring.data.pairs.pairs import Pairs
from sparring.data.store import Store
from sparring.games.recipe import Recipe, check
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.throughput import resident_mebibytes
from sparring.training.loop import TrainingContext, train
from sparring.training.session import first_state, machine_for
from sparring.training.settings import TrainSettings
from sparring.training.state import State

WARM_UP, TIMED_SECONDS = 2, 3.0
"""Steps that are not timed, and how long the others are."""


@dataclass(frozen=True)
class Pace:
    """How fast a recipe is played on this machine."""

    samples_per_second: float
    mebibytes: int | None
    """Memory: the most that the GPU held, or what the process holds. None where the system does not tell."""
    machine: str
    """What plays, for a person."""
    share: float = 1.0
    """Of the time that its threads could have had on the processor: less than 1 where other programs run. (Not found out for a GPU.)"""


class Stopwatch(Callback):
    """Watches steps until their pace is known."""

    def __init__(self, cycle: int) -> None:
        self.cycle = cycle
        """Steps until lazy penalties come round again: whole cycles are timed, where there is time for one."""
        self.marks: list[tuple[float, int]] = []
        """Seconds of training and samples shown, after the last step of warming up and after each that is timed."""

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """See Callback."""
        if state.progress.step >= WARM_UP:
            self.marks.append((state.progress.seconds, state.progress.real_samples))

    def enough(self) -> bool:
        """Whether it has watched for long enough."""
        return len(self.marks) > 1 and self.marks[-1][0] - self.marks[0][0] > TIMED_SECONDS

    @property
    def samples_per_second(self) -> float:
        """Images shown a second."""
        steps = len(self.marks) - 1
        (start, before), (end, after) = self.marks[0], self.marks[steps // self.cycle * self.cycle or steps]
        return (after - before) / (end - start)


def pace_of(recipe: Recipe, store: Store | Pairs, settings: TrainSettings) -> Pace:
    """Play some steps of `recipe` on a store, or on pairs, with resolved settings, and tell how fast that went. Nothing is kept."""
    check(recipe, store.spec)
    watch, gpu = Stopwatch(recipe.steps_per_cycle), settings.device == "cuda"
    with machine_for(settings) as fabric:
        state = first_state(recipe, lambda: recipe.build(store.spec), settings.seed)
        for game in (state.game, state.ema):
            game.to(fabric.device)
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        began, used = time.monotonic(), time.process_time()
        train(state, TrainingContext(store, recipe, replace(settings, minutes=None), fabric), [watch], watch.enough)
        share = 1.0 if gpu else (time.process_time() - used) / (time.monotonic() - began) / settings.threads
        held = torch.cuda.max_memory_allocated() // 2**20 if gpu else resident_mebibytes()
    machine = torch.cuda.get_device_name() if gpu else plural(settings.threads, "thread", "threads")
    return Pace(watch.samples_per_second, held, f"{machine}, {settings.precision}", share)


def round_minutes(minutes: float) -> int:
    """A budget that is easily read, no shorter than that and than ten minutes."""
    return next((each for each in (10, 15, 20, 30, 45) if each >= minutes), 60 * math.ceil(minutes / 60))


def duration(minutes: float) -> str:
    """In the largest unit of which there are two, or in minutes."""
    unit, size = next(((unit, size) for unit, size in (("day", 1440), ("hour", 60)) if minutes >= 2 * size), ("minute", 1))
    return plural(max(1, round(minutes / size)), unit, f"{unit}s")


def two_figures(number: float) -> str:
    """Without more figures than are known."""
    value = float(f"{number:.2g}")
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"
