"""`sparring compare`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint
from sparring.core.console import console


def compare(
    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN", help="Two or more run directories, trained on the same data.")],
    extractor: str = "lite0",
    samples: int = 10_000,
    seed: int = 0,
    checkpoint: Checkpoint = "last",
    importance: int | None = None,
    out: Path | None = None,
) -> int:
    """Rank runs by their scores. Runs that differ only in their seed are grouped: mean and spread. Missing scores are computed first, and
    reported in RUN/comparison.

    Args:
        extractor: Feature network for the scores: lite0, inception (for FID), classifier (trained on the data's classes) or timm:NAME.
        samples: Number of images that each run generates.
        seed: Seed of those images.
        importance: Number of latents for each image in the likelihoods of variational autoencoders, such as 64, shown as bits (IWAE-64).
            More are nearer to the truth, and take as much longer. Default: the evidence lower bound.
        out: File to write: a table (.md) or a plot (.png, .pdf, .svg).
    """
    from sparring import api
    from sparring.evaluation.compare import format_cell

    screen = console()
    lines = api.compare(
        runs, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, importance=importance, out=out, console=screen
    )
    for place, line in enumerate(lines, start=1):
        screen.print(f"{'' if line.is_baseline else f'{place}. '}{line.name}{f', {line.runs} runs' if line.runs > 1 else ''}")
        screen.print("   " + ", ".join(f"{column} {format_cell(line, column)}" for column in line.means))
    if out is not None:
        screen.print(f"Written: {out}")
    return 0
