"""`sparring translate`: image-to-image translation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.evaluation.judge_translations import TranslationScores


def translate(
    run: Run,
    images: Annotated[Positional[Path], arg(metavar="IN", help="An image, a folder or zip of images, or a video.")],
    out: Annotated[Positional[Path], arg(metavar="OUT", help="The output: an image, a folder, or a video (.mp4, .gif).")],
    direction: Literal["a2b", "b2a"] = "a2b",
    size: int | None = None,
    tile: int = 1024,
    noise: int | None = None,
    made: Annotated[
        Literal["edges", "scribble", "gray", "low-resolution", "masked"] | None,
        arg(
            name="as",
            help="Make this input from each image first, for models that were trained with --inputs. Edges, scribbles and masks are made "
            "at the size of the training images, or at --size. Default: the images are inputs already.",
        ),
    ] = None,
    max_pixels: int | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Translate images with a trained translation model. Images that exist in OUT are skipped, so an interrupted command can be repeated.

    Args:
        direction: From inputs to targets (a2b), or from targets to inputs (b2a, only cyclegan).
        size: Resize images first, so that their shorter side has this many pixels. Default: images keep their size.
        tile: Images larger than this, in pixels, are translated in overlapping square tiles of this side.
        noise: Seed of the dropout noise, for one of many possible translations (pix2pix). Default: dropout is off.
        max_pixels: Largest image to read, as height times width. Default: 89,478,485, Pillow's limit against decompression bombs.
    """
    from sparring.core.parallel_map import progress_bar
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
    before = f", {found.there:,} skipped because they exist" if found.there else ""
    screen.print(f"{found.written:,} written{before}, {len(found.problems):,} not translated: {out}")
    return 1 if found.problems else 0


def print_scores(ratings: "TranslationScores", step: int | None, place: Path) -> None:
    """Print the scores of a translation model, beside those of unchanged and of recolored inputs, and write them to a file."""
    from sparring.core.atomic_files import write_json

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
