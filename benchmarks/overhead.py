"""How much of training is not the networks' step: data, log, average, checks, samples, checkpoints, progress.

    python benchmarks/overhead.py [--minutes 2.1]

Trains DCGAN as `sparring train` does on a terminal, with its bar. The step is what any loop must do: the turn's
forward pass down to the one number that is minimized (without fetching its data), the backward pass, the optimizer's step
and zero_grad. These are clocked in the loop, and all the rest of the loop's wall time is the overhead: nothing is left out
of it for want of a clock. The lines below each result explain it part by part; "other" is what none of the named parts accounts for.
2.1 minutes hold one checkpoint by time (every 2 minutes); what comes before and after the loop is not counted."""

import argparse
import dataclasses
import functools
import io
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

CASES = {
    "32x32x1, batch 64, width 64": {"data": "fashion10k", "size": 32, "batch_size": 64},
    "32x32x1, batch 64, width 32": {"data": "fashion10k", "size": 32, "batch_size": 64, "width": 32},
    "64x64x3, batch 128, width 64": {"data": "emoji", "size": 64, "batch_size": 128},
}
STEP = ("forward", "backward", "optimizer", "zero_grad")
DATA = "data"

spent: dict[str, float] = defaultdict(float)
calls: dict[str, int] = defaultdict(int)


def clocked(name: str, function: Callable) -> Callable:
    @functools.wraps(function)
    def timed(*arguments: object, **settings: object) -> object:
        began = time.perf_counter()
        try:
            return function(*arguments, **settings)
        finally:
            spent[name] += time.perf_counter() - began
            calls[name] += 1

    return timed


def clock_the_step() -> None:
    """The parts of the step, on the very objects that the loop calls, and the loop itself."""
    from sparring.training import loop, session

    train, step_context = session.train, loop.TurnRunner.step_context

    def played(state: loop.State, context: loop.TrainingContext, *rest: object) -> str:
        for optimizer in state.optimizers.values():
            optimizer.step = clocked("optimizer", optimizer.step)
            optimizer.zero_grad = clocked("zero_grad", optimizer.zero_grad)
        context.fabric.backward = clocked("backward", context.fabric.backward)
        return clocked("loop", train)(state, context, *rest)

    def with_clocked_data(*arguments: object) -> object:
        found = step_context(*arguments)
        return dataclasses.replace(found, draw=clocked(DATA, found.draw))

    session.train, loop.TurnRunner.step_context = played, with_clocked_data
    loop.TurnRunner.losses = clocked("forward", loop.TurnRunner.losses)


def clock_the_rest() -> None:
    """What is known to be done beside the step. No two of these contain each other."""
    from sparring.training import loop
    from sparring.training.callbacks import checkpointer, log, progress_bar, samples, throughput

    for owner, attribute, name in [
        (loop.EMA, "update", "EMA"),
        (loop.TurnRunner, "check_finite", "finite checks"),
        (loop.TurnRunner, "gradient_norms", "gradient norm"),
        (loop.TurnRunner, "step_context", "random streams"),
        (loop, "seed_torch", "random streams"),
        (loop, "set_rate", "learning rates"),
        (log.Log, "on_step_end", "log"),
        (throughput.Throughput, "on_step_end", "throughput"),
        (samples.SampleGrids, "on_step_end", "sample grids"),
        (checkpointer.Checkpointer, "on_step_end", "checkpoints"),
        (progress_bar.ProgressBar, "on_step_end", "progress"),
    ]:
        setattr(owner, attribute, clocked(name, getattr(owner, attribute)))

    freezing = loop.TurnRunner.other_players_frozen

    @contextmanager
    def clocked_freezing(self: loop.TurnRunner) -> Iterator[None]:
        manager = freezing(self)
        clocked("freezing", manager.__enter__)()
        try:
            yield
        finally:
            clocked("freezing", manager.__exit__)(None, None, None)

    loop.TurnRunner.other_players_frozen = clocked_freezing


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=2.1)
    minutes = parser.parse_args().minutes
    import sparring

    clock_the_step()
    clock_the_rest()
    for case, settings in CASES.items():
        spent.clear()
        calls.clear()
        with tempfile.TemporaryDirectory() as folder:
            console = Console(file=io.StringIO(), force_terminal=True, width=120)
            sparring.train("dcgan", out=Path(folder) / "run", minutes=minutes, console=console, **settings)
        whole = spent.pop("loop")
        assert all(calls[name] >= calls["forward"] > 0 for name in STEP), calls
        step = sum(spent.pop(name) for name in STEP) - spent[DATA]
        spent["other"] = whole - step - sum(spent.values())
        print(f"\n{case}: {1 - step / whole:.2%} of {whole:.0f} s is not the networks' step", flush=True)
        for name, seconds in sorted(spent.items(), key=lambda entry: (entry[0] == "other", -entry[1])):
            print(f"    {name:28} {seconds / whole:.2%}")


if __name__ == "__main__":
    main()
