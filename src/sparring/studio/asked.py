"""What a page asks for: values of a message, each checked for its type and range before anything is done with it."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sparring.core.errors import SettingsError

LONGEST_TEXT = 500
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Asked:
    """The values of a message, and the content of a file that came with it. Every method raises a SettingsError for what is no such
    value.
    """

    values: Mapping[str, Any]
    content: bytes = b""
    client: int = 0
    """Number of who asks."""

    def whole(self, name: str, default: int, low: int, high: int = LARGEST_SEED) -> int:
        """A whole number from `low` to `high`."""
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {_short(value)}.")
        return value

    def whole_or_none(self, name: str, low: int, high: int = LARGEST_SEED) -> int | None:
        """A whole number, or nothing."""
        return None if self.values.get(name) is None else self.whole(name, low, low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self.values.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or not low <= value <= high:
            raise SettingsError(f"{name} must be a number from {low:g} to {high:g}, not {_short(value)}.")
        return float(value)

    def number_or_none(self, name: str, low: float, high: float) -> float | None:
        """A number, or nothing."""
        return None if self.values.get(name) is None else self.number(name, low, low, high)

    def text(self, name: str, default: str | None = None) -> str | None:
        """A short text, or nothing."""
        value = self.values.get(name, default)
        if value is not None and (not isinstance(value, str) or len(value) > LONGEST_TEXT):
            raise SettingsError(f"{name} must be a text of at most {LONGEST_TEXT} letters, not {_short(value)}.")
        return value

    def choice(self, name: str, default: str, known: Collection[str]) -> str:
        """One of the known words."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or value not in known:
            raise SettingsError(f"{name} must be one of {', '.join(known)}, not {_short(value)}.")
        return value

    def texts(self, name: str, most: int = 20) -> list[str]:
        """Short texts, `most` at most."""
        values = self.values.get(name, [])
        if (
            not isinstance(values, list)
            or len(values) > most
            or not all(isinstance(one, str) and len(one) <= LONGEST_TEXT for one in values)
        ):
            raise SettingsError(f"{name} must be a list of at most {most} short texts, not {_short(values)}.")
        return values

    def wholes(self, name: str, default: list[int], most: int) -> list[int]:
        """Whole numbers from 0, at least one and `most` at most."""
        values = self.values.get(name, default)
        right = isinstance(values, list) and 0 < len(values) <= most
        if not right or not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= LARGEST_SEED for one in values):
            raise SettingsError(f"{name} must be 1 to {most} whole numbers from 0, not {_short(values)}.")
        return values


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
