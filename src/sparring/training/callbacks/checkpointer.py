"""checkpoints/: what is written, and what is kept."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from sparring.core.errors import CheckpointError, NonFiniteError, listed
from sparring.games.game import Game
from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints
from sparring.training.callbacks.callback import Adviser
from sparring.training.callbacks.log import Log
from sparring.training.loop import Signals
from sparring.training.settings import COACHING, MACHINE, TrainSettings
from sparring.training.state import State

Score = Callable[[Game], dict[str, Any]]
"""Rates a game by its images: "value", lower is better, and the protocol it was found by."""


class Checkpointer:
    """checkpoints/: the newest few, the best by the score that is handed in (lower is better), and those that an adviser wants."""

    def __init__(
        self,
        run: RunDirectory,
        settings: TrainSettings,
        log: Log,
        score: Score | None,
        identity: dict[str, Any],
        adviser: Adviser | None = None,
    ) -> None:
        self.folder, self.settings, self.log, self.score, self.identity = run.checkpoints, settings, log, score, identity
        self.adviser = adviser
        self.last_seconds = 0.0
        self.saved_step: int | None = None

    def after_step(self, state: State, signals: Signals) -> None:
        """Save if it is time."""
        progress, every = state.progress, self.settings.checkpoint_every
        due = progress.step % every == 0 if every else progress.seconds - self.last_seconds >= 60 * self.settings.checkpoint_minutes
        if due or progress.step in self.wanted:
            self.save(state)

    @property
    def wanted(self) -> Sequence[int]:
        """Steps whose checkpoints the adviser wants."""
        return () if self.adviser is None else self.adviser.healthy

    def save(self, state: State, score: dict[str, Any] | None = None) -> None:
        """Write a checkpoint now, if this step has none yet, with `score` if it has been judged, and delete those no longer wanted."""
        step = state.progress.step
        if self.saved_step == step:
            return
        tensors = self.finite_tensors(state)
        facts: dict[str, Any] = {**state.facts(), "identity": self.identity, "log": self.log.facts()}
        if self.adviser is not None:
            facts |= self.adviser.facts()
        if score is None and self.score is not None:
            score = self.score(state.ema)
        if score is not None:
            facts["score"] = score
        checkpoints.write(self.folder, step, tensors, facts)
        checkpoints.prune(self.folder, self.settings.keep, self.wanted)
        self.last_seconds, self.saved_step = state.progress.seconds, step

    def finite_tensors(self, state: State) -> dict[str, Tensor]:
        """All that a checkpoint holds; a NonFiniteError if anything in it is not finite."""
        tensors = state.tensors() | self.log.tensors()
        if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise NonFiniteError(
                f"After step {state.progress.step}, these are no longer finite: {', '.join(bad)}. No checkpoint was written."
            )
        return tensors

    def restore(self, state: State, facts: dict[str, Any]) -> None:
        """Go on from a checkpoint. A CheckpointError names every setting in which it is not of this run."""
        before = {name: value for name, value in facts["identity"].items() if name not in (*COACHING, *MACHINE)}  # older ones have them
        names = sorted(name for name in before.keys() | self.identity.keys() if before.get(name) != self.identity.get(name))
        if names:
            problems = [f"{name}: {before.get(name)!r} in the checkpoint, {self.identity.get(name)!r} in config.json" for name in names]
            raise CheckpointError(listed("config.json was altered since the last checkpoint:", problems))
        if self.adviser is not None:
            self.adviser.restore(facts)
        checkpoints.remove_after(self.folder, state.progress.step)
        self.last_seconds, self.saved_step = state.progress.seconds, state.progress.step
