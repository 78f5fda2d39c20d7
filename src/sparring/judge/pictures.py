"""What can be judged: pictures that come in order and more than once, wherever they come from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64, UInt8

from sparring.core.specs import ImageSpec
from sparring.data.store import Store

PIECE = 1024


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one size, to be looked at in order."""

    name: str
    """What a person calls them."""
    count: int
    spec: ImageSpec
    batches: Callable[[], Iterator[UInt8[np.ndarray, "n h w c"]]] = field(repr=False)
    """All of them, from the first."""
    pick: Callable[[Sequence[int]], UInt8[np.ndarray, "n h w c"]] = field(repr=False)
    """Those with these numbers."""
    labels: Int64[np.ndarray, " n"] | None = field(default=None, repr=False)
    """The class of each (for generated pictures: the one that was asked for), or None."""
    names: Sequence[str] | None = field(default=None, repr=False)
    """What each is called in its source."""
    fingerprint: str | None = None
    """The same for the same pictures; None if what is found out about them is not to be kept."""
    seed: int | None = None
    """Of generated pictures ..."""
    step: int | None = None
    """... and the step of the run that drew them."""
    truncation: float | None = None
    """With which they were drawn."""
    notes: tuple[str, ...] = ()
    """What a reader should know: what was left out, enlarged and so on."""

    def name_of(self, number: int) -> str:
        """Of one picture."""
        return f"number {number}" if self.names is None else self.names[number]


def of_store(store: Store, name: str) -> Pictures:
    """Prepared pictures."""

    def batches() -> Iterator[UInt8[np.ndarray, "n h w c"]]:
        for start in range(0, len(store), PIECE):
            yield store.pixels[start : start + PIECE].view(np.ndarray)

    def pick(numbers: Sequence[int]) -> UInt8[np.ndarray, "n h w c"]:
        return store.pixels.view(np.ndarray)[np.asarray(numbers, dtype=np.int64)]

    report = store.report
    left_out = f"{name}: {len(report.quarantined):,} of {report.found:,} pictures could not be used and are not judged."
    notes = (*((left_out,) if report.quarantined else ()), *(f"{name}: {note}" for note in report.notes))
    return Pictures(name, len(store), store.spec, batches, pick, store.labels, store.names, store.fingerprint, notes=notes)
