"""`sparring data`: inspect data, and prepare it for training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import DATA, MUSIC, TABLES
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.data.preprocessing import Preprocessing

Inspected = Annotated[
    Positional[str],
    arg(metavar="DATA", help=f"The data: {DATA}; or a table, time series or health records: {TABLES}; or music: {MUSIC}."),
]


def inspect_data(
    data: Inspected,
    split: str | None = None,
    max_pixels: int | None = None,
    labels: str | None = None,
    label_columns: tuple[str, ...] = (),
    patient: str | None = None,
    code: str | None = None,
    time: str | None = None,
    count: str | None = None,
    visits: str | None = None,
    values: Literal["binary", "counts"] = "binary",
    records: bool = False,
    out: Path | None = None,
) -> int:
    """Inspect images, a table, time series, health records or music.

    Of images: sizes, color modes, classes, and files that cannot be used and why; writes a contact sheet. Of a table: what each column is
    and why, what holds in every row, and how it would be read as time series or as orders, if it looks like these; writes a file in which
    to change that. Of health records: patients, codes and visits; writes them as a matrix, if asked to (--out). Of music: tracks,
    phrases, and files that cannot be used and why; draws some phrases.

    Args:
        split: Part of the data to read, if it has parts (train, test). Default: train, where data has named splits (torchvision, hf).
        max_pixels: Largest image to read, as height times width. Default: 89,478,485, Pillow's limit against decompression bombs.
        labels: For images: a table with several or continuous labels (see `sparring train RECIPE --help`).
        label_columns: For images: columns of that table. Default: all.
        patient: For health records: the column that says which patient a row is of.
        code: For health records in a long file: the column of the codes. Default: there is a column for each code.
        time: For health records in a long file: the column of the dates, which tell the visits of a patient.
        count: For health records in a long file: the column of how often a patient has a code.
        visits: For health records: the column of the number of visits of a patient.
        values: For health records: whether a patient has a code (binary), or how often (counts).
        records: The table is a matrix of health records, with a row for each patient and a column for each code; or the data is a folder of
            OMOP tables.
        out: The contact sheet or table.json to write. Default: DATA-contact-sheet.png, DATA-table.json, DATA-phrases.png. Of health
            records: a table (.csv, .parquet and others) with a row for each patient, which recipes of tables can learn. Default: none.
    """
    from sparring.data.music.open_songs import is_music
    from sparring.data.preprocessing import Preprocessing
    from sparring.data.records.records_reading import RecordsReading, are_records
    from sparring.data.tables.table_files import is_table

    for_images = {"--split": split, "--max-pixels": max_pixels, "--labels": labels, "--label-columns": label_columns or None}
    of_records: dict[str, Any] = {"patient": patient, "code": code, "time": time, "count": count, "visits": visits, "values": values}
    if records or are_records(data) or any(value not in {None, "binary"} for value in of_records.values()):
        from sparring.cli.inspect_records import inspect_records_source

        return inspect_records_source(data, RecordsReading(**of_records), out, for_images)
    if is_music(data):
        from sparring.cli.inspect_music import inspect_songs

        return inspect_songs(data, out, for_images)
    if is_table(data):
        from sparring.cli.inspect_table import inspect_table_file

        return inspect_table_file(data, out, for_images)
    return _inspect_images(data, Preprocessing(split=split, max_pixels=max_pixels, labels=labels, label_columns=label_columns), out)


def _inspect_images(data: str, preprocessing: "Preprocessing", out: Path | None) -> int:
    from sparring.data.images.inspect import inspect_source
    from sparring.data.open_by_name import open_source
    from sparring.media.image_files import output_kind, save_image

    screen = console()
    if out is not None:
        output_kind(out, "image")
    inspection = inspect_source(open_source(data, split=preprocessing.split), preprocessing, progress=screen.is_terminal)
    for line in inspection.lines():
        screen.print(line)
    if inspection.contact_sheet is not None:
        out = out or Path(f"{Path(data).name.replace(':', '-')}-contact-sheet.png")
        save_image(inspection.contact_sheet, out)
        screen.print(f"Contact sheet: {out}")
    return 0


def prepare_data(arguments: Any) -> int:  # noqa: ANN401 (made by `prepare_arguments`)
    """Decode, crop and resize data once, and keep the result in the cache for training."""
    from sparring.core.formatting import plural
    from sparring.data.open_by_name import open_source
    from sparring.data.prepare_store import prepare

    screen = console()
    store = prepare(open_source(arguments.data, split=arguments.preprocessing.split), arguments.preprocessing, progress=screen.is_terminal)
    for line in store.report.lines():
        screen.print(line)
    screen.print(f"{plural(len(store), 'image', 'images')} of {store.spec}: {store.folder}\nFingerprint: {store.fingerprint}")
    return 0
