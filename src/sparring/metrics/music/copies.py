"""Phrases and bars that are others, perhaps in another key."""

import numpy as np
from jaxtyping import Bool


def without_key(roll: Bool[np.ndarray, "planes steps pitches"]) -> bytes:
    """What is the same of a roll and of all its transpositions. Empty for silence."""
    used: np.ndarray = np.any(roll, axis=(0, 1))
    if not used.any():
        return b""
    first, last = int(used.argmax()), len(used) - int(used[::-1].argmax())
    return roll.shape[1].to_bytes(4, "big") + (last - first).to_bytes(4, "big") + np.packbits(roll[:, :, first:last]).tobytes()


def are_copies(rolls: Bool[np.ndarray, "n planes steps pitches"], of: Bool[np.ndarray, "m planes steps pitches"]) -> Bool[np.ndarray, " n"]:
    """Which rolls are one of the others, or one of them in another key. Silence is no copy."""
    known = {without_key(each) for each in of} - {b""}
    return np.array([without_key(each) in known for each in rolls], bool)


def largest_share(rolls: Bool[np.ndarray, "n planes steps pitches"]) -> float:
    """Share of the rolls that are like the most frequent one, in whatever key."""
    counts: dict[bytes, int] = {}
    for each in rolls:
        key = without_key(each)
        counts[key] = counts.get(key, 0) + 1
    return max(counts.values(), default=0) / max(1, len(rolls))


def bars_of(rolls: Bool[np.ndarray, "n planes steps pitches"], bar_steps: int) -> Bool[np.ndarray, "bars planes bar_steps pitches"]:
    """The bars of all phrases, one after the other."""
    n, planes, steps, pitches = rolls.shape
    return rolls.reshape(n, planes, steps // bar_steps, bar_steps, pitches).swapaxes(1, 2).reshape(-1, planes, bar_steps, pitches)
