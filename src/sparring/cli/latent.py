"""`sparring latent`: exploring the latent space of a trained model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments.images_of_points import ImageNames, PointsFile, images_given
from sparring.cli.arguments.shared import Checkpoint, Run
from sparring.cli.latent_steer import steer
from sparring.core.console import console
from sparring.core.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from sparring.inference.model import Model
    from sparring.latent.directions import Directions, Method

Out = Annotated[Path | None, arg(help="The image to write. Default: RUN-COMMAND.png.")]
SCORES = ("FD-lite0", "precision", "recall", "coverage")
DirectionMethod = Annotated[
    Literal["weights", "principal", "class"],
    arg(
        help="How directions are found. weights: closed-form factorization of the weights that the latent enters (SeFa). principal: "
        "principal components of w, or of the generator's features (GANSpace). class: towards each class of the data; not for conditional "
        "generators without styles."
    ),
]


def _image_to_write(out: Path | None, run: Path, what: str) -> Path:
    """The image to write. Raises a SettingsError, before anything is loaded, if its ending is not that of an image format."""
    from sparring.media.image_files import output_kind

    out = out or Path(f"{run.resolve().stem}-{what}.png")
    output_kind(out, "image")
    return out


def mix(
    run: Run,
    coarse: ImageNames = (),
    fine: ImageNames = ("4", "5", "6", "7", "8", "9"),
    layer: int | None = None,
    label: str | None = None,
    points: PointsFile = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Style mixing: a grid in which each image has the coarse styles of its row and the fine styles of its column.

    Args:
        coarse: Images whose coarse styles (pose, shape) the rows have. Default: 0 1 2 3, or all images of --points.
        fine: Images whose fine styles (color, texture) the columns have.
        layer: First layer with fine styles, counted from 0. Default: the first layer at 16x16.
        label: Class of all images, for conditional generators.
    """
    from sparring.inference.load import load
    from sparring.latent.mixing import style_mixing_grid
    from sparring.media.save_images import save_images

    out = _image_to_write(out, run, "mix")
    rows, columns = images_given(coarse, points, range(4)), images_given(fine, points, ())
    images = style_mixing_grid(load(run, checkpoint=checkpoint), rows, columns, layer=layer, label=label)
    console().print(f"Style mixing: {save_images(images.flatten(0, 1), out, columns=len(fine) + 1)}")
    return 0


def truncation(
    run: Run,
    at: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5),
    number: Annotated[int, arg(name="number", aliases=("-n",), help="Number of images in each row.")] = 10,
    seed: int = 0,
    label: str | None = None,
    judged: int = 0,
    data: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Compare truncation values: the same images, with one row for each value. With --judged also the scores at each value.

    Args:
        at: The truncation values; see `sparring sample --help`.
        seed: Seed of the images.
        label: Class of the images in the grid. (Samples for scores have all classes.)
        judged: Number of samples to score at each value, with lite0. 0: no scores.
        data: The real images to compare with. Default: the training data of the run.
    """
    from sparring import api
    from sparring.latent.mixing import truncation_grid
    from sparring.media.save_images import save_images

    out = _image_to_write(out, run, "truncation")
    model, screen = api.load(run, checkpoint=checkpoint), console()
    if judged < 0:
        raise SettingsError(f"--judged must be at least 0, not {judged}.")
    images = truncation_grid(model, at, number, seed=seed, label=label)
    judgments = [api.judge(model, data, samples=judged, seed=seed, truncation=value) for value in at] if judged else []
    screen.print(f"Truncation {', '.join(map(str, at))}: {save_images(images.flatten(0, 1), out, columns=number)}")
    if judged:
        screen.print("  ".join(f"{heading:>10}" for heading in ("truncation", *SCORES)))
    for value, judgment in zip(at, judgments, strict=False):
        screen.print("  ".join([f"{value:>10}", *(f"{judgment[name].value:>10.3g}" for name in SCORES)]))
    return 0


def project(
    run: Run,
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="IMAGE", help="The real images to find in the latent space.")],
    space: Literal["w", "w+"] = "w",
    steps: int = 500,
    rate: float = 0.05,
    label: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Project real images into the latent space. Writes a grid (real images above, their projections below), the latents and the losses.

    Args:
        space: w: one style vector for all layers. w+: one for each layer, which is closer to the image, but farther from what the
            network has learned.
        steps: Number of gradient descent steps.
        rate: Learning rate of gradient descent.
        label: Class of the images, for conditional generators.
        seed: Seed of the samples from which the starting point is chosen.
        out: Folder for image.png, points.npz, losses.json and losses.png. Default: RUN-projected.
    """
    import torch

    from sparring.core.atomic_files import write_json
    from sparring.inference.load import load
    from sparring.latent.points import FoundPoints, write_points
    from sparring.latent.projection import project_images
    from sparring.latent.space import LatentSpace
    from sparring.media.image_decoding import read_images
    from sparring.media.image_files import OUTPUT_ENDINGS, grid, save_image
    from sparring.media.pixel_range import float_to_pixels, pixels_to_float

    out = out or Path(f"{run.resolve().stem}-projected")
    if out.suffix.lower() in {ending for endings in OUTPUT_ENDINGS.values() for ending in endings} and not out.is_dir():
        raise SettingsError(f"{out}: --out has to be a folder here, and {out.suffix!r} is the ending of a file.")
    model, screen = load(run, checkpoint=checkpoint), console()
    targets = pixels_to_float(torch.from_numpy(read_images(images, model.spec.shape[1:], model.spec.channels)))
    found = project_images(model, targets, space=space, steps=steps, rate=rate, label=label, seed=seed)
    sheet = grid(float_to_pixels(torch.cat([targets, found.images])).numpy(), columns=len(images))
    save_image(sheet, out / "image.png")
    where = FoundPoints(found.points, found.labels, tuple(model.spec.shape), LatentSpace(model).digest_of_weights())
    write_points(out / "points.npz", where)
    write_json(out / "losses.json", {str(path): found.losses[:, i].tolist() for i, path in enumerate(images)})
    curve = _curve(found.losses, images, out / "losses.png")
    for path, ratio in zip(images, found.peak_signal_to_noise_ratios(targets).tolist(), strict=True):
        screen.print(f"{path.name}: {ratio:.1f} dB")
    screen.print(f"Projected: {out / 'image.png'}. {curve}")
    return 0


