"""Opens a source of images by the name or path that a user gives."""

from collections.abc import Container, Iterable
from pathlib import Path

from sparring.core.errors import DataError, did_you_mean
from sparring.core.file_kinds import kind_of, refusal
from sparring.data.images.bundled import BUNDLED_SETS, open_bundled
from sparring.data.listed_images import Item, Problem, Source
from sparring.data.readers.film import open_film
from sparring.data.readers.folder import open_folder, open_tar, open_zip
from sparring.data.readers.hub import open_hugging_face, open_torchvision
from sparring.data.readers.idx import find_idx_sets, open_idx, open_idx_folder
from sparring.data.readers.npy import open_array
from sparring.data.tables.table_files import BUNDLED_TABLES, is_table
from sparring.media.image_decoding import IMAGE_ENDINGS
from sparring.media.video_files import VIDEO_ENDINGS

__all__ = ["Item", "Problem", "Source", "open_source", "source_names"]

SOURCE_KINDS = (
    "a folder, zip or tar of images (classes by folder or by labels.csv), IDX files, .npy, .npz, a film, torchvision:NAME, hf:NAME, or "
    "one of the sets that come with Sparring"
)


def source_names() -> list[str]:
    """Names of the data sets that come with the package."""
    return sorted(BUNDLED_SETS)


def open_source(name_or_path: str | Path, *, split: str | None = None) -> Source:
    """Open the source at a name or path. This lists files and reads headers, but decodes no images.

    `split` chooses one of several splits: a folder of that name, a set of IDX files, `x_SPLIT` of a .npz, or a split of a hub's data set.
    Raises a DataError for sources that do not exist, hold no images, or are damaged as a whole.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, str):
        if name.startswith("torchvision:"):
            return open_torchvision(name, split)
        if name.startswith("hf:"):
            return open_hugging_face(name, split)
        if name in BUNDLED_SETS:
            return open_bundled(name, split)
    path = Path(name).expanduser()
    try:
        exists = bool(name) and path.exists()
    except OSError as problem:  # too long, or a parent folder that may not be read
        raise DataError(f"{name!r} cannot be opened: {problem.strerror}.") from None
    if not exists:
        raise DataError(_not_found_message(name, path))
    if path.is_dir():
        if kind_of(path).holds == "weights":
            raise DataError(f"{refusal(path, 'data')}")
        return open_idx_folder(name, path, split) if find_idx_sets(path) else open_folder(name, path, split)
    return _open_file(name, path, split)


def _open_file(name: str, path: Path, split: str | None) -> Source:
    ending = path.name.removesuffix(".gz").lower()
    if ending.endswith((".npy", ".npz")):
        return open_array(name, path, split)
    if ending.endswith(".zip"):
        return open_zip(name, path, split)
    if ".tar" in path.name.lower() or ending.endswith(".tgz"):
        return open_tar(name, path, split)
    if path.suffix.lower() in VIDEO_ENDINGS:
        return open_film(name, path)
    if ending.endswith("-ubyte"):
        return open_idx(name, path, split)
    if path.suffix.lower() in IMAGE_ENDINGS:
        raise DataError(f"{path} is a single image. Give its folder.")
    if is_table(path):
        commands = f"sparring train tabular-ar --data {path} (for time series: sparring doctor --data {path})"
        raise DataError(f"{path} is a table, and this needs images. For tables: {commands}")
    raise DataError(f"{refusal(path, 'data that is read here')} A source is {SOURCE_KINDS}.")


def _other_sets() -> Iterable[tuple[Container[str], str, str]]:
    """Names of sets of other kinds that come with the package, what they are, and a command for them."""
    from sparring.data.music.open_songs import BUNDLED_MUSIC  # noqa: PLC0415 (imports torch, which takes long)
    from sparring.data.sequences.sequences_reading import BUNDLED_SEQUENCES, MADE_SEQUENCES  # noqa: PLC0415 (the same)

    yield BUNDLED_TABLES, "a table", "doctor"
    yield {*BUNDLED_SEQUENCES, *MADE_SEQUENCES}, "texts or molecules", "train lm"
    yield BUNDLED_MUSIC, "music", "train musegan"


def _not_found_message(name: str, path: Path) -> str:
    bare = len(path.parts) <= 1 and not path.suffix
    for names, what, command in _other_sets():
        if name in names:
            return f"{name} comes with Sparring and is {what}, and this needs images. For such data: sparring {command} --data {name}"
    if bare or ":" in name:
        hint = did_you_mean(name, source_names())
        return f"There is no data set called {name!r}, and no such file or folder. {hint} A source is {SOURCE_KINDS}."
    parent = path.parent
    while not parent.is_dir():
        parent = parent.parent
    if parent != path.parent:
        return f"{path} does not exist. The last folder in this path that does is {parent.resolve()}."
    siblings = [file.name for file in parent.iterdir()]
    return f"{path} does not exist. In {parent.resolve()}: {did_you_mean(path.name, siblings[:200])}"
