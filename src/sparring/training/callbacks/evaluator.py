"""scores.jsonl: the EMA game scored every so many steps."""

import json
import os
import time

from torch.utils.tensorboard.writer import SummaryWriter

from sparring.core.jsonl import drop_later
from sparring.runs.run_directory import RunDirectory
from sparring.training.callbacks.checkpointer import Checkpointer, Score
from sparring.training.loop import Signals
from sparring.training.state import State


class Judge:
    """scores.jsonl: the moving average judged in every so many steps, and a checkpoint with each judgment."""

    def __init__(self, run: RunDirectory, every: int, score: Score, writer: SummaryWriter, checkpointer: Checkpointer) -> None:
        self.path, self.every, self.score, self.writer, self.checkpointer = run.scores, every, score, writer, checkpointer

    def after_step(self, state: State, signals: Signals) -> None:
        """Judge if it is time. What it takes is not counted as training."""
        progress = state.progress
        if progress.step % self.every:
            return
        began = time.monotonic()
        self.checkpointer.finite_tensors(state)  # what is not finite has no score
        found = self.score(state.ema)
        progress.evaluation_seconds += time.monotonic() - began
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": progress.step, "real_samples": progress.real_samples, **found}) + "\n")
            file.flush()
            os.fsync(file.fileno())  # a checkpoint of this step must not outlive its line
        self.writer.add_scalar(found["name"], found["value"], progress.step)
        self.checkpointer.save(state, found)

    def restore(self, step: int) -> None:
        """Drop the judgments of later steps, and one that was cut off."""
        drop_later(self.path, step)
