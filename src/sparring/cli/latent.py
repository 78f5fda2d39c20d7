"""`sparring latent`: a trained model's latent space as a tool."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments import Checkpoint, Run
from sparring.core.console import console
from sparring.core.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from sparring.inference.model import Model
    from sparring.latent.directions import Directions, Method

Seeds = tuple[int, ...]
Out = Annotated[Path | None, arg(help="The image to write. Default: RUN-COMMAND.png here.")]
SCORES = ("FD-lite0", "precision", "recall", "coverage")
Finding = Annotated[
    Literal["weights", "principal", "class"],
    arg(
        help="weights: closed-form factorization (SeFa). principal: components of w, or of what is made of z (GANSpace). class: towards "
        "each class of the data, unless the network is told it beside z."
    ),
]


def _place(out: Path | None, run: Path, what: str) -> Path:
    """Where the image goes. A SettingsError, before anything is loaded, if its ending is not an image's."""
    from sparring.media.image_files import output_kind

    out = out or Path(f"{run.resolve().stem}-{what}.png")
    output_kind(out, "image")
    return out


def mix(
    run: Run,
    coarse: Seeds = (0, 1, 2, 3),
    fine: Seeds = (4, 5, 6, 7, 8, 9),
    layer: int | None = None,
    label: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Style mixing: the coarse styles of each row's image with the fine ones of each column's.

    Args:
        coarse: Seeds of the images that give each row its coarse styles: pose, shape.
        fine: Seeds of the images that give each column its fine styles: color, texture.
        layer: First layer with fine styles. Default: the first of 16x16.
        label: Class of all images, for networks with classes.
    """
    from sparring.inference.load import load
    from sparring.latent.mixing import style_mixing_grid
    from sparring.media.save_images import save_images

    out = _place(out, run, "mix")
    images = style_mixing_grid(load(run, checkpoint=checkpoint), coarse, fine, layer=layer, label=label)
    console().print(f"Style mixing: {save_images(images.flatten(0, 1), out, columns=len(fine) + 1)}")
    return 0


def truncation(
    run: Run,
    at: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5),
    number: Annotated[int, arg(name="number", aliases=("-n",), help="How many images at each.")] = 10,
    seed: int = 0,
    label: str | None = None,
    judged: int = 0,
    data: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """The same images at several truncations, a row for each: from typical to varied. With --judged, what that does to the scores.

    Args:
        at: The truncations: shares of the way from the mean of w, or how far from zero numbers of a latent may be.
        seed: Where the images come from: the first ones of this seed.
        label: Class of all images. Those that are judged are of every class.
        judged: How many samples are judged at each truncation, by lite0. 0: none.
        data: What they are judged against. Default: what the run was trained on.
    """
    from sparring import api
    from sparring.latent.mixing import truncation_grid
    from sparring.media.save_images import save_images

    out = _place(out, run, "truncation")
    model, screen = api.load(run, checkpoint=checkpoint), console()
    if judged < 0:
        raise SettingsError(f"judged must be at least 0, not {judged}.")
    images = truncation_grid(model, at, number, seed=seed, label=label)
    judgments = [api.judge(model, data, samples=judged, seed=seed, truncation=value) for value in at] if judged else []
    screen.print(f"Truncated at {', '.join(map(str, at))}: {save_images(images.flatten(0, 1), out, columns=number)}")
    if judged:
        screen.print("  ".join(f"{heading:>10}" for heading in ("truncation", *SCORES)))
    for value, judgment in zip(at, judgments, strict=False):
        screen.print("  ".join([f"{value:>10}", *(f"{judgment[name].value:>10.3g}" for name in SCORES)]))
    return 0


def project(
    run: Run,
    images: Annotated[Positional[tuple[Path, ...]], arg(metavar="IMAGE", help="Images to find in the latent space.")],
    space: Literal["w", "w+"] = "w",
    steps: int = 500,
    rate: float = 0.05,
    label: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Find real images in the latent space: a sheet (above what was asked for, below what was found), the points, the losses.

    Args:
        space: w: one style for all layers. w+: one for each, nearer to the image and farther from what the network has learned.
        steps: Steps of gradient descent.
        rate: Learning rate of the gradient descent.
        label: Class that is asked for, if the network has classes.
        seed: Seed of the samples among which the start is chosen.
        out: Folder for image.png, points.npz, losses.json and losses.png. Default: RUN-projected here.
    """
    import numpy as np
    import torch

    from sparring.core.files import replacing, write_json
    from sparring.inference.load import load
    from sparring.latent.projection import project_images
    from sparring.media.image_decoding import read_images
    from sparring.media.image_files import OUTPUT_ENDINGS, grid, save_image
    from sparring.media.pixels import float_to_pixels, pixels_to_float

    out = out or Path(f"{run.resolve().stem}-projected")
    if out.suffix.lower() in {ending for endings in OUTPUT_ENDINGS.values() for ending in endings} and not out.is_dir():
        raise SettingsError(f"{out}: what is projected goes into a folder, and {out.suffix!r} is the ending of a file. Name a folder.")
    model, screen = load(run, checkpoint=checkpoint), console()
    targets = pixels_to_float(torch.from_numpy(read_images(images, model.spec)))
    found = project_images(model, targets, space=space, steps=steps, rate=rate, label=label, seed=seed)
    sheet = grid(float_to_pixels(torch.cat([targets, found.images])).numpy(), columns=len(images))
    save_image(sheet, out / "image.png")
    with replacing(out / "points.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, points=found.points.numpy())
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
        return "(With pip install 'sparring[plots]' there is a plot of the losses, too.)"
    from sparring.core.files import replacing

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
    method: Finding = "weights",
    count: int = 8,
    seed: int = 0,
    reach: float = 3.0,
    steps: int = 9,
    label: str | None = None,
    data: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Find directions of change, and show one image moved along each: a row for each direction.

    Args:
        count: How many directions.
        seed: Where the image that is moved comes from: the first one of this seed.
        reach: How far to go either way, in standard deviations.
        steps: Images in a row.
        label: Class of the image.
        data: Data with classes for the method "class". Default: what the run was trained on.
    """
    import torch

    from sparring.inference.load import load
    from sparring.latent.directions import move_along_direction
    from sparring.media.save_images import save_images

    out = _place(out, run, f"directions-{method}")
    model = load(run, checkpoint=checkpoint)
    found = _directions(model, method, count, data)
    rows = [move_along_direction(model, (seed,), found, which=i, reach=reach, steps=steps, label=label)[0] for i in range(len(found.names))]
    screen = console()
    for number, name in enumerate(found.names):
        screen.print(f"{number}: {name}")
    screen.print(f"Directions: {save_images(torch.cat(rows), out, columns=steps)}")
    return 0


def move(
    run: Run,
    which: int = 0,
    method: Finding = "weights",
    seeds: Seeds = (0, 1, 2, 3),
    reach: float = 3.0,
    layers: tuple[int, int] | None = None,
    label: str | None = None,
    data: str | None = None,
    out: Path | None = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Move images along one direction, as `latent directions` numbers them: a film there and back, or a sheet.

    Args:
        which: Number of the direction.
        seeds: The first image of each seed is moved.
        reach: How far to go either way, in standard deviations.
        layers: In w, only these layers are moved: the first, and the one after the last.
        label: Class of the images.
        data: Data with classes for the method "class". Default: what the run was trained on.
        out: .gif or .mp4 for a film, .png (or .webp, .jpg) for a sheet. Default: RUN-move.gif here.
    """
    from sparring.inference.load import load
    from sparring.latent.directions import move_along_direction
    from sparring.media.image_files import grid, output_kind, save_gif_or_video
    from sparring.media.pixels import float_to_pixels
    from sparring.media.save_images import save_images

    out = out or Path(f"{run.resolve().stem}-move.gif")
    film = output_kind(out, "video", "image") == "video"
    model = load(run, checkpoint=checkpoint)
    if which < 0:
        raise SettingsError(f"Directions are numbered from 0; there is no {which}.")
    found = _directions(model, method, which + 1, data)
    if which >= len(found.names):
        raise SettingsError(f"There is no direction {which}: they go from 0 to {len(found.names) - 1}.")
    images = move_along_direction(model, seeds, found, which=which, reach=reach, steps=24 if film else 9, label=label, layers=layers)
    if not film:
        save_images(images.flatten(0, 1), out, columns=images.shape[1])
    else:
        frames = [grid(float_to_pixels(images[:, i]).numpy(), columns=len(seeds)) for i in range(images.shape[1])]
        save_gif_or_video(frames + frames[-2:0:-1], out)
    console().print(f"Moved along {found.names[which]}: {out}")
    return 0


def arithmetic(
    run: Run,
    first: Seeds,
    minus: Seeds = (),
    plus: Seeds = (),
    number: Annotated[int, arg(name="number", aliases=("-n",), help="How many images about the result.")] = 9,
    label: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Latent arithmetic: the mean of some images - the mean of others + the mean of others. Above the means, below the result.

    Args:
        first: Seeds of the images to begin with (for instance of smiling women).
        minus: Seeds of the images to take away (of women). Default: none.
        plus: Seeds of the images to add (of men). Default: none.
        label: Class of all images, for networks with classes.
    """
    import torch

    from sparring.inference.load import load
    from sparring.latent.arithmetic import arithmetic
    from sparring.media.save_images import save_images

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    out = _place(out, run, "arithmetic")
    terms = [(weight, seeds) for weight, seeds in ((1.0, first), (-1.0, minus), (1.0, plus)) if seeds]
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
    number: Annotated[int, arg(name="number", aliases=("-n",), help="How many images.")] = 10,
    data: str | None = None,
    out: Out = None,
    checkpoint: Checkpoint = "last",
) -> int:
    """Remove what makes a class: images of it before (above) and after its channels are dropped from the generator's maps.

    Args:
        label: The class, as a classifier of the data names images.
        channels: How many channels, at most.
        side: Side in pixels of the maps whose channels are dropped. Default: the second largest there is.
        data: Data with classes. Default: what the run was trained on.
    """
    import torch

    from sparring.inference.load import load
    from sparring.latent.feature_removal import remove_feature
    from sparring.latent.sample_classifier import load_sample_classifier
    from sparring.media.save_images import save_images

    out = _place(out, run, "drop")
    model = load(run, checkpoint=checkpoint)
    name_of, classes = load_sample_classifier(model, data)
    if label not in classes:
        raise SettingsError(f"There is no class {label!r}. {did_you_mean(label, classes)}")
    wanted = classes.index(label)
    before, after = remove_feature(model, lambda images: name_of(images) == wanted, side=side, channels=channels, n=number)
    still = (name_of(after) == wanted).float().mean().item()
    console().print(f"Before and after: {save_images(torch.cat([before, after]), out, columns=len(before))}")
    console().print(f"{still:.0%} of them are still taken for {label}.")
    return 0


VERBS = {verb.__name__: verb for verb in (mix, truncation, project, directions, move, arithmetic, drop)}
"""All of them, by name."""
