"""scores.jsonl: the EMA scored every so many steps."""

import json
import os
import time
from pathlib import Path

from sparring.core.jsonl import cut_back
from sparring.training.callbacks.callback import Callback, Metrics
from sparring.training.callbacks.checkpointer import Checkpointer, Score, finite_tensors
from sparring.training.callbacks.tensorboard import TensorBoard
from sparring.training.state import State


class Evaluator(Callback):
    """Scores the EMA, and has a checkpoint written with each score."""

    def __init__(self, path: Path, every: int, score: Score, board: TensorBoard, checkpointer: Checkpointer) -> None:
        self.path, self.every, self.score, self.board, self.checkpointer = path, every, score, board, checkpointer

    def on_start(self, state: State) -> None:
        """Drop scores of later steps, and one that was cut off."""
        cut_back(self.path, state.progress.step)

    def on_step_end(self, state: State, metrics: Metrics) -> None:
        """Evaluate if it is time. The time that it takes is not counted as training."""
        progress = state.progress
        if progress.step % self.every:
            return
        began = time.monotonic()
        finite_tensors(state)  # what is not finite has no score
        found = self.score(state.ema)
        progress.evaluation_seconds += time.monotonic() - began
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": progress.step, "real_samples": progress.real_samples, **found}) + "\n")
            file.flush()
            os.fsync(file.fileno())  # a checkpoint of this step must not outlive its line
        self.board.scalar(found["name"], found["value"], progress.step)
        self.checkpointer.save(state, found)
