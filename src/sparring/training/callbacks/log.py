"""log.jsonl: losses and metrics by step."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError, NonFiniteError
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.tensorboard import TensorBoard
from sparring.training.state import State


class Log(Callback):
    """The mean of every metric over the steps since the last line, and the learning rates. It holds nothing that depends on time, so the
    log of an interrupted run is the same, to the byte, as that of a run that was never interrupted.
    """

    name = "log"

    def __init__(self, path: Path, every: int, board: TensorBoard) -> None:
        self.path, self.every, self.board = path, every, board
        self.waiting: dict[str, list[Tensor]] = {}
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.latest: dict[str, float] = {}
        """The newest line, without its step."""

    def on_start(self, state: State) -> None:
        """A run that begins has an empty log."""
        if not state.progress.step:
            self.path.unlink(missing_ok=True)

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Take note, and write a line if it is time."""
        for name, values in metrics.items():
            self.waiting.setdefault(name, []).extend(values)
        progress = state.progress
        if progress.step % self.every:
            return
        self.add_up()
        rates = {f"rate/{player}": optimizer.param_groups[0]["lr"] for player, optimizer in state.optimizers.items()}
        self.latest = {name: self.sums[name] / self.counts[name] for name in sorted(self.sums)} | rates
        self.sums, self.counts = {}, {}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": progress.step, "real_samples": progress.real_samples, **self.latest}) + "\n")
        for name, value in self.latest.items():
            self.board.scalar(name, value, progress.step)

    def add_up(self) -> None:
        """Move what waits into the sums: many steps at once, for a step has better things to do. The sums are the same, to the bit,
        whenever it is done: a mean for each value, added in their order.
        """
        for name, values in self.waiting.items():
            for value in torch.stack(values).cpu().double().numpy().reshape(len(values), -1):
                self.sums[name] = self.sums.get(name, 0.0) + float(value.mean())
            self.counts[name] = self.counts.get(name, 0) + len(values)
        self.waiting = {}

    def state(self) -> dict[str, Any]:
        """How long the file is, synced to the disk, and the line in the making. A NonFiniteError names metrics that are not finite."""
        self.add_up()
        if bad := [name for name, value in self.sums.items() if not math.isfinite(value)]:
            raise NonFiniteError(f"These metrics are no longer finite: {', '.join(bad)}. No checkpoint was written.")
        with self.path.open("ab") as file:
            os.fsync(file.fileno())
            return {"bytes": file.tell(), "sums": self.sums, "counts": self.counts}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to where a checkpoint was written. A CheckpointError if the log has lost lines since."""
        self.waiting, self.sums, self.counts = {}, dict(state["sums"]), dict(state["counts"])
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < state["bytes"]:
            raise CheckpointError(
                f"{self.path} has {size} bytes, and had {state['bytes']} at the last checkpoint: restore it, or lines are lost."
            )
        if size:
            os.truncate(self.path, state["bytes"])
