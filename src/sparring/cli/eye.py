"""`sparring eye`: what a trained discriminator sees."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from sparring.cli.arguments import Checkpoint, Run
from sparring.core.console import console
from sparring.core.formatting import plural

Data = Annotated[str | None, arg(help="The images to look at. Default: what the run was trained on.")]


def classify(run: Run, data: Data = None, checkpoint: Checkpoint = "last") -> int:
    """Name the data's classes by linear classifiers on the discriminator's features, on pixels, and on lite0's features."""
    from sparring.inference.load import load
    from sparring.interpret.linear_probe import probe_discriminator

    for one in probe_discriminator(load(run, checkpoint=checkpoint, whole=True), data):
        images = plural(one.held_out, "held-out image", "held-out images")
        console().print(f"{one.features:14} {one.accuracy:6.1%} of {images} ({one.dimensions:,} features)")
    return 0


def filters(
    run: Run,
    data: Data = None,
    side: int | None = None,
    count: int = 8,
    patches: int = 8,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Show what filters respond to: for each a row of the patches it answers to most, and below what in them it was.

    Args:
        side: Side in pixels of the maps whose filters are looked at. Default: the second smallest there is.
        count: How many filters: the most selective ones.
        patches: How many patches of each filter.
        out: The image to write. Default: RUN-filters.png here.
    """
    from sparring.inference.load import load
    from sparring.interpret.filter_visualization import filter_sheet
    from sparring.media.image_files import output_kind, save_image

    out = out or Path(f"{run.resolve().stem}-filters.png")
    output_kind(out, "image")
    save_image(filter_sheet(load(run, checkpoint=checkpoint, whole=True), data, side=side, count=count, patches=patches), out)
    console().print(f"Filters: {out}")
    return 0


VERBS = {verb.__name__: verb for verb in (classify, filters)}
"""All of them, by name."""
