"""`sparring compare`."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint
from sparring.core.console import console

if TYPE_CHECKING:
    from rich.table import Table

    from sparring.evaluation.compare import ComparisonRow


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
    from sparring.cli.screen_tables import show

    screen = console()
    rows = api.compare(
        runs, extractor=extractor, samples=samples, seed=seed, checkpoint=checkpoint, importance=importance, out=out, console=screen
    )
    for head, row in zip(heads_of(rows), rows, strict=True):
        screen.print(f"{head}. {row.name}{f', {row.runs} runs' if row.runs > 1 else ''}")
    show(screen, [table_of_scores(rows)])
    if out is not None:
        screen.print(f"Written: {out}")
    return 0


def heads_of(rows: "Sequence[ComparisonRow]") -> list[str]:
    """What each is called in the table: runs by their place, baselines by letters."""
    runs = sum(not row.is_baseline for row in rows)
    return [str(number + 1) if number < runs else ascii_lowercase[number - runs] for number in range(len(rows))]


def table_of_scores(rows: "Sequence[ComparisonRow]") -> "Table":
    """A row for each score, a column for each model: what ranks them is first."""
    from sparring.cli.screen_tables import table_of
    from sparring.evaluation.compare import format_cell

    return table_of("", ["", *heads_of(rows)], [[score, *(format_cell(row, score) for row in rows)] for score in rows[0].means])
