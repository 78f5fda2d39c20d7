"""Steps timed side by side: each variant lives in a process of its own, with its own allocator and OpenMP settings, and the processes take
turns, a few steps at a time, so that a slow moment of the machine hits all."""

import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import NamedTuple

THREADS = 2
Steps = Mapping[str, Callable[[], object]]
"""What a variant can do, by name."""


class Variant(NamedTuple):
    make: Callable[..., Steps]
    """Called in the variant's process."""
    arguments: tuple[object, ...]
    tuned: bool
    """Whether glibc's allocator is told to keep freed memory, as by Sparring's trainer."""


@contextlib.contextmanager
def started_with(settings: Mapping[str, str]) -> Iterator[None]:
    """In the block, processes start with these environment variables and with no other that says how long OpenMP's threads wait."""
    from sparring.core import openmp

    before = dict(os.environ)
    for name in (*openmp.VARIABLES, openmp.SHORT):
        os.environ.pop(name, None)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(pipe: Connection, variant: Variant) -> None:
    import torch

    from sparring.core.hardware import keep_freed_memory

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    if variant.tuned:
        keep_freed_memory()
    steps = variant.make(*variant.arguments)
    for step in steps.values():  # once to warm up
        step()
    pipe.send(list(steps))
    while (asked := pipe.recv()) is not None:
        name, times = asked
        began = time.perf_counter()
        for _ in range(times):
            step_result = steps[name]()
        pipe.send(((time.perf_counter() - began) / times, step_result if isinstance(step_result, int | float) else None))


class Sides:
    """The processes of some variants."""

    def __init__(self, variants: Mapping[str, Variant]) -> None:
        from sparring.core import openmp

        context = multiprocessing.get_context("spawn")
        self.pipes: dict[str, Connection] = {}
        self.names: dict[str, list[str]] = {}
        for name, variant in variants.items():
            self.pipes[name], theirs = context.Pipe()
            with started_with({openmp.SHORT: "0"}):
                context.Process(target=_serve, args=(theirs, variant), daemon=True).start()
            theirs.close()  # a process that dies is noticed
            self.names[name] = self.pipes[name].recv()

    def ask(self, variant: str, step: str) -> float | None:
        """What one such step gives, if it is a number."""
        self.pipes[variant].send((step, 1))
        return self.pipes[variant].recv()[1]

    def medians(self, rounds: int, times: Mapping[str, int]) -> dict[str, dict[str, float]]:
        """Seconds that each step takes, by variant and step: medians of so many rounds. `times`: how often a step is taken in a round."""
        taken = {(variant, step): [] for variant, steps in self.names.items() for step in steps if step in times}
        for _ in range(rounds):
            for step, count in times.items():
                for variant, pipe in self.pipes.items():
                    if (variant, step) in taken:
                        pipe.send((step, count))
                        taken[variant, step].append(pipe.recv()[0])
        found: dict[str, dict[str, float]] = {}
        for (variant, step), seconds in taken.items():
            found.setdefault(variant, {})[step] = statistics.median(seconds)
        return found

    def close(self) -> None:
        for pipe in self.pipes.values():
            pipe.send(None)
