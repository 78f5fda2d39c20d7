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


class ProcessLostError(SparringError):
    """One of the processes that train a run together is gone."""


MOST_NAMES = 50
"""Number of names that an error lists: logs have thousands of products."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A closing sentence for an error about an unknown name: the nearest known ones, whatever their case, or those that contain it, or all
    of them (the first 50).
    """
    names = sorted(known)
    lowered = {name.lower(): name for name in reversed(names)}
    near = [lowered[name] for name in difflib.get_close_matches(wrong.lower(), lowered, n=3, cutoff=0.5)]
    near = near or [name for name in names if wrong and wrong.lower() in name.lower()][:3]
    if near:
        return f"Did you mean {' or '.join(repr(name) for name in near)}?"
    more = f", and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"There are: {', '.join(names[:MOST_NAMES]) or 'none'}{more}."


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
