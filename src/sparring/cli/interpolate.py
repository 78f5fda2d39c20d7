"""`sparring interpolate`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
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
    """Interpolate between generated images in latent space, as a video or a strip.

    Args:
        seeds: Images to interpolate between: the first of each seed. Default: 0 1 2 3; 0 if several labels are given.
        labels: Class of each image, or one class for all. One seed with several labels interpolates between classes. Of several labels,
            values by name, such as age=20,color=red age=60: what an image does not name stays. Default: as in `sparring sample`.
        frames: Number of frames from one image to the next.
        space: Latent space: z (spherical interpolation), or w of style generators (linear interpolation).
        out: File to write: a video (.gif, .mp4) or a strip (.png, .webp, .jpg). Default: RUN-walk.gif.
    """
    from sparring import api
    from sparring.core.formatting import plural
    from sparring.inference.sampling import in_proportion
    from sparring.media.image_files import grid, output_kind, save_gif_or_video, save_image
    from sparring.media.pixel_range import float_to_pixels

    out = out or Path(f"{run.resolve().stem}-walk.gif")
    kind = output_kind(out, "video", "image")
    model = api.load(run, checkpoint=checkpoint).on(device)
    found = in_proportion(model, model.interpolate(seeds, labels=labels or None, frames=frames, space=space))
    images = float_to_pixels(found).cpu().numpy()
    if kind == "video":
        save_gif_or_video([grid(image[None], gap=0, scale=max(1, 256 // model.spec.height)) for image in images], out)
    else:
        save_image(grid(images, columns=frames if len(images) > frames + 1 else len(images)), out)
    console().print(f"{plural(len(images), 'frame', 'frames')}: {out}")
    return 0
