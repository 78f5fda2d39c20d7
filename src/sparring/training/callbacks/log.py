"""log.jsonl: losses and metrics by step."""

import json
import os
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard.writer import SummaryWriter

from sparring.core.errors import CheckpointError
from sparring.runs.run_directory import RunDirectory
from sparring.training.loop import Signals
from sparring.training.state import State, select


class Log:
    """log.jsonl: the mean of every signal over the steps since the last line, and the learning rates. It holds nothing
    that depends on time, so an interrupted run's log is the same to the byte as one that was never interrupted.
    """

    def __init__(self, run: RunDirectory, every: int, writer: SummaryWriter) -> None:
        self.path, self.every, self.writer = run.log, every, writer
        self.waiting: Signals = {}
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.latest: dict[str, float] = {}

    def after_step(self, state: State, signals: Signals) -> None:
        """Take note, and write a line if it is time."""
        for name, values in signals.items():
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
            self.writer.add_scalar(name, value, progress.step)

    def add_up(self) -> None:
        """Take what waits into the sums: many steps at once, for a step has better things to do. The sums are the same, to the
        bit, whenever it is done: a mean for each value, added in their order.
        """
        for name, values in self.waiting.items():
            for value in torch.stack(values).cpu().double().numpy().reshape(len(values), -1):
                self.sums[name] = self.sums.get(name, 0.0) + float(value.mean())
            self.counts[name] = self.counts.get(name, 0) + len(values)
        self.waiting = {}

    def tensors(self) -> dict[str, Tensor]:
        """The sums of the line in the making, for a checkpoint."""
        self.add_up()
        return {f"log/{name}": torch.tensor(value, dtype=torch.float64) for name, value in self.sums.items()}

    def facts(self) -> dict[str, Any]:
        """How long the log is, synced to the disk, and the counts of the line in the making."""
        with self.path.open("ab") as file:
            os.fsync(file.fileno())
            return {"bytes": file.tell(), "counts": self.counts}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to where a checkpoint was written. A CheckpointError if the log has lost lines since."""
        self.waiting, self.counts = {}, facts["counts"]
        self.sums = {name: value.item() for name, value in select(tensors, "log/")}
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < facts["bytes"]:
            raise CheckpointError(
                f"{self.path} has {size} bytes, and had {facts['bytes']} at the last checkpoint: restore it, or lines are lost."
            )
        os.truncate(self.path, facts["bytes"])
