"""`sparring train` and `sparring resume`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.cli.arguments import all_values
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.api import Model
from sparring.cli.exit_codes import EXIT_STOPPED


def train(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `train_arguments`)
    """Train a recipe on data: `sparring train RECIPE --data DATA`."""
    from sparring import api

    out = arguments.out or _free_run_directory(arguments.recipe, arguments.data)
    settings = {name: value for _, name, value in all_values(arguments)}
    return _ended(api.train(type(arguments.recipe)(), arguments.data, out, console=console(), **settings), out)


def resume(arguments: Any) -> int:  # noqa: ANN401 (the dataclass of `resume_arguments`)
    """Go on with a run exactly where its last checkpoint left it, or for longer than was planned: --minutes, --steps, --real-samples. These are
    totals of the whole run, not added to what it has done: a run of 10 minutes goes on to 30 with --minutes 30.

    A run without a coach can be given one (--coach). Data that was moved is named once (--data, --target). Another device, precision,
    number of threads or --gradient-accumulation is taken from now on; the run is no longer the same to the bit then. All else stays.
    """
    from sparring import api

    changed = {name: value for part, name, value in all_values(arguments) if value != getattr(arguments.before[part], name)}
    if arguments.data is not None:
        changed["data"] = arguments.data
    return _ended(api.resume(arguments.run, console=console(), **changed), arguments.run)


def _ended(model: "Model", run: Path) -> int:
    from sparring.runs.run_directory import RunDirectory

    folder, screen = RunDirectory(run).samples, console()
    for path in sorted(folder.glob("step-*.png"))[-1:]:
        screen.print(f"Images: {path}")
    if (folder / "timelapse.gif").exists():
        screen.print(f"Timelapse: {folder / 'timelapse.gif'}")
    screen.print(f"More: {model.use}")
    return EXIT_STOPPED if model.ending is not None and model.ending.reason == "stopped" else 0


def _free_run_directory(recipe: object, data: str) -> Path:
    from sparring import recipes as known

    stem = f"runs/{known.name_of(type(recipe))}-{Path(data).stem.replace(':', '-')}"  # pyright: ignore[reportArgumentType]
    return next(path for number in range(1, 10**6) if not (path := Path(f"{stem}-{number}")).exists())
