"""Times of day and durations as text: told from other text, read, and written back in the same way."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

_DURATION = re.compile(
    r"(?P<sign>-?)(?:(?P<days>\d+) days? )?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d)(?:\.(?P<f>\d{1,9}))?)?"
)


def duration_format(texts: Sequence[str]) -> dict[str, Any] | None:
    """How the times of day or durations in `texts` (8:15, 27:30:00, 2 days 03:00:00) are written, or None if they are none."""
    matches = [_DURATION.fullmatch(text) for text in texts]
    if not matches or not all(matches):
        return None
    parts = [match.groupdict() for match in matches if match]
    first = parts[0]
    if any((part[name] is None) != (first[name] is None) for part in parts for name in ("days", "seconds")):
        return None
    digits = {len(part["f"] or "") for part in parts}
    return {
        "as": "duration",
        "days": first["days"] is not None,
        "plural": all(" days " in text for text in texts),
        "seconds": first["seconds"] is not None,
        "hour_digits": 2 if all(len(part["hours"]) >= 2 for part in parts) else 1,
        "digits": digits.pop() if len(digits) == 1 else 6,
    }


def read_durations(texts: Sequence[str], form: Mapping[str, Any]) -> Float64[np.ndarray, " n"]:
    """Seconds. ValueError for what is no duration."""
    seconds = []
    for text in texts:
        match = _DURATION.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not written like the other times")
        part = {name: value or "0" for name, value in match.groupdict().items() if name != "sign"}
        whole = int(part["days"]) * 86_400 + int(part["hours"]) * 3600 + int(part["minutes"]) * 60 + int(part["seconds"])
        seconds.append((-1 if match["sign"] else 1) * (whole + float(f"0.{part['f']}")))
    return np.array(seconds, np.float64)


def write_durations(numbers: Float64[np.ndarray, " n"], form: Mapping[str, Any]) -> list[str]:
    """Seconds (none NaN) as text in that form."""
    texts = []
    for number in numbers.tolist():
        micros = round(abs(number) * 1e6)
        whole, micros = divmod(micros, 1_000_000)
        days, whole = divmod(whole, 86_400) if form["days"] else (0, whole)
        text = f"{whole // 3600:0{form['hour_digits']}d}:{whole % 3600 // 60:02d}"
        if form["seconds"]:
            text += f":{whole % 60:02d}" + (f".{micros:06d}000"[: form["digits"] + 1] if form["digits"] else "")
        if form["days"]:
            text = f"{days} {'day' if days == 1 and not form['plural'] else 'days'} {text}"
        texts.append(f"-{text}" if number < 0 else text)
    return texts
