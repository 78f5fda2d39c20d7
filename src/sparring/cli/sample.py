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
            help="Number of images (of each class, with --label all), rows, windows, patients, order lines or phrases.",
        ),
    ] = 64,
    seed: int = 0,
    label: tuple[str, ...] = (),
    truncation: float | None = None,
    where: tuple[str, ...] = (),
    customers: Literal["own", "fresh"] | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
    seed_style: Literal["own", "nvidia"] = "own",
) -> int:
    """Generate images, rows of a table, windows of time series, patients of health records, order lines, or phrases of music, with a
    trained model.

    Args:
        seed: Seed of the images. Image i of a seed does not depend on the number of images.
        truncation: Trades variety for quality. For style generators: w is moved towards its mean, and this fraction of the distance is
            kept (try 0.7). For models with likelihoods: the temperature (try 0.8). For others: the largest absolute value in a latent
            vector (try 0.5). Default: no truncation.
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
            .jsonl or .xlsx; for the lines of a product also .html, a page with the demand that they foresee. For music: .mid or .wav (one
            phrase after the other), .png (piano rolls), or a folder of .mid files. Default: RUN-seed-SEED.png, .csv or .mid.
        seed_style: How seeds become latents: own, or nvidia, for StyleGANs: the images that NVIDIA's programs make of the seeds from --seed
            on, one each.
    """
    from sparring import api
    from sparring.core.formatting import plural
    from sparring.data.tables.table_files import is_table_name
    from sparring.games.capabilities import DrawsRowByRow, MakesMusic, MakesOrders, MakesRecords, MakesRows, SimulatesSeries
    from sparring.inference.labels import each_of, joined
    from sparring.inference.sampling import in_proportion
    from sparring.media.image_files import OutputKind, output_kind
    from sparring.media.save_images import save_images

    if number < 1:
        raise SettingsError(f"-n must be at least 1, not {number}.")
    if out is not None and not is_table_name(out) and out.suffix.lower() not in {".html", ".mid", ".midi", ".wav"}:
        output_kind(out, "video", "image", "array", "folder")  # before anything is loaded
    model = api.load(run, checkpoint=checkpoint).on(device)
    for_images = bool(label) or truncation is not None or seed_style != "own"
    if isinstance(model.game, MakesRows | MakesOrders | MakesRecords | SimulatesSeries):
        return _sample_lines(model, run, number, seed, where, customers, out or Path(f"{run.resolve().stem}-seed-{seed}.csv"), for_images)
    if isinstance(model.game, MakesMusic):
        return _sample_phrases(model, number, seed, out or Path(f"{run.resolve().stem}-seed-{seed}.mid"), for_images or bool(where))
    if customers is not None:
        raise SettingsError(f"--customers is for models of orders, and {run} is none. Leave it out.")
    if where:
        raise SettingsError(f"--where is for models of tables and orders, and {run} makes images. Leave it out.")
    out = out or Path(f"{run.resolve().stem}-seed-{seed}.png")
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
    console().print(f"{plural(number * len(labels), 'image', 'images')} of {model.spec.height}x{model.spec.width}{stretched}: {out}")
    return 0


