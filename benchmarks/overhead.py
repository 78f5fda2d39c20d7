"""How much of training is not the networks' step: data, log, average, checks, samples, checkpoints, progress.

    python benchmarks/overhead.py [--minutes 1.5]

Trains DCGAN as `sparring train` does and clocks, in the same run, everything the loop does apart from playing
turns, backward passes and optimiser steps; the share of the wall time of the loop is printed."""

import argparse
import functools
import io
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

CASES = {
    "32x32x1, batch 64, width 64": {"data": "fashion10k", "size": 32, "batch_size": 64},
    "32x32x1, batch 64, width 32": {"data": "fashion10k", "size": 32, "batch_size": 64, "width": 32},
    "64x64x3, batch 128, width 64": {"data": "emoji", "size": 64, "batch_size": 128},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=1.5)
    minutes = parser.parse_args().minutes
    import sparring
    from sparring.data.store import Store
    from sparring.train import display, loop, session, watchers

    spent: dict[str, float] = defaultdict(float)

    def clocked(name: str, function: Callable) -> Callable:
        @functools.wraps(function)
        def timed(*arguments: object, **settings: object) -> object:
            began = time.perf_counter()
            try:
                return function(*arguments, **settings)
            finally:
                spent[name] += time.perf_counter() - began

        return timed

    for owner, attribute, name in [
        (Store, "batch", "data"),
        (loop.Average, "follow", "moving average"),
        (loop.TurnTaker, "check_finite", "finite checks"),
        (loop.TurnTaker, "gradient_norm", "finite checks"),
        (loop.TurnTaker, "moment", "random streams and freezing"),
        (watchers.Log, "after_step", "log"),
        (watchers.Speed, "after_step", "log"),
        (watchers.Samples, "after_step", "sample grids"),
        (watchers.Keeper, "after_step", "checkpoints"),
        (display.Display, "after_step", "progress"),
        (session, "play", "loop"),
    ]:
        setattr(owner, attribute, clocked(name, getattr(owner, attribute)))

    for case, settings in CASES.items():
        spent.clear()
        with tempfile.TemporaryDirectory() as folder:
            console = Console(file=io.StringIO())
            sparring.train("dcgan", out=Path(folder) / "run", minutes=minutes, console=console, **settings)
        whole = spent.pop("loop")
        print(f"\n{case}: {sum(spent.values()) / whole:.2%} of {whole:.0f} s is not the networks' step")
        for name, seconds in sorted(spent.items(), key=lambda entry: -entry[1]):
            print(f"    {name:28} {seconds / whole:.2%}")


if __name__ == "__main__":
    main()
