"""Numbers as text: told from other text, read, and written back in the same way."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

INFINITIES = frozenset({"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
"""Spellings of infinity, in lower case."""

_STYLES = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"))
"""Decimal point and thousands separator, in the order in which they are tried."""


def _pattern(point: str, thousands: str) -> re.Pattern[str]:
    # A leading zero makes a code, not a number: 007 and 02116 are not matched.
    whole = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+|0|[1-9]\d{{0,2}}" if thousands else r"0|[1-9]\d*"
    return re.compile(
        rf"(?P<prefix>[$€£¥]?)(?P<sign>[+-]?)(?:(?:{whole})(?:{re.escape(point)}(?P<decimals>\d*))?"
        rf"|{re.escape(point)}(?P<bare>\d+))(?P<exponent>[eE][+-]?\d+)?(?P<suffix>\s?%|\s?€)?"
    )


_PATTERNS = {style: _pattern(*style) for style in _STYLES}


def number_format(texts: Sequence[str], *, comma_is_free: bool = False) -> dict[str, Any] | None:
    """How the numbers in `texts` (distinct, none missing) are written, or None if not all of them are numbers.

    `comma_is_free` says that a comma separates no columns, so that 1,234 is read as one and a bit.
    """
    styles = (*(_STYLES[2:4] if comma_is_free else ()), *_STYLES)
    for style in styles:
        matches = _all_match(_PATTERNS[style], texts)
        if matches is not None:
            return _format_of(texts, matches, *style)
    return None


def _all_match(pattern: re.Pattern[str], texts: Sequence[str]) -> list[re.Match[str]] | None:
    matches = []
    for text in texts:
        match = pattern.fullmatch(text.strip())
        if match is None:
            return None
        matches.append(match)
    return matches


def _format_of(texts: Sequence[str], matches: list[re.Match[str]], point: str, thousands: str) -> dict[str, Any] | None:
    affixes = {(match["prefix"], match["suffix"] or "") for match in matches}
    if len(affixes) != 1:
        return None
    prefix, suffix = affixes.pop()
    decimals = Counter(len(match["decimals"] or match["bare"] or "") for match in matches)
    signs = {match["sign"] for match in matches if match["sign"] != "-"}
    shared = {"as": "number", "point": point, "thousands": thousands, "prefix": prefix, "suffix": suffix, "plus": signs == {"+"}}
    fixed = {**shared, "style": "fixed", "decimals": max(decimals)}
    forms = [fixed] if len(decimals) == 1 else [{**shared, "style": "short"}, {**shared, "style": "repr"}, fixed]
    if any(match["exponent"] for match in matches):
        digits = max(len(re.sub(r"[eE].*|\D", "", text).lstrip("0")) for text in texts)
        forms = [{**shared, "style": "repr"}, {**shared, "style": "short"}, {**shared, "style": "general", "digits": digits}]
    numbers = read_numbers(texts, fixed)
    return max(forms, key=lambda form: _agreement(texts, write_numbers(numbers, form)))


def _agreement(texts: Sequence[str], written: Sequence[str]) -> int:
    return sum(one == other for one, other in zip(texts, written, strict=True))


def read_numbers(texts: Iterable[str], form: Mapping[str, Any]) -> Float64[np.ndarray, " n"]:
    """The numbers that `texts` are in that form. ValueError for what is no number."""
    start, end = len(form["prefix"]), len(form["suffix"])
    stripped = (text.strip() for text in texts)
    plain = (text[start : len(text) - end] for text in stripped)
    if form["thousands"]:
        plain = (text.replace(form["thousands"], "") for text in plain)
    if form["point"] != ".":
        plain = (text.replace(form["point"], ".") for text in plain)
    return np.array([float(text) for text in plain], np.float64)


def write_numbers(numbers: Float64[np.ndarray, " n"], form: Mapping[str, Any]) -> list[str]:
    """`numbers` as text in that form. None may be NaN."""
    values = (numbers + 0.0).tolist()  # no negative zero
    if form["style"] == "fixed":
        group = "," if form["thousands"] else ""
        texts = [f"{value:{group}.{form['decimals']}f}" for value in values]
        zero = f"-{0:.{form['decimals']}f}"
        texts = [text[1:] if text == zero else text for text in texts]
    elif form["style"] == "general":  # as C and R print
        texts = [f"{value:.{form['digits']}g}" for value in values]
    else:
        texts = [repr(value) for value in values]
        if form["style"] == "short":
            texts = [text.removesuffix(".0") for text in texts]
    if form["point"] != "." or form["thousands"] not in {"", ","}:
        swap = str.maketrans({",": form["thousands"], ".": form["point"]})
        texts = [text.translate(swap) for text in texts]
    if form["plus"]:
        texts = [text if text.startswith("-") else f"+{text}" for text in texts]
    if form["prefix"] or form["suffix"]:
        texts = [f"{form['prefix']}{text}{form['suffix']}" for text in texts]
    return texts
