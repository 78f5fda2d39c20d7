"""How songs become phrases: settings."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sparring.core.settings_checks import Ranges, range_problems


@dataclass(frozen=True, kw_only=True)
class MusicReading:
    """How songs become phrases, which are samples."""

    bars: int = 4
    """Number of bars of a phrase."""
    phrase_every: int = 1
    """Number of bars from the begin of one phrase to that of the next. Fewer than a phrase has: phrases overlap."""
    bar_steps: int | None = None
    """Number of steps of a bar, on which notes begin and end. None: four for each quarter note, so 16 in 4/4."""
    meter: str | None = None
    """Meter of the bars, such as 3/4; others are left out. None: the most frequent one."""
    tracks: tuple[str, ...] = ()
    """Tracks to learn, by name, or as "track 1", "channel 1", "program 33" or "drums". None: those that most songs have."""
    melody: str | None = None
    """Learn this track alone, over one of chords: of all others, the triad that fits each bar best."""
    key: Literal["own", "C"] = "own"
    """own: songs stay in their key. C: each is transposed to C major or A minor, whichever its notes are in (after Krumhansl 1990)."""
    lowest: int | None = None
    """Lowest pitch (MIDI: 60 is middle C). Lower notes are left out. None: that of the data."""
    highest: int | None = None
    """Highest pitch. Higher notes are left out. None: that of the data."""

    @property
    def meter_quarters(self) -> float | None:
        """Length of a bar in quarter notes; None: the most frequent."""
        return None if self.meter is None else float(4 * Fraction(self.meter))

    def problems(self) -> list[str]:
        """Settings out of range or that do not work together, each a sentence."""
        found = range_problems(self, RANGES)
        if self.meter is not None:
            try:
                usable = 0 < Fraction(self.meter) <= 16
            except (ValueError, ZeroDivisionError):
                usable = False
            if not usable:
                found.append(f"meter must be a fraction such as 3/4, not {self.meter!r}.")
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            found.append(f"lowest must be below highest, not {self.lowest} and {self.highest}.")
        if self.melody is not None and self.tracks and self.melody.casefold() not in {each.casefold() for each in self.tracks}:
            found.append(f"melody must be one of tracks ({', '.join(self.tracks)}), not {self.melody!r}.")
        return found


RANGES: Ranges = {
    "bars": {"at least": 1, "at most": 64},
    "phrase_every": {"at least": 1},
    "bar_steps": {"at least": 1, "at most": 192},
    "lowest": {"at least": 0, "at most": 127},
    "highest": {"at least": 0, "at most": 127},
}
