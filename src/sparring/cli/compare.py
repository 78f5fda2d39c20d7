"""`sparring compare`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments import Checkpoint
from sparring.core.console import console


def compare(
    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN", help="Two run directories or more, trained on the same data.")],
    extractor: str = "lite0",
    samples: int = 10_000,
    seed: int = 0,
    checkpoint: Checkpoint = "last",
    out: Path | None = None,
) -> int:
    """Rank runs by their scores: means, and spread over runs that differ by their seed alone. What has to be judged first is reported in
    RUN/comparison.

    Args:
        extractor: The network whose features are compared.
        samples: How many images each draws.
        seed: Where the randomness of those images comes from.
        out: A .md file for the table, or a .png, .pdf or .svg for a plot. Several runs of this command do both.
    """
    from sparring import api
    from sparring.evaluation.compare import format_cell

    screen = console()
    lines = api.compare(runs, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, out=out, console=screen)
    for place, line in enumerate(lines, start=1):
        screen.print(f"{place}. {line.name}{f', {line.runs} runs' if line.runs > 1 else ''}")
        screen.print("   " + ", ".join(f"{column} {format_cell(line, column)}" for column in line.means))
    if out is not None:
        screen.print(f"Written: {out}")
    return 0
