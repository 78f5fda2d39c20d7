"""Dates and times as text: the pattern is found, and read and written without the limits of nanoseconds (years 1 to 9999)."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from jaxtyping import Float64, Int64

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d-%m-%Y", "%Y%m%d",
    "%-m/%-d/%Y", "%-d/%-m/%Y", "%-d.%-m.%Y", "%Y-%-m-%-d", "%m/%d/%y", "%d/%m/%y", "%-m/%-d/%y", "%-d/%-m/%y", "%d.%m.%y",
    "%d %b %Y", "%-d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %-d, %Y", "%d %B %Y", "%-d %B %Y", "%B %d, %Y", "%B %-d, %Y",
    "%Y-%m",
)  # fmt: skip
_TIMES = ("%H:%M:%S", "%H:%M:%S%f", "%H:%M", "%-H:%M", "%-H:%M:%S", "%I:%M:%S %p", "%I:%M %p", "%-I:%M:%S %p", "%-I:%M %p", "%H%M%S")
_ZONES = ("", "%z", " %z", " UTC")
_DATE_PARTS = {
    "%Y": r"(?P<Y>\d{4})", "%y": r"(?P<y>\d{2})", "%m": r"(?P<m>\d{2})", "%-m": r"(?P<m>[1-9]\d?)", "%d": r"(?P<d>\d{2})",
    "%-d": r"(?P<d>[1-9]\d?)", "%b": r"(?P<b>[A-Za-z]{3})", "%B": r"(?P<B>[A-Za-z]{3,9})", "%H": r"(?P<H>\d{2})", "%-H": r"(?P<H>\d{1,2})",
    "%I": r"(?P<I>\d{2})", "%-I": r"(?P<I>[1-9]\d?)", "%M": r"(?P<M>\d{2})", "%S": r"(?P<S>\d{2})", "%f": r"(?:\.(?P<f>\d{1,9}))?",
    "%p": r"(?P<p>[AaPp][Mm])", "%z": r"(?P<z>Z|[+-]\d{2}:?\d{2}|[+-]\d{2})",
}  # fmt: skip
_TOKEN = re.compile(r"%-?[A-Za-z]")
PLAUSIBLE_YEARS = (1800, 2200)
"""Digits without separators are taken for dates only in these years."""


def _patterns() -> Iterator[str]:
    for date in _DATES:
        yield date
        for time in _TIMES:
            for zone in _ZONES:
                yield from (f"{date}{between}{time}{zone}" for between in ("T", " ") if time != "%H%M%S" or between == " ")
    yield "%Y%m%d%H%M%S"


_PATTERNS = tuple(_patterns())


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    written, end = "", 0
    for token in _TOKEN.finditer(pattern):
        written += re.escape(pattern[end : token.start()]) + _DATE_PARTS[token.group()]
        end = token.end()
    return re.compile(written + re.escape(pattern[end:]))


def date_format(texts: Sequence[str], pattern: str | None = None) -> dict[str, Any] | None:
    """How the dates in `texts` (distinct, none missing) are written, or None if they are no dates.

    With `pattern` (as of strftime) only that one is tried. `also` in the result is another pattern that would fit, such as day first.
    """
    if not texts or (pattern is None and not (5 < len(texts[0]) < 45 and sum(letter.isdigit() for letter in texts[0]) >= 3)):
        return None
    for candidate in _PATTERNS if pattern is None else (pattern,):
        if not all(_regex(candidate).fullmatch(text) for text in texts[:20]):
            continue
        form = _form_of(texts, candidate)
        if form is not None:
            other = _swapped(candidate)
            return {**form, "also": other} if other and pattern is None and _form_of(texts, other) else form
    return None


def _swapped(pattern: str) -> str | None:
    """The pattern with day and month in the other order, if a person may have meant that."""
    if "/" not in pattern or pattern.startswith("%Y"):
        return None
    return pattern.translate(str.maketrans("md", "dm"))


def _form_of(texts: Sequence[str], pattern: str) -> dict[str, Any] | None:
    matches = [_regex(pattern).fullmatch(text) for text in texts]
    parts = [match.groupdict() for match in matches if match is not None]
    if len(parts) < len(texts):
        return None
    form: dict[str, Any] = {"as": "datetime", "pattern": pattern}
    if "%f" in pattern:
        digits = Counter(len(part["f"] or "") for part in parts)
        form["digits"] = digits.popitem()[0] if len(digits) == 1 else None
    if "%b" in pattern or "%B" in pattern:
        word = parts[0].get("b") or parts[0].get("B") or ""
        form["case"] = "upper" if word.isupper() else "lower" if word.islower() else "title"
    try:
        numbers = read_dates(texts, form)
    except ValueError:
        return None
    if "z" in parts[0]:
        offsets = Counter(part["z"] for part in parts)
        form["offset"] = offsets.most_common(1)[0][0]
        form["zone"] = _zone_with(offsets, numbers, [part["z"] for part in parts]) if len(offsets) > 1 else None
    if not re.search(r"[^%YmdHMS]", pattern):
        years = numbers.astype("M8[s]").astype("M8[Y]").astype(int) + 1970
        if years.min() < PLAUSIBLE_YEARS[0] or years.max() > PLAUSIBLE_YEARS[1] or len(texts) < 2:
            return None
    return form


def _zone_with(offsets: Mapping[str, int], numbers: Float64[np.ndarray, " n"], written: list[str]) -> str | None:
    """A time zone whose summer and winter time explain the offsets, if there is one."""
    rows = np.linspace(0, len(numbers) - 1, min(len(numbers), 500)).astype(int)
    wanted = np.array([_offset_seconds(written[row]) for row in rows.tolist()])
    if len(offsets) > 4:
        return None
    for zone in time_zones():
        if np.array_equal(zone_offsets(numbers[rows], zone), wanted):
            return zone
    return None


def time_zones() -> Iterator[str]:
    """Names of the world's time zones, those of many people first."""
    yield from _COMMON_ZONES
    yield from (
        zone for zone in sorted(available_timezones()) if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "posix", "right"))
    )


