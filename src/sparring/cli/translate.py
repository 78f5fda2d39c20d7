"""`sparring translate`: images made of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.evaluation.judge_translations import TranslationScores


def translate(
    run: Run,
    images: Annotated[Positional[Path], arg(metavar="IN", help="A image, a folder or zip of images, or a film.")],
    out: Annotated[Positional[Path], arg(metavar="OUT", help="A image, a folder, or a film (.mp4, .gif).")],
    direction: Literal["a2b", "b2a"] = "a2b",
    size: int | None = None,
    tile: int = 1024,
    noise: int | None = None,
    made: Annotated[
        Literal["edges", "scribble", "gray", "low-resolution", "masked"] | None,
        arg(
            name="as",
            help="What to make of each image first, for models that learned from made inputs (--inputs). Lines and holes are made at the "
            "size it learned at, unless --size is another. Default: images are inputs already.",
        ),
    ] = None,
    max_pixels: int | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Make images of images with a trained translator. What is there already is passed over: a half-done folder is gone on with.

    Args:
        direction: a2b makes targets of inputs; b2a inputs of targets, where the recipe learns it (cyclegan).
        size: Bring the shorter side to so many pixels first. Default: as they are.
        tile: Larger images are translated in tiles of this side, which fade into each other.
        noise: Seed of one of the translations that dropout gives (pix2pix). Default: the typical one.
        max_pixels: Largest height times width of an image that is read. Default: 89,478,485, against decompression bombs.
    """
    from sparring.core.parallel import progress_bar
    from sparring.inference.load import load
    from sparring.inference.translate_files import count_of, translate

    model, screen = load(run, checkpoint=checkpoint).on(device), console()
    with progress_bar(f"Translating {images}", count_of(images), screen.is_terminal) as advance:
        found = translate(
            model,
            images,
            out,
            direction=direction,
            size=size,
            tile=tile,
            noise=noise,
            made=made,
            max_pixels=max_pixels,
            advance=advance,
        )
    for note in found.notes:
        screen.print(note)
    for problem in found.problems:
        screen.print(f"not translated: {problem}")
    before = f", {found.there:,} were there" if found.there else ""
    screen.print(f"{found.written:,} written{before}, {len(found.problems):,} not translated: {out}")
    return 1 if found.problems else 0


def print_scores(ratings: "TranslationScores", step: int | None, place: Path) -> None:
    """Show how good a translator is, beside doing nothing and shifting colors, and write it."""
    from sparring.core.files import write_json

    screen = console()
    names = list(ratings.scores["translations"])
    widths = [max(len(name), 10) for name in names]
    screen.print(" " * 16 + "  ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
    for way, found in ratings.scores.items():
        screen.print(f"{way:16}" + "  ".join(f"{found[name]:>{width}.4g}" for name, width in zip(names, widths, strict=True)))
    for note in ratings.notes:
        screen.print(note)
    write_json(place, {"step": step, **ratings.to_json()})
    screen.print(f"Scores and protocol: {place}")
