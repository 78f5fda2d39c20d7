"""`sparring sample`, `interpolate`, `pack`, `import`: models in use, and on their way in and out."""

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from sparring.cli.arguments import Checkpoint, Device, Run
from sparring.core.console import console
from sparring.core.errors import SettingsError


def sample(
    run: Run,
    number: Annotated[int, arg(name="number", aliases=("-n",), help="How many images (with --label all: of each class).")] = 64,
    seed: int = 0,
    label: str | None = None,
    truncation: float | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Draw images from a trained run.

    Args:
        seed: Image i of a seed is the same however many are drawn.
        truncation: More typical, less varied images: for styles the share of the way from the mean of w (0.7), else the farthest
            from zero that numbers of a latent may be (0.5). Default: not truncated.
        label: Class of the images, by name or number; "all": a row for each class. By default every class in turn.
        out: A image (.png, .webp, .jpg) for one grid, a .npz for an array, or a folder for single files. Default: RUN-seed-SEED.png here.
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
