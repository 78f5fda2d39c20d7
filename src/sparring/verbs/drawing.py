"""`sparring sample`, `interpolate`, `pack`, `import`: models in use, and on their way in and out."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from sparring.arguments import Checkpoint, Device, Run
from sparring.core.errors import SettingsError
from sparring.core.terminal import console


def sample(
    run: Run,
    number: Annotated[int, arg(name="number", aliases=("-n",), help="How many pictures (with --label all: of each class).")] = 64,
    seed: int = 0,
    label: str | None = None,
    truncation: float | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Draw pictures from a trained run.

    Args:
        seed: Picture i of a seed is the same however many are drawn.
        truncation: More typical, less varied pictures: for styles the share of the way from the mean of w (0.7), else the farthest
            from zero that numbers of a latent may be (0.5). Default: not truncated.
        label: Class of the pictures, by name or number; "all": a row for each class. By default every class in turn.
        out: A picture (.png, .webp, .jpg) for one grid, a .npz for an array, or a folder for single files. Default: RUN-seed-SEED.png here.
    """
    from sparring import api
    from sparring.core.image_saving import save_images
    from sparring.core.numbers import plural
    from sparring.core.pictures import output_at

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    out = out or Path(f"{run.resolve().stem}-seed-{seed}.png")
    output_at(out, "image", "array", "folder")  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    labels = list(range(len(model.spec.classes))) if label == "all" else [label]
    if label == "all":
        model.label_of(0)  # refuses runs without classes
    pieces = (piece for one in labels for piece in model.sample_in_pieces(number, seed=seed, label=one, truncation=truncation))
    save_images(pieces, out, columns=number if label == "all" else None)
    console().print(f"{plural(number * len(labels), 'image', 'images')} of {model.spec.height}x{model.spec.width}: {out}")
    return 0


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
    """Walk from one picture to the next through the latent space.

    Args:
        seeds: The stops of the walk: the first picture of each seed. Default: 0 1 2 3, or 0 where there are several labels.
        labels: A class for each stop, or one for all. Several labels and one seed walk between classes.
        frames: Pictures from one stop to the next.
        space: z, along great circles, or w (networks with styles), in straight lines.
        out: .gif or .mp4 for a film, .png (or .webp, .jpg) for a strip. Default: RUN-walk.gif here.
    """
    from sparring import api
    from sparring.core.batch import float_to_pixels
    from sparring.core.numbers import plural
    from sparring.core.pictures import grid, output_at, save_gif_or_film, save_picture

    out = out or Path(f"{run.resolve().stem}-walk.gif")
    kind = output_at(out, "film", "image")
    model = api.load(run, checkpoint=checkpoint).on(device)
    pictures = float_to_pixels(model.interpolate(seeds, labels=labels or None, frames=frames, space=space)).cpu().numpy()
    if kind == "film":
        save_gif_or_film([grid(picture[None], gap=0, scale=max(1, 256 // model.spec.height)) for picture in pictures], out)
    else:
        save_picture(grid(pictures, columns=frames if len(pictures) > frames + 1 else len(pictures)), out)
    console().print(f"{plural(len(pictures), 'frame', 'frames')}: {out}")
    return 0


def pack(
    run: Run,
    file: Annotated[Positional[Path], arg(metavar="FILE", help="The .safetensors file to write.")],
    checkpoint: Checkpoint = "last",
) -> int:
    """Write one file with only what sampling needs; the discriminator is thrown out."""
    from sparring import api
    from sparring.loading import refuse_unpackable

    refuse_unpackable(file)  # before anything is loaded
    path = api.pack(api.load(run, checkpoint=checkpoint), file)
    console().print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB. Use it with: {api.load(path).use}")
    return 0


def import_weights(
    file: Annotated[
        Positional[Path],
        arg(metavar="FILE", help="StyleGAN2's or StyleGAN2-ADA's .pkl (NVIDIA), BigGAN-PyTorch's or pytorch-CycleGAN-and-pix2pix's .pth."),
    ],
    out: Path | None = None,
) -> int:
    """Read official weights, without running anything that their file asks for, into a folder that verbs that draw or pack take.

    Args:
        out: The folder. Default: runs/FILE.
    """
    from sparring import api
    from sparring import recipes as known

    out = out or Path("runs") / file.stem
    model = api.import_weights(file, out)
    found = [name for name in ("generator", "discriminator") if getattr(model, name) is not None]
    screen = console()
    screen.print(f"{known.name_of(model.recipe)}, {' and '.join(found)}, {model.spec}: {out}")
    if "generator" in found:
        screen.print(f"Use it with: {model.use}")
    return 0
