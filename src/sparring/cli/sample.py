"""`sparring sample`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def sample(
    run: Run,
    number: Annotated[
        int,
        arg(
            name="number",
            aliases=("-n",),
            help="Number of images (of each class, with --label all), rows, windows, patients, order lines, texts or phrases.",
        ),
    ] = 64,
    seed: int = 0,
    label: tuple[str, ...] = (),
    truncation: Annotated[float | None, arg(aliases=("--temperature",))] = None,
    where: tuple[str, ...] = (),
    customers: Literal["own", "fresh"] | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
    seed_style: Literal["own", "nvidia"] = "own",
    want: tuple[str, ...] = (),
    invalid: Literal["drop", "keep"] = "drop",
) -> int:
    """Generate images, rows of a table, windows of time series, patients, order lines, texts, or phrases of music, with a trained model.

    Args:
        seed: Seed of the images. Image i of a seed does not depend on the number of images.
        truncation: Trades variety for quality. For style generators: w is moved towards its mean, and this fraction of the distance is
            kept (try 0.7). For models with likelihoods, and latentgan: the temperature (try 0.8). For others: the largest absolute value in
            a latent vector (try 0.5). Default: no truncation.
        label: Class of the images, by name or number; of several labels their values by name, such as color=red age=30, the others as in
            training images. all, or color=all: one row for each class, or for values from the smallest to the largest. Default: all classes
            in turn, or labels of training images.
        where: Conditions on the rows of a table, such as "country=FR" "age>=60" or "income=missing". They hold in every row.
            Of orders: on lines, by role or column ("product=SKU" "time>=2024-06-01" "group=Road"). product=new with a group, a price or
            both is a product that was never sold.
        customers: For orders: own writes the log's customers, who are real people; fresh writes invented ones, the same for all lines of
            one. Default: fresh, unless --where names a customer.
        out: What to write. For images: a grid (.png, .webp, .jpg), an array (.npz), or a folder of single images; of models that
            work pixel by pixel also a video of that (.gif, .mp4). For rows, windows, patients and lines: .csv, .tsv, .parquet, .feather,
            .jsonl or .xlsx; for the lines of a product also .html, a page with the demand that they foresee. For texts: .txt, .smi, or a
            table with a column of them. For music: .mid or .wav (one phrase after another), .png (piano rolls), or a folder of .mid files.
            Default: RUN-seed-SEED.png, .csv, .txt or .mid.
        seed_style: How seeds become latents: own, or nvidia, for StyleGANs: the images that NVIDIA's programs make of the seeds from --seed
            on, one each.
        want: Of molecules, properties that all of them are to have, such as "qed>0.8" "weight<400": qed (like a drug, 0 to 1), logp (oily),
            sa (hard to make, 1 to 10) and weight. Models with codes (latentgan) move them; others draw until there are enough.
        invalid: Of molecules, drop what is no valid one, or keep it as it is.
    """
    from sparring import api
    from sparring.cli.sample_kinds import ENDINGS, Asked, kind_sampled
    from sparring.core.formatting import plural
    from sparring.data.tables.table_files import is_table_name
    from sparring.games.capabilities import DrawsRowByRow
    from sparring.inference.labels import each_of, joined
    from sparring.inference.sampling import in_proportion
    from sparring.media.image_files import OutputKind, output_kind
    from sparring.media.save_images import save_images

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    if out is not None and not is_table_name(out) and out.suffix.lower() not in ENDINGS:
        output_kind(out, "video", "image", "array", "folder")  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    given = {"label": bool(label), "truncation": truncation is not None, "where": bool(where), "customers": customers is not None}
    given |= {"seed-style": seed_style != "own", "want": bool(want), "invalid": invalid != "drop"}
    kind, name = kind_sampled(model), f"{run.resolve().stem}-seed-{seed}"
    if kind is not None:
        kind.check(run, [flag for flag, is_given in given.items() if is_given])
        return kind.write(model, Asked(number, seed, label, truncation, where, customers, want, invalid), out or Path(name + kind.ending))
    for flag, what in (("customers", "orders"), ("where", "tables and orders"), ("want", "molecules"), ("invalid", "molecules")):
        if given[flag]:
            raise SettingsError(f"--{flag} is for models of {what}, and {run} makes images. Leave it out.")
    out = out or Path(f"{name}.png")
    asked = joined(model, label) if label else None
    watched: tuple[OutputKind, ...] = ("video",) if isinstance(model.game, DrawsRowByRow) else ()
    if output_kind(out, *watched, "image", "array", "folder") == "video":
        if seed_style != "own":
            raise SettingsError(f"{run} draws pixel by pixel, and NVIDIA's seeds are for StyleGANs: leave --seed-style out.")
        return _watch(model, number, seed, asked, truncation, out)
    labels = [None] if asked is None else each_of(model, asked)
    how = {"seed": seed, "truncation": truncation, "seed_style": seed_style}
    pieces = (in_proportion(model, piece) for one in labels for piece in model.sample_in_pieces(number, label=one, **how))
    save_images(pieces, out, columns=number if len(labels) > 1 else None)
    stretched = ", stretched back to the proportion of the data" if model.preprocessing.proportion is not None else ""
    console().print(f"{plural(number * len(labels), 'image', 'images')} of {model.spec.resolution}{stretched}: {out}")
    return 0


def _watch(model: "Model", number: int, seed: int, label: str | None, truncation: float | None, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.media.image_files import grid, save_gif_or_video
    from sparring.media.pixel_range import float_to_pixels

    if label == "all":
        raise SettingsError("A video is of one class, or of all in turn: name one with --label, or leave it out.")
    stages = model.sample_row_by_row(number, seed=seed, label=label, truncation=truncation)
    scale = max(1, 64 // max(model.spec.height, model.spec.width))
    save_gif_or_video([grid(float_to_pixels(images).cpu().numpy(), scale=scale) for images in stages], out, hold_last=2.0)
    console().print(f"{plural(number, 'image', 'images')}, drawn row by row: {out}")
    return 0
