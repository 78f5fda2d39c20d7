"""Errors that a person can act on: what was wrong, the value seen, what to do next."""

import difflib
from collections.abc import Iterable, Sequence


class SparringError(Exception):
    """A problem with what we were given. The command line prints its text and exits; no traceback."""


class DataError(SparringError):
    """The data cannot be used."""


class SettingsError(SparringError):
    """A setting is wrong or does not fit the others."""


class CheckpointError(SparringError):
    """A checkpoint or model file is missing, torn, altered or not ours."""


class MemoryShortageError(SparringError):
    """There is, or would be, too little memory."""


class NonFiniteError(SparringError):
    """A loss or a gradient became infinite or not a number, so the step was not taken."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A closing sentence for an error about an unknown name: the nearest known ones, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(wrong.lower(), names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(repr(name) for name in near)}?"
    return f"There are: {', '.join(names) or 'none'}."


def listed(heading: str, problems: Sequence[str], most: int = 50) -> str:
    """`heading` with every problem on a line of its own below it (the first `most` of them)."""
    lines = [f"  - {problem}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"  ... and {len(problems) - most} more")
    return "\n".join([heading, *lines])


def missing_extra(package: str, extra: str, purpose: str) -> SparringError:
    """The error for an optional library that is not installed."""
    return SparringError(
        f"{purpose} needs the package {package!r}, which is not installed. Install it with: pip install 'sparring[{extra}]'"
    )
