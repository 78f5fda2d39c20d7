"""Columns of text: numbers, dates and booleans that are written, words that are categories, names of single rows, and free text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparring.core.errors import DataError
from sparring.core.formatting import plural
from sparring.data.tables.columns import Column
from sparring.data.tables.date_text import date_format, read_dates
from sparring.data.tables.distinct_values import MISSING_AMONG_WORDS, MISSING_WORDS, DistinctTexts
from sparring.data.tables.duration_text import duration_format, read_durations
from sparring.data.tables.number_kinds import ROWS_OF_SERIALS, date_kind, duration_column, number_column
from sparring.data.tables.number_text import INFINITIES, number_format, read_numbers

BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("off", "on"), ("0", "1"))
"""Pairs of words that are no and yes, in lower case."""
_UNIQUE_FORMS = {
    "UUIDs": re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?"),
    "e-mail addresses": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "web addresses": re.compile(r"https?://\S+"),
    "hexadecimal numbers": re.compile(r"(?:0x)?(?:[0-9a-f]{16,}|[0-9A-F]{16,})"),
}
LONG_TEXT, MANY_WORDS = 60, 6
"""Letters and words of a value, on average, above which values that hardly repeat are free text."""


def text_column(column: Column, distinct: DistinctTexts, rows: int, wanted: Mapping[str, Any], *, comma_is_free: bool = False) -> Column:
    """What a column of text is. `wanted` may give its kind or its pattern of dates, and then a DataError says why it cannot be that.

    Ways to write a missing value are told apart from values, and are part of `Column.text`.
    """
    chosen = wanted.get("kind")
    if chosen in {None, "number", "datetime", "duration", "boolean"}:
        written = _written(column, distinct, rows, wanted, comma_is_free=comma_is_free)
        if written is not None and chosen in {None, written.kind}:
            return written
        if chosen == "number" and written is not None and written.kind in {"identifier", "boolean", "datetime", "constant"}:
            plain = _as_numbers(column, *_split_missing(distinct), comma_is_free, keep=True)
            if plain is not None:
                return plain
        if chosen is not None or "pattern" in wanted:
            how = f"a {chosen}" if chosen else f"dates written as {wanted['pattern']}"
            examples = ", ".join(repr(text) for text in distinct.texts[:3])
            raise DataError(f"Column {column.name!r} cannot be {how}: it has values such as {examples}.")
    found = _words(column, distinct, rows)
    if chosen == "constant" and found.kind != "constant":
        raise DataError(f"Column {column.name!r} cannot be a constant: it has {len(distinct.texts):,} distinct values.")
    return found if chosen in {None, found.kind} else replace(found, kind=chosen, reason="chosen by you")


def _split_missing(distinct: DistinctTexts) -> tuple[list[str], list[str]]:
    """The distinct texts that may be values, and those that mean a missing one, the most frequent first."""
    words = {*MISSING_WORDS, ""}
    order = np.argsort(-distinct.counts, kind="stable").tolist()
    gone = [distinct.texts[index] for index in order if distinct.texts[index].strip() in words]
    return [text for text in distinct.texts if text.strip() not in words], gone


def _missing_form(distinct: DistinctTexts, gone: Sequence[str]) -> dict[str, Any]:
    """How missing values are written: None is an empty field (or null), and else the most frequent text."""
    nulls = int((distinct.codes < 0).sum())
    most = distinct.counts[distinct.texts.index(gone[0])] if gone else -1
    return {"missing": gone[0] if gone and most > nulls else None, "missing_texts": list(gone)}


def _written(column: Column, distinct: DistinctTexts, rows: int, wanted: Mapping[str, Any], *, comma_is_free: bool) -> Column | None:
    """A column of written booleans, dates, times or numbers, or None if it is none of them."""
    texts, gone = _split_missing(distinct)
    if not texts:
        return (
            replace(column, kind="constant", reason="every value is missing", text=_missing_form(distinct, gone)) if len(gone) < 2 else None
        )
    has_gaps = bool(gone) or bool((distinct.codes < 0).any())
    if len(texts) == 1 and not has_gaps and not wanted:
        return replace(column, kind="constant", reason=_only(texts[0]), text={"missing": None, "missing_texts": []})
    missing = _missing_form(distinct, gone)
    if "pattern" not in wanted and wanted.get("kind") in {None, "boolean"}:
        pair = sorted(texts, key=lambda text: next((words.index(text.lower()) for words in BOOLEANS if text.lower() in words), -1))
        if len(texts) == 2 and tuple(text.lower() for text in pair) in BOOLEANS:
            reason = f"two values, {pair[0]} and {pair[1]}" + _gaps_noted(missing)
            return replace(column, kind="boolean", reason=reason, text={"as": "boolean", "words": pair, **missing})
    form = date_format(texts, wanted.get("pattern"))
    if form is not None and wanted.get("kind") in {None, "datetime"}:
        zone = form.get("zone") or form.get("offset") or ("UTC" if form["pattern"].endswith("UTC") else "")
        found = date_kind(column, np.unique(read_dates(texts, form)), True, zone)
        doubt = f"; month first, but {form['also']} would fit, too" if form.get("also") else ""
        return replace(found, text={**form, **missing}, reason=found.reason + doubt + _gaps_noted(missing))
    clock = duration_format(texts)
    if clock is not None:
        seconds = read_durations(texts, clock)
        of_day = bool(seconds.min() >= 0 and seconds.max() < 86_400 and not clock["days"] and clock["hour_digits"] == 2)
        found = duration_column(column, np.append(seconds, np.nan), of_day=of_day)
        return replace(found, text={**clock, **missing}, reason=found.reason + _gaps_noted(missing))
    return _as_numbers(column, texts, gone, comma_is_free, distinct, rows)


def _as_numbers(
    column: Column, texts: Sequence[str], gone: Sequence[str], comma_is_free: bool, distinct: DistinctTexts | None = None, rows: int = 0,
    *, keep: bool = False,
) -> Column | None:  # fmt: skip
    infinite = [text for text in texts if text.strip().lower() in INFINITIES]
    finite = [text for text in texts if text.strip().lower() not in INFINITIES] if infinite else texts
    form = number_format(finite, comma_is_free=comma_is_free) if finite else None
    if form is None:
        return None
    if infinite and distinct is not None:
        where = np.flatnonzero(np.isin(distinct.codes, [distinct.texts.index(text) for text in infinite]))
        shown = ", ".join(f"{row + 1:,}" for row in where[:5]) + (f" and {len(where) - 5:,} more" if len(where) > 5 else "")
        raise DataError(f"Column {column.name!r} is infinite in row {shown}. Replace infinite values, or leave them empty.")
    numbers = read_numbers(texts, form)
    if np.abs(numbers).max() > 2**53:
        return None
    missing = _missing_form(distinct, gone) if distinct is not None else {"missing": gone[0] if gone else None, "missing_texts": list(gone)}
    by_row = numbers
    if distinct is not None:
        positions = {text: index for index, text in enumerate(texts)}
        places = np.array([positions.get(text, -1) for text in distinct.texts] + [-1])
        where = places[distinct.codes]
        by_row = np.where(where >= 0, numbers[where], np.nan)
    found = number_column(column, by_row, keep=keep)
    return replace(found, text={**form, **missing}, reason=found.reason + _gaps_noted(missing))


def _gaps_noted(missing: Mapping[str, Any]) -> str:
    words = [text for text in missing["missing_texts"] if text]
    return f"; {' and '.join(repr(word) for word in words)} {'means' if len(words) == 1 else 'mean'} missing" if words else ""


def _words(column: Column, distinct: DistinctTexts, rows: int) -> Column:
    """A column of words: a category, an identifier, free text, or a constant."""
    missing = _missing_among_words(distinct)
    distinct = distinct.without(missing)
    form = {"missing": missing, "missing_texts": [] if missing is None else [missing]}
    column = replace(column, text=form)
    texts, present = distinct.texts, int((distinct.codes >= 0).sum())
    noted = _gaps_noted(form)
    if len(texts) == 1 and present == rows:
        return replace(column, kind="constant", reason=_only(texts[0]))
    unique = len(texts) == present
    sample = texts[:1000]
    for what, pattern in _UNIQUE_FORMS.items():
        if unique and present > 1 and all(pattern.fullmatch(text) for text in sample):
            return replace(column, kind="identifier", reason=f"every value is different: {what}{noted}")
    letters = float(np.mean([len(text) for text in sample]))
    words = float(np.mean([text.count(" ") + 1 for text in sample]))
    if len(texts) > 0.5 * present and (letters > LONG_TEXT or words > MANY_WORDS) and present > 1:
        return replace(
            column, kind="text", reason=f"{len(texts):,} distinct values of {words:.0f} words and {letters:.0f} letters on average"
        )
    if unique and present >= ROWS_OF_SERIALS:
        return replace(column, kind="identifier", reason=f"every value is different, and none is a measurement{noted}")
    codes = " written with leading zeros" if all(re.fullmatch(r"\d+", text) for text in sample) and any(t[0] == "0" for t in sample) else ""
    counts = distinct.counts
    share = "" if not len(counts) else f", the most frequent is {_shortened(texts[int(counts.argmax())])!r} ({counts.max() / present:.1%})"
    return replace(column, kind="category", reason=f"{plural(len(texts), 'distinct value', 'distinct values')}{codes}{share}{noted}")


def _missing_among_words(distinct: DistinctTexts) -> str | None:
    """The word among words that means a missing value. None where fields are empty already, or all are codes of two letters."""
    if (distinct.codes < 0).any():
        return None
    texts, counts = distinct.texts, distinct.counts
    found = [index for index, text in enumerate(texts) if text in MISSING_AMONG_WORDS]
    if len(texts) == len(found) or not found:
        return "" if "" in texts and len(texts) > 1 and counts[texts.index("")] else None
    if all(re.fullmatch(r"[A-Z]{2}", text) for text in texts):  # NA is Namibia
        return None
    return texts[max(found, key=lambda index: counts[index])]


def _only(text: str) -> str:
    """A single value in a sentence: words in quotes."""
    return f"the only value is {text if number_format([text]) else repr(_shortened(text))}"


def _shortened(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:30]}..."
