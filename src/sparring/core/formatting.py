"""Numbers as they are written down."""

import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Any


def rounded(value: float) -> float:
    """With four figures: a sign is no more exact than that."""
    return float(f"{value:.4g}")


def figures(value: float, count: int = 4) -> str:
    """A number with so many figures, without an exponent where all of its digits fit in a line: 14,600, not 1.46e+04."""
    if value and math.isfinite(value) and 1 <= abs(value) < 1e12:
        whole = len(str(int(abs(value))))
        return f"{round(value, count - whole):,.0f}" if whole >= count else f"{value:,.{count}g}"
    return f"{value:.{count}g}"


def plural(count: float, one: str, many: str) -> str:
    """A count with its noun, in the right number: "1 image", "2,000 images", "0.5 epochs"."""
    return f"{count:,g} {one if count == 1 else many}" if count < 1e6 else f"{count:,.0f} {many}"


def flags(settings: Mapping[str, Any]) -> Iterator[str]:
    """Settings as words of a command line. None has no word: it is what a setting is that is not named."""
    for name, value in settings.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        elif isinstance(value, list | tuple):
            yield " ".join([f"--{flag}", *(shlex.quote(str(each)) for each in value)])
        elif value is not None:
            yield f"--{flag} {shlex.quote(str(value))}"


def clock(seconds: float) -> str:
    """Seconds as 1:02 or 1:02:03."""
    if not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