def _curve(losses: "Float[Tensor, 'steps n']", names: Sequence[Path], out: Path) -> str:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "(To also plot the losses: pip install 'sparring[plots]')"
    from sparring.core.atomic_files import replacing

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="distance", yscale="log")
    for i, name in enumerate(names):
        axes.plot(losses[:, i].numpy(), label=name.name)
    axes.legend()
    with replacing(out) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return f"Losses: {out}"


def _directions(model: "Model", method: "Method", count: int, data: str | None) -> "Directions":
    from sparring.latent.directions import check_class_directions, find_directions
    from sparring.latent.sample_classifier import load_sample_classifier

    if method != "class":
        return find_directions(model, method, count)
    check_class_directions(model)
    name_of, classes = load_sample_classifier(model, data)
    return find_directions(model, method, count, predict_classes=name_of, classes=classes)


def directions(
    run: Run,
    method: DirectionMethod = "weights",
    count: int = 8,
    seed: Annotated[str | None, arg(metavar="SEED|pN")] = None,
    reach: float = 3.0,
    steps: int = 9,
    label: str | None = None,
    data: str | None = None,
    points: PointsFile = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Find directions in latent space, and show one image moved along each: one row for each direction.

    Args:
        count: Number of directions.
        seed: The image to move, by seed. Default: 0, or the first image of --points.
        reach: Distance to move in both directions, in standard deviations.
        steps: Number of images in each row.
        label: Class of the image, for conditional generators.
        data: Data with classes, for --method class. Default: the training data of the run.
    """
    import torch

    from sparring.inference.load import load
    from sparring.latent.directions import move_along_direction
    from sparring.latent.points import FoundPoints
    from sparring.media.save_images import save_images

    out = _image_to_write(out, run, f"directions-{method}")
    moved = images_given(() if seed is None else (seed,), points, (0,))
    model = load(run, checkpoint=checkpoint)
    found = _directions(model, method, count, data)
    moved = moved.only(0) if isinstance(moved, FoundPoints) else moved
    rows = [move_along_direction(model, moved, found, which=i, reach=reach, steps=steps, label=label)[0] for i in range(len(found.names))]
    screen = console()
    for number, name in enumerate(found.names):
        screen.print(f"{number}: {name}")
    screen.print(f"Directions: {save_images(torch.cat(rows), out, columns=steps)}")
    return 0


def move(
    run: Run,
    which: int = 0,
    method: DirectionMethod = "weights",
    seeds: ImageNames = (),
    reach: float = 3.0,
    layers: tuple[int, int] | None = None,
    label: str | None = None,
    data: str | None = None,
    points: PointsFile = None,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Move images along one direction, as a video (there and back) or a grid.

    Args:
        which: Number of the direction, as `sparring latent directions` prints it.
        seeds: The images to move, by seed. Default: 0 1 2 3, or all images of --points.
        reach: Distance to move in both directions, in standard deviations.
        layers: For style generators, move only the layers from the first number up to, but not including, the second. Default: all.
        label: Class of the images, for conditional generators.
        data: Data with classes, for --method class. Default: the training data of the run.
        out: File to write: a video (.gif, .mp4) or a grid (.png, .webp, .jpg). Default: RUN-move.gif.
    """
    from sparring.inference.load import load
    from sparring.latent.directions import move_along_direction
    from sparring.media.image_files import grid, output_kind, save_gif_or_video
    from sparring.media.pixel_range import float_to_pixels
    from sparring.media.save_images import save_images

    out = out or Path(f"{run.resolve().stem}-move.gif")
    film = output_kind(out, "video", "image") == "video"
    moved = images_given(seeds, points, range(4))
    model = load(run, checkpoint=checkpoint)
    if which < 0:
        raise SettingsError(f"--which is {which}, but directions are numbered from 0.")
    found = _directions(model, method, which + 1, data)
    if which >= len(found.names):
        raise SettingsError(f"There is no direction {which}. The last one is {len(found.names) - 1}.")
    images = move_along_direction(model, moved, found, which=which, reach=reach, steps=24 if film else 9, label=label, layers=layers)
    if not film:
        save_images(images.flatten(0, 1), out, columns=images.shape[1])
    else:
        frames = [grid(float_to_pixels(images[:, i]).numpy(), columns=len(images)) for i in range(images.shape[1])]
        save_gif_or_video(frames + frames[-2:0:-1], out)
    console().print(f"Moved along {found.names[which]}: {out}")
    return 0


def arithmetic(
    run: Run,
    first: ImageNames = (),
    minus: ImageNames = (),
    plus: ImageNames = (),
    number: Annotated[int, arg(name="number", aliases=("-n",), help="Number of images near the result.")] = 9,
    label: str | None = None,
    points: PointsFile = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Latent arithmetic: mean latent of the first images, minus a second mean, plus a third. Shows the means above and the result below.

    Args:
        first: The images to start from (for example, smiling women), by seed. Default: all images of --points.
        minus: The images to subtract (women). Default: none.
        plus: The images to add (men). Default: none.
        label: Class of all images, for conditional generators.
    """
    import torch

    from sparring.inference.load import load
    from sparring.latent.arithmetic import arithmetic
    from sparring.media.save_images import save_images

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    out = _image_to_write(out, run, "arithmetic")
    if not first and points is None:
        raise SettingsError("Name the images to start from: --first with seeds, or --points with projected images.")
    terms = [(1.0, images_given(first, points, ()))]
    terms += [(weight, images_given(images, points, ())) for weight, images in ((-1.0, minus), (1.0, plus)) if images]
    means, results = arithmetic(load(run, checkpoint=checkpoint), terms, n=number, label=label)
    columns = max(len(terms), number)
    white = torch.ones(columns - len(means), *means.shape[1:])
    console().print(f"Arithmetic: {save_images(torch.cat([means, white, results]), out, columns=columns)}")
    return 0


def drop(
    run: Run,
    label: str,
    channels: int = 16,
    side: int | None = None,
    number: Annotated[int, arg(name="number", aliases=("-n",), help="Number of images.")] = 10,
    data: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Remove a class from the generator: find the channels that draw it, and zero them. Shows images before (above) and after.

    Args:
        label: The class to remove, by name.
        channels: Largest number of channels to zero.
        side: Side, in pixels, of the feature maps whose channels are zeroed. Default: the second largest.
        data: Data with classes, for the classifier that recognizes the class. Default: the training data of the run.
    """
    import torch

    from sparring.inference.load import load
    from sparring.latent.feature_removal import remove_feature
    from sparring.latent.sample_classifier import load_sample_classifier
    from sparring.media.save_images import save_images

    out = _image_to_write(out, run, "drop")
    model = load(run, checkpoint=checkpoint)
    name_of, classes = load_sample_classifier(model, data)
    if label not in classes:
        raise SettingsError(f"Unknown class {label!r}. {did_you_mean(label, classes)}")
    wanted = classes.index(label)
    before, after = remove_feature(model, lambda images: name_of(images) == wanted, side=side, channels=channels, n=number)
    still = (name_of(after) == wanted).float().mean().item()
    console().print(f"Before and after: {save_images(torch.cat([before, after]), out, columns=len(before))}")
    console().print(f"{still:.0%} of them are still classified as {label}.")
    return 0


COMMANDS = {command.__name__: command for command in (mix, truncation, project, directions, move, steer, arithmetic, drop)}
"""The commands of `sparring latent`, by name."""
