"""What a callback is: something that happens as training goes on."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor

from sparring.training.state import State

Metrics = Mapping[str, list[Tensor]]
"""What a step measured, by name: a tensor for each repeat of a turn and each part of a batch. Its mean is what is meant; whoever wants it
computes it."""


class Callback:
    """Does nothing. A callback overrides what it needs."""

    name: ClassVar[str] = ""
    """The key of its state in a checkpoint; unused by callbacks without state."""

    def on_start(self, state: State) -> None:
        """A session begins: at step 0, or where a checkpoint was written. Files of a run are cut back to that step here."""

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """A step is complete."""

    def on_end(self, state: State, reason: str) -> None:
        """A session ends in order. `reason`: see `SessionResult`."""

    def state(self) -> dict[str, Any]:
        """What it must remember in a checkpoint, for JSON."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` returned when the checkpoint was written. Called before `on_start`, and only if there is one."""

    def close(self) -> None:
        """A session is over, however it ended."""


@runtime_checkable
class InterveningCallback(Protocol):
    """A callback that may end a session in order to change how the run is trained: a coach."""

    @property
    def steps_to_keep(self) -> Sequence[int]:
        """Steps whose checkpoints it may go back to: they are written, and kept."""
        ...

    @property
    def wants_stop(self) -> bool:
        """Whether the session shall end now."""
        ...

    def on_not_finite(self, state: State) -> bool:
        """Called when training is no longer finite (ending.json says why). Whether it knows what to do."""
        ...
