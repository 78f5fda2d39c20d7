"""How files become sequences: settings, and the sets that come with the package."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

from sparring.core.settings_checks import Ranges
from sparring.data.sequences.notations import NotationName
from sparring.data.sequences.token_oracle import VERSION, oracle_texts
from sparring.data.tables.table_files import is_table

Unit = Literal["line", "paragraph", "file"]
ENDINGS: dict[str, Unit] = {".txt": "line", ".smi": "line", ".smiles": "line", ".abc": "paragraph"}
"""Endings of text files whose sequences are not in columns, and what one of them is."""


class BundledTexts(NamedTuple):
    """A set of texts that comes with the package."""

    file: str
    notation: NotationName
    unit: Unit


BUNDLED_SEQUENCES: dict[str, BundledTexts] = {
    "quatrains": BundledTexts("quatrains.txt.xz", "characters", "paragraph"),
    "moses20k": BundledTexts("moses20k.smi.xz", "smiles", "line"),
    "fragments9": BundledTexts("fragments9.smi.xz", "graph", "line"),
}
"""By name, the sets that come with the package."""
MADE_SEQUENCES: dict[str, tuple[Callable[[], list[str]], int]] = {"oracle": (oracle_texts, VERSION)}
"""By name, the sets that are made where they are asked for, as words, and the version of what makes them."""


def made_sequences(source: object) -> Callable[[], list[str]] | None:
    """What makes the set that `source` names, if it names one and no file."""
    made = MADE_SEQUENCES.get(str(source))
    return None if made is None or Path(str(source)).exists() else made[0]


def bundled_sequences(source: object) -> Path | None:
    """The file of a set that comes with the package, if `source` names one and no file of that name."""
    if str(source) not in BUNDLED_SEQUENCES or Path(str(source)).exists():
        return None
    return Path(str(files("sparring.data.sequences") / "bundled_files" / BUNDLED_SEQUENCES[str(source)].file))


def text_ending(path: Path) -> str | None:
    """The ending of a text file whose sequences are not in columns, without that of packed files; None for other files."""
    ending = Path(path.name.lower().removesuffix(".gz").removesuffix(".xz")).suffix
    return ending if ending in ENDINGS else None


def are_sequences(source: str | Path) -> bool:
    """Whether a source is texts by itself: a set that comes with the package, or a text file whose lines are no columns of a table."""
    if bundled_sequences(source) is not None:
        return True
    path = Path(source).expanduser()
    return path.is_file() and text_ending(path) is not None and not is_table(path)


@dataclass(frozen=True, kw_only=True)
class SequencesReading:
    """How files become sequences."""

    ranges: ClassVar[Ranges] = {"length": {"at least": 1, "at most": 2**16}, "vocabulary": {"at least": 2, "at most": 2**20}}

    text: str | None = None
    """Column of the texts, of tables (.csv, .parquet and others). None: the only column of texts."""
    class_column: str | None = None
    """Column of the class of each text, of tables. None: texts have no classes."""
    score: str | None = None
    """Column of a number for each text, of tables: how much it was bought, booked or read. The class of a text is then the third of its
    score: low, middle or high. Texts without a number are left out."""
    within: tuple[str, ...] = ()
    """Columns whose values make groups, such as place and kind: scores are compared with those of the same group alone."""
    notation: NotationName | None = None
    """What the tokens are: characters; words, with punctuation marks of their own; or, of molecules, the parts of their SMILES, of their
    SELFIES, or their graph. None: SMILES of .smi files, words of texts of three words or more on average, else characters."""
    unit: Unit | None = None
    """What one sequence is, of text files: a line, a paragraph (an empty line is between two), or a file. None: a line; of a folder a file;
    of .abc files a tune."""
    length: int | None = None
    """Largest number of tokens; longer texts are left out. None: that of the longest text, 256 at most."""
    vocabulary: int = 8000
    """Largest number of different tokens. In place of rarer ones stands one for unknown tokens, which models never draw."""
    lowercase: bool = False
    """Whether capital letters are made small."""
