"""`sparring latent steer`: what the sliders of the studio do, as a command."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Run
from sparring.core.console import console
from sparring.core.errors import SettingsError, listed


def steer(
    run: Run,
    seed: int = 0,
    number: Annotated[int, arg(name="number", aliases=("-n",), help="Number of images: the first ones of the seed.")] = 1,
    label: str | None = None,
    to: int | None = None,
    at: float = 0.5,
    truncation: float | None = None,
    move: tuple[str, ...] = (),
    method: Literal["weights", "principal"] = "weights",
    layers: tuple[int, int] | None = None,
    points: Annotated[
        Path | None,
        arg(metavar="FILE", help="The points.npz of `sparring latent project`: one of its images is used, in place of those of a seed."),
    ] = None,
    point: int = 0,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Draw images at a place in latent space, as the sliders of `sparring studio` do: a seed, a walk, truncation and directions at once.

    Args:
        seed: Seed of the images.
        label: Class of all images, for conditional generators. Default: all classes in turn.
        to: Seed to walk towards, along a great circle in z. Default: no walk.
        at: Share of the way to that seed, from 0 to 1.
        truncation: As in `sparring sample`. Default: no truncation.
        move: Directions to move along, and how far in standard deviations, such as "0=1.5" "3=-2". Directions are numbered as `sparring
            latent directions` prints them.
        method: How directions are found: as in `sparring latent directions`.
        layers: For style generators, move only the layers from the first number up to, but not including, the second. Default: all.
        point: Number of the image in --points, from 0.
        out: What to write: a grid (.png, .webp, .jpg), an array (.npz), or a folder of single images. Default: RUN-steer.png.
    """
    from sparring.inference.load import load
    from sparring.latent.points import read_points
    from sparring.latent.steering import Steering
    from sparring.latent.steering import steer as steered
    from sparring.media.image_files import output_kind
    from sparring.media.save_images import save_images

    out = out or Path(f"{run.resolve().stem}-steer.png")
    output_kind(out, "image", "array", "folder")  # before anything is loaded
    steering = Steering(
        seed=seed,
        number=number,
        label=label,
        to=to,
        at=at,
        truncation=truncation,
        move=_moves(move),
        method=method,
        layers=layers,
        point=point,
    )
    found = None if points is None else read_points(points)
    images = steered(load(run, checkpoint=checkpoint), steering, points=found)
    console().print(f"Steered: {save_images(images, out)}")
    return 0


def _moves(words: tuple[str, ...]) -> dict[int, float]:
    """Distances by number of the direction. A SettingsError lists the words that are no moves."""
    found: dict[int, float] = {}
    problems = []
    for word in words:
        which, _, distance = word.partition("=")
        try:
            number, amount = int(which), float(distance)
        except ValueError:
            problems.append(f"{word!r} is no move. Write the number of a direction and how far, such as 0=1.5.")
            continue
        if number in found:
            problems.append(f"Direction {number} is named twice.")
        found[number] = amount
    if problems:
        raise SettingsError(problems[0] if len(problems) == 1 else listed("--move:", problems))
    return found
