"""Rewordings of the texts of a file, beside those as they are and the nearest texts that scored high."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparring.core.errors import DataError, SettingsError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.sequences.read_sequences import is_text_column
from sparring.data.sequences.sequences_reading import text_ending
from sparring.data.text_decoding import decoded_file
from sparring.games.capabilities import Rewords
from sparring.inference.popular_texts import PopularTexts, scorer_ranking
from sparring.inference.reword import MOST, ReadText, RewordedText, Rewording, kept_in, reword, rewording_game
from sparring.inference.training_texts import reading_of, training_texts
from sparring.metrics.sequences.ranking import Ranking

if TYPE_CHECKING:
    from sparring.data.tables.table_format import RawTable
    from sparring.inference.model import Model

CORRELATION = (
    "What is expected is correlation, not cause: scorers know how texts with high scores differ from those with low ones, not whether "
    "another text would change a score. The model does not know what is true: check every word that it added."
)
"""What must be said wherever expected scores are shown."""


@dataclass(frozen=True)
class Way:
    """One way to deal with texts, and what is expected of it."""

    name: str
    expected: float
    """Mean over texts of the probability of the highest third against the lowest."""
    error: float
    """Its standard error, by the spread over texts."""
    kept: float
    """Share of the texts that have all words to be kept, and no others of that kind."""
    shared: float
    """Mean share of the words of the text that are there, but for function words."""


@dataclass(frozen=True, eq=False)
class RewordedTable:
    """The texts of a file with their rewordings."""

    raw: "RawTable"
    """The file as it was read."""
    column: str
    """The column of the texts."""
    texts: list[RewordedText]
    nearest: list[Rewording | None]
    """For each text the nearest one that scored high; None without the training texts."""
    ranking: Ranking | None
    """How well the scorers rank texts that they have not learned from; None without the training texts."""
    ways: tuple[Way, ...]
    notes: tuple[str, ...]


def reword_table(
    model: "Model",
    source: Any,  # noqa: ANN401 (a path or a frame)
    *,
    text: str | None = None,
    n: int = MOST,
    seed: int = 0,
    keep: Sequence[str] = (),
    data: Any = None,  # noqa: ANN401 (paths or frames)
) -> RewordedTable:
    """Reword the texts of a table (a path or a frame) or of a text file, one on each line.

    `text`: the column of the texts; None: that of the training data, or the only one of texts. `keep`: further words that no rewording may
    lose or make up. `data`: the training data, if it cannot be found from the run: with it texts are compared with those that scored high.
    A SparringError says what cannot be read.
    """
    game = rewording_game(model)
    raw, column = read_texts(source, text, reading_of(model).text)
    texts = ["" if value is None else str(value) for value in raw.table.column(column).to_pylist()]
    found = reword(model, texts, n=n, seed=seed, keep=keep)
    if not any(each.original for each in found):
        problems = [f"row {number}: {each.text[:60]!r} {each.problem}" for number, each in enumerate(found, 1)]
        raise DataError(listed(f"None of {plural(len(found), 'text', 'texts')} in {raw.name} can be read by the model:", problems, 5))
    notes, popular, rated = list(_problem_notes(found)), None, None
    try:
        training, held_out = training_texts(model, data)
    except (DataError, SettingsError) as problem:
        notes.append(f"Texts are not compared with those that scored high, and scorers are not rated: {problem}")
    else:
        popular, rated = PopularTexts(game, training), scorer_ranking(game, (training, held_out))
    nearest = [None if popular is None or each.original is None else popular.nearest(each.text) for each in found]
    return RewordedTable(raw, column, found, nearest, rated, ways_of(game, found, nearest), tuple(notes))


def read_texts(source: Any, asked: str | None, usual: str | None) -> tuple["RawTable", str]:  # noqa: ANN401 (a path or a frame)
    """A table, or a text file as one with a column "text", and the name of its column of texts: the one that is asked for, or the usual
    one, or the only one.
    """
    from sparring.data.tables.arrow import pa  # noqa: PLC0415 (an extra)
    from sparring.data.tables.reading import read_table  # noqa: PLC0415 (an extra)
    from sparring.data.tables.table_files import is_table  # noqa: PLC0415
    from sparring.data.tables.table_format import RawTable, TableFormat  # noqa: PLC0415

    if isinstance(source, str | Path) and Path(source).is_file() and text_ending(Path(source)) == ".txt" and not is_table(source):
        lines = decoded_file(Path(source), ".txt, with one text on each line, or a table")[0].splitlines()
        if not any(line.strip() for line in lines):
            raise DataError(f"{source} is empty: there is no text in it.")
        return RawTable(pa.table({"text": pa.array(lines, pa.string())}), TableFormat("csv"), str(source)), "text"
    raw = read_table(source)
    names = raw.table.column_names
    textual = [name for name in names if is_text_column(raw.table.column(name))]
    if asked is not None and asked not in names:
        raise DataError(f"{raw.name} has no column {asked!r}. {did_you_mean(asked, names)}")
    column = asked or (usual if usual in names else textual[0] if len(textual) == 1 else None)
    if column is None:
        raise DataError(f"Say which column of {raw.name} has the texts, with --text (text=...): {', '.join(map(repr, textual or names))}.")
    return raw, column


def _problem_notes(found: Sequence[RewordedText]) -> list[str]:
    """Which texts cannot be read or got no rewording, and why."""
    problems = Counter(each.problem for each in found if each.problem)
    notes = [f"{plural(count, 'text', 'texts')} left alone: it {problem}." for problem, count in problems.most_common(5)]
    if len(problems) > 5:
        notes.append(f"{sum(count for _, count in problems.most_common()[5:]):,} more texts cannot be read by the model.")
    if none := sum(each.original is not None and not each.rewordings for each in found):
        notes.append(f"{plural(none, 'text', 'texts')} got no rewording: none that was drawn keeps what must be kept.")
    return notes


def ways_of(game: Rewords, found: Sequence[RewordedText], nearest: Sequence[Rewording | None]) -> tuple[Way, ...]:
    """What is expected of texts as they are, of their best and of all rewordings (the text itself where there is none), and of the nearest
    texts that scored high.
    """
    read = [(each, each.original, near) for each, near in zip(found, nearest, strict=True) if each.original is not None]
    texts = [each.text for each, _, _ in read]
    ways = [
        way_of(game, "left as it is", texts, [[original] for _, original, _ in read]),
        way_of(game, "best rewording", texts, [[*each.rewordings[:1]] or [original] for each, original, _ in read]),
        way_of(game, "all rewordings", texts, [[*each.rewordings] or [original] for each, original, _ in read]),
    ]
    if all(near is not None for _, _, near in read):
        ways.append(way_of(game, "nearest high text", texts, [[near] for _, _, near in read if near is not None]))
    return tuple(ways)


def way_of(game: Rewords, name: str, texts: Sequence[str], written: Sequence[Sequence[Rewording]]) -> Way:
    """What is expected of what was written in place of each text: the mean of one or several."""
    expected = np.array([np.mean([each.expected for each in own]) for own in written])
    kept = [np.mean([keeps_all(game, text, each.text) for each in own]) for text, own in zip(texts, written, strict=True)]
    shared = [np.mean([each.shared for each in own]) for own in written]
    error = float(expected.std(ddof=1) / math.sqrt(len(expected))) if len(expected) > 1 else math.nan
    return Way(name, float(expected.mean()), error, float(np.mean(kept)), float(np.mean(shared)))


def keeps_all(game: Rewords, text: str, other: str) -> bool:
    """Whether another text has all words of a text that must be kept, and no others of that kind."""
    spec = game.sequence_spec
    read = ReadText.of(spec, text)
    return read.kept == kept_in(spec, spec.cut.tokens_of(other), read.unknown)


def with_rewordings(table: RewordedTable, n: int) -> Any:  # noqa: ANN401 (an Arrow table)
    """The table as it was read, with columns more: what is expected of each text, its rewordings, and the nearest text that scored high. A
    SettingsError if it has such columns.
    """
    from sparring.data.tables.arrow import pa  # noqa: PLC0415 (an extra)

    columns: dict[str, list[str | float | None]] = {"expected": [each.original and each.original.expected for each in table.texts]}
    for place in range(n):
        own = [each.rewordings[place] if place < len(each.rewordings) else None for each in table.texts]
        columns[f"rewording_{place + 1}"] = [each and each.text for each in own]
        columns[f"expected_{place + 1}"] = [each and each.expected for each in own]
    if any(table.nearest):
        columns["nearest_high"] = [each and each.text for each in table.nearest]
        columns["expected_nearest"] = [each and each.expected for each in table.nearest]
    if there := [name for name in columns if name in table.raw.table.column_names]:
        raise SettingsError(f"{table.raw.name} has columns of rewordings already: {', '.join(there)}. Give it without them.")
    made = table.raw.table
    for name, values in columns.items():
        is_number = name.startswith("expected")
        if is_number and table.raw.format.kind == "csv":
            made = made.append_column(name, pa.array([None if value is None else f"{value:.4f}" for value in values], pa.string()))
        else:
            made = made.append_column(name, pa.array(values, pa.float64() if is_number else pa.string()))
    return made
