"""`sparring playground`."""

from pathlib import Path
from typing import Any

from sparring.cli.arguments.from_settings import values
from sparring.cli.exit_codes import EXIT_STOPPED
from sparring.core.console import console


def playground(arguments: Any) -> int:  # noqa: ANN401 (made by `playground_arguments`)
    """Train a recipe on 2D points, plot what happens, and count the modes that it covers: `sparring playground RECIPE --data ring8`."""
    from sparring import api, recipes
    from sparring.core.atomic_files import write_json

    name = recipes.name_of(arguments.recipe)
    out = arguments.out or Path(f"playground-{name}-{arguments.data}.png")
    settings = dict(values(arguments.recipe) + values(arguments.training))
    outcome = api.playground(name, arguments.data, image=out, movie=arguments.movie, run=arguments.run, console=console(), **settings)
    count, screen = outcome.count, console()
    screen.print(f"{outcome.steps:,} steps in {outcome.seconds:.1f} s, then {count.n:,} samples:")
    screen.print(f"modes {count.modes} of {count.of}, high quality {count.high_quality:.1%}, KL {count.kl:.3f}")
    screen.print(f"Image: {out}")
    if arguments.movie is not None:
        screen.print(f"Movie: {arguments.movie}")
    if arguments.json is not None:
        write_json(arguments.json, outcome.to_json())
    return EXIT_STOPPED if outcome.steps < arguments.training.steps else 0
