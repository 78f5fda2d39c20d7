"""Columns of health records: texts, whole numbers and days, with what is wrong with them in sentences."""

import numpy as np
from jaxtyping import Float64, Int32

from sparring.core.formatting import plural
from sparring.data.tables.arrow import pa
from sparring.data.tables.date_text import date_format, read_dates
from sparring.data.tables.distinct_values import MISSING_AMONG_WORDS, DistinctTexts, distinct_texts, is_numeric, numbers_of

TRUE, FALSE = frozenset({"true", "yes", "y", "t"}), frozenset({"false", "no", "n", "f"})
"""Words, in small letters, that stand for 1 and 0."""


def texts_of(column: pa.ChunkedArray) -> DistinctTexts:
    """The distinct texts of a column; empty ones, and words that say so, are missing."""
    found = distinct_texts(column)
    for missing in ("", *MISSING_AMONG_WORDS):
        found = found.without(missing)
    used = np.unique(found.codes[found.codes >= 0])
    places = np.full(len(found.texts) + 1, -1, np.int32)
    places[used] = np.arange(len(used), dtype=np.int32)
    return DistinctTexts([found.texts[place] for place in used], places[found.codes])


def refuse_missing(codes: Int32[np.ndarray, " n"], what: str) -> list[str]:
    """A problem if values are missing (-1). `what`: what these rows lack."""
    rows = np.flatnonzero(codes < 0)
    return (
        [f"{plural(len(rows), 'row has', 'rows have')} {what}: {shown_rows(rows)}. Fill them in, or leave the rows out."]
        if len(rows)
        else []
    )


def shown_rows(rows: np.ndarray) -> str:
    """Numbers of rows, from 1, the first of them if there are many."""
    more = f" and {len(rows) - 5:,} more" if len(rows) > 5 else ""
    return ("row " if len(rows) == 1 else "rows ") + ", ".join(f"{row + 1:,}" for row in rows[:5].tolist()) + more


def whole_numbers(column: pa.ChunkedArray, name: str, problems: list[str]) -> Float64[np.ndarray, " n"]:
    """The numbers of a column, whole and 0 or more. What is not is added to `problems`, and is 0. Missing: 0. True and false: 1 and 0."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if is_numeric(column.type) and not pa.types.is_dictionary(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy().copy()
        values[np.isnan(values)] = 0
        unreadable = np.zeros(len(values), bool)
    else:
        texts = texts_of(column)
        numbers = np.array([*map(number_in, texts.texts), 0.0])
        values = numbers[texts.codes]
        unreadable = np.isnan(values)
    for rows, wrong in (
        (unreadable, "no number"),
        (values < 0, "less than 0"),
        (~unreadable & (values >= 0) & (values != np.floor(values)), "no whole number"),
    ):
        if rows.any():
            places = np.flatnonzero(rows)
            seen = column[int(places[0])].as_py()
            many = "" if len(places) == 1 else f" (and in {len(places) - 1:,} more rows)"
            problems.append(f"Column {name!r} must hold whole numbers from 0 on, and row {places[0] + 1:,} has {seen!r}, {wrong}{many}.")
    return np.where(unreadable | (values < 0) | ~np.isfinite(values), 0.0, np.floor(values))


def number_in(text: str) -> float:
    """The number that a text stands for; NaN if it stands for none."""
    if text.strip().lower() in TRUE:
        return 1.0
    if text.strip().lower() in FALSE:
        return 0.0
    try:
        return float(text)
    except ValueError:
        return float("nan")


def days_of(column: pa.ChunkedArray, name: str, problems: list[str]) -> Float64[np.ndarray, " n"]:
    """Days since 1970 of the dates in a column. What is missing or no date is added to `problems`, and is 0."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        days = np.floor(numbers_of(column, name) / 86_400)
        missing = np.flatnonzero(np.isnan(days))
        problems += refuse_missing(np.where(np.isnan(days), -1, 0).astype(np.int32), f"no date ({name!r})") if len(missing) else []
        return np.nan_to_num(days)
    texts = texts_of(column)
    problems += refuse_missing(texts.codes, f"no date ({name!r})")
    days = np.append(_days(texts.texts), 0.0)
    wrong = np.isnan(days)
    if wrong.any():
        places = np.flatnonzero(wrong[texts.codes])
        example = texts.texts[texts.codes[places[0]]]
        problems.append(
            f"{plural(len(places), 'row has', 'rows have')} a date in {name!r} that cannot be read: row {places[0] + 1:,} has {example!r}. "
            "Write dates in one way, such as 2024-03-31."
        )
    return np.nan_to_num(days)[texts.codes]


def _days(texts: list[str]) -> Float64[np.ndarray, " n"]:
    """Days of dates as text, all in the pattern that most are written in; NaN where one is not."""
    if not texts:
        return np.zeros(0)
    form = date_format(texts)
    if form is not None:
        return np.floor(read_dates(texts, form) / 86_400)
    forms = [form for text in texts[:: max(1, len(texts) // 50)] if (form := date_format([text])) is not None]
    found = np.full(len(texts), np.nan)
    best = max(forms, key=lambda one: sum(_day(text, one) is not None for text in texts[:500]), default=None)
    for place, text in enumerate(texts if best is not None else ()):
        day = _day(text, best)
        found[place] = np.nan if day is None else day
    return found


def _day(text: str, form: object) -> float | None:
    try:
        return float(np.floor(read_dates([text], form)[0] / 86_400))  # pyright: ignore[reportArgumentType] (a form)
    except ValueError:
        return None
