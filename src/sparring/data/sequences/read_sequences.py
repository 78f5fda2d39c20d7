"""Reads texts out of files, folders, tables or lists, and says everything that is wrong with them at once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from sparring.core.errors import DataError, did_you_mean, listed
from sparring.core.formatting import plural
from sparring.data.listed_images import Problem, name_examples
from sparring.data.sequences.notations import NOTATIONS, NotationName
from sparring.data.sequences.scored_texts import THIRDS, scored_texts
from sparring.data.sequences.sequences_reading import (
    BUNDLED_SEQUENCES,
    ENDINGS,
    MADE_SEQUENCES,
    SequencesReading,
    Unit,
    bundled_sequences,
    made_sequences,
    text_ending,
)
from sparring.data.sequences.unreadable_text import UnreadableTextError
from sparring.data.tables.table_files import is_table
from sparring.data.text_decoding import decoded_file

LONGEST = 256
"""Number of tokens of the longest texts that are used where no length is asked for."""
READ_HERE = ".txt, .smi or .abc, also gzipped, a table (.csv, .parquet and others) with --text COLUMN, or a folder of text files"
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_SHOWN = 5
"""Number of unusable texts that a message shows."""


@dataclass(frozen=True, eq=False)
class RawTexts:
    """Texts as they were read."""

    texts: Sequence[str]
    notation: NotationName
    name: str
    """What messages call the source."""
    labels: Sequence[str] | None = None
    """The class of each."""
    places: Sequence[str] | None = None
    """Where each text stands in the source, for messages."""
    classes: tuple[str, ...] = ()
    """Names of the classes, in their order; empty: in that of the alphabet."""
    kept_words: tuple[str, ...] = ()
    """Words that a rewording has to keep."""
    notes: tuple[str, ...] = ()
    """What was found, in sentences."""
    unusable: Sequence[Problem] = ()
    """Texts that were left out, and why."""


def read_sequences(source: Any, reading: SequencesReading) -> tuple[RawTexts, list[list[str]], tuple[str, ...]]:  # noqa: ANN401 (also a frame)
    """Texts, the tokens of each, and what was found, in sentences. A DataError lists everything that keeps them from being used."""
    raw = _read(source, reading)
    if reading.score is not None and not raw.classes:
        raise DataError(f"{raw.name} has no columns, so no score {reading.score!r}. Give a table (.csv, .parquet and others).")
    count = len(raw.texts)
    texts = [text.strip("\n\r") if raw.notation == "words" else text.strip() for text in raw.texts]
    if reading.lowercase:
        texts = [text.lower() for text in texts]
    raw = replace(raw, texts=texts)
    tokens, unusable = _tokens_of(raw)
    lengths = [len(each) for each in tokens if each]
    most = reading.length or min(LONGEST, max(lengths, default=0))
    too_long = [place for place, each in enumerate(tokens) if len(each) > most]
    empty = sum(not each for each in tokens) - len(unusable)
    kept = [place for place, each in enumerate(tokens) if 0 < len(each) <= most]
    problems = []
    if not kept:
        problems.append(f"None of {plural(count, 'text', 'texts')} can be used.")
    elif len(too_long) > len(kept):
        longest = max(lengths)
        problems.append(
            f"{len(too_long):,} of {count:,} texts have more than {most} {raw.notation}, up to {longest:,}. Give a larger length "
            f"(length={longest}), or shorter texts (unit=line or unit=paragraph)."
        )
    elif len(kept) == 1:
        problems.append(f"There is one text alone ({raw.texts[kept[0]][:40]!r}). Give at least two.")
    elif len({token for place in kept for token in tokens[place]}) < 2:
        problems.append(f"There is only one token, {tokens[kept[0]][0]!r}: nothing can be learned from it.")
    elif len({raw.texts[place] for place in kept}) < 2:
        problems.append(f"All {plural(len(kept), 'text is', 'texts are')} the same ({raw.texts[kept[0]][:40]!r}). Give at least two.")
    if problems:
        said = [*problems, *_described(unusable)]
        if len(said) == 1:
            raise DataError(f"{raw.name} cannot be used as texts: {said[0]}")
        raise DataError(listed(f"{raw.name} cannot be used as texts:", said))
    notes = [f"{plural(empty, 'empty text is', 'empty texts are')} left out."] if empty else []
    notes += raw.notes
    notes += _described(unusable)
    if too_long:
        notes.append(f"{plural(len(too_long), 'text', 'texts')} of more than {most} {raw.notation} left out; --length changes that.")
    chosen = replace(
        raw,
        texts=[raw.texts[place] for place in kept],
        labels=None if raw.labels is None else [raw.labels[place] for place in kept],
        places=None if raw.places is None else [raw.places[place] for place in kept],
        unusable=unusable,
    )
    return chosen, [tokens[place] for place in kept], tuple(notes)


def _tokens_of(raw: RawTexts) -> tuple[list[list[str]], list[Problem]]:
    """The tokens of each text, none for those that the notation cannot hold, and why it cannot."""
    cut, found, unusable = NOTATIONS[raw.notation].tokens_of, [], []
    for number, text in enumerate(raw.texts):
        try:
            found.append(cut(text) if text.strip() else [])
        except UnreadableTextError as problem:
            found.append([])
            unusable.append(Problem(raw.places[number] if raw.places else f"text {number + 1}", f"{text[:60]!r} {problem}"))
    return found, unusable


def _described(unusable: Sequence[Problem]) -> list[str]:
    if not unusable:
        return []
    shown = "; ".join(f"{each.name}: {each.reason}" for each in unusable[:_SHOWN])
    return [f"{plural(len(unusable), 'text', 'texts')} left out: {shown}{'; ...' if len(unusable) > _SHOWN else ''}"]


# ------------------------------------------------------------------------------------------------------------------ sources


def _read(source: Any, reading: SequencesReading) -> RawTexts:  # noqa: ANN401
    if isinstance(source, str | Path):
        path = bundled_sequences(source)
        if path is not None:
            bundled = BUNDLED_SEQUENCES[str(source)]
            return _of_files([path], str(source), reading.unit or bundled.unit, reading.notation or bundled.notation)
        if (make := made_sequences(source)) is not None:
            return RawTexts(make(), reading.notation or "words", str(source))
        path = Path(source).expanduser()
        if path.is_dir():
            return _of_folder(path, reading)
        if not path.is_file():
            raise DataError(_not_found(path))
        if (ending := text_ending(path)) is not None and reading.text is None:
            return _of_files([path], str(path), reading.unit or ENDINGS[ending], reading.notation, ending)
        if not is_table(path):
            raise DataError(f"{path} holds no texts that are read here. Give {READ_HERE}.")
    elif isinstance(source, list | tuple) and all(isinstance(each, str) for each in source):
        return _with_notation(RawTexts(source, "characters", "a list of texts"), reading.notation, "")
    return _of_table(source, reading)


def _not_found(path: Path) -> str:
    siblings = [file.name for file in path.parent.iterdir() if text_ending(file)][:200] if path.parent.is_dir() else []
    return f"{path} does not exist. {did_you_mean(path.name, [*siblings, *BUNDLED_SEQUENCES, *MADE_SEQUENCES])}"


def _of_folder(folder: Path, reading: SequencesReading) -> RawTexts:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and text_ending(path) is not None)
    if not paths:
        raise DataError(f"{folder} has no text files ({', '.join(ENDINGS)}). For a table in it, name its file.")
    ending = text_ending(paths[0])
    unit = reading.unit or ("file" if ending == ".txt" else ENDINGS[ending or ".txt"])
    return _of_files(paths, str(folder), unit, reading.notation, ending or "")


def _of_files(paths: Sequence[Path], name: str, unit: Unit, notation: NotationName | None, ending: str = "") -> RawTexts:
    texts, places, problems = [], [], []
    for path in paths:
        try:
            text = decoded_file(path, READ_HERE)[0].replace("\r\n", "\n")
        except DataError as problem:
            problems.append(str(problem))
            continue
        for number, each in enumerate(_units(text, unit), 1):
            texts.append(each.split()[0] if ending in {".smi", ".smiles"} and each.strip() else each)
            places.append(f"{path.name}, {unit} {number}" if unit != "file" else path.name)
    if problems:
        raise DataError(problems[0] if len(problems) == 1 else listed(f"{name} cannot be read:", problems))
    if not any(text.strip() for text in texts):
        raise DataError(f"{name} is empty: there is no text in {name_examples([path.name for path in paths])}.")
    return _with_notation(RawTexts(texts, "characters", name, places=places), notation, ending)


def _units(text: str, unit: Unit) -> Iterable[str]:
    if unit == "file":
        return [text]
    return text.removesuffix("\n").split("\n") if unit == "line" else _PARAGRAPHS.split(text)


def _with_notation(raw: RawTexts, notation: NotationName | None, ending: str) -> RawTexts:
    """With the notation that is asked for, or that fits."""
    if notation is None and ending in {".smi", ".smiles"}:
        notation = "smiles"
    if notation is None:
        written = [text for text in raw.texts if text.strip()]
        spaced = sum(len(text.split()) for text in written)
        notation = "words" if ending != ".abc" and spaced >= 3 * len(written) else "characters"
    return replace(raw, notation=notation)


def _of_table(source: Any, reading: SequencesReading) -> RawTexts:  # noqa: ANN401
    from sparring.data.tables.reading import read_table  # noqa: PLC0415 (an extra)

    raw = read_table(source)
    names = raw.table.column_names
    problems = [
        f"There is no column {name!r}. {did_you_mean(name, names)}"
        for name in (reading.text, reading.class_column, reading.score, *reading.within)
        if name and name not in names
    ]
    column = reading.text
    if column is None:
        others = {reading.class_column, reading.score, *reading.within}
        textual = [name for name in names if name not in others and is_text_column(raw.table.column(name))]
        column = textual[0] if len(textual) == 1 else None
        if column is None:
            problems.append(f"Say which column has the texts, with --text (text=...): {', '.join(map(repr, textual or names))}.")
    if problems:
        raise DataError(listed(f"{raw.name} cannot be used as texts:", problems))
    texts = [str(value) if value is not None else "" for value in raw.table.column(column).to_pylist()]
    labels = None
    if reading.class_column is not None:
        labels = [str(value) if value is not None else "" for value in raw.table.column(reading.class_column).to_pylist()]
        if missing := labels.count(""):
            raise DataError(f"{raw.name} has {plural(missing, 'row', 'rows')} without a class ({reading.class_column!r}).")
    places = [f"row {number}" for number in range(1, len(texts) + 1)]
    found = RawTexts(texts, "characters", raw.name, labels, places)
    return _with_notation(_scored(found, raw, reading) if reading.score is not None else found, reading.notation, "")


def _scored(found: RawTexts, raw: Any, reading: SequencesReading) -> RawTexts:  # noqa: ANN401 (a RawTable)
    """The texts that have a score, with its third as their class."""
    scored = scored_texts(raw, found.texts, cast(str, reading.score), reading.within)
    rows = [row for row, label in enumerate(scored.labels) if label is not None]
    return replace(
        found,
        texts=[found.texts[row] for row in rows],
        labels=[cast(str, scored.labels[row]) for row in rows],
        places=[f"row {row + 1}" for row in rows],
        classes=THIRDS,
        kept_words=scored.kept,
        notes=scored.notes,
    )


def is_text_column(column: Any) -> bool:  # noqa: ANN401 (of Arrow)
    """Whether most values of a column are texts with a letter in them."""
    some = [str(value) for value in column.slice(0, 200).to_pylist() if value not in {None, ""}]
    return bool(some) and sum(any(each.isalpha() for each in text) for text in some) > len(some) / 2
