"""What benchmarks share that train one configuration after another, each for as many minutes, and give each a row of a table."""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

import sparring
from sparring.core.errors import SparringError
from sparring.data.pairs.pairs import Pairs
from sparring.data.store import Store
from sparring.inference.model import Model
from sparring.runs.run_directory import RunDirectory


def arguments(out: str, minutes: float, configurations: Iterable[str]) -> argparse.Namespace:
    """The command line's: --minutes, --only, --out, --runs."""
    names = list(configurations)
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path(out), help="the table to add to; a grid of samples is saved beside it")
    parser.add_argument("--runs", type=Path, help="keeps the run directories; what is there already is played on to --minutes, and rated")
    found = parser.parse_args()
    found.out.parent.mkdir(parents=True, exist_ok=True)
    return found


def say(out: Path, line: str) -> None:
    """Print a line, and add it to the table."""
    print(line, flush=True)
    with out.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def rows(
    arguments: argparse.Namespace, configurations: dict[str, dict[str, Any]], store: Store | Pairs, cells: Callable[[Model, Path], str]
) -> None:
    """Train each of these configurations that is asked for and say its row: what `cells` makes of the model and the place for its
    image, then steps, images a second and minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in (name for name in arguments.only if name in configurations):
            run = (arguments.runs or Path(folder)) / name
            try:
                model = trained(run, store, arguments.minutes, configurations[name])
            except SparringError as problem:
                say(arguments.out, f"| {name} | failed: {str(problem).splitlines()[0]} |")
                continue
            assert model.ending is not None
            if model.ending.reason == "stopped":
                raise KeyboardInterrupt
            progress = model.ending.progress
            speed = f"{progress.step:,} | {progress.real_samples / progress.seconds:,.0f} | {progress.seconds / 60:.1f}"
            image = arguments.out.with_name(f"{arguments.out.stem}-{name}.png")
            say(arguments.out, f"| {name} | {cells(model, image)} | {speed} |")


def trained(run: Path, store: Store | Pairs, minutes: float, settings: dict[str, Any]) -> Model:
    """The model of that run after so many minutes of training: trained from its beginning, or from where it stands."""
    console = Console(stderr=True, soft_wrap=True)
    if RunDirectory(run).exists():
        return sparring.resume(run, data=store, minutes=minutes, console=console)
    return sparring.train(data=store, out=run, minutes=minutes, console=console, **settings)
