"""What is written while a game is played: the log, speed, sample grids, TensorBoard, checkpoints."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from sparring.training.loop import Watcher
from sparring.training.state import Progress


@runtime_checkable
class Adviser(Watcher, Protocol):
    """A watcher that may end a sitting to change how the run is trained: a coach. What it knows is in every checkpoint."""

    @property
    def healthy(self) -> Sequence[int]:
        """The steps whose checkpoints it may want to go back to: they are written, and kept."""
        ...

    @property
    def asks(self) -> bool:
        """Whether the sitting shall end now."""
        ...

    def not_finite(self, progress: Progress) -> bool:
        """Told that the game is no longer finite (ending.json says why). Whether it knows what to do."""
        ...

    def facts(self) -> dict[str, Any]:
        """What it must remember, for a checkpoint."""
        ...

    def restore(self, facts: dict[str, Any]) -> None:
        """Take up what a checkpoint remembers."""
        ...
