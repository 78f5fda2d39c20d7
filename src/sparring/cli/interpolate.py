"""`sparring interpolate`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from sparring.cli.arguments import Checkpoint, Device, Run
from sparring.core.console import console


def interpolate(
    run: Run,
    seeds: Annotated[tuple[int, ...] | None, arg(metavar="INT [INT ...]")] = None,
    labels: tuple[str, ...] = (),
    frames: int = 16,
    space: Literal["z", "w"] = "z",
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Walk from one image to the next through the latent space.

    Args:
        seeds: The stops of the walk: the first image of each seed. Default: 0 1 2 3, or 0 where there are several labels.
        labels: A class for each stop, or one for all. Several labels and one seed walk between classes.
        frames: Images from one stop to the next.
        space: z, along great circles, or w (networks with styles), in straight lines.
        out: .gif or .mp4 for a film, .png (or .webp, .jpg) for a strip. Default: RUN-walk.gif here.
    """
    from sparring import api
    from sparring.core.formatting import plural
    from sparring.media.image_files import grid, output_kind, save_gif_or_video, save_image
    from sparring.media.pixels import float_to_pixels

    out = out or Path(f"{run.resolve().stem}-walk.gif")
    kind = output_kind(out, "video", "image")
    model = api.load(run, checkpoint=checkpoint).on(device)
    images = float_to_pixels(model.interpolate(seeds, labels=labels or None, frames=frames, space=space)).cpu().numpy()
    if kind == "video":
        save_gif_or_video([grid(image[None], gap=0, scale=max(1, 256 // model.spec.height)) for image in images], out)
    else:
        save_image(grid(images, columns=frames if len(images) > frames + 1 else len(images)), out)
    console().print(f"{plural(len(images), 'frame', 'frames')}: {out}")
    return 0
