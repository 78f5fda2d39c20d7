"""`sparring sample`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console
from sparring.core.errors import SettingsError


def sample(
    run: Run,
    number: Annotated[int, arg(name="number", aliases=("-n",), help="Number of images (of each class, with --label all).")] = 64,
    seed: int = 0,
    label: str | None = None,
    truncation: float | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Generate images with a trained model.

    Args:
        seed: Seed of the images. Image i of a seed does not depend on the number of images.
        truncation: Trades variety for quality. For style generators: w is moved towards its mean, and this fraction of the distance is
            kept (try 0.7). For others: the largest absolute value in a latent vector (try 0.5). Default: no truncation.
        label: Class of the images, by name or number. all: one row for each class. Default: all classes in turn.
        out: What to write: a grid (.png, .webp, .jpg), an array (.npz), or a folder of single images. Default: RUN-seed-SEED.png.
    """
    from sparring import api
    from sparring.core.formatting import plural
    from sparring.media.image_files import output_kind
    from sparring.media.save_images import save_images

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    out = out or Path(f"{run.resolve().stem}-seed-{seed}.png")
    output_kind(out, "image", "array", "folder")  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    labels = list(range(len(model.spec.classes))) if label == "all" else [label]
    if label == "all":
        model.label_of(0)  # refuses runs without classes
    pieces = (piece for one in labels for piece in model.sample_in_pieces(number, seed=seed, label=one, truncation=truncation))
    save_images(pieces, out, columns=number if label == "all" else None)
    console().print(f"{plural(number * len(labels), 'image', 'images')} of {model.spec.height}x{model.spec.width}: {out}")
    return 0