_COMMON_ZONES = (
    "Europe/Paris", "Europe/London", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Europe/Athens",
    "Australia/Sydney",
)  # fmt: skip


def zone_offsets(seconds: Float64[np.ndarray, " n"], zone: str) -> Int64[np.ndarray, " n"]:
    """Seconds that clocks in `zone` are ahead of UTC at those moments (seconds since 1970)."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 (names that would be confused with columns)

    start, place = datetime(1970, 1, 1, tzinfo=UTC), ZoneInfo(zone)
    hours, where = np.unique(np.floor(seconds / 900), return_inverse=True)  # offsets change at full quarters of an hour

    def offset(quarter: float) -> int:
        try:
            return int(((start + timedelta(seconds=quarter * 900)).astimezone(place).utcoffset() or timedelta(0)).total_seconds())
        except OverflowError:
            return 0

    return np.array([offset(quarter) for quarter in hours.tolist()], np.int64)[where]


def _offset_seconds(text: str) -> int:
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (1 if text[0] == "+" else -1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def read_dates(texts: Sequence[str], form: Mapping[str, Any]) -> Float64[np.ndarray, " n"]:
    """Seconds since 1970-01-01 UTC. ValueError for what is no date: another pattern, month 13, February 30."""
    match = _regex(form["pattern"]).fullmatch
    parts = []
    for text in texts:
        found = match(text)
        if found is None:
            raise ValueError(f"{text!r} is not written as {form['pattern']}")
        parts.append(found.groupdict())
    if not parts:
        return np.zeros(0)

    def numbers(name: str, otherwise: int) -> Int64[np.ndarray, " n"]:
        return np.array([int(part[name]) for part in parts], np.int64) if name in parts[0] else np.full(len(parts), otherwise, np.int64)

    years = numbers("Y", 1970)
    if "y" in parts[0]:
        short = numbers("y", 70)
        years = np.where(short < 69, 2000 + short, 1900 + short)  # as in POSIX
    months, days = numbers("m", 1), numbers("d", 1)
    if word := "b" if "b" in parts[0] else "B" if "B" in parts[0] else "":
        months = np.array([_month(part[word], word == "b") for part in parts], np.int64)
    hours, minutes, seconds = numbers("H", 0), numbers("M", 0), numbers("S", 0)
    if "I" in parts[0]:
        half = numbers("I", 12)
        if half.max() > 12:
            raise ValueError("an hour above 12 has no AM or PM")
        hours = half % 12 + 12 * np.array([part["p"].lower() == "pm" for part in parts])
    first = ((years - 1970).astype("M8[Y]").astype("M8[M]") + (months - 1)).astype("M8[D]")
    dates = first + (days - 1)
    same_month = dates.astype("M8[M]") == first.astype("M8[M]")
    if not (same_month & (months >= 1) & (months <= 12) & (days >= 1) & (hours < 24) & (minutes < 60) & (seconds < 60)).all():
        raise ValueError("there is no such date")
    whole = dates.astype(np.int64) * 86_400 + hours * 3600 + minutes * 60 + seconds
    if "z" in parts[0]:
        whole = whole - np.array([_offset_seconds(part["z"]) for part in parts], np.int64)
    if "f" in parts[0]:
        return whole + np.array([float(f"0.{part['f']}") if part["f"] else 0.0 for part in parts])
    return whole.astype(np.float64)


def _month(word: str, short: bool) -> int:
    names = [name[:3].lower() if short else name.lower() for name in MONTHS]
    return names.index(word.lower()) + 1


def write_dates(numbers: Float64[np.ndarray, " n"], form: Mapping[str, Any]) -> list[str]:
    """Seconds since 1970-01-01 UTC (none NaN) as text in that form."""
    offsets = np.zeros(len(numbers), np.int64)
    if form.get("zone"):
        offsets = zone_offsets(numbers, form["zone"])
    elif form.get("offset"):
        offsets += _offset_seconds(form["offset"])
    whole = np.floor(numbers)
    micros = np.round((numbers - whole) * 1e6).astype(np.int64)
    local = whole.astype(np.int64) + offsets + (micros == 1_000_000)
    micros %= 1_000_000
    days, rest = np.divmod(local, 86_400)
    dates = days.astype("M8[D]")
    month_starts = dates.astype("M8[M]")
    columns: dict[str, list[Any]] = {
        "Y": (dates.astype("M8[Y]").astype(np.int64) + 1970).tolist(),
        "m": (month_starts.astype(np.int64) % 12 + 1).tolist(),
        "d": ((dates - month_starts.astype("M8[D]")).astype(np.int64) + 1).tolist(),
        "H": (rest // 3600).tolist(),
        "M": (rest % 3600 // 60).tolist(),
        "S": (rest % 60).tolist(),
        "f": micros.tolist(),
        "z": offsets.tolist(),
    }
    pieces = []
    end = 0
    for token in _TOKEN.finditer(form["pattern"]):
        pieces.append([form["pattern"][end : token.start()]] * len(numbers))
        pieces.append(_written(token.group(), columns, form))
        end = token.end()
    pieces.append([form["pattern"][end:]] * len(numbers))
    return ["".join(row) for row in zip(*pieces, strict=True)]


def _written(token: str, columns: Mapping[str, list[Any]], form: Mapping[str, Any]) -> list[str]:  # noqa: PLR0911 (one for each token)
    letter = token[-1]
    if letter == "Y":
        return [f"{year:04d}" for year in columns["Y"]]
    if letter == "y":
        return [f"{year % 100:02d}" for year in columns["Y"]]
    if letter in "bB":
        names = [getattr(name if letter == "B" else name[:3], form["case"])() for name in MONTHS]
        return [names[month - 1] for month in columns["m"]]
    if letter == "p":
        return ["PM" if hour >= 12 else "AM" for hour in columns["H"]]
    if letter == "f":
        digits = form.get("digits")
        if digits is None:
            return [f".{micro:06d}" if micro else "" for micro in columns["f"]]
        return [f".{micro:06d}000"[: digits + 1] if digits else "" for micro in columns["f"]]
    if letter == "z":
        return [_written_offset(offset, form["offset"]) for offset in columns["z"]]
    values = [(hour + 11) % 12 + 1 for hour in columns["H"]] if letter == "I" else columns[letter]
    return [str(value) for value in values] if token[1] == "-" else [f"{value:02d}" for value in values]


def _written_offset(seconds: int, like: str) -> str:
    if like == "Z":
        return "Z"
    minutes = abs(seconds) // 60
    colon = ":" if ":" in like else ""
    text = f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"
    return text[:3] if len(like) == 3 else text
