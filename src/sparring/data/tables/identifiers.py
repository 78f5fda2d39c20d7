"""Fresh identifiers: in the pattern of the source's, unique, and none of the source's own."""

import hashlib
import math
import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64

_ALPHABETS = (
    string.digits, string.ascii_lowercase, string.ascii_uppercase, string.ascii_letters, "0123456789abcdef", "0123456789ABCDEF",
    string.digits + string.ascii_lowercase, string.digits + string.ascii_uppercase, string.digits + string.ascii_letters,
)  # fmt: skip
"""Letters that may stand in one place. The first that has all that are seen is taken: digits and letters only where both are seen."""
_MOST_GAPS = 64
_ROWS_FOR_FIXED = 20
"""In so many values of one shape, a letter that is always the same belongs to the pattern and to no single value."""


@dataclass(frozen=True)
class IdentifierPattern:
    """How identifiers are written: letters that are fixed, and places that count like the digits of a number."""

    places: tuple[str, ...]
    """For each place, the letters that may stand there, in ascending order. One letter: it is fixed."""
    free: tuple[tuple[int, int], ...]
    """Numbers (beginning, length) which no identifier of the source has, as written by `places`. They tell none of the source's."""

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold. Numbers may be beyond 64 bits."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "IdentifierPattern":
        """The inverse of `to_json`. KeyError, TypeError or ValueError for what is no pattern."""
        return cls(tuple(map(str, value["places"])), tuple((int(start), int(length)) for start, length in value["free"]))

    @property
    def room(self) -> int:
        """Number of identifiers of this length that are not the source's."""
        return sum(length for _, length in self.free)


def pattern_of(texts: Sequence[str]) -> IdentifierPattern:
    """The pattern of distinct identifiers. If they have several shapes, it is that of the most frequent one."""
    shapes = Counter(_shape(text) for text in texts)
    shape = shapes.most_common(1)[0][0]
    same_length = len({len(text) for text in texts}) == 1
    alike = list(texts) if same_length else [text for text in texts if _shape(text) == shape]
    before, after = (0, 0) if len(texts) < 2 else (_common(texts), _common([text[::-1] for text in texts]))
    if before + after > min(map(len, texts)):
        after = 0
    places = []
    for index in range(len(alike[0])):
        letters = {text[index] for text in alike}
        in_all = index < before or index >= len(alike[0]) - after
        fixed = len(letters) == 1 and (len(alike) >= _ROWS_FOR_FIXED or in_all)
        places.append(next(iter(letters)) if fixed or not _alphabet(letters) else _alphabet(letters))
    places = _first_digit_is_not_zero(places, alike)
    fixed_digits = [index for index, letters in enumerate(places) if len(letters) == 1 and letters.isdigit()]
    while True:
        numbers = sorted({number for text in alike if (number := _number(text, places)) is not None})
        pattern = IdentifierPattern(tuple(places), _free(numbers, math.prod(map(len, places))))
        # After C0000 to C0099 comes C0100: a digit that never moved may move when there is no room without it.
        if pattern.room >= len(texts) or not fixed_digits:
            return pattern
        places[fixed_digits.pop()] = string.digits


def _shape(text: str) -> str:
    return re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", re.sub(r"\d", "0", text)))


def _common(texts: Sequence[str]) -> int:
    """Length of what all texts begin with."""
    low, high = min(texts), max(texts)
    return next((index for index, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), min(len(low), len(high)))


def _alphabet(letters: set[str]) -> str:
    """The narrowest alphabet with these letters. Where separators are among them, the letters themselves."""
    return next((alphabet for alphabet in _ALPHABETS if letters <= set(alphabet)), "" if len(letters) == 1 else "".join(sorted(letters)))


def _first_digit_is_not_zero(places: list[str], texts: Sequence[str]) -> list[str]:
    if places and places[0] == string.digits and not any(text[0] == "0" for text in texts):
        return [string.digits[1:], *places[1:]]
    return places


def _number(text: str, places: Sequence[str]) -> int | None:
    """What a text counts as, with places as digits."""
    number = 0
    for letter, letters in zip(text, places, strict=True):
        digit = letters.find(letter)
        if digit < 0:
            return None
        number = number * len(letters) + digit
    return number


def _free(taken: Sequence[int], size: int) -> tuple[tuple[int, int], ...]:
    """The longest runs of numbers below `size` that are not taken. Their ends are moved inwards, so that they tell no number that is."""
    edges = [-1, *taken, size]
    gaps = [(one + 1, other - one - 1) for one, other in pairwise(edges) if other - one > 1]
    longest = sorted(sorted(gaps, key=lambda gap: -gap[1])[:_MOST_GAPS])
    return tuple((start + length // 16, length - 2 * (length // 16)) for start, length in longest)


def fresh_identifiers(pattern: IdentifierPattern, rows: Sequence[int], seed: int, name: str) -> list[str]:
    """An identifier for each row number: the same for the same seed, name and row, and another for every other row.

    When there are no more of the source's length that are free, they become longer.
    """
    starts = list(accumulate((length for _, length in pattern.free), initial=0))
    room = pattern.room
    multiplier, offset = _shuffle(room, seed, name) if room else (1, 0)
    texts = []
    for row in rows:
        if row < room:
            place = (row * multiplier + offset) % room
            run = bisect_right(starts, place) - 1
            texts.append(_text(pattern.free[run][0] + place - starts[run], pattern.places))
        else:
            texts.append(_longer(row - room, pattern.places))
    return texts


def _shuffle(size: int, seed: int, name: str) -> tuple[int, int]:
    """Factor and offset of a one-to-one map of 0..size-1 to itself."""
    drawn = int.from_bytes(hashlib.blake2b(f"{seed}/identifier/{name}".encode(), digest_size=64).digest(), "little")
    multiplier = max(1, int(size * 0.618) + drawn % max(1, size // 8))
    while math.gcd(multiplier, size) != 1:
        multiplier += 1
    return multiplier % size or 1, drawn // 7 % size


def _text(number: int, places: Sequence[str]) -> str:
    letters = []
    for alphabet in reversed(places):
        number, digit = divmod(number, len(alphabet))
        letters.append(alphabet[digit])
    return "".join(reversed(letters))


def _longer(number: int, places: Sequence[str]) -> str:
    """Identifiers with more places than the source's: one more in the last that counts, then two, and so on."""
    last = max((index for index, letters in enumerate(places) if len(letters) > 1), default=len(places) - 1)
    alphabet = places[last] if len(places[last]) > 1 else string.digits
    wider = list(places)
    while True:
        wider.insert(last + 1, alphabet)
        size = math.prod(map(len, wider))
        if number < size:
            return _text(number, wider)
        number -= size


def uniform_rows(rows: np.ndarray, seed: int, name: str) -> Float64[np.ndarray, " n"]:
    """A number in [0, 1) for each row number that depends on nothing else than row, seed and name (splitmix64)."""
    start = int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "little")
    with np.errstate(over="ignore"):
        mixed = (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
