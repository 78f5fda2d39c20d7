"""Which files are tables, told by ending and content. Needs no library."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

FileKind = Literal["csv", "parquet", "feather", "jsonl", "xlsx"]

ENDINGS: dict[str, FileKind] = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".feather": "feather", ".arrow": "feather", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".xlsx": "xlsx",
}  # fmt: skip
"""The kind of table for each ending of a file's name."""
BUNDLED_TABLES = {"flights": "flights.csv", "stocks": "stocks.csv.gz", "eunomia": "eunomia.parquet", "bikes": "bikes.csv.gz"}
"""The file of each table that comes with the package."""
_BEGINNINGS: tuple[tuple[bytes, FileKind], ...] = ((b"PAR1", "parquet"), (b"ARROW1", "feather"), (b"FEA1", "feather"))


def table_kind(path: Path) -> FileKind | None:
    """The kind of table at `path`, or None if it is no table. What a file begins with counts for more than its ending."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4096)
    except OSError:
        return None
    for mark, kind in _BEGINNINGS:
        if beginning.startswith(mark):
            return kind
    name = path.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix if name.endswith((".csv.gz", ".tsv.gz", ".txt.gz")) else Path(name).suffix
    return ENDINGS.get(ending)


def bundled_table(source: object) -> Path | None:
    """The file of a table that comes with the package, if `source` names one and no file of that name."""
    if str(source) not in BUNDLED_TABLES or Path(str(source)).exists():
        return None
    return Path(str(files("sparring.data.tables") / "bundled_files" / BUNDLED_TABLES[str(source)]))


def is_table_name(path: Path) -> bool:
    """Whether a file of this name would be a table, by its ending."""
    return Path(path.name.lower().removesuffix(".gz")).suffix in ENDINGS


def is_table(source: str | Path) -> bool:
    """Whether `source` names a table: one that comes with the package, or a file that is a table by its ending and content. Of a file that
    does not exist, by its ending alone.

    A .txt file is one only if its first lines have the same number of columns, more than one.
    """
    path = Path(source).expanduser()
    try:
        if not path.exists():
            return str(source) in BUNDLED_TABLES or (path.suffix.lower() != ".txt" and is_table_name(path))
        if path.is_dir():
            return False
    except OSError:  # too long a name
        return False
    if path.suffix.lower() != ".txt":
        return table_kind(path) is not None
    with path.open("rb") as file:
        lines = file.read(8192).splitlines()[:6]
    return any(lines and 0 < lines[0].count(mark) == line.count(mark) for mark in (b",", b"\t", b";", b"|") for line in lines[1:])
