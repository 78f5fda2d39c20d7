"""Texts with a score: the third of each among texts of its group, and what keeps scores from saying that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from sparring.core.errors import DataError
from sparring.core.formatting import plural
from sparring.data.sequences.kept_words import kept_words

if TYPE_CHECKING:
    from sparring.data.tables.table_format import RawTable

THIRDS = ("low", "middle", "high")
"""Classes of texts by their score."""
FEWEST_IN_THIRD = 20
"""Number of texts that the lowest and the highest third must each have, in all groups together."""
FEWEST_IN_GROUP = 6
"""Texts of smaller groups are taken for middling: nobody knows what is much there."""


@dataclass(frozen=True, eq=False)
class ScoredTexts:
    """What scores say of the rows of a table."""

    labels: Sequence[str | None]
    """The third of each row; None for rows without a score."""
    kept: tuple[str, ...]
    """Words that a rewording has to keep (see `kept_words`)."""
    notes: tuple[str, ...]
    """What was found, in sentences."""


def scored_texts(raw: "RawTable", texts: Sequence[str], score: str, within: Sequence[str]) -> ScoredTexts:
    """The third of each text among those of its group, by the column `score`. Groups have the same values in the columns `within`. A
    DataError names everything that keeps scores from telling texts apart.
    """
    scores = numbers_of_column(raw, score)
    grouping = [["" if value is None else str(value) for value in raw.table.column(name).to_pylist()] for name in within]
    groups = ["\n".join(each) for each in zip(*grouping, strict=True)] if within else [""] * len(texts)
    written = np.array([bool(text.strip()) for text in texts])
    found, small = thirds(np.where(written, scores, np.nan), groups)
    low, high = (found == 0).sum(), (found == 2).sum()
    if min(low, high) < FEWEST_IN_THIRD:
        raise DataError(_too_few(score, within, scores, int(low), int(high)))
    notes = []
    if empty := int((~written).sum()):
        notes.append(f"{plural(empty, 'empty text is', 'empty texts are')} left out.")
    if missing := int((np.isnan(scores) & written).sum()):
        notes.append(f"{plural(missing, 'text', 'texts')} without a number in {score!r} left out.")
    same = f" among those of the same {' and '.join(within)}" if within else ""
    notes.append(f"By {score!r}, {low:,} texts are in the lowest third{same}, and {high:,} in the highest.")
    if small:
        notes.append(f"{plural(small, 'group has', 'groups have')} fewer than {FEWEST_IN_GROUP} texts, which are taken for middling.")
    notes += [
        f"{name!r} is the same in all rows, so it makes no groups."
        for name, each in zip(within, grouping, strict=True)
        if len(set(each)) == 1
    ]
    scored = [place for place, third in enumerate(found) if third >= 0]
    kept = kept_words([texts[place] for place in scored], [[each[place] for place in scored] for each in grouping])
    return ScoredTexts([THIRDS[third] if third >= 0 else None for third in found], kept, tuple(notes))


def _too_few(score: str, within: Sequence[str], scores: Float64[np.ndarray, " n"], low: int, high: int) -> str:
    known = scores[~np.isnan(scores)]
    values, counts = np.unique(known, return_counts=True)
    if len(values) == 1:
        return f"The score {score!r} is {values[0]:g} in all rows: it tells no text from another. Name another column."
    most = f"{counts.max() / len(known):.0%} of the scores are {values[counts.argmax()]:g}"
    smaller = f", in groups by {' and '.join(within)}, which may be too small: name fewer columns" if within else ""
    return (
        f"By the score {score!r}, {low} texts are in the lowest third and {high} in the highest, and each needs {FEWEST_IN_THIRD}"
        f"{smaller}. There are {len(known):,} scores; {most}."
    )


def numbers_of_column(raw: "RawTable", name: str) -> Float64[np.ndarray, " n"]:
    """The numbers of a column, NaN where there is none. A DataError if most of what it holds are no numbers."""
    values = [None if value is None or not str(value).strip() else str(value) for value in raw.table.column(name).to_pylist()]
    numbers = np.array([number_in(value) for value in values])
    present = sum(value is not None for value in values)
    if np.isfinite(numbers).sum() * 2 <= present or not present:
        others = [value for value, number in zip(values, numbers, strict=True) if value is not None and not np.isfinite(number)]
        shown = ", ".join(map(repr, others[:3])) or "nothing"
        raise DataError(f"The score must be a number, and column {name!r} has {shown}. Name another column with --score (score=...).")
    return numbers


def number_in(text: str | None) -> float:
    """The number that a cell holds, with or without commas between thousands; NaN if it holds none."""
    try:
        number = float((text or "").replace(",", ""))
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def thirds(scores: Float64[np.ndarray, " n"], groups: Sequence[str]) -> tuple[Int64[np.ndarray, " n"], int]:
    """The third of each score among those of its group: 0, 1 or 2, or -1 where there is none; and how many groups are too small to have
    thirds. Equal scores have the mean of their ranks, so that they are in one third.
    """
    found, small = np.full(len(scores), -1, np.int64), 0
    names, number = np.unique(np.asarray(groups, str), return_inverse=True)
    for group in range(len(names)):
        members = np.flatnonzero((number == group) & ~np.isnan(scores))
        if len(members) < FEWEST_IN_GROUP:
            small += len(members) > 0
            found[members] = 1
            continue
        _, place, counts = np.unique(scores[members], return_inverse=True, return_counts=True)
        middle = (np.cumsum(counts) - counts / 2)[place] / len(members)
        found[members] = np.where(middle <= 1 / 3, 0, np.where(middle <= 2 / 3, 1, 2))
    return found, int(small)
