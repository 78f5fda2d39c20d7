"""Trainings that are limited by the processor's time on one thread, whatever else the machine does. For other benchmarks."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sparring


def steps_within(seconds: float, recipe: str, data: Any, folder: Path, **settings: Any) -> int:  # noqa: ANN401 (a place or a dataset)
    """Measured on the difference of two short trainings, which begin alike. Settings must have `threads=1`. On a busy machine it can be off
    by a factor of two, where `stopped_after` is exact.
    """
    assert settings["threads"] == 1, "threads that wait for each other use the processor, too"
    used = []
    for steps in (10, 40):
        began = time.process_time()
        sparring.train(recipe, data, folder / f"{recipe}-{steps}", steps=steps, **settings)
        used.append(time.process_time() - began)
    return max(1, int(seconds / ((used[1] - used[0]) / 30)))


@contextlib.contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """A training within is asked to stop, as by Ctrl+C, once this process has used so much of the processor's time since here."""
    before = signal.signal(signal.SIGPROF, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