def _watch(model: "Model", number: int, seed: int, label: str | None, truncation: float | None, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.media.image_files import grid, save_gif_or_video
    from sparring.media.pixel_range import float_to_pixels

    if label == "all":
        raise SettingsError("A video is of one class, or of all in turn: name one with --label, or leave it out.")
    stages = model.sample_row_by_row(number, seed=seed, label=label, truncation=truncation)
    scale = max(1, 64 // model.spec.height)
    save_gif_or_video([grid(float_to_pixels(images).cpu().numpy(), scale=scale) for images in stages], out, hold_last=2.0)
    console().print(f"{plural(number, 'image', 'images')}, drawn row by row: {out}")
    return 0


def _sample_lines(
    model: "Model",
    run: Path,
    number: int,
    seed: int,
    where: tuple[str, ...],
    customers: Literal["own", "fresh"] | None,
    out: Path,
    for_images: bool,
) -> int:
    """Write rows, order lines, patients or windows. `for_images`: whether flags were given that only images have."""
    from sparring.games.capabilities import MakesOrders, MakesRecords, MakesRows

    unused = "--label, --truncation" + (" and --seed-style" if customers is None else ", --seed-style and --customers")
    if isinstance(model.game, MakesOrders):
        if for_images:
            raise SettingsError(
                f"{run} makes order lines: ask for them with --where, and leave out --label, --truncation and --seed-style."
            )
        return _sample_orders(model, number, seed, where, customers, out)
    if isinstance(model.game, MakesRows):
        if for_images or customers is not None:
            raise SettingsError(f"{run} makes rows of a table: ask for them with --where, and leave out {unused}.")
        return _sample_rows(model, number, seed, where, out)
    if for_images or where or customers is not None:
        unused = unused.replace("--truncation", "--truncation, --where")
        if isinstance(model.game, MakesRecords):
            raise SettingsError(f"{run} makes patients of health records: leave out {unused}.")
        raise SettingsError(
            f"{run} makes windows of time series: leave out {unused}. Paths that begin at a date, of a regime or with attributes: "
            "sparring simulate"
        )
    return (_sample_patients if isinstance(model.game, MakesRecords) else _sample_windows)(model, number, seed, out)


def _sample_rows(model: "Model", number: int, seed: int, where: tuple[str, ...], out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.inference.table_rows import draw_rows, save_rows

    output_table_kind(out)  # before anything is drawn
    rows, share = draw_rows(model, number, seed=seed, where=where)
    save_rows(model, rows, out)
    rejected = "" if share > 0.999 else f" ({share:.1%} of the rows that were drawn meet the conditions)"
    console().print(f"{plural(number, 'row', 'rows')}: {out}{rejected}", highlight=False)
    return 0


def _sample_orders(
    model: "Model", number: int, seed: int, where: tuple[str, ...], customers: Literal["own", "fresh"] | None, out: Path
) -> int:
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.evaluation.demand_report import write_demand_report
    from sparring.inference.demand import foresee_demand
    from sparring.inference.orders_of_model import draw_orders, save_orders

    screen = console()
    if out.suffix.lower() == ".html":
        if customers is not None:
            raise SettingsError("--customers is for lines, and a page of demand has none. Leave it out.")
        demand = foresee_demand(model, number, seed=seed, where=where)
        write_demand_report(demand, out)
        for line in demand.lines():
            screen.print(line, highlight=False, markup=False, soft_wrap=True)
        screen.print(f"Demand: {out}", highlight=False)
        return 0
    output_table_kind(out)  # before anything is drawn
    lines, share = draw_orders(model, number, seed=seed, where=where, customers=customers)
    save_orders(model, lines, out)
    rejected = "" if share > 0.999 else f" ({share:.1%} of the lines that were drawn meet the conditions)"
    screen.print(f"{plural(number, 'order line', 'order lines')}: {out}{rejected}", highlight=False)
    return 0


def _sample_windows(model: "Model", number: int, seed: int, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.inference.paths import is_typed, save_series_table, windows_table
    from sparring.inference.series_of_model import series_spec_of

    typed, spec = is_typed(out), series_spec_of(model)
    save_series_table(spec, windows_table(model, number, seed, typed=typed), out)
    prices = " (prices, which are 100 before the first step)" if spec.values[0].returns else ""
    console().print(f"{plural(number, 'window', 'windows')} of {spec.steps} steps: {out}{prices}", highlight=False)
    return 0


def _sample_phrases(model: "Model", number: int, seed: int, out: Path, refused: bool) -> int:
    """Write phrases of music. `refused`: whether flags were given that music has no use for."""
    from sparring.core.formatting import plural
    from sparring.inference.music_of_model import draw_phrases, music_output, music_spec_of, save_phrases

    if refused:
        raise SettingsError(f"{model.source} makes music: leave out --label, --truncation, --where and --seed-style.")
    music_output(out)  # before anything is drawn
    spec = music_spec_of(model)
    save_phrases(draw_phrases(model, number, seed=seed), spec, out, seed)
    console().print(f"{plural(number, 'phrase', 'phrases')} of {plural(spec.bars, 'bar', 'bars')}: {out}", highlight=False)
    return 0


def _sample_patients(model: "Model", number: int, seed: int, out: Path) -> int:
    from sparring.core.formatting import plural
    from sparring.data.tables.writing import output_table_kind
    from sparring.inference.patients import draw_patients, save_patients

    output_table_kind(out)  # before anything is drawn
    without = save_patients(model, draw_patients(model, number, seed=seed), out)
    absent = f" ({plural(without, 'patient has', 'patients have')} no code, and no row in a long file)" if without else ""
    console().print(f"{plural(number, 'patient', 'patients')}: {out}{absent}", highlight=False)
    return 0
