"""How a table was stored, so that what is written has the same form."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import pyarrow as pa

TableKind = Literal["csv", "parquet", "feather", "jsonl", "xlsx", "pandas", "polars", "arrow"]
"""The kind of file, or the library whose frame a table was."""


@dataclass(frozen=True)
class TableFormat:
    """How a table was stored."""

    kind: TableKind
    schema: str = ""
    """The Arrow schema of a source with types, serialized, in base64. Empty for text, where every column is read as text."""
    nan_columns: tuple[str, ...] = ()
    """Columns whose missing values are NaN rather than null."""
    integer_names: tuple[str, ...] = ()
    """Columns of a pandas frame whose names are integers there."""
    object_columns: tuple[str, ...] = ()
    """Columns of text of a pandas frame that have the type object there."""
    delimiter: str = ","
    """Between the columns of a text file."""
    space_after: bool = False
    """Whether a space follows each delimiter of a text file."""
    encoding: str = "utf-8"
    """Of a text file, as Python names it; utf-8-sig begins with a byte order mark."""
    header: bool = True
    """Whether the first line of a text file has the names of the columns."""
    newline: str = "\n"
    """What ends a line of a text file."""
    final_newline: bool = True
    """Whether the last line of a text file ends so, too."""
    header_quoted: bool = False
    """Whether all names in the header of a text file are in quotes."""
    quoted_columns: tuple[str, ...] = ()
    """Columns of a text file whose present values are all in quotes. Elsewhere quotes are written where they are needed."""
    omits_missing: bool = False
    """In JSON lines: a missing value is left out rather than written as null."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return asdict(self)

    def without_traces(self) -> "TableFormat":
        """Without what single rows or other programs may have left in it: metadata of the schema, and which columns had gaps."""
        if not self.schema:
            return replace(self, nan_columns=())
        import pyarrow as pa  # noqa: PLC0415 (an extra)

        schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(self.schema)))
        plain = pa.schema([field.remove_metadata() for field in schema])
        return replace(self, schema=base64.b64encode(plain.serialize().to_pybytes()).decode(), nan_columns=())

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TableFormat":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no format of a table."""
        given: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in value.items()}
        form = cls(**given)
        if form.kind not in get_args(TableKind):
            raise ValueError(f"no table is stored as {form.kind!r}")
        return form


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was read: text files have text in every column."""

    table: "pa.Table"
    format: TableFormat
    name: str = "table"
    """What to call it in messages: the file's name, or "frame"."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.table.num_rows
