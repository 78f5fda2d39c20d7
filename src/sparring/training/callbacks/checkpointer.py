"""checkpoints/: what is written, and what is kept."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from sparring.core.errors import CheckpointError, NonFiniteError, listed
from sparring.games.game import Game
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Callback, InterveningCallback, Metrics
from sparring.training.settings import TrainSettings
from sparring.training.state import State

Score = Callable[[Game], dict[str, Any]]
"""Scores a game by its samples: "value", lower is better, and the protocol that it was found by."""


class Checkpointer(Callback):
    """Writes checkpoints. Keeps the newest few, the best by the score that is handed in (lower is better), and those that a coach wants."""

    def __init__(
        self,
        folder: Path,
        settings: TrainSettings,
        identity: Mapping[str, Any],
        callbacks: Sequence[Callback],
        score: Score | None = None,
        coach: InterveningCallback | None = None,
    ) -> None:
        self.folder, self.settings, self.identity, self.score, self.coach = folder, settings, identity, score, coach
        self.callbacks = callbacks
        """Those whose state is saved."""
        self.last_seconds = 0.0
        self.saved_step: int | None = None

    def on_start(self, state: State) -> None:
        """Drop checkpoints later than this step: torn ones, which are about to be written again."""
        if state.progress.step:
            checkpoints.remove_after(self.folder, state.progress.step)
            self.last_seconds, self.saved_step = state.progress.seconds, state.progress.step
        else:
            self.save(state)

    def refuse_altered_settings(self, facts: Mapping[str, Any]) -> None:
        """Raise a CheckpointError that names every setting in which a checkpoint is not of this run."""
        before = facts["identity"]
        names = sorted(name for name in before.keys() | self.identity.keys() if before.get(name) != self.identity.get(name))
        if names:
            problems = [f"{name}: {before.get(name)!r} in the checkpoint, {self.identity.get(name)!r} in config.json" for name in names]
            raise CheckpointError(listed("config.json was altered since the last checkpoint:", problems))

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Save if it is time."""
        progress, every = state.progress, self.settings.checkpoint_every
        due = progress.step % every == 0 if every else progress.seconds - self.last_seconds >= 60 * self.settings.checkpoint_minutes
        if due or progress.step in self.steps_to_keep:
            self.save(state)

    def on_end(self, state: State, reason: str) -> None:
        """Save the end."""
        self.save(state)

    @property
    def steps_to_keep(self) -> Sequence[int]:
        """Steps whose checkpoints a coach wants."""
        return () if self.coach is None else self.coach.steps_to_keep

    def save(self, state: State, score: dict[str, Any] | None = None) -> None:
        """Write a checkpoint now, if this step has none yet, with `score` if it has been evaluated, and delete those no longer wanted."""
        step = state.progress.step
        if self.saved_step == step:
            return
        tensors = finite_tensors(state)
        facts: dict[str, Any] = {**state.facts(), "identity": self.identity}
        facts["callbacks"] = {callback.name: callback.state() for callback in self.callbacks if callback.name}
        if score is None and self.score is not None:
            score = self.score(state.ema)
        if score is not None:
            facts["score"] = score
        checkpoints.write(self.folder, step, tensors, facts)
        checkpoints.prune(self.folder, self.settings.keep, self.steps_to_keep)
        self.last_seconds, self.saved_step = state.progress.seconds, step


def finite_tensors(state: State) -> dict[str, Tensor]:
    """All tensors that a checkpoint holds; a NonFiniteError names those that are not finite."""
    tensors = state.tensors()
    if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise NonFiniteError(f"After step {state.progress.step}, these are no longer finite: {', '.join(bad)}. No checkpoint was written.")
    return tensors
