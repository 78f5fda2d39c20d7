"""A page of texts and their rewordings, for people: which words are new, and what is expected."""

from collections.abc import Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from sparring import __version__
from sparring.core.atomic_files import write_bytes
from sparring.data.sequences.kept_words import FUNCTION_WORDS, word_forms
from sparring.data.sequences.notations import words_of
from sparring.inference.reword import Rewording, added_words
from sparring.inference.reword_table import CORRELATION, RewordedTable, Way

MOST_SHOWN = 500
"""Number of texts on a page."""


def write_rewording_page(table: RewordedTable, page: Path) -> None:
    """Write the page of a file's texts."""
    write_bytes(page, rewording_html(table).encode())


def rewording_html(table: RewordedTable) -> str:
    """The page as HTML that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sparring.evaluation", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    shown = [
        {"text": each.text, "original": each.original, "nearest": near, "rewordings": marked(each.text, each.rewordings)}
        for each, near in zip(table.texts, table.nearest, strict=True)
        if each.original is not None
    ]
    return environment.get_template("rewording_page.html.jinja").render(
        version=__version__,
        name=Path(table.raw.name).name,
        table=table,
        ways=way_rows(table.ways),
        shown=shown[:MOST_SHOWN],
        left=max(0, len(shown) - MOST_SHOWN),
        correlation=CORRELATION,
    )


def way_rows(ways: Sequence[Way]) -> list[tuple[str, ...]]:
    """The table of ways as text."""
    return [(way.name, f"{way.expected:.1%}", f"± {way.error:.1%}", f"{way.kept:.1%}", f"{way.shared:.0%}") for way in ways]


def marked(original: str, rewordings: Sequence[Rewording]) -> list[tuple[Markup, float]]:
    """Rewordings with the words marked that the original does not have, and what is expected of each."""
    return [(with_marks(each.text, set(added_words(original, each.text))), each.expected) for each in rewordings]


def with_marks(text: str, added: set[str]) -> Markup:
    """A text as HTML, with some of its words marked."""
    pieces = []
    for token in words_of(text):
        word = token.strip()
        is_added = word.lower() in added and word.lower() not in FUNCTION_WORDS and word_forms(word)
        space = " " if token.startswith(" ") else ""
        pieces.append(Markup("{}<mark>{}</mark>").format(space, word) if is_added else escape(token))
    return Markup("").join(pieces).strip()
