"""`sparring eye`: what a discriminator has learned."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Run
from sparring.core.console import console
from sparring.core.formatting import plural

Data = Annotated[str | None, arg(help="The images to use. Default: the training data of the run.")]


def classify(run: Run, data: Data = None, checkpoint: Checkpoint = "last") -> int:
    """Measure how well linear classifiers recognize the data's classes from the discriminator's features, pixels, or lite0's features."""
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
    """Show what the discriminator's filters respond to. Each filter has a row of the patches with the largest response; below, what in the
    patch caused it.

    Args:
        side: Side, in pixels, of the feature maps whose filters are shown. Default: the second smallest.
        count: Number of filters to show; the most selective are chosen.
        patches: Number of patches for each filter.
        out: The image to write. Default: RUN-filters.png.
    """
    from sparring.inference.load import load
    from sparring.interpret.filter_visualization import filter_sheet
    from sparring.media.image_files import output_kind, save_image

    out = out or Path(f"{run.resolve().stem}-filters.png")
    output_kind(out, "image")
    save_image(filter_sheet(load(run, checkpoint=checkpoint, whole=True), data, side=side, count=count, patches=patches), out)
    console().print(f"Filters: {out}")
    return 0


COMMANDS = {command.__name__: command for command in (classify, filters)}
"""The commands of `sparring eye`, by name."""
