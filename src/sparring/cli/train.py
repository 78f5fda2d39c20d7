"""`sparring train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.cli.arguments.from_settings import all_values
from sparring.cli.exit_codes import EXIT_STOPPED
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.api import Model


def train(arguments: Any) -> int:  # noqa: ANN401 (made by `train_arguments`)
    """Train a recipe on data: `sparring train RECIPE --data DATA`."""
    from sparring import api

    run = arguments.out or _unused_run_directory(arguments.recipe, arguments.data)
    settings = {name: value for _, name, value in all_values(arguments)}
    if arguments.start_from is not None:  # what is left as it was follows from the source
        usual = {name: value for _, name, value in all_values(type(arguments)(data=""))}
        settings = {name: value for name, value in settings.items() if value != usual[name]}
    model = api.train(type(arguments.recipe)(), arguments.data, run, start_from=arguments.start_from, console=console(), **settings)
    return print_results(model, run)


def print_results(model: "Model", run: Path) -> int:
    """Say where the results of a training are, and return the exit code."""
    from sparring.runs.run_directory import RunDirectory

    folder, screen = RunDirectory(run).samples, console()
    for path in sorted(folder.glob("step-*.png"))[-1:]:
        screen.print(f"Samples: {path}")
    if (folder / "timelapse.gif").exists():
        screen.print(f"Samples over time: {folder / 'timelapse.gif'}")
    screen.print(f"To use the model: {model.use}")
    return EXIT_STOPPED if model.ending is not None and model.ending.reason == "stopped" else 0


def _unused_run_directory(recipe: object, data: str) -> Path:
    from sparring import recipes

    stem = f"runs/{recipes.name_of(type(recipe))}-{Path(data).stem.replace(':', '-')}"  # pyright: ignore[reportArgumentType]
    return next(path for number in range(1, 10**6) if not (path := Path(f"{stem}-{number}")).exists())
